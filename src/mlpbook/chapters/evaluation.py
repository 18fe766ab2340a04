r"""Evaluation: paired counts, the best of several, a search under a budget, and probabilities.

What this chapter alone uses. The intervals and comparisons that the whole book uses are in
`mlpbook.checks.evaluation`.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mlpbook.shared import Array

__all__ = [
    "brier_score",
    "coverage",
    "expected_best",
    "log_score",
    "mcnemar",
    "reliability",
    "successive_halving",
    "temper",
]


def mcnemar(b: int, c: int) -> float:
    """Return McNemar's exact p-value (eq-evaluation-mcnemar).

    Only network A misreads b of the images, only network B misreads c.
    If A and B are equally good, each of these b + c images falls to
    either side like a fair coin. The p-value is the probability of a
    split at least as uneven as the one observed.

    >>> mcnemar(5, 0)
    0.0625
    """
    n, fewer = b + c, min(b, c)
    tail = sum(math.comb(n, k) for k in range(fewer + 1)) / 2**n
    return float(min(1.0, 2 * tail))


def coverage(interval: Callable[[int, int], tuple[float, float]], p: float, n: int) -> float:
    """Return the probability that an interval for a rate contains it.

    Parameters
    ----------
    interval : callable
        Maps the number of errors and n to the two ends.
    p : float
        The rate, strictly between 0 and 1.
    n : int
        The number of independent trials.

    Examples
    --------
    >>> round(coverage(lambda k, n: (0.2, 0.8), 0.5, 10), 3)
    1.0
    """
    total = 0.0
    for k in range(n + 1):
        low, high = interval(k, n)
        if low <= p <= high:
            log_weight = math.lgamma(n + 1) - math.lgamma(k + 1)
            log_weight -= math.lgamma(n - k + 1)
            log_weight += k * math.log(p) + (n - k) * math.log1p(-p)
            total += math.exp(log_weight)
    return total


def expected_best(values: ArrayLike, k: int) -> float:
    r"""Return the mean of the smallest of k of the values (eq-evaluation-best).

    All subsets of k of the n values count alike. The i-th smallest value
    (i = 0, 1, ...) is the smallest of :math:`\binom{n-1-i}{k-1}` of them.

    >>> expected_best([3.0, 1.0, 2.0], 2)  # subsets: 1, 1 and 2
    1.3333333333333333
    """
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    n = len(ordered)
    if not 1 <= k <= n:
        raise ValueError(
            f"k must be from 1 to the number of values, {n}, got {k}. Run more configurations."
        )
    shares = [math.comb(n - 1 - i, k - 1) / math.comb(n, k) for i in range(n)]
    return float(ordered @ shares)


def successive_halving(
    train: Callable[[Any, int], tuple[Any, float]],
    candidates: Sequence[Any],
    epochs: int = 1,
) -> Iterator[list[tuple[Any, float]]]:
    """Train many candidates briefly, keep the better half, train it longer.

    train(candidate, epochs) trains on; it returns candidate and error.
    Yields one list of (candidate, error) per round, best first.

    >>> halve = successive_halving(lambda x, n: (x, x), [8, 1, 4, 2])
    >>> [len(ranking) for ranking in halve]
    [4, 2, 1]
    """
    while candidates:
        results = [train(candidate, epochs) for candidate in candidates]
        ranking = sorted(results, key=lambda result: result[1])
        yield ranking
        best = ranking[: len(ranking) // 2]
        candidates = [candidate for candidate, _ in best]
        epochs *= 2


def log_score(P: ArrayLike, y: ArrayLike) -> float:
    """Return the mean of -log of the probability of the true class, in nats.

    P has shape (N, C), y holds classes, shape (N,).

    >>> round(log_score([[0.5, 0.5], [1.0, 0.0]], [1, 0]), 3)
    0.347
    """
    P, y = np.asarray(P, dtype=np.float64), np.asarray(y)
    return float(-np.log(P[np.arange(len(y)), y]).mean())


def brier_score(P: ArrayLike, y: ArrayLike) -> float:
    """Return the mean squared distance of P (N, C) from the one-hot classes.

    >>> brier_score([[0.5, 0.5], [1.0, 0.0]], [1, 0])
    0.25
    """
    P, y = np.asarray(P, dtype=np.float64), np.asarray(y)
    target = np.eye(P.shape[1])[y]
    return float(((P - target) ** 2).sum(axis=1).mean())


def temper(logits: ArrayLike, temperature: float) -> Array:
    """Return softmax(logits / temperature), shape (N, C).

    >>> temper([[2.0, 0.0]], 1e6).round(3)
    array([[0.5, 0.5]])
    """
    Z = np.asarray(logits, dtype=np.float64) / temperature
    E = np.exp(Z - Z.max(axis=1, keepdims=True))
    P: Array = E / E.sum(axis=1, keepdims=True)
    return P


def reliability(P: ArrayLike, y: ArrayLike, edges: ArrayLike) -> list[tuple[float, int, int]]:
    """Compare confidence with accuracy, group by group.

    A prediction's confidence is its largest probability. Each group holds the
    predictions whose confidence lies between two neighboring edges.

    Parameters
    ----------
    P : array_like, shape (N, C)
    y : array_like of int, shape (N,)
    edges : array_like, shape (n_groups + 1,)
        Increasing; the last group includes its upper edge.

    Returns
    -------
    list of (mean confidence, number correct, size), groups without a
    prediction left out.

    Examples
    --------
    >>> reliability([[0.5, 0.5], [1.0, 0.0]], [1, 0], [0, 0.6, 1])
    [(0.5, 0, 1), (1.0, 1, 1)]
    """
    P, y, edges = np.asarray(P), np.asarray(y), np.asarray(edges)
    confidence, correct = P.max(axis=1), P.argmax(axis=1) == y
    group = np.searchsorted(edges[1:-1], confidence, side="right")
    return [
        (
            float(confidence[group == g].mean()),
            int(correct[group == g].sum()),
            int((group == g).sum()),
        )
        for g in range(len(edges) - 1)
        if (group == g).any()
    ]
