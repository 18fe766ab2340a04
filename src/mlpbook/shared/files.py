"""Networks in files: what both halves write, and read back, so that each reads the other's.

A state is a dictionary of arrays by name: W1, b1, W2 and so on. It is kept in NumPy's format
``.npz``, of which nothing is ever executed: pickled objects are refused.
"""

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mlpbook.shared.validation import check_array

__all__ = ["check_state", "read_state", "write_state"]

Array = NDArray[Any]


def write_state(path: str | os.PathLike[str], state: Mapping[str, Array]) -> None:
    """Write arrays, by name, to a file of exactly this name.

    Parameters
    ----------
    path : str or path
    state : mapping of str to array
    """
    with open(path, "wb") as file:
        np.savez(file, **state)  # type: ignore[arg-type]


def read_state(path: str | os.PathLike[str]) -> dict[str, Array]:
    """Return the arrays that `write_state` wrote.

    Raises
    ------
    OSError
        If there is no such file.
    ValueError
        If it is not such a file.
    """
    with open(path, "rb") as file:  # no file, or no permission: the system's message says so
        try:
            with np.load(file, allow_pickle=False) as arrays:
                return {name: arrays[name] for name in arrays}
        except Exception as error:  # a broken file may provoke anything
            raise ValueError(
                f"{os.fspath(path)} must be a file that save wrote, but it cannot be read as "
                f"one ({error}). Save the network again."
            ) from None


def check_state(
    state: Mapping[str, ArrayLike], shapes: Mapping[str, tuple[int, ...]]
) -> dict[str, Array]:
    """Return a state's arrays if they are a network's.

    Parameters
    ----------
    state : mapping of str to array_like
    shapes : mapping of str to tuple
        The network's own names, and the shapes of what bears them.

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
            "Was it another network's?"
        )
    checked = {name: check_array(state[name], name) for name in shapes}
    for name, shape in shapes.items():
        if checked[name].shape != shape:
            raise ValueError(
                f"{name} must have shape {shape}, got {checked[name].shape}. "
                "Was it another network's? The sizes must be the same."
            )
    return checked
