"""How it is timed: one live process for each contestant, one thread each, in turn.

Times on a machine that does other things as well are useless by themselves. So all contestants
are alive at once, take turns in many rounds, and are compared round by round: whatever slows one
block down slows its neighbours too, and the median of the paired ratios does not care. What counts
is the processor time of the contestant's own process; wall time is recorded beside it.

A contestant is a function of a task. It prepares whatever may be prepared, and returns `start`;
each call of that returns a fresh `train`, and a call of that is all that is timed.
"""

import math
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

Start = Callable[[], Callable[[], Any]]
Contestant = Callable[[Any], Start]

ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}
SHORTEST_BLOCK = 0.15  # seconds


@dataclass
class Times:
    """Seconds for one run, one entry a round, and what the first run returned."""

    result: Any
    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)


def run_block(start: Start, n_runs: int) -> tuple[float, float, Any]:
    """Time n_runs fresh runs; return CPU and wall seconds for one, and what the last returned."""
    cpu = wall = 0.0
    result = None
    for _ in range(n_runs):
        train = start()
        wall -= time.perf_counter()
        cpu -= time.process_time()
        result = train()
        cpu += time.process_time()
        wall += time.perf_counter()
    return cpu / n_runs, wall / n_runs, result


def serve(connection: Connection, contestant: Contestant, task: Any, shortest: float) -> None:
    """Warm up, settle how many runs make a block, then time a block whenever asked."""
    try:
        start = contestant(task)
        _, _, result = run_block(start, 1)
        cpu, _, _ = run_block(start, 1)
        n_runs = math.ceil(1.3 * shortest / max(cpu, 1e-6))
        connection.send(result)
        while connection.recv():
            cpu, wall, _ = run_block(start, n_runs)
            while cpu * n_runs < shortest:  # faster than in the warm-up
                n_runs *= 2
                cpu, wall, _ = run_block(start, n_runs)
            connection.send((cpu, wall))
    except Exception as error:
        connection.send(error)


def answer(connection: Connection) -> Any:
    """Return what a contestant says, or raise what it died of."""
    received = connection.recv()
    if isinstance(received, Exception):
        raise received
    return received


@contextmanager
def live(
    contestants: Mapping[str, Contestant], task: Any, shortest: float
) -> Iterator[dict[str, Connection]]:
    """Start one process for each contestant, with one thread; end them all afterwards."""
    os.environ.update(ONE_THREAD)  # the children inherit it before they import anything
    context = multiprocessing.get_context("spawn")
    connections, processes = {}, []
    try:
        for name, contestant in contestants.items():
            connections[name], theirs = context.Pipe()
            arguments = (theirs, contestant, task, shortest)
            processes.append(context.Process(target=serve, args=arguments, daemon=True))
            processes[-1].start()
            theirs.close()  # so that a child that dies ends the wait for it
        yield connections
    finally:
        for process in processes:
            process.terminate()
            process.join()


def measure(
    contestants: Mapping[str, Contestant],
    task: Any,
    *,
    rounds: int,
    check: Callable[[dict[str, Any]], None] = lambda results: None,
    shortest: float = SHORTEST_BLOCK,
) -> dict[str, Times]:
    """Time the contestants on one task, in turn: forwards in one round, backwards in the next.

    `check` gets what each returned in its warm-up, and raises if they did not do the work.
    """
    with live(contestants, task, shortest) as connections:
        times = {name: Times(answer(connection)) for name, connection in connections.items()}
        check({name: t.result for name, t in times.items()})
        order = list(contestants)
        for _ in range(rounds):
            for name in order:
                connections[name].send(True)
                cpu, wall = answer(connections[name])
                times[name].cpu.append(cpu)
                times[name].wall.append(wall)
            order.reverse()
    return times
