"""Argument checks, made once, where arguments enter the package.

Each check returns its argument as an array or number of a known kind, and never changes or
needlessly copies it. A message says what was expected and what came; where the mistake is a
common one, it also says how to fix it.
"""

import math
import operator
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mlpbook.shared import Array


def check_array(values: ArrayLike, name: str = "values") -> Array:
    """Return real, finite, non-empty numbers as a floating-point array of the same shape.

    Floating-point types are kept; integers and booleans become float64.

    >>> check_array([1.0, float("nan")], "pixels")
    Traceback (most recent call last):
        ...
    ValueError: pixels must be finite, got 1 NaN or infinite value, the first at index (1,).
    """
    try:
        array = np.asarray(values)
    except ValueError:
        raise TypeError(
            f"{name} must be an array of real numbers, got a ragged sequence."
        ) from None
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name} must be an array of real numbers, got {_kind(values, array)}.")
    if array.size == 0:
        raise ValueError(f"{name} must not be empty, got shape {array.shape}.")
    if array.dtype.kind != "f":
        return array.astype(np.float64)
    wrong = ~np.isfinite(array)
    if wrong.any():
        n, first = int(np.count_nonzero(wrong)), tuple(map(int, np.argwhere(wrong)[0]))
        where = f", the first at index {first}" if first else ""
        raise ValueError(
            f"{name} must be finite, got {n} NaN or infinite value{'s' * (n > 1)}{where}."
        )
    return array


def check_matrix(
    X: ArrayLike,
    name: str = "X",
    n_features: int | None = None,
    *,
    n_samples: int | None = None,
) -> Array:
    """Return a batch, one sample per row, as a floating-point matrix; see `check_array`.

    >>> check_matrix(np.zeros((3, 4)), "X", 3)
    Traceback (most recent call last):
        ...
    ValueError: X must have shape (n_samples, 3), got (3, 4). Did you pass X.T?
    """
    array = check_array(X, name)
    fits = array.ndim == 2 and n_samples in (None, len(array))
    if fits and n_features in (None, array.shape[1]):
        return array
    rows = "n_samples" if n_samples is None else n_samples
    columns = "n_features" if n_features is None else n_features
    hint = "Samples are rows and features are columns."
    if array.ndim == 1 and n_features == 1:
        hint = f"Pass one feature as {name}[:, np.newaxis]."
    elif array.ndim == 1 and n_features in (None, len(array)):
        hint = f"Pass one sample as {name}[np.newaxis, :]."
    elif (
        array.ndim == 2
        and n_features in (None, len(array))
        and n_samples
        in (
            None,
            array.shape[1],
        )
    ):
        hint = f"Did you pass {name}.T?"
    elif array.ndim > 2 and n_features in (None, math.prod(array.shape[1:])):
        hint = f"Flatten each sample: {name}.reshape(len({name}), -1)."
    raise ValueError(f"{name} must have shape ({rows}, {columns}), got {array.shape}. {hint}")


def check_labels(
    y: ArrayLike, n_samples: int | None = None, n_classes: int | None = None, *, name: str = "y"
) -> NDArray[np.int64]:
    """Return class labels 0, 1, ..., n_classes - 1 as an int64 array (n_samples,).

    >>> check_labels([0, 3, 1], 3, 3)
    Traceback (most recent call last):
        ...
    ValueError: y must hold labels from 0 to 2, got 3 at index 1. Number the classes from 0.
    """
    try:
        array = np.asarray(y)
    except ValueError:
        raise TypeError(f"{name} must hold integer labels, got a ragged sequence.") from None
    if array.size == 0:
        raise ValueError(f"{name} must not be empty, got shape {array.shape}.")
    if array.ndim != 1:
        hint = "Pass one label per sample."
        if array.ndim == 2:
            one_column = array.shape[1] == 1
            hint = f"Use {name}.ravel()." if one_column else f"Use {name}.argmax(axis=1)."
        raise ValueError(f"{name} must have shape (n_samples,), got {array.shape}. {hint}")
    if array.dtype.kind not in "iub":
        raise TypeError(f"{name} must hold integer labels, got {_kind(y, array)}.")
    if n_samples not in (None, len(array)):
        raise ValueError(f"{name} must hold {n_samples} labels, got {len(array)}.")
    wrong = array < 0 if n_classes is None else (array < 0) | (array >= n_classes)
    if wrong.any():
        index, top = int(wrong.argmax()), "" if n_classes is None else f" to {n_classes - 1}"
        raise ValueError(
            f"{name} must hold labels from 0{top}, got {array[index]} at index {index}. "
            "Number the classes from 0."
        )
    return array.astype(np.int64, copy=False)


