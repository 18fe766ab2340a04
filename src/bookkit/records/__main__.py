"""The command that runs an experiment and writes its record.

Every finished seed is kept in a file beside the record, ``NAME.json.partial``, from which the same
command goes on after an interruption. The record itself is written whole or not at all.
"""

import argparse
import importlib.metadata
import json
import math
import os
import platform
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import Any

from bookkit.records.experiments import (
    _RECORDS,
    _ROOT,
    Experiment,
    Record,
    Value,
    find,
    load,
    names,
)

__all__ = ["check", "main", "record"]

_LIMITS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m bookkit.records",
        description="Run an experiment for every seed and write its record. Without a name: "
        "list the experiments.",
    )
    parser.add_argument("name", nargs="?", help="the experiment")
    parser.add_argument("--list", action="store_true", help="list the experiments and stop")
    parser.add_argument("--stale", action="store_true", help="run all with no fresh record")
    parser.add_argument("--check", action="store_true", help="only compare the reduced case")
    parser.add_argument("--seeds", nargs="+", type=int, help="instead of the experiment's own")
    parser.add_argument("--output", type=Path, help="the file, instead of book/records/NAME.json")
    parser.add_argument("--threads", type=int, default=1, help="for matrix products (default 1)")
    parser.add_argument("--no-resume", action="store_true", help="forget seeds finished before")
    options = parser.parse_args(arguments)
    os.environ.update(dict.fromkeys(_LIMITS, str(options.threads)))  # NumPy is not loaded yet
    if options.list or not (options.name or options.stale):
        print(table())
        return 0
    try:
        if options.check:
            run = find(options.name)
            problems = check(run, load(run.name, options.output))
            print("\n".join(problems) or f"{run.name}: the reduced case is as recorded")
            return min(len(problems), 1)
        if not options.output and not _RECORDS.parent.is_dir():
            raise FileNotFoundError(
                f"the record must go to the folder {_RECORDS}, but this package is not in a "
                "checkout of the book. Name another file with --output."
            )
        stale = [name for name in names() if options.stale and state(name) != "recorded"]
        for name in stale if options.stale else [options.name]:
            run = find(name)
            path = options.output or _RECORDS / f"{name}.json"
            seeds = tuple(options.seeds or run.seeds)
            record(run, path, seeds=seeds, threads=options.threads, resume=not options.no_resume)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nInterrupted. The same command goes on with the next seed.", file=sys.stderr)
        return 130
    return 0


def table() -> str:
    """Return a list of all experiments: name, time, state of the record, and what it does."""
    rows = []
    for name in names():
        run = find(name)
        try:
            state = "stale" if load(name).is_stale else "recorded"
        except FileNotFoundError:
            state = "no record"
        time_needed = duration(run.cost * len(run.seeds))
        rows.append(
            f"{name:24} {len(run.seeds):3} seeds {time_needed:>9}  {state:9}  {run.summary}"
        )
    return "\n".join(rows)


def state(name: str) -> str:
    """Say whether an experiment's record is there, and whether its code has changed."""
    try:
        return "stale" if load(name).is_stale else "recorded"
    except FileNotFoundError:
        return "no record"


def record(
    run: Experiment,
    path: Path,
    *,
    seeds: Sequence[int],
    threads: int,
    resume: bool = True,
    show: bool = True,
) -> Record:
    """Run an experiment and write its record.

    Parameters
    ----------
    run : Experiment
    path : pathlib.Path
        Where the record goes; finished seeds wait beside it in ``NAME.json.partial``.
    seeds : sequence of int
    threads : int
        How many threads matrix products use here: noted, not set.
    resume : bool
        Whether to go on from seeds that were finished with the same code, versions, processor and
        settings.
    show : bool
        Whether to draw a progress bar, on standard error.

    Raises
    ------
    ValueError
        If the experiment is about MNIST and only the substitute digits are here.
    """
    fields = conditions(run, threads)
    partial = path.with_name(f"{path.name}.partial")
    done = finished(partial, fields) if resume else {}
    waiting = [seed for seed in seeds if seed not in done]
    path.parent.mkdir(parents=True, exist_ok=True)
    with progress(run, len(seeds), len(waiting), show=show) as advance:
        for seed in waiting:
            started = time.process_time()
            result = run(seed)
            cpu_seconds = round(time.process_time() - started, 2)
            done[seed] = {"seed": seed, "cpu_seconds": cpu_seconds, "result": result}
            write(partial, fields | {"results": list(done.values())})
            advance()
    results = [done[seed] for seed in seeds]
    total = round(sum(entry["cpu_seconds"] for entry in results), 1)
    fields |= {
        "versions": versions(),  # after the run: torch counts where it was used
        "cpu_seconds": total,
        "reduced": list(reduced_cases(run)),
        "results": results,
    }
    write(path, fields)
    partial.unlink(missing_ok=True)
    if show:
        print(f"{path}: {len(results)} seeds, {duration(total)}", file=sys.stderr)
    return Record(fields)


