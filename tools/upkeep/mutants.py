"""Change the hand-written half in thousands of small ways, and ask the tests whether they notice.

`python -m tools.upkeep.mutants [PATTERN ...]` copies the package and its tests to _build/mutants,
lets mutmut change one operator, number, argument, word or default at a time, and runs on each
change the tests that reach it, until one fails. No test may import torch: an oracle from outside
judges the code elsewhere; here the tests must know by themselves what is right.

A change that no test notices survives. `tests/mutants.txt` lists the survivors that may, in groups,
each with its reason. The run fails if another one survives, if a listed one no longer does, or if
less than 95 % are noticed in any part. A pattern, such as 'mlpbook.autograd*', restricts the run.
"""

import ast
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "_build" / "mutants"
LISTED = ROOT / "tests" / "mutants.txt"
BAR = 0.95
PARTS = ("scratch", "autograd", "gradient_check", "initializers")
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


class Mutant(NamedTuple):
    """A change: in which function, the lines before and the lines after."""

    function: str
    before: tuple[str, ...]
    after: tuple[str, ...]

    def __str__(self) -> str:
        """Return the change as the list of survivors holds it."""
        lines = [f"- {line}" for line in self.before] + [f"+ {line}" for line in self.after]
        return "\n".join([self.function, *lines])


def parse_list(text: str) -> Counter[Mutant]:
    r"""Return the listed survivors; each group of them must open with a reason.

    >>> listed = parse_list("# Both are zero.\nscratch.losses f\n- return 0\n+ return -0\n")
    >>> next(iter(listed))
    Mutant(function='scratch.losses f', before=('return 0',), after=('return -0',))
    """
    mutants: Counter[Mutant] = Counter()
    for group in re.split(r"\n\s*\n", text.strip()):
        lines = group.splitlines()
        entries = [line for line in lines if not line.startswith("#")]
        if entries and not lines[0].startswith("# "):
            raise ValueError(f"a group of survivors must open with its reason, got {lines[0]!r}.")
        for entry in re.split(r"\n(?![-+] )", "\n".join(entries)) if entries else ():
            function, *changes = entry.splitlines()
            before = tuple(line[2:] for line in changes if line[0] == "-")
            after = tuple(line[2:] for line in changes if line[0] == "+")
            mutants[Mutant(function, before, after)] += 1
    return mutants


def describe(name: str, diff: str) -> Mutant:
    r"""Return the change with mutmut's name, such as ``mlpbook.autograd.xǁTensorǁexp__mutmut_1``.

    >>> describe("mlpbook.a.x_f__mutmut_2", "--- s\n+++ s\n@@ @@\n def f():\n-  1\n+  2")
    Mutant(function='a f', before=('1',), after=('2',))
    """
    module, _, function = name.partition("__mutmut_")[0].rpartition(".")
    function = function.removeprefix("x_").removeprefix("xǁ").replace("ǁ", ".")
    changes = [line for line in diff.splitlines() if not line.startswith(("---", "+++"))]
    before = tuple(line[1:].strip() for line in changes if line[0] == "-")
    after = tuple(line[1:].strip() for line in changes if line[0] == "+")
    return Mutant(f"{module.removeprefix('mlpbook.')} {function}", before, after)


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
        target.parent.mkdir(exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target, ignore=ignore)
        else:
            shutil.copy(ROOT / name, target)
    for path in (FOLDER / "src" / "mlpbook").rglob("*.py"):
        if path.relative_to(FOLDER / "src" / "mlpbook").parts[0].removesuffix(".py") in PARTS:
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


def results() -> tuple[dict[str, Counter[str]], list[Mutant]]:
    """Return the count of each outcome by module, and the survivors."""
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
                    survivors.append(describe(name, get_diff_for_mutant(name)))
            counts.pop("not checked", None)
            if counts:
                outcomes[module] = counts
    return outcomes, survivors


def main(patterns: list[str]) -> int:
    """Run, print the table and what is wrong; return 1 if anything is."""
    start = time.monotonic()
    run(patterns)
    outcomes, survivors = results()
    print(f"{'module':<24}{'changes':>8}{'noticed':>9}{'survive':>9}{'score':>9}")
    faults = []
    for part in PARTS:
        total = noticed = 0
        for module, counts in outcomes.items():
            if module.partition("/")[0] == part:
                size, found = counts.total(), sum(counts[status] for status in NOTICED)
                print(f"{module:<24}{size:>8}{found:>9}{size - found:>9}{found / size:>9.1%}")
                total, noticed = total + size, noticed + found
        if total and part not in outcomes:
            print(f"{part:<24}{total:>8}{noticed:>9}{total - noticed:>9}{noticed / total:>9.1%}")
        if total and noticed < BAR * total:
            faults.append(f"{part}: {noticed / total:.1%} is less than {BAR:.0%}.")
        if not total and not patterns:
            faults.append(f"{part}: nothing was changed.")
    print(f"{(time.monotonic() - start) / 60:.1f} minutes")
    listed = parse_list(LISTED.read_text(encoding="utf-8"))
    new = Counter(survivors) - listed
    if new:
        faults.append(
            "No test notices these changes. Add one that does, delete code that nothing needs, "
            f"or list them in tests/{LISTED.name} with the reason:\n"
        )
        faults.extend(f"{mutant}" for mutant in new.elements())
    gone = listed - Counter(survivors)
    if gone and not patterns:
        faults.append(f"Listed in tests/{LISTED.name}, but noticed now, or not made; delete them:")
        faults.extend(f"{mutant}" for mutant in gone.elements())
    print("\n".join(faults))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
