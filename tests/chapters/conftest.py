"""With NumPy alone (`make oldest`), tests that need other libraries or digits are left out."""

from importlib.util import find_spec

NEED_MORE_THAN_NUMPY = [
    "test_debugging.py",
    "test_evaluation.py",
    "test_generalization.py",
    "test_inside.py",
    "test_scaling.py",
    "test_tables.py",
]

collect_ignore = [] if find_spec("torch") else NEED_MORE_THAN_NUMPY
