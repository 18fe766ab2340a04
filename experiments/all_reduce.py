"""What it costs to add up vectors over processes of one machine, by payload.

The processes are started with torchrun and talk over gloo on the loopback: what is measured is the
copying of memory and the waiting for one another, not a network.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import mlpbook
from bookkit.records.experiments import Result, experiment
from mlpbook.chapters.scaling import PROCESSES

__all__ = ["run"]


@experiment(seeds=range(3), cost=15, reduced={"n_cases": 1}, tolerance={"numbers": 0})
def run(seed: int, *, n_cases: int = len(PROCESSES)) -> Result:
    """Time the all-reduce of the trainer for one and two processes.

    Parameters
    ----------
    seed : int
        The number of the repetition.
    n_cases : int
        How many of the numbers of processes.

    Returns
    -------
    dict
        ``numbers`` (float32) of each payload, and ``milliseconds``: one value for each number of
        processes and payload, the payload running fastest.
    """
    source = str(Path(mlpbook.__file__).resolve().parents[1])
    environment = os.environ | {"PYTHONPATH": source, "OMP_NUM_THREADS": "1"}
    numbers: list[float] = []
    milliseconds: list[float] = []
    for p in PROCESSES[:n_cases]:
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
        command += [f"--nproc-per-node={p}", "-m", "mlpbook.pytorch.distributed", "--measure"]
        output = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=True, timeout=120
        ).stdout
        found = re.findall(r"(\d+) numbers, \d+ bytes: ([\d.]+) ms", output)
        numbers = [float(n) for n, _ in found]
        milliseconds += [float(ms) for _, ms in found]
    return {"numbers": numbers, "milliseconds": milliseconds}
