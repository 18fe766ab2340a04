"""Everything that the page "How fast is it?" shows: make bench.

Times training steps, the changes from the plain to the fused step, the parts of PyTorch's step,
the routes of the data, and imports; writes all times to a file; and prints the targets with what
was measured. On an idle machine this takes about five minutes.
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
TIMED = [
    f"mlpbook.scratch.{m}"
    for m in ("fused", "layers", "losses", "network", "optimizers", "training")
]
RECORD = HERE.parent / "book" / "records" / "speed.json"


def training_steps(rounds: int, shortest: float) -> dict[str, Any]:
    """Time every workload."""
    found = {}
    for name, task in WORKLOADS.items():
        log(f"workload {name}: {'-'.join(map(str, task.sizes))}")
        times = measure(CONTESTANTS, task, rounds=rounds, check=check_learning, shortest=shortest)
        found[name] = asdict(task) | {"steps": task.steps, "contestants": contestants(times)}
    return found


def data_route(rounds: int, shortest: float) -> dict[str, Any]:
    """Time the routes of the data."""
    from benchmarks.data_route import BATCH_SIZE, EPOCHS, N_IMAGES, ROUTES, check_same_digits

    log("routes of the data")
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


def small_steps(contestants_: Any, names: str, check: Any, rounds: int, shortest: float) -> Any:
    """Time other contestants on some of the workloads."""
    found = {}
    for name in names:
        task = WORKLOADS[name]
        times = measure(contestants_, task, rounds=rounds, check=check, shortest=shortest)
        for t in times.values():
            t.result = None
        found[name] = {"contestants": contestants(times)}
    return found


def record(rounds: int, shortest: float) -> dict[str, Any]:
    """Measure everything; return the record."""
    from benchmarks.ladder import LADDER, check_same_losses
    from benchmarks.pytorch_parts import CONTESTANTS as PARTS
    from benchmarks.start_up import start_up

    steps = training_steps(rounds, shortest)
    log("from the plain step to the fused one")
    ladder = small_steps(LADDER, "ae", check_same_losses, rounds, shortest)
    log("parts of PyTorch's step")
    parts = small_steps(PARTS, "aced", lambda results: None, rounds, shortest)
    routes = data_route(rounds, shortest)
    log("imports")
    programs = start_up(rounds)
    for program in programs.values():
        program |= {"cpu": digits(program["cpu"]), "mebibytes": round(program["mebibytes"], 1)}
    return {
        "date": date.today().isoformat(),
        **machine(),
        "command": "make bench",
        "modules": TIMED,
        "digest": Modules().digest(*TIMED),
        "rounds": rounds,
        "steps": steps,
        "ladder": ladder,
        "pytorch_parts": parts,
        "data_route": routes,
        "start_up": programs,
    }


def earlier_runs(path: Path) -> list[dict[str, Any]]:
    """Return what is kept of earlier runs in a record: the newest five, without their times."""
    from bookkit.records.timing import PAIRS, Record

    try:
        found = Record(json.loads(path.read_text(encoding="utf-8")))
        medians = {
            f"{one} / {to}": {w: round(found.ratio(w, one, to).median, 3) for w in found.workloads}
            for one, to in PAIRS
        }
    except (FileNotFoundError, ValueError, KeyError):
        return []
    run = {"date": found.fields["date"], "processor": found.fields["processor"], "medians": medians}
    return [run, *found.fields.get("earlier", [])][:5]


def machine() -> dict[str, Any]:
    """Return processor and versions."""
    import sklearn  # noqa: F401 (its version is asked for)
    import torch  # noqa: F401

    from bookkit.records.__main__ import processor, versions

    return {"processor": processor(), "threads": 1, "versions": versions()}


def log(what: str) -> None:
    """Log progress."""
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
    from benchmarks.targets import rows, table
    from bookkit.records.timing import load

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
        write(fields | {"earlier": earlier_runs(arguments.output)}, arguments.output)
    found = load(arguments.output)
    print(table(rows(found)))
    print(found.provenance)
    if found.fields["digest"] != Modules().digest(*TIMED):
        print("The code has changed since.")


if __name__ == "__main__":
    main()
