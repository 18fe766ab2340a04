"""The argument checks that the whole package shares.

A wrong argument is cheapest where it enters. Every check here returns its argument, as an array
or number of a known kind, or raises with a message in three parts: what was expected, what came,
and, where the mistake is a usual one, what to do about it.

The checks never change their argument and never copy an array that is already right.
"""

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt


def check_array(values: npt.ArrayLike, name: str = "values") -> npt.NDArray[np.floating[Any]]:
    """Return real, finite, non-empty numbers of any shape as a floating-point array.

    Parameters
    ----------
    values : array_like
        Real numbers. Floating-point types are kept; integers and booleans become float64, so
        that no later arithmetic wraps around as uint8 does.
    name : str
        What the message calls the argument.

    Returns
    -------
    numpy.ndarray
        Floating point, the shape of `values`. A view of `values` where nothing had to change.

    Raises
    ------
    TypeError
        If `values` are not real numbers, or have no rectangular shape.
    ValueError
        If `values` are empty or hold NaN or infinity.

    Examples
    --------
    >>> check_array(np.array([0, 255], dtype=np.uint8), "pixels")
    array([  0., 255.])
    >>> check_array([1.0, float("nan")], "pixels")
    Traceback (most recent call last):
        ...
    ValueError: pixels must be finite, got 1 NaN or infinite value, the first at index (1,). \
Remove or replace it.
    """
    try:
        array = np.asarray(values)
    except ValueError:
        raise TypeError(
            f"{name} must be an array of real numbers, got a ragged sequence. "
            "Give every row the same length."
        ) from None
    if array.dtype.kind not in "fiub":
        raise TypeError(
            f"{name} must be an array of real numbers, got {_kind(values, array)}. "
            "Convert it with np.asarray(..., dtype=np.float64)."
        )
    if array.size == 0:
        raise ValueError(
            f"{name} must not be empty, got shape {array.shape}. Pass at least one sample."
        )
    if array.dtype.kind != "f":
        return array.astype(np.float64)
    finite = np.isfinite(array)
    if not finite.all():
        n_bad = int(array.size - np.count_nonzero(finite))
        first = tuple(int(i) for i in np.argwhere(~finite)[0])
        value, pronoun = ("value", "it") if n_bad == 1 else ("values", "them")
        where = f", the first at index {first}" if first else ""
        raise ValueError(
            f"{name} must be finite, got {n_bad} NaN or infinite {value}{where}. "
            f"Remove or replace {pronoun}."
        )
    return array


def check_matrix(
    X: npt.ArrayLike,
    name: str = "X",
    n_features: int | None = None,
    *,
    n_samples: int | None = None,
) -> npt.NDArray[np.floating[Any]]:
    """Return a batch, samples in rows, as a two-dimensional floating-point array.

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
        Real, finite numbers, at least one sample and one feature.
    name : str
        What the message calls the argument.
    n_features, n_samples : int, optional
        The numbers of columns and rows that `X` must have; any, when left out.

    Returns
    -------
    numpy.ndarray, shape (n_samples, n_features)
        Floating point; see `check_array`.

    Raises
    ------
    TypeError
        If `X` holds anything but real numbers.
    ValueError
        If `X` has another shape, is empty, or holds NaN or infinity.

    Examples
    --------
    >>> check_matrix([[1, 2, 3]], "X", 3)
    array([[1., 2., 3.]])
    >>> check_matrix(np.zeros((3, 4)), "X", 3)
    Traceback (most recent call last):
        ...
    ValueError: X must have shape (n_samples, 3), got (3, 4). Did you pass X.T?
    """
    array = check_array(X, name)
    rows_fit = array.ndim == 2 and n_samples in (None, array.shape[0])
    if rows_fit and n_features in (None, array.shape[1]):
        return array
    rows = "n_samples" if n_samples is None else n_samples
    columns = "n_features" if n_features is None else n_features
    raise ValueError(
        f"{name} must have shape ({rows}, {columns}), got {array.shape}. "
        f"{_matrix_hint(array, name, n_features, n_samples)}"
    )


def _matrix_hint(
    array: npt.NDArray[Any], name: str, n_features: int | None, n_samples: int | None
) -> str:
    """Say what would mend the shape of `array`."""
    if array.ndim == 1:
        if n_features is None or array.shape == (n_features,) != (1,):
            return f"Pass one sample as {name}[np.newaxis, :]."
        if n_features == 1:
            return f"Pass one feature as {name}[:, np.newaxis]."
    if array.ndim == 2:
        n_rows, n_columns = array.shape
        if n_features in (None, n_rows) and n_samples in (None, n_columns):
            return f"Did you pass {name}.T?"
    if array.ndim > 2 and n_features in (None, math.prod(array.shape[1:])):
        return f"Flatten each sample: {name}.reshape(len({name}), -1)."
    return "Samples are rows and features are columns."


