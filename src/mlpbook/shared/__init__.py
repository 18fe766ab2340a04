"""The part that the NumPy half and the PyTorch half share; nothing here imports PyTorch."""

from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]
"""An array of any shape and type."""