def check(run: Experiment, record: Record) -> list[str]:
    """Run the reduced case and return what differs from the record; nothing if all is well.

    It runs on the digits that are there: MNIST, or the substitute. On MNIST, and where no digits
    are read, a list in the reduced result must also be the beginning of the full run's list of
    the same name, so that the numbers on the pages are compared, and not only a copy of the test.

    Parameters
    ----------
    run : Experiment
    record : Record
        Its record.

    Returns
    -------
    list of str
        One line for each difference beyond the tolerance.
    """
    if record.settings != run.settings:
        return [f"the settings are {run.settings}, the record's {record.settings}"]
    data, expected = _data(run), None
    for case in record.fields["reduced"]:
        if case["data"] == data and case["settings"] == run.reduced:
            expected = case["result"]
    if expected is None or record.seeds != list(run.seeds) or set(expected) != set(run.tolerance):
        return ["the seeds, the reduced case or what is compared are not the record's"]
    got, full = run(run.seeds[0], **run.reduced), record.results[run.seeds[0]]
    problems = []
    for key, tolerance in run.tolerance.items():
        value = got[key]
        if not _close(value, expected[key], tolerance):
            problems.append(f"{key} is {_short(value)}, recorded {_short(expected[key])}")
        if data != "substitute" and isinstance(value, Sequence):
            whole: Any = full[key]
            start = whole[: len(value)]
            if not _close(value, start, tolerance):
                problems.append(f"{key} is {_short(value)}, the full run begins {_short(start)}")
    return problems


# ---------------------------------------------------------------------------------------------
# What is written down.


def conditions(run: Experiment, threads: int) -> dict[str, Any]:
    """Return all that a record says besides its results."""
    data = ""
    if run.mnist:
        from mlpbook.data import load_mnist

        mnist = load_mnist()
        if mnist.is_substitute:
            raise ValueError(
                f"the record of {run.name} must be made on MNIST, but these are {mnist.source}. "
                "Run this with a connection, or set MLPBOOK_DATA to a folder that holds MNIST."
            )
        data = mnist.source
    return {
        "experiment": run.name,
        "module": run.module,
        "digest": run.digest(),
        "date": date.today().isoformat(),
        "data": data,
        "settings": run.settings,
        "versions": versions(),
        "processor": processor(),
        "threads": threads,
    }


def versions() -> dict[str, str]:
    """Return the versions of Python, of this package, and of the libraries that are loaded."""
    found = {"Python": platform.python_version()}
    for name, words in (("numpy", "NumPy"), ("torch", "PyTorch"), ("sklearn", "scikit-learn")):
        if name in sys.modules:
            found[words] = str(sys.modules[name].__version__)
    try:
        project = tomllib.loads((_ROOT / "pyproject.toml").read_text("utf-8"))
        found["mlpbook"] = project["project"]["version"]
    except FileNotFoundError:
        found["mlpbook"] = importlib.metadata.version("mlpbook")
    return found