def check_labels(
    y: npt.ArrayLike,
    n_samples: int | None = None,
    n_classes: int | None = None,
    *,
    name: str = "y",
) -> npt.NDArray[np.int64]:
    """Return class labels 0, 1, ..., n_classes - 1 as a one-dimensional int64 array.

    Parameters
    ----------
    y : array_like of int or bool, shape (n_samples,)
        Class labels.
    n_samples : int, optional
        How many labels there must be; any number, when left out.
    n_classes : int, optional
        One more than the largest label allowed; any, when left out.
    name : str
        What the message calls the argument.

    Returns
    -------
    numpy.ndarray of int64, shape (n_samples,)
        A view of `y` where it is int64 already.

    Raises
    ------
    TypeError
        If the labels are not integers.
    ValueError
        If they are empty, have another shape or number, or lie outside the range.

    Examples
    --------
    >>> check_labels([0, 2, 1], 3, 3)
    array([0, 2, 1])
    >>> check_labels([0, 3, 1], 3, 3)
    Traceback (most recent call last):
        ...
    ValueError: y must hold labels from 0 to 2, got 3 at index 1. Number the classes from 0.
    """
    try:
        array = np.asarray(y)
    except ValueError:
        raise TypeError(
            f"{name} must be an array of integer labels, got a ragged sequence. Pass one label "
            "a sample."
        ) from None
    if array.size == 0:
        raise ValueError(
            f"{name} must not be empty, got shape {array.shape}. Pass at least one label."
        )
    if array.ndim != 1:
        hint = "Pass one label a sample."
        if array.ndim == 2:
            one_column = array.shape[1] == 1
            hint = (
                f"Did you mean {name}.ravel()?"
                if one_column
                else f"Did you pass one-hot rows? Use {name}.argmax(axis=1)."
            )
        raise ValueError(f"{name} must have shape (n_samples,), got {array.shape}. {hint}")
    if array.dtype.kind not in "iub":
        raise TypeError(
            f"{name} must hold integer labels, got {_kind(y, array)}. "
            f"If they are whole numbers, use {name}.astype(np.int64)."
        )
    if n_samples is not None and len(array) != n_samples:
        raise ValueError(
            f"{name} must hold {n_samples} labels, got {len(array)}. Pass one label a sample."
        )
    wrong = array < 0
    if n_classes is not None:
        wrong = wrong | (array >= n_classes)
    if wrong.any():
        index = int(np.flatnonzero(wrong)[0])
        top = "" if n_classes is None else f" to {n_classes - 1}"
        raise ValueError(
            f"{name} must hold labels from 0{top}, got {int(array[index])} at index {index}. "
            "Number the classes from 0."
        )
    return array.astype(np.int64, copy=False)


def check_same_length(*arrays: npt.NDArray[Any], names: tuple[str, ...] = ("X", "y")) -> None:
    """Require one number of samples in all arrays.

    Parameters
    ----------
    *arrays : numpy.ndarray, shape (n_samples, ...)
        At least one dimension each.
    names : tuple of str
        What the message calls them.

    Raises
    ------
    ValueError
        If the first dimensions differ.

    Examples
    --------
    >>> check_same_length(np.zeros((3, 2)), np.zeros(4))
    Traceback (most recent call last):
        ...
    ValueError: X and y must have the same number of samples, got 3 and 4. Pair them one to one.
    """
    lengths = [len(array) for array in arrays]
    if len(set(lengths)) > 1:
        raise ValueError(
            f"{' and '.join(names)} must have the same number of samples, "
            f"got {' and '.join(map(str, lengths))}. Pair them one to one."
        )


def check_same_shape(
    prediction: npt.NDArray[Any],
    target: npt.NDArray[Any],
    names: tuple[str, str] = ("prediction", "target"),
) -> None:
    """Require equal shapes, so that nothing broadcasts unseen.

    Parameters
    ----------
    prediction, target : numpy.ndarray
        Arrays that are about to be combined entry by entry.
    names : tuple of str
        What the message calls them.

    Raises
    ------
    ValueError
        If the shapes differ. The usual case is (n, 1) against (n,), whose difference has shape
        (n, n) and whose mean square is a plausible wrong number.

    Examples
    --------
    >>> check_same_shape(np.zeros((4, 1)), np.zeros(4))
    Traceback (most recent call last):
        ...
    ValueError: target must have the shape of prediction, (4, 1), got (4,). \
Use target.reshape(4, 1).
    """
    if prediction.shape != target.shape:
        hint = "Pass one target for each output."
        if prediction.size == target.size:
            hint = f"Use {names[1]}.reshape{prediction.shape}."
        raise ValueError(
            f"{names[1]} must have the shape of {names[0]}, {prediction.shape}, "
            f"got {target.shape}. {hint}"
        )


