"""Arrays that count the multiplications done with them.

Times depend on the machine, counts do not. An array marked with `counted` behaves like any other,
and so does whatever is computed from it; in addition, every multiplication is counted in a tally.
So the code whose cost is in question runs as it stands.
"""

from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Counted", "counted"]


class Counted(np.ndarray[Any, Any]):
    """An array with a tally, made by `counted`."""

    tally: Counter[str]

    def __array_finalize__(self, source: Any) -> None:
        """Hand the tally on to views, such as a transpose."""
        self.tally = source.tally if isinstance(source, Counted) else Counter()

    def __array_ufunc__(self, ufunc: np.ufunc, method: Any, *inputs: Any, **options: Any) -> Any:
        """Compute with plain arrays, note the multiplications, and mark the result."""
        plain = [x.view(np.ndarray) if isinstance(x, Counted) else x for x in inputs]
        if "out" in options:
            options["out"] = tuple(np.asarray(x) for x in options["out"])
        result = getattr(ufunc, method)(*plain, **options)
        if method == "__call__" and ufunc is np.matmul:
            self._note_product(plain, result)
        elif method == "__call__" and ufunc is np.multiply:
            self.tally["multiply"] += int(np.size(result))
        return counted(result, self.tally) if isinstance(result, np.ndarray) else result

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        """Note ``np.dot``, which is no ufunc, like the operator ``@``."""
        result = super().__array_function__(function, types, args, options)
        if function is np.dot:
            self._note_product(args, result)
            return counted(np.asarray(result), self.tally)
        return result

    def _note_product(self, factors: Any, result: Any) -> None:
        kind = "matmul" if min(np.ndim(factor) for factor in factors) > 1 else "matvec"
        self.tally[kind] += int(np.size(result)) * int(np.shape(factors[0])[-1])


def counted(values: NDArray[Any], tally: Counter[str]) -> Counted:
    """Return a view of an array that notes its multiplications in a tally.

    Parameters
    ----------
    values : array
    tally : Counter
        ``tally["matmul"]`` grows by m k n for each product (m, k) @ (k, n), by ``@`` or
        ``np.dot``, the count of the textbook method; ``tally["matvec"]`` likewise where one of
        the two is a vector; ``tally["multiply"]`` by the number of entries of each product entry
        by entry.

    Examples
    --------
    >>> tally = Counter()
    >>> A = counted(np.ones((5, 4)), tally)
    >>> Z = np.maximum(A @ np.ones((4, 3)), 0) * 2.0
    >>> tally["matmul"], tally["multiply"]
    (60, 15)
    """
    array = np.asarray(values).view(Counted)
    array.tally = tally
    return array
