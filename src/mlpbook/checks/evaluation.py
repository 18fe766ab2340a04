r"""Evaluation: how good a model is, how sure we are, and whether it beats another.

An error rate measured on a test set is an estimate, and so is a mean over a few seeds. Every
function here that estimates something also returns an interval.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from mlpbook.shared import Array
from mlpbook.shared.validation import (
    check_array,
    check_labels,
    check_number,
    check_positive_int,
    check_rng,
)

__all__ = [
    "Comparison",
    "Summary",
    "compare_classifiers",
    "compare_seeds",
    "error_rate",
    "paired_bootstrap",
    "summarize_seeds",
    "wilson_interval",
]


def error_rate(predictions: ArrayLike, y: ArrayLike) -> float:
    """Return the fraction of wrong predictions, from predicted and true classes (n_samples,).

    >>> error_rate([0, 1, 2, 2], [0, 1, 1, 2])
    0.25
    """
    y = check_labels(y)
    predictions = check_labels(predictions, len(y), name="predictions")
    return int(np.count_nonzero(predictions != y)) / len(y)


def wilson_interval(n_errors: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    r"""Return Wilson's confidence interval for the probability behind a count.

    With :math:`\hat p = k/n` and the normal quantile z, the interval holds every p with
    :math:`|\hat p - p| \le z\sqrt{p(1-p)/n}`:

    .. math::
       \frac{\hat p + z^2/2n \pm z\sqrt{\hat p(1-\hat p)/n + z^2/4n^2}}{1 + z^2/n}.

    Unlike :math:`\hat p \pm z\sqrt{\hat p(1-\hat p)/n}` it stays between 0 and 1, and it does not
    shrink to a point when there was no error, or nothing but errors.

    Parameters
    ----------
    n_errors : int
        The count k, from 0 to n.
    n : int
        The number of independent trials, such as test samples.
    confidence : float
        Between 0 and 1.

    References
    ----------
    E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", 1927,
    doi 10.1080/01621459.1927.10502953.

    Examples
    --------
    >>> low, high = wilson_interval(200, 10_000)
    >>> round(low, 4), round(high, 4)
    (0.0174, 0.0229)
    """
    n = check_positive_int(n, "n")
    n_errors = check_positive_int(n_errors, "n_errors", minimum=0)
    if n_errors > n:
        raise ValueError(f"n_errors must be at most n = {n}, got {n_errors}.")
    z = _normal_quantile(confidence)
    p = n_errors / n
    center = p + z**2 / (2 * n)
    radius = z * math.sqrt(p * (1 - p) / n + (z / (2 * n)) ** 2)
    # Exactly 0 and 1 where the formula gives them, in spite of rounding.
    low = 0.0 if n_errors == 0 else (center - radius) / (1 + z**2 / n)
    high = 1.0 if n_errors == n else (center + radius) / (1 + z**2 / n)
    return low, high


@dataclass(frozen=True)
class Summary:
    """The mean over n seeds, their standard deviation (divisor n - 1), and an interval.

    ``low`` and ``high`` are the ends of Student's t interval for the mean over all seeds.
    """

    mean: float
    std: float
    low: float
    high: float
    n: int


def summarize_seeds(values: ArrayLike, *, confidence: float = 0.95) -> Summary:
    r"""Summarize one number per seed by mean, standard deviation and Student's t interval.

    The interval is :math:`\bar v \pm t\,s/\sqrt n` with the quantile t for n - 1 degrees of
    freedom; it holds at the stated confidence if the values are independent and normal. With few
    seeds, t is far from its limit: 4.30 for three seeds, against 1.96.

    Parameters
    ----------
    values : array_like, shape (n,)
        One number per seed; at least two.
    confidence : float
        Between 0 and 1.

    References
    ----------
    Student, "The Probable Error of a Mean", 1908, doi 10.1093/biomet/6.1.1.

    Examples
    --------
    >>> summary = summarize_seeds([1.0, 2.0, 3.0])
    >>> summary.mean, summary.std, round(summary.low, 3), round(summary.high, 3)
    (2.0, 1.0, -0.484, 4.484)
    """
    from scipy.special import stdtrit  # the quantile of Student's t

    array = check_array(values, "values").astype(np.float64)
    if array.ndim != 1 or len(array) < 2:
        raise ValueError(
            f"values must have shape (n,) with n of at least 2, got {array.shape}. Run more seeds."
        )
    n = len(array)
    mean, std = float(array.mean()), float(array.std(ddof=1))
    quantile = float(stdtrit(n - 1, (1 + _check_confidence(confidence)) / 2))
    radius = quantile * std / math.sqrt(n)
    return Summary(mean, std, mean - radius, mean + radius, n)


@dataclass(frozen=True)
class Comparison:
    """Two models compared on n pairs of numbers, where less is better.

    Attributes
    ----------
    error_a, error_b : float
        The means of both: error rates, or mean losses.
    low, high : float
        Confidence interval for the difference, a minus b.
    n : int
        The number of pairs: test samples, or seeds.
    """

    error_a: float
    error_b: float
    low: float
    high: float
    n: int

    @property
    def difference(self) -> float:
        """The difference, a minus b: negative where a is better."""
        return self.error_a - self.error_b

    @property
    def verdict(self) -> Literal["better", "worse", "not distinguishable"]:
        """The conclusion about a: "better" and "worse" only if the interval excludes 0."""
        if self.high < 0:
            return "better"
        return "worse" if self.low > 0 else "not distinguishable"


def compare_classifiers(
    correct_a: ArrayLike, correct_b: ArrayLike, *, confidence: float = 0.95
) -> Comparison:
    r"""Compare two classifiers on the same test samples, pair by pair.

    Samples that both get right, or both get wrong, do not tell the two apart. With b and c
    samples that only a or only b gets wrong, of n in all, the interval is

    .. math::
       d \pm z\sqrt{\frac{\tilde b + \tilde c - d^2}{n + 2}},\qquad
       \tilde b = \frac{b + 1}{n + 2},\quad \tilde c = \frac{c + 1}{n + 2},\quad
       d = \tilde b - \tilde c.

    The added ones keep it from shrinking to a point when the two never disagree.

    Parameters
    ----------
    correct_a, correct_b : array_like of bool, shape (n_samples,)
        Whether each sample was classified correctly: ``predictions == y``.
    confidence : float
        Between 0 and 1.

    Notes
    -----
    Here the test samples vary. Whether one training method is better than another is also a
    question about seeds: compare several runs of each with `compare_seeds`.

    References
    ----------
    D. G. Bonett and R. M. Price, "Adjusted Wald Confidence Interval for a Difference of Binomial
    Proportions Based on Paired Data", 2012, doi 10.3102/1076998611411915.

    Examples
    --------
    >>> correct_a = np.arange(1000) >= 20  # 20 errors
    >>> correct_b = np.arange(1000) >= 25  # the same and 5 more
    >>> compare_classifiers(correct_a, correct_b).verdict
    'not distinguishable'
    >>> compare_classifiers(correct_a, np.arange(1000) >= 40).verdict
    'better'
    """
    for correct, name in ((correct_a, "correct_a"), (correct_b, "correct_b")):
        if np.asarray(correct).dtype != np.bool_:
            raise TypeError(
                f"{name} must hold booleans, got {np.asarray(correct).dtype}. "
                "Pass predictions == y."
            )
    wrong_a, wrong_b = _check_pairs(
        np.logical_not(correct_a), np.logical_not(correct_b), names=("correct_a", "correct_b")
    )
    z, n = _normal_quantile(confidence), len(wrong_a)
    share_a = (np.count_nonzero(wrong_a > wrong_b) + 1) / (n + 2)
    share_b = (np.count_nonzero(wrong_a < wrong_b) + 1) / (n + 2)
    center = share_a - share_b
    radius = z * math.sqrt((share_a + share_b - center**2) / (n + 2))
    low, high = max(-1.0, center - radius), min(1.0, center + radius)
    return Comparison(float(wrong_a.mean()), float(wrong_b.mean()), low, high, n)


def paired_bootstrap(
    losses_a: ArrayLike,
    losses_b: ArrayLike,
    *,
    rng: np.random.Generator,
    n_resamples: int = 10_000,
    confidence: float = 0.95,
) -> Comparison:
    r"""Compare the mean losses of two models on the same test samples by the bootstrap.

    Draw n of the n samples with replacement, both models' losses together, and take the difference
    of the means; the interval holds the middle of such differences (the percentile method).

    Parameters
    ----------
    losses_a, losses_b : array_like, shape (n_samples,)
        A number per sample, less being better. For error rates: ``predictions != y``.
    rng : numpy.random.Generator
        Draws the resamples.
    n_resamples : int
        With 10,000, an end of the 95 % interval is uncertain by about 1 % of its width.
    confidence : float
        Between 0 and 1.

    Notes
    -----
    For error rates the differences :math:`a_i - b_i` are -1, 0 and 1, and a resample is decided by
    how often it holds each. These counts are multinomial and drawn at once: a resample costs three
    numbers instead of n. For error rates with few disagreements the interval is too narrow, and
    `compare_classifiers` is better.

    References
    ----------
    B. Efron, "Bootstrap Methods: Another Look at the Jackknife", 1979, doi 10.1214/aos/1176344552.

    Examples
    --------
    >>> wrong_a = np.arange(1000) < 20  # 20 errors
    >>> wrong_b = np.arange(1000) < 40  # the same and 20 more
    >>> result = paired_bootstrap(wrong_a, wrong_b, rng=np.random.default_rng(0))
    >>> round(result.difference, 3), result.verdict
    (-0.02, 'better')
    """
    a, b = _check_pairs(losses_a, losses_b, names=("losses_a", "losses_b"))
    check_rng(rng)
    n_resamples = check_positive_int(n_resamples, "n_resamples")
    tail = (1 - _check_confidence(confidence)) / 2
    n = len(a)
    differences = a - b
    values, counts = np.unique(differences, return_counts=True)
    few = len(values) <= 3
    means = np.empty(n_resamples)
    chunk = max(1, _CHUNK // (len(values) if few else n))
    for start in range(0, n_resamples, chunk):
        part = means[start : start + chunk]
        if few:
            part[:] = rng.multinomial(n, counts / n, size=len(part)) @ values / n
        else:
            part[:] = differences[rng.integers(n, size=(len(part), n))].mean(axis=1)
    # Each end is a drawn difference, rounded outward; exchanging a and b mirrors the interval.
    low = float(np.quantile(means, tail, method="inverted_cdf"))
    high = -float(np.quantile(-means, tail, method="inverted_cdf"))
    return Comparison(float(a.mean()), float(b.mean()), low, high, n)


def compare_seeds(
    values_a: ArrayLike, values_b: ArrayLike, *, confidence: float = 0.95
) -> Comparison:
    r"""Compare two methods by their results over the same seeds, pair by pair.

    With the same seed, both methods have the same start, batches or data; what these do to both
    cancels in the difference. Its mean gets Student's t interval, as in `summarize_seeds`, for
    other seeds on the same test samples.

    Parameters
    ----------
    values_a, values_b : array_like, shape (n_seeds,)
        One number per seed, less being better, such as test errors; at least two.
    confidence : float
        Between 0 and 1.

    Examples
    --------
    >>> compare_seeds([0.021, 0.019, 0.024], [0.025, 0.022, 0.029]).verdict
    'better'
    >>> compare_seeds([0.021, 0.019, 0.024], [0.022, 0.023, 0.019]).verdict
    'not distinguishable'
    """
    a, b = _check_pairs(values_a, values_b, names=("values_a", "values_b"))
    summary = summarize_seeds(a - b, confidence=confidence)
    return Comparison(float(a.mean()), float(b.mean()), summary.low, summary.high, len(a))


_CHUNK = 1_000_000  # numbers drawn at a time: 8 MB


def _check_pairs(a: ArrayLike, b: ArrayLike, *, names: tuple[str, str]) -> tuple[Array, Array]:
    """Return two rows of numbers (n,) of the same length, as float64."""
    one, two = (check_array(values, name) for values, name in zip((a, b), names, strict=True))
    if one.ndim != 1 or one.shape != two.shape:
        raise ValueError(
            f"{' and '.join(names)} must have the same shape (n,), got {one.shape} and {two.shape}."
        )
    return one.astype(np.float64), two.astype(np.float64)


def _check_confidence(confidence: float) -> float:
    """Return a confidence strictly between 0 and 1."""
    return check_number(confidence, "confidence", low=0, high=1, low_open=True, high_open=True)


def _normal_quantile(confidence: float) -> float:
    """Return z with P(|Z| <= z) = confidence for a standard normal Z."""
    return NormalDist().inv_cdf((1 + _check_confidence(confidence)) / 2)
