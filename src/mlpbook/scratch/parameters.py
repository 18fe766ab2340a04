r"""All parameters as one vector, and each as a view of it.

A network's parameters are many arrays, but to descent they are one point :math:`\theta` of one
space. So they are kept as one vector, and the layers' arrays are views of it: windows, through
which a write reaches the vector itself. A step of an optimizer, a norm, a copy or a check of all
parameters is then one operation, whatever the depth.
"""

import math
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Views", "vectors"]

Array = NDArray[np.floating[Any]]
Shape = tuple[int, ...]


class Views(list[Array]):
    """Arrays of given shapes, all of them views of one vector, one after another.

    A list like any other, but not meant to be changed: write into the arrays instead.

    Parameters
    ----------
    flat : array (n,)
        The vector.
    shapes : sequence of tuples
        Of the arrays, whose sizes add up to n.

    Raises
    ------
    ValueError
        If the sizes do not add up.

    Examples
    --------
    >>> W, b = theta = Views(np.arange(8.0), [(2, 3), (2,)])
    >>> W
    array([[0., 1., 2.],
           [3., 4., 5.]])
    >>> W[0, 0] = 9
    >>> theta.flat
    array([9., 1., 2., 3., 4., 5., 6., 7.])
    """

    def __init__(self, flat: Array, shapes: Sequence[Shape]) -> None:
        ends = list(accumulate(math.prod(shape) for shape in shapes))
        if flat.shape != (ends[-1] if ends else 0,):
            raise ValueError(
                f"flat must have one entry for each of shapes {list(shapes)}, shape "
                f"({ends[-1] if ends else 0},), got {flat.shape}. Add up the sizes."
            )
        parts = np.split(flat, ends[:-1]) if ends else []
        super().__init__(part.reshape(shape) for part, shape in zip(parts, shapes, strict=True))
        self.flat = flat
        self.shapes = tuple(shapes)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        """Copy and pickle the vector, and make the views anew: copied views would be no views."""
        return Views, (self.flat, self.shapes)


def vectors(arrays: Sequence[Array]) -> list[Array]:
    """Return the one vector behind `Views`, or the arrays of any other list.

    >>> theta = Views(np.zeros(8), [(2, 3), (2,)])
    >>> [v.shape for v in vectors(theta)], [v.shape for v in vectors(list(theta))]
    ([(8,)], [(2, 3), (2,)])
    """
    return [arrays.flat] if isinstance(arrays, Views) else list(arrays)
