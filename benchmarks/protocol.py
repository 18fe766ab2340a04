"""How it is timed: one live process for each contestant, one thread each, in turn.

Times on a machine that does other things as well are useless by themselves. So all contestants
are alive at once, take turns in many rounds, and are compared round by round: whatever slows one
block down slows the neighbouring ones too, and the median of the paired ratios does not care.
What counts is the processor time of the contestant's own process; wall time is recorded beside it.
"""

import math
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from workloads import CONTESTANTS, WORKLOADS, Workload

ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}
SHORTEST_BLOCK = 0.15  # seconds


@dataclass
class Times:
    """Seconds for one training run, one entry a round, and what the runs computed."""

    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)
    first_loss: float | None = None
    last_loss: float | None = None


@dataclass(frozen=True)
class Ratio:
    """The median of the ratios of paired times, with the lowest and the highest."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.2f} [{self.low:.2f}, {self.high:.2f}]"


def paired_ratio(slower: Sequence[float], faster: Sequence[float]) -> Ratio:
    """Return how many times as long `slower` took as `faster`, round by round.

    >>> print(paired_ratio([2.0, 6.0, 4.0], [1.0, 2.0, 1.0]))
    3.00 [2.00, 4.00]
    """
    ratios = [s / f for s, f in zip(slower, faster, strict=True)]
    return Ratio(statistics.median(ratios), min(ratios), max(ratios))


def check_losses(name: str, task: Workload, first: float, last: float) -> None:
    """Refuse to time a training run that does not learn."""
    if not (math.isfinite(first) and math.isfinite(last) and last < 0.9 * first):
        raise RuntimeError(
            f"{name} must learn workload {task.name} while it is timed, but its loss went from "
            f"{first:.4g} to {last:.4g}. Mend it before comparing times."
        )


def check_agreement(times: dict[str, Times], task: Workload) -> None:
    """Require that NumPy and PyTorch did the same work, as far as float32 can tell."""
    if not {"numpy", "pytorch"} <= set(times):
        return
    ours, theirs = times["numpy"], times["pytorch"]
    pairs = [(ours.first_loss, theirs.first_loss, 1e-4), (ours.last_loss, theirs.last_loss, 0.1)]
    for a, b, tolerance in pairs:
        if a is None or b is None or abs(a - b) > tolerance * abs(b):
            raise RuntimeError(
                f"NumPy and PyTorch must compute the same losses on workload {task.name}, got "
                f"{a} and {b}. They are not doing the same work."
            )


def run_block(start: Callable[[], Callable[[], Any]], n_runs: int) -> tuple[float, float, Any]:
    """Train n_runs fresh networks; return CPU and wall seconds a run, and the last losses."""
    cpu = wall = 0.0
    curve = None
    for _ in range(n_runs):
        train = start()
        wall -= time.perf_counter()
        cpu -= time.process_time()
        curve = train()
        cpu += time.process_time()
        wall += time.perf_counter()
    return cpu / n_runs, wall / n_runs, curve


def contestant(connection: Any, name: str, task: Workload, shortest: float) -> None:
    """Warm up, settle how many runs make a block, then time a block whenever asked."""
    try:
        start = CONTESTANTS[name](task)
        run_block(start, 1)
        cpu, _, curve = run_block(start, 1)
        n_runs = math.ceil(1.3 * shortest / max(cpu, 1e-6))
        connection.send(None if curve is None else (curve[0], curve[-1]))
        while connection.recv():
            cpu, wall, _ = run_block(start, n_runs)
            while cpu * n_runs < shortest:  # the machine has warmed up since
                n_runs *= 2
                cpu, wall, _ = run_block(start, n_runs)
            connection.send((cpu, wall))
    except Exception as error:
        connection.send(error)


@contextmanager
def live(names: Sequence[str], task: Workload, shortest: float) -> Iterator[dict[str, Any]]:
    """Start one process for each name, with one thread; end them all when the block is left."""
    os.environ.update(ONE_THREAD)  # the children inherit it before they import anything
    context = multiprocessing.get_context("spawn")
    connections, processes = {}, []
    try:
        for name in names:
            connections[name], theirs = context.Pipe()
            arguments = (theirs, name, task, shortest)
            processes.append(context.Process(target=contestant, args=arguments, daemon=True))
            processes[-1].start()
            theirs.close()
        yield connections
    finally:
        for process in processes:
            process.terminate()
            process.join()


def _answer(connection: Any) -> Any:
    answer = connection.recv()
    if isinstance(answer, Exception):
        raise answer
    return answer


def measure(
    task: Workload, names: Sequence[str], *, rounds: int, shortest: float = SHORTEST_BLOCK
) -> dict[str, Times]:
    """Time the named contestants on one workload, in turn, forwards and backwards."""
    times = {name: Times() for name in names}
    with live(names, task, shortest) as connections:
        for name, connection in connections.items():
            losses = _answer(connection)
            if losses is not None:
                check_losses(name, task, *losses)
                times[name].first_loss, times[name].last_loss = losses
        check_agreement(times, task)
        for number in range(rounds):
            for name in names if number % 2 == 0 else reversed(names):
                connections[name].send(True)
                cpu, wall = _answer(connections[name])
                times[name].cpu.append(cpu)
                times[name].wall.append(wall)
    return times


def workload(name: str) -> Workload:
    """Return a workload by its letter."""
    if name not in WORKLOADS:
        raise SystemExit(f"There is no workload {name!r}. There are: {' '.join(WORKLOADS)}.")
    return WORKLOADS[name]
