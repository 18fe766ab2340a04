"""What the NumPy half costs before it does anything."""

import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import numpy as np

import mlpbook.scratch

MODULES = [m.name for m in pkgutil.iter_modules(mlpbook.scratch.__path__, "mlpbook.scratch.")]
SOURCE = Path(mlpbook.scratch.__path__[0]).parents[1]


def python(code):
    """What a fresh interpreter, with one thread, prints."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    environment = {**os.environ, **threads, "PYTHONPATH": str(SOURCE)}
    command = [sys.executable, "-c", code]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, check=True
    ).stdout


def seconds(modules):
    """CPU seconds, the interpreter's own start not counted."""
    clock = (
        "import time; start = time.process_time(); import {}; print(time.process_time() - start)"
    )
    return float(python(clock.format(", ".join(modules))))


def loaded(modules):
    """The names of everything that is loaded after an import of the modules."""
    return set(python(f"import sys, {', '.join(modules)}; print(*sys.modules)").split())


def test_all_modules_of_scratch_load_numpy_and_the_standard_library_only():
    mine, numpys = loaded(MODULES), loaded(["numpy", "numpy.random"])
    assert set(MODULES) <= mine
    assert len(MODULES) > 8
    packages, known = ({name.partition(".")[0] for name in names} for names in (mine, numpys))
    assert packages - known - sys.stdlib_module_names == {"mlpbook"}
    assert not {name for name in mine if name.startswith("mlpbook.pytorch")}


def test_all_modules_of_scratch_take_less_than_twice_the_time_of_numpy():
    seconds(MODULES)  # writes the compiled files
    for _ in range(3):  # a busy machine disturbs, but never makes anything faster
        ratios = [seconds(MODULES) / seconds(["numpy"]) for _ in range(7)]
        if np.median(ratios) < 2:
            return
    raise AssertionError(f"importing all modules takes {np.median(ratios):.2f} times numpy")
