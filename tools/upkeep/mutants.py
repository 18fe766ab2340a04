"""Change the hand-written half in thousands of small ways, and ask the tests whether they notice.

`python -m tools.upkeep.mutants [PATTERN ...]` copies the package and its tests to _build/mutants,
lets mutmut change one operator, number, argument, word or default at a time, and runs on each
change the tests that reach it, until one fails. No test may import torch: an oracle from outside
judges the code elsewhere; here the tests must know by themselves what is right.

A change that no test notices survives. The run prints the share noticed per module, and fails where
a part stays below 95 %: a few survivors compute the same. The survivors' changes are written to
_build/mutants/survivors.txt. A pattern, such as 'mlpbook.autograd*', restricts the run.
"""

import ast
import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "_build" / "mutants"
SURVIVORS = FOLDER / "survivors.txt"
BAR = 0.95
PARTS = ("scratch", "autograd", "checks/gradient_check", "shared/initializers")
JUDGES = [
    "tests/scratch",
    "tests/test_autograd.py",
    "tests/checks/test_gradient_check.py",
    "tests/shared/test_initializers.py",
]
LEFT_OUT = ["tests/scratch/test_import.py"]  # counts what is loaded, and mutmut loads itself
NOTICED = {"killed", "timeout", "segfault"}

CONFIGURATION = f"""
[tool.mutmut]
source_paths = ["src"]
only_mutate = ["src/mlpbook/scratch/*.py", {", ".join(f'"src/mlpbook/{p}.py"' for p in PARTS[1:])}]
also_copy = ["conftest.py"]
pytest_add_cli_args = ["-p", "no:cacheprovider"]
pytest_add_cli_args_test_selection = {JUDGES}
use_git_change_detection = false
"""
RUN = """
import sys

class NoTorch:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == "torch":
            raise ModuleNotFoundError("the tests that judge changes must do without torch")

sys.meta_path.insert(0, NoTorch)
from mutmut.__main__ import cli
cli()
"""


def undecorate(source: str) -> str:
    r"""Return a module whose decorators are applied after their functions: mutmut skips them else.

    >>> print(undecorate("@property\n@cache\ndef f(self):\n    return 1\n"), end="")
    def f(self):
        return 1
    f = property(cache(f))
    """
    lines = source.splitlines()
    functions = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]
    for node in sorted(functions, key=lambda node: node.lineno, reverse=True):
        decorators = [ast.unparse(decorator) for decorator in node.decorator_list]
        if decorators and not {"staticmethod", "classmethod"} & set(decorators):
            indent = " " * node.col_offset
            wrapped = "".join(f"{d}(" for d in decorators) + node.name + ")" * len(decorators)
            lines.insert(node.end_lineno or 0, f"{indent}{node.name} = {wrapped}")
            del lines[node.decorator_list[0].lineno - 1 : node.lineno - 1]
    return "\n".join(lines) + "\n"


def run(patterns: list[str]) -> None:
    """Copy what is needed, and let mutmut run; its own report goes to a terminal only."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "src", FOLDER / "src", ignore=ignore)
    for name in ("conftest.py", "tests/conftest.py", *JUDGES):
        target = FOLDER / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target, ignore=ignore)
        else:
            shutil.copy(ROOT / name, target)
    for path in (FOLDER / "src" / "mlpbook").rglob("*.py"):
        module = path.relative_to(FOLDER / "src" / "mlpbook").with_suffix("").as_posix()
        if module.startswith(PARTS):
            path.write_text(undecorate(path.read_text(encoding="utf-8")), encoding="utf-8")
    for name in LEFT_OUT:
        (FOLDER / name).unlink()
    settings = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (FOLDER / "pyproject.toml").write_text(settings + CONFIGURATION, encoding="utf-8")
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    command = [sys.executable, "-c", RUN, "run", *patterns]
    environment = {**os.environ, **threads, "MLPBOOK_DATA": str(FOLDER)}  # none of them needs data
    if sys.stdout.isatty():
        code = subprocess.call(command, cwd=FOLDER, env=environment)
    else:
        done = subprocess.run(
            command, cwd=FOLDER, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        code = done.returncode
        (FOLDER / "log.txt").write_bytes(done.stdout)
    if code:
        log = FOLDER / "log.txt"
        words = log.read_text(encoding="utf-8", errors="replace")[-4000:] if log.exists() else ""
        sys.exit(f"{words}\nmutmut did not finish: do the tests pass without torch?")


def results() -> tuple[dict[str, Counter[str]], list[str]]:
    """Return the count of each outcome by module, and the survivors' differences."""
    with contextlib.chdir(FOLDER):
        from mutmut.mutation.diff_apply import get_diff_for_mutant
        from mutmut.stats import status_by_exit_code

        outcomes, survivors = {}, []
        for meta in sorted(Path("mutants").rglob("*.meta")):
            codes = json.loads(meta.read_text(encoding="utf-8"))["exit_code_by_key"]
            module = meta.relative_to("mutants/src/mlpbook").as_posix().removesuffix(".py.meta")
            counts: Counter[str] = Counter()
            for name, code in codes.items():
                status = status_by_exit_code[code]
                counts[status] += 1
                if status not in NOTICED and code is not None:
                    survivors.append(get_diff_for_mutant(name))
            counts.pop("not checked", None)
            if counts:
                outcomes[module] = counts
    return outcomes, survivors


def main(patterns: list[str]) -> int:
    """Run, print the share noticed per module; return 1 where a part is below the bar."""
    start = time.monotonic()
    run(patterns)
    outcomes, survivors = results()
    print(f"{'module':<32}{'changes':>8}{'noticed':>9}{'score':>9}")
    for module, counts in outcomes.items():
        print(f"{module:<32}{row(counts)}")
    faults = []
    for part in PARTS:
        total: Counter[str] = Counter()
        for module, counts in outcomes.items():
            if module == part or module.startswith(f"{part}/"):
                total += counts
        if total:
            print(f"{part + ' (all)':<32}{row(total)}")
            if share(total) < BAR:
                faults.append(f"{part}: {share(total):.1%} is less than {BAR:.0%}.")
        elif not patterns:
            faults.append(f"{part}: nothing was changed.")
    SURVIVORS.write_text("\n".join(survivors), encoding="utf-8")
    print(f"{(time.monotonic() - start) / 60:.1f} minutes; survivors: {SURVIVORS}")
    print("\n".join(faults))
    return 1 if faults else 0


def share(counts: Counter[str]) -> float:
    """Return the share of changes that a test noticed.

    >>> share(Counter(killed=19, survived=1))
    0.95
    """
    return sum(counts[status] for status in NOTICED) / counts.total()


def row(counts: Counter[str]) -> str:
    """Return a row of the table."""
    noticed = sum(counts[status] for status in NOTICED)
    return f"{counts.total():>8}{noticed:>9}{share(counts):>9.1%}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