def check_positive_int(value: object, name: str, *, minimum: int = 1) -> int:
    """Return a whole number of at least `minimum` as an int.

    Parameters
    ----------
    value : int or numpy integer
        The number; booleans and floats are refused.
    name : str
        What the message calls it.
    minimum : int
        The smallest number allowed.

    Returns
    -------
    int

    Raises
    ------
    TypeError
        If `value` is not an integer.
    ValueError
        If it is smaller than `minimum`.

    Examples
    --------
    >>> check_positive_int(np.int64(3), "n_samples")
    3
    >>> check_positive_int(0, "batch_size")
    Traceback (most recent call last):
        ...
    ValueError: batch_size must be an integer of at least 1, got 0. Pass a larger one.
    """
    if type(value) is int and value >= minimum:
        return value
    expected = f"{name} must be an integer of at least {minimum}"
    if isinstance(value, bool | np.bool_):
        raise TypeError(f"{expected}, got {value}. Pass a number.")
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(
            f"{expected}, got {value!r} of type {type(value).__name__}. Pass an int."
        ) from None
    if number < minimum:
        raise ValueError(f"{expected}, got {number}. Pass a larger one.")
    return number


def check_sizes(sizes: Sequence[int]) -> list[int]:
    """Return the widths of a network's layers, input first, as a list of ints.

    Parameters
    ----------
    sizes : sequence of int
        At least an input and an output width, all positive.

    Returns
    -------
    list of int

    Raises
    ------
    TypeError, ValueError
        If one is not a positive integer, or there are fewer than two.

    Examples
    --------
    >>> check_sizes((784, 32, 10))
    [784, 32, 10]
    >>> check_sizes([784])
    Traceback (most recent call last):
        ...
    ValueError: sizes must hold at least an input and an output width, got [784]. \
Pass, for example, [784, 32, 10].
    """
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

    Parameters
    ----------
    value : float, int, or a NumPy number
        The number; booleans are refused.
    name : str
        What the message calls it.
    low, high : float
        The ends of the interval.
    low_open, high_open : bool
        Whether the ends themselves are refused.

    Returns
    -------
    float

    Raises
    ------
    TypeError
        If `value` is not one real number.
    ValueError
        If it is not finite or lies outside the interval.

    Examples
    --------
    >>> check_number(0.9, "momentum", low=0, high=1, high_open=True)
    0.9
    >>> check_number(-0.1, "lr", low=0, low_open=True)
    Traceback (most recent call last):
        ...
    ValueError: lr must be a finite number greater than 0, got -0.1. Pass one in that range.
    """
    bounds = []
    if low > -math.inf:
        bounds.append(f"greater than {low:g}" if low_open else f"at least {low:g}")
    if high < math.inf:
        bounds.append(f"less than {high:g}" if high_open else f"at most {high:g}")
    expected = " ".join([f"{name} must be a finite number", " and ".join(bounds)]).rstrip()
    number_types = (int, float, np.integer, np.floating)
    if isinstance(value, bool | np.bool_) or not isinstance(value, number_types):
        raise TypeError(
            f"{expected}, got {value!r} of type {type(value).__name__}. Pass one number."
        )
    number = float(value)
    too_low = number <= low if low_open else number < low
    too_high = number >= high if high_open else number > high
    if too_low or too_high or not math.isfinite(number):
        raise ValueError(f"{expected}, got {value}. Pass one in that range.")
    return number


def check_rng(rng: object, name: str = "rng") -> np.random.Generator:
    """Return `rng` if it is a NumPy random generator.

    Parameters
    ----------
    rng : numpy.random.Generator
        The only source of randomness in this package.
    name : str
        What the message calls it.

    Returns
    -------
    numpy.random.Generator

    Raises
    ------
    TypeError
        If it is anything else: a seed, the `numpy.random` module, or a legacy RandomState.

    Examples
    --------
    >>> check_rng(0)
    Traceback (most recent call last):
        ...
    TypeError: rng must be a numpy.random.Generator, got 0 of type int. \
Pass np.random.default_rng(0).
    """
    if isinstance(rng, np.random.Generator):
        return rng
    is_seed = isinstance(rng, int | np.integer) and not isinstance(rng, bool)
    came = f"{rng!r} of type int" if is_seed else f"an object of type {type(rng).__name__}"
    seed = rng if is_seed else 0
    raise TypeError(
        f"{name} must be a numpy.random.Generator, got {came}. Pass np.random.default_rng({seed})."
    )


def _kind(values: object, array: npt.NDArray[Any]) -> str:
    """Name what came, without printing it."""
    if array.dtype.kind == "O" and array.ndim == 0:
        return f"an object of type {type(values).__name__}"
    return f"dtype {array.dtype}"
