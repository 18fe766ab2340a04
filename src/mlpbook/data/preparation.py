"""Preparing data: scale, split, and cut into batches."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from mlpbook.shared.validation import check_matrix, check_positive_int, check_rng

__all__ = ["batches", "split", "standardize"]

Points = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]


def standardize(
    X_train: npt.ArrayLike, *others: npt.ArrayLike
) -> tuple[npt.NDArray[np.floating], ...]:
    """Shift and scale every feature by the training data's mean and standard deviation.

    Other data, such as a test set, are transformed with the training statistics: what is not
    known in training must not leak into it.

    Parameters
    ----------
    X_train : array_like, shape (n_samples, n_features)
        Determines mean and standard deviation (divisor n_samples). A feature that is constant
        here is shifted to 0 and divided by 1.
    *others : array_like, shape (any, n_features)
        Transformed in the same way.

    Returns
    -------
    tuple of numpy.ndarray
        `X_train` and `others`, transformed, each with its own floating-point dtype (float64 for
        integers).

    Raises
    ------
    TypeError
        If the data are not real numbers.
    ValueError
        If an array is empty, not two-dimensional, or not finite, or the numbers of features
        differ.

    Examples
    --------
    >>> X_train, X_test = standardize([[0.0, 5.0], [2.0, 5.0]], [[3.0, 6.0]])
    >>> X_train
    array([[-1.,  0.],
           [ 1.,  0.]])
    >>> X_test
    array([[2., 1.]])
    """
    train = check_matrix(X_train, "X_train")
    rest = [check_matrix(X, f"others[{i}]", train.shape[1]) for i, X in enumerate(others)]
    low, high = train.min(axis=0), train.max(axis=0)
    # The rounded mean of n equal numbers need not be that number, nor their deviation 0.
    mean = np.where(low == high, low, train.mean(axis=0, dtype=np.float64))
    std = np.where(low == high, 1, train.std(axis=0, dtype=np.float64))
    return tuple(((X - mean) / std).astype(X.dtype) for X in (train, *rest))


def split(n_samples: int, sizes: Sequence[int], *, rng: np.random.Generator) -> tuple[Indices, ...]:
    """Draw disjoint random parts of a data set, as index arrays.

    Parameters
    ----------
    n_samples : int
        Size of the data set.
    sizes : sequence of int
        Sizes of the parts; they add up to `n_samples` or less. What is left over is in no part.
    rng : numpy.random.Generator
        The source of randomness.

    Returns
    -------
    tuple of numpy.ndarray of int64
        One array of indices for each size; no index occurs twice.

    Raises
    ------
    TypeError
        If a size is not an integer, or `rng` is not a generator.
    ValueError
        If a size is less than 1, there is none, or they add up to more than `n_samples`.

    Examples
    --------
    >>> train, validation = split(5, [3, 2], rng=np.random.default_rng(0))
    >>> sorted([*train.tolist(), *validation.tolist()])
    [0, 1, 2, 3, 4]
    """
    n_samples = check_positive_int(n_samples, "n_samples")
    counts = [check_positive_int(size, f"sizes[{i}]") for i, size in enumerate(sizes)]
    if not 0 < sum(counts) <= n_samples:
        raise ValueError(
            f"sizes must add up to {n_samples} or less and more than 0, got {sum(counts)}. "
            "Pass the number of samples of each part."
        )
    order = check_rng(rng).permutation(n_samples)
    return tuple(np.split(order, np.cumsum(counts))[:-1])


def batches(
    n_samples: int, batch_size: int, *, rng: np.random.Generator | None = None
) -> Iterator[Indices]:
    """Cut one pass over a data set into batches of indices.

    Both halves of the book draw their batches here, so the same seed gives the same batches.

    Parameters
    ----------
    n_samples : int
        Size of the data set.
    batch_size : int
        Size of a batch; the last one is smaller where it does not divide `n_samples`. A batch
        larger than the data is the whole data.
    rng : numpy.random.Generator, optional
        Shuffles the data, once a call. Left out, the samples come in order.

    Yields
    ------
    numpy.ndarray of int64, shape (batch_size,) or shorter
        Each index from 0 to n_samples - 1 occurs in exactly one batch.

    Raises
    ------
    TypeError, ValueError
        If a number is not a positive integer, or `rng` is not a generator: when called, not when
        the first batch is taken.

    Examples
    --------
    >>> [batch.tolist() for batch in batches(5, 2)]
    [[0, 1], [2, 3], [4]]
    """
    n_samples = check_positive_int(n_samples, "n_samples")
    batch_size = check_positive_int(batch_size, "batch_size")
    order = np.arange(n_samples) if rng is None else check_rng(rng).permutation(n_samples)
    return (order[start : start + batch_size] for start in range(0, n_samples, batch_size))
