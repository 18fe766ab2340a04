"""Networks in files, which either half of the book can read.

A state is a dictionary of arrays by name: W1, b1, W2 and so on. It is stored in NumPy's format
``.npz``. Nothing in such a file is ever executed: pickled objects are refused.
"""

import os
from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from mlpbook.shared import Array
from mlpbook.shared.validation import check_array

__all__ = ["check_state", "read_state", "write_state"]


def write_state(path: str | os.PathLike[str], state: Mapping[str, Array]) -> None:
    """Write arrays, by name, to a file of exactly this name."""
    with open(path, "wb") as file:
        np.savez(file, **state)  # type: ignore[arg-type]


def read_state(path: str | os.PathLike[str]) -> dict[str, Array]:
    """Return the arrays that `write_state` wrote.

    Raises
    ------
    OSError
        If there is no such file.
    ValueError
        If it is another kind of file, or damaged.
    """
    with open(path, "rb") as file:
        try:
            with np.load(file, allow_pickle=False) as arrays:
                return {name: arrays[name] for name in arrays}
        except Exception as error:  # a damaged file may raise anything
            raise ValueError(
                f"{os.fspath(path)} must be a file that save wrote, but cannot be read ({error})."
            ) from None


def check_state(
    state: Mapping[str, ArrayLike], shapes: Mapping[str, tuple[int, ...]]
) -> dict[str, Array]:
    """Validate a state against the names and shapes of a network; return its arrays.

    Raises
    ------
    TypeError, ValueError
        If a name is missing or unknown, a shape differs, or a number is not finite.

    Examples
    --------
    >>> check_state({"b1": [1, 2]}, {"b1": (2,)})
    {'b1': array([1., 2.])}
    """
    if set(state) != set(shapes):
        raise ValueError(
            f"the state must have the names {list(shapes)}, got {list(state)}. "
            "Is it another network's?"
        )
    checked = {name: check_array(state[name], name) for name in shapes}
    for name, shape in shapes.items():
        if checked[name].shape != shape:
            raise ValueError(
                f"{name} must have shape {shape}, got {checked[name].shape}. "
                "Is it another network's?"
            )
    return checked