def check_same_shape(a: Array, b: Array, names: tuple[str, str] = ("prediction", "target")) -> None:
    """Require equal shapes: (n, 1) and (n,) would broadcast to (n, n).

    >>> check_same_shape(np.zeros((4, 1)), np.zeros(4))
    Traceback (most recent call last):
        ...
    ValueError: target must have the shape of prediction, (4, 1), got (4,). \
Use target.reshape(4, 1).
    """
    if a.shape != b.shape:
        hint = f" Use {names[1]}.reshape{a.shape}." if a.size == b.size else ""
        raise ValueError(
            f"{names[1]} must have the shape of {names[0]}, {a.shape}, got {b.shape}.{hint}"
        )


def check_positive_int(value: object, name: str, *, minimum: int = 1) -> int:
    """Return an integer of at least `minimum` as an int; booleans and floats are refused.

    >>> check_positive_int(0, "batch_size")
    Traceback (most recent call last):
        ...
    ValueError: batch_size must be an integer of at least 1, got 0.
    """
    if type(value) is int and value >= minimum:
        return value
    expected = f"{name} must be an integer of at least {minimum}"
    try:
        if isinstance(value, bool | np.bool_):
            raise TypeError
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        kind = type(value).__name__
        raise TypeError(f"{expected}, got {value!r} of type {kind}.") from None
    if number < minimum:
        raise ValueError(f"{expected}, got {number}.")
    return number


def check_sizes(sizes: Sequence[int]) -> list[int]:
    """Return the widths of a network's layers, at least two, input first."""
    widths = [check_positive_int(n, "each of sizes") for n in sizes]
    if len(widths) < 2:
        raise ValueError(
            f"sizes must hold at least an input and an output width, got {widths}. "
            "Pass, for example, [784, 32, 10]."
        )
    return widths


def check_number(
    value: object,
    name: str,
    *,
    low: float = -math.inf,
    high: float = math.inf,
    low_open: bool = False,
    high_open: bool = False,
) -> float:
    """Return one finite real number in an interval as a float.

    >>> check_number(-0.1, "lr", low=0, low_open=True)
    Traceback (most recent call last):
        ...
    ValueError: lr must be a finite number greater than 0, got -0.1.
    """
    bounds = []
    if low > -math.inf:
        bounds.append(f"greater than {low:g}" if low_open else f"at least {low:g}")
    if high < math.inf:
        bounds.append(f"less than {high:g}" if high_open else f"at most {high:g}")
    expected = f"{name} must be a finite number {' and '.join(bounds)}".rstrip()
    is_number = isinstance(value, int | float | np.integer | np.floating)
    if not is_number or isinstance(value, bool):
        raise TypeError(f"{expected}, got {value!r} of type {type(value).__name__}.")
    number = float(value)  # type: ignore[arg-type]
    too_low = number <= low if low_open else number < low
    too_high = number >= high if high_open else number > high
    if too_low or too_high or not math.isfinite(number):
        raise ValueError(f"{expected}, got {value}.")
    return number


def check_rng(rng: object, name: str = "rng") -> np.random.Generator:
    """Return `rng` if it is a NumPy random generator, the only source of randomness here.

    >>> check_rng(0)
    Traceback (most recent call last):
        ...
    TypeError: rng must be a numpy.random.Generator, got 0. Pass np.random.default_rng(0).
    """
    if isinstance(rng, np.random.Generator):
        return rng
    is_seed = isinstance(rng, int | np.integer) and not isinstance(rng, bool)
    seed, came = (rng, rng) if is_seed else (0, f"an object of type {type(rng).__name__}")
    raise TypeError(
        f"{name} must be a numpy.random.Generator, got {came}. Pass np.random.default_rng({seed})."
    )


def _kind(values: object, array: Array) -> str:
    """Name what came, without printing it."""
    is_object = array.dtype.kind == "O" and array.ndim == 0
    return f"an object of type {type(values).__name__}" if is_object else f"dtype {array.dtype}"
