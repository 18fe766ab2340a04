"""What it costs to start: processor time and memory of an import, in a fresh interpreter."""

import json
import os
import pkgutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import mlpbook.scratch

MODULES = [m.name for m in pkgutil.iter_modules(mlpbook.scratch.__path__, "mlpbook.scratch.")]
SOURCE = str(Path(mlpbook.scratch.__path__[0]).parents[1])

PROGRAMS = {
    "python": "pass",
    "numpy": "import numpy",
    "scratch": f"import {', '.join(MODULES)}",
    "torch": "import torch",
}
# Linux counts the parent's memory in ru_maxrss, but not in VmHWM.
MEASURE = """
import json, re, resource, sys
usage = resource.getrusage(resource.RUSAGE_SELF)
try:
    status = open("/proc/self/status").read()
    mebibytes = int(re.search(r"VmHWM:\\s*(\\d+)", status)[1]) / 2**10
except OSError:
    mebibytes = usage.ru_maxrss / 2**20
print(json.dumps([usage.ru_utime + usage.ru_stime, mebibytes, "torch" in sys.modules]))
"""


def start(code: str) -> tuple[float, float, bool]:
    """Run some code; return its CPU seconds, its largest memory in MiB, whether torch is there."""
    environment = {**os.environ, "PYTHONPATH": SOURCE}
    command = [sys.executable, "-c", code + MEASURE]
    process = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    seconds, mebibytes, torch = json.loads(process.stdout)
    return seconds, mebibytes, torch


def start_up(rounds: int) -> dict[str, dict[str, Any]]:
    """Start every program in turn; return the times by round, and the memory."""
    for code in PROGRAMS.values():
        start(code)  # writes the compiled files
    found: dict[str, dict[str, Any]] = {name: {"cpu": []} for name in PROGRAMS}
    for _ in range(rounds):
        for name, code in PROGRAMS.items():
            seconds, mebibytes, torch = start(code)
            found[name]["cpu"].append(seconds)
            found[name] |= {"mebibytes": mebibytes, "loads_torch": torch}
    return found
