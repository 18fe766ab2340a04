"""What both halves of the book share; nothing here imports PyTorch."""

from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]
"""An array of any shape and type: the one name for it in the whole package."""