def processor() -> str:
    """Return the processor's name, as the system gives it."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    with suppress(OSError, subprocess.CalledProcessError):
        command = ["sysctl", "-n", "machdep.cpu.brand_string"]
        return subprocess.check_output(command, text=True, stderr=subprocess.DEVNULL).strip()
    return platform.processor() or platform.machine()


def reduced_cases(run: Experiment) -> Iterator[dict[str, Any]]:
    """Yield the reduced case on every data set on which a test may repeat it."""

    def case(data: str) -> dict[str, Any]:
        result = run(run.seeds[0], **run.reduced)
        compared = {key: result[key] for key in run.tolerance}
        return {"data": data, "settings": dict(run.reduced), "result": compared}

    yield case(_data(run))
    if run.mnist:
        with substitute_digits():
            yield case("substitute")


@contextmanager
def substitute_digits() -> Iterator[None]:
    """Let `load_mnist` give the substitute digits for a while."""
    from mlpbook.data import mnist

    before = os.environ.get("MLPBOOK_DATA")
    with tempfile.TemporaryDirectory() as folder:
        mnist._fetch_substitute(Path(folder))
        os.environ["MLPBOOK_DATA"] = folder
        try:
            yield
        finally:
            os.environ.pop("MLPBOOK_DATA")
            if before is not None:
                os.environ["MLPBOOK_DATA"] = before


# ---------------------------------------------------------------------------------------------
# Files, whole or not at all.


def write(path: Path, fields: dict[str, Any]) -> None:
    """Write a record, a seed a line; the old file stays until the new one is complete."""
    lines = []
    for name, value in fields.items():
        if name in ("results", "reduced"):
            entries = ",\n".join(f"  {json.dumps(entry, allow_nan=False)}" for entry in value)
            lines.append(f' "{name}": [\n{entries}\n ]')
        else:
            lines.append(f' "{name}": {json.dumps(value, allow_nan=False)}')
    temporary = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        temporary.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def finished(partial: Path, fields: dict[str, Any]) -> dict[int, dict[str, Any]]:
    """Return the seeds that an interrupted run under the same conditions has finished."""
    try:
        old = json.loads(partial.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except json.JSONDecodeError:
        old = {}
    changed = [key for key in fields if key != "date" and old.get(key) != fields[key]]
    if changed:
        print(f"{partial}: not used, because of another {', '.join(changed)}", file=sys.stderr)
        return {}
    return {entry["seed"]: entry for entry in old["results"]}


# ---------------------------------------------------------------------------------------------
# Comparing.


def _data(run: Experiment) -> str:
    """Name the data that an experiment would read here."""
    if not run.mnist:
        return ""
    from mlpbook.data import load_mnist

    return "substitute" if load_mnist().is_substitute else "MNIST"


def _close(got: Value, expected: Value, tolerance: float) -> bool:
    """Say whether two results agree; numbers that are not finite never do."""
    if not isinstance(got, Sequence) and not isinstance(expected, Sequence):
        return math.isclose(got, expected, rel_tol=tolerance, abs_tol=tolerance)
    if not isinstance(got, Sequence) or not isinstance(expected, Sequence):
        return False
    same = len(got) == len(expected)
    return same and all(_close(a, b, tolerance) for a, b in zip(got, expected, strict=True))


def _short(value: Value) -> str:
    """Return a result for a message."""
    if not isinstance(value, Sequence):
        return f"{value!r}"
    more = ", ..." if len(value) > 3 else ""
    return f"[{', '.join(map(repr, value[:3]))}{more}]"


# ---------------------------------------------------------------------------------------------
# How long it takes.


@contextmanager
def progress(
    run: Experiment, n_seeds: int, n_waiting: int, *, show: bool
) -> Iterator[Callable[[], None]]:
    """Give a function to call after each seed; it moves a bar that says how long is left."""
    if not show:
        yield lambda: None
        return
    from tqdm import tqdm

    form = "{desc} {n_fmt}/{total_fmt} seeds |{bar:30}| {elapsed}{postfix}"
    done = n_seeds - n_waiting
    with tqdm(total=n_seeds, initial=done, desc=run.name, bar_format=form) as bar:
        started = time.perf_counter()

        def left(after: int) -> str:
            measured = (time.perf_counter() - started) / after if after else run.cost
            source = "measured" if after else "expected"
            return f"about {duration(measured * (n_waiting - after))} left, {source}"

        def advance() -> None:
            bar.set_postfix_str(left(bar.n + 1 - done), refresh=False)
            bar.update()

        bar.set_postfix_str(left(0))
        yield advance


def duration(seconds: float) -> str:
    """Return a time in words.

    Examples
    --------
    >>> duration(45), duration(150), duration(5400)
    ('45 s', '2.5 min', '1.5 h')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


if __name__ == "__main__":
    sys.exit(main())
