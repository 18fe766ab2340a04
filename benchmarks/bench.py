"""Everything that the page "How fast is it?" shows: make bench.

Times training steps, the routes of the data, and imports; compares the two halves' losses in
float64; prints the targets with what was measured; and writes all times to a file. On an idle
machine this takes about three minutes. The dear runs on MNIST are experiments of their own
(`python -m bookkit.records`), whose records are read here where they exist.
"""

import argparse
import json
import math
import os
import sys
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks.protocol import ONE_THREAD, SHORTEST_BLOCK, Times, measure
from benchmarks.training_steps import CONTESTANTS, WORKLOADS, check_learning
from bookkit.records.dependencies import Modules

os.environ.update(ONE_THREAD)

HERE = Path(__file__).resolve().parent
TIMED = [f"mlpbook.scratch.{m}" for m in ("layers", "losses", "network", "optimizers", "training")]
RECORD = HERE.parent / "book" / "records" / "speed.json"


def training_steps(rounds: int, shortest: float) -> dict[str, Any]:
    """Time every workload."""
    found = {}
    for name, task in WORKLOADS.items():
        say(f"workload {name}: {'-'.join(map(str, task.sizes))}")
        times = measure(CONTESTANTS, task, rounds=rounds, check=check_learning, shortest=shortest)
        found[name] = asdict(task) | {"steps": task.steps, "contestants": contestants(times)}
    return found


def data_route(rounds: int, shortest: float) -> dict[str, Any]:
    """Time the routes of the data."""
    from benchmarks.data_route import BATCH_SIZE, EPOCHS, N_IMAGES, ROUTES, check_same_digits

    say("routes of the data")
    times = measure(ROUTES, None, rounds=rounds, check=check_same_digits, shortest=shortest)
    for t in times.values():
        t.result = None
    return {
        "n_images": N_IMAGES,
        "batch_size": BATCH_SIZE,
        "epochs": EPOCHS,
        "contestants": contestants(times),
    }


def contestants(times: dict[str, Times]) -> dict[str, Any]:
    """Return the times as they are written down, with the first and the last loss."""
    return {
        name: {"cpu": digits(t.cpu), "wall": digits(t.wall)}
        | ({"first_loss": t.result[0], "last_loss": t.result[-1]} if t.result else {})
        for name, t in times.items()
    }


def digits(times: list[float]) -> list[float]:
    """Round to six significant digits: more is noise."""
    return [round(t, 5 - math.floor(math.log10(t))) for t in times]


def record(rounds: int, shortest: float) -> dict[str, Any]:
    """Measure everything; return the record."""
    from benchmarks.start_up import start_up

    steps, routes = training_steps(rounds, shortest), data_route(rounds, shortest)
    say("imports")
    programs = start_up(rounds)
    for program in programs.values():
        program |= {"cpu": digits(program["cpu"]), "mebibytes": round(program["mebibytes"], 1)}
    say("NumPy against PyTorch in float64")
    from benchmarks.parity import RUNS, deviations

    return {
        "date": date.today().isoformat(),
        **machine(),
        "command": "make bench",
        "modules": TIMED,
        "digest": Modules().digest(*TIMED),
        "rounds": rounds,
        "steps": steps,
        "data_route": routes,
        "start_up": programs,
        "parity_steps": {name: task.steps for name, task in RUNS.items()},
        "parity": deviations(),
    }


def machine() -> dict[str, Any]:
    """Return processor and versions."""
    import sklearn  # noqa: F401 (its version is asked for)
    import torch  # noqa: F401

    from bookkit.records.__main__ import processor, versions

    return {"processor": processor(), "threads": 1, "versions": versions()}


def say(what: str) -> None:
    """Tell whoever waits what is going on."""
    print(what, file=sys.stderr, flush=True)


def write(fields: dict[str, Any], path: Path) -> None:
    """Write the record, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        new.write_text(json.dumps(fields, indent=1, allow_nan=False) + "\n", encoding="utf-8")
        os.replace(new, path)
    finally:
        new.unlink(missing_ok=True)


def main() -> None:
    """Read the command line, measure or read, print the table."""
    from bookkit.records.timing import Record, accuracies, load, table

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--shortest", type=float, default=SHORTEST_BLOCK, help="block, in seconds")
    parser.add_argument("--output", type=Path, default=RECORD)
    parser.add_argument("--report", action="store_true", help="only print what is recorded")
    arguments = parser.parse_args()
    if not arguments.report:
        fields = record(arguments.rounds, arguments.shortest)
        Record(fields)  # raises if anything is missing
        write(fields, arguments.output)
    found = load(arguments.output)
    print(table(found.rows(accuracies())))
    print(found.provenance)
    if found.fields["digest"] != Modules().digest(*TIMED):
        print("The code has changed since.")


if __name__ == "__main__":
    main()
