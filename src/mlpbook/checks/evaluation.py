"""Evaluation: how good a model is, how sure we are, and whether it beats another.

An error rate measured on a test set is an estimate, and so is a mean over a few seeds. Every
number that this module gives comes with what is needed to say how far it can be trusted.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np
import numpy.typing as npt

from mlpbook.shared.validation import (
    check_array,
    check_labels,
    check_number,
    check_positive_int,
    check_rng,
    check_same_length,
)

Verdict = Literal["better", "worse", "not distinguishable"]


def error_rate(predictions: npt.ArrayLike, y: npt.ArrayLike) -> float:
    """Return the share of wrong predictions.

    Parameters
    ----------
    predictions, y : array_like of int, shape (n_samples,)
        Predicted and true classes.

    Returns
    -------
    float
        From 0 to 1.

    Raises
    ------
    TypeError
        If either does not hold integers.
    ValueError
        If either is empty, negative or not one-dimensional, or the lengths differ.

    Examples
    --------
    >>> error_rate([0, 1, 2, 2], [0, 1, 1, 2])
    0.25
    """
    y = check_labels(y)
    predictions = check_labels(predictions, name="predictions")
    check_same_length(predictions, y, names=("predictions", "y"))
    return int(np.count_nonzero(predictions != y)) / len(y)


def confusion_matrix(
    predictions: npt.ArrayLike, y: npt.ArrayLike, n_classes: int
) -> npt.NDArray[np.int64]:
    """Count how often each class was taken for each.

    Parameters
    ----------
    predictions, y : array_like of int, shape (n_samples,)
        Predicted and true classes, 0 to n_classes - 1.
    n_classes : int
        Number of classes.

    Returns
    -------
    numpy.ndarray of int64, shape (n_classes, n_classes)
        Entry (i, j): how many samples of class i were predicted as class j. Right predictions
        stand on the diagonal, and row i adds up to the number of samples of class i.

    Raises
    ------
    TypeError
        If a label is not an integer.
    ValueError
        If a label is out of range, the arrays are empty, or their lengths differ.

    Examples
    --------
    >>> confusion_matrix([0, 1, 2, 2], [0, 1, 1, 2], 3)
    array([[1, 0, 0],
           [0, 1, 1],
           [0, 0, 1]])
    """
    n_classes = check_positive_int(n_classes, "n_classes")
    y = check_labels(y, n_classes=n_classes)
    predictions = check_labels(predictions, n_classes=n_classes, name="predictions")
    check_same_length(predictions, y, names=("predictions", "y"))
    counts = np.bincount(n_classes * y + predictions, minlength=n_classes**2)
    return counts.reshape(n_classes, n_classes).astype(np.int64)


def wilson_interval(n_errors: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    r"""Return Wilson's confidence interval for the probability behind a count.

    With :math:`\hat p = k/n` and the normal quantile z, the interval holds every p with
    :math:`|\hat p - p| \le z\sqrt{p(1-p)/n}`:

    .. math::
       \frac{\hat p + z^2/2n \pm z\sqrt{\hat p(1-\hat p)/n + z^2/4n^2}}{1 + z^2/n}.

    Unlike :math:`\hat p \pm z\sqrt{\hat p(1-\hat p)/n}` it stays between 0 and 1, and it does not
    shrink to a point when no error, or nothing but errors, was seen.

    Parameters
    ----------
    n_errors : int
        The count k, from 0 to n.
    n : int
        The number of independent trials, such as test samples.
    confidence : float
        Between 0 and 1.

    Returns
    -------
    low, high : float
        From 0 to 1.

    Raises
    ------
    TypeError
        If a count is not an integer.
    ValueError
        If `n` is less than 1, `n_errors` is not between 0 and `n`, or `confidence` is not between
        0 and 1.

    References
    ----------
    E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", 1927,
    doi 10.1080/01621459.1927.10502953.

    Examples
    --------
    >>> low, high = wilson_interval(200, 10_000)
    >>> round(low, 4), round(high, 4)
    (0.0174, 0.0229)
    >>> low, high = wilson_interval(0, 10_000)
    >>> low, round(high, 5)
    (0.0, 0.00038)
    """
    n = check_positive_int(n, "n")
    n_errors = check_positive_int(n_errors, "n_errors", minimum=0)
    if n_errors > n:
        raise ValueError(f"n_errors must be at most n = {n}, got {n_errors}. Pass errors first.")
    z = _normal_quantile(confidence)
    p = n_errors / n
    centre = p + z**2 / (2 * n)
    radius = z * math.sqrt(p * (1 - p) / n + (z / (2 * n)) ** 2)
    # The ends are 0 and 1 exactly where they should be, whatever the rounding.
    low = 0.0 if n_errors == 0 else (centre - radius) / (1 + z**2 / n)
    high = 1.0 if n_errors == n else (centre + radius) / (1 + z**2 / n)
    return low, high


@dataclass(frozen=True)
class Summary:
    """The mean over seeds and how far it can be trusted.

    Attributes
    ----------
    mean : float
        The mean over the seeds.
    std : float
        The standard deviation over the seeds (divisor n - 1): how much one run differs from the
        next.
    low, high : float
        Student's t interval for the mean over all seeds that might have been drawn.
    n : int
        The number of seeds.
    """

    mean: float
    std: float
    low: float
    high: float
    n: int


def summarize_seeds(values: npt.ArrayLike, *, confidence: float = 0.95) -> Summary:
    r"""Summarise one number per seed by mean, standard deviation and Student's t interval.

    The interval is :math:`\bar v \pm t\,s/\sqrt n` with the quantile t for n - 1 degrees of
    freedom; it holds at the stated confidence if the values are independent and normal. With the
    few seeds that one can afford, t is far from its limit: 4.30 for three seeds, against 1.96.

    Parameters
    ----------
    values : array_like, shape (n,)
        One number for each seed; at least two.
    confidence : float
        Between 0 and 1.

    Returns
    -------
    Summary

    Raises
    ------
    TypeError
        If the values are not real numbers.
    ValueError
        If there are fewer than two, they are not one-dimensional or not finite, or `confidence`
        is not between 0 and 1.

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
            f"values must have shape (n,) with n of at least 2, got {array.shape}. "
            "Run more seeds: one says nothing about the next."
        )
    confidence = _check_confidence(confidence)
    n = len(array)
    mean, std = float(array.mean()), float(array.std(ddof=1))
    radius = float(stdtrit(n - 1, (1 + confidence) / 2)) * std / math.sqrt(n)
    return Summary(mean, std, mean - radius, mean + radius, n)


def mcnemar_exact(n_only_a: int, n_only_b: int) -> float:
    r"""Return the two-sided p-value of McNemar's exact test.

    Of two classifiers with the same error probability, each is as likely as the other to be the
    wrong one where they disagree. So of :math:`m = b + c` disagreements, b is binomial with
    probability 1/2, and the p-value is :math:`2\,P(\mathrm{Bin}(m, \tfrac12) \le \min(b, c))`,
    at most 1.

    Parameters
    ----------
    n_only_a, n_only_b : int
        How many samples only the one, and only the other, gets wrong: b and c.

    Returns
    -------
    float
        From 0 to 1; 1 where the two never disagree.

    Raises
    ------
    TypeError, ValueError
        If a count is not an integer of at least 0.

    References
    ----------
    Q. McNemar, "Note on the sampling error of the difference between correlated proportions or
    percentages", 1947, doi 10.1007/BF02295996.

    Examples
    --------
    >>> mcnemar_exact(0, 5)  # 2 / 2**5
    0.0625
    """
    b = check_positive_int(n_only_a, "n_only_a", minimum=0)
    c = check_positive_int(n_only_b, "n_only_b", minimum=0)
    m = b + c
    tail = coefficient = 1
    for k in range(min(b, c)):
        coefficient = coefficient * (m - k) // (k + 1)
        tail += coefficient
    p_value: float = 2 * tail / 2**m  # integers until here: exact for any m
    return min(1.0, p_value)


@dataclass(frozen=True)
class Comparison:
    """Two classifiers on the same test samples.

    Attributes
    ----------
    error_a, error_b : float
        Their error rates.
    low, high : float
        Confidence interval for the difference of their error probabilities, a minus b.
    p_value : float
        McNemar's exact test of equal error probabilities.
    n_only_a, n_only_b : int
        How many samples only a, and only b, gets wrong.
    n : int
        Number of samples.
    """

    error_a: float
    error_b: float
    low: float
    high: float
    p_value: float
    n_only_a: int
    n_only_b: int
    n: int

    @property
    def difference(self) -> float:
        """The difference of the error rates, a minus b: negative where a is the better."""
        return (self.n_only_a - self.n_only_b) / self.n

    @property
    def verdict(self) -> Verdict:
        """What may be said of a: "better" and "worse" only if the interval excludes 0."""
        return _verdict(self.low, self.high)


def compare_classifiers(
    correct_a: npt.ArrayLike, correct_b: npt.ArrayLike, *, confidence: float = 0.95
) -> Comparison:
    r"""Compare two classifiers on the same test samples, pair by pair.

    What both get right, or both get wrong, says nothing about which is the better. With b and c
    samples that only the one or only the other gets wrong, of n in all, the interval is

    .. math::
       d \pm z\sqrt{\frac{\tilde b + \tilde c - d^2}{n + 2}},\qquad
       \tilde b = \frac{b + 1}{n + 2},\quad \tilde c = \frac{c + 1}{n + 2},\quad
       d = \tilde b - \tilde c.

    The added ones keep it from shrinking to a point when the two never disagree.

    Parameters
    ----------
    correct_a, correct_b : array_like of bool, shape (n_samples,)
        Whether each sample was classified rightly: ``predictions == y``.
    confidence : float
        Between 0 and 1.

    Returns
    -------
    Comparison
        Its `verdict` refuses "better" and "worse" when the interval includes 0.

    Raises
    ------
    TypeError
        If an array does not hold booleans.
    ValueError
        If the arrays are empty or differ in length, or `confidence` is not between 0 and 1.

    Notes
    -----
    The test samples are what varies here. Whether one training method is better than another is
    a question about seeds as well: compare several runs of each with `compare_seeds`.

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
    >>> correct_b = np.arange(1000) >= 40
    >>> compare_classifiers(correct_a, correct_b).verdict
    'better'
    """
    a = _check_correct(correct_a, "correct_a")
    b = _check_correct(correct_b, "correct_b")
    check_same_length(a, b, names=("correct_a", "correct_b"))
    z = _normal_quantile(confidence)
    n = len(a)
    n_only_a = int(np.count_nonzero(~a & b))
    n_only_b = int(np.count_nonzero(a & ~b))
    share_a, share_b = (n_only_a + 1) / (n + 2), (n_only_b + 1) / (n + 2)
    centre = share_a - share_b
    radius = z * math.sqrt((share_a + share_b - centre**2) / (n + 2))
    return Comparison(
        error_a=int(np.count_nonzero(~a)) / n,
        error_b=int(np.count_nonzero(~b)) / n,
        low=max(-1.0, centre - radius),
        high=min(1.0, centre + radius),
        p_value=mcnemar_exact(n_only_a, n_only_b),
        n_only_a=n_only_a,
        n_only_b=n_only_b,
        n=n,
    )


@dataclass(frozen=True)
class Difference:
    """Two means of paired numbers, less being better, and how sure their difference is.

    Attributes
    ----------
    mean_a, mean_b : float
        The means.
    low, high : float
        Confidence interval for the difference, a minus b.
    n : int
        The number of pairs.
    """

    mean_a: float
    mean_b: float
    low: float
    high: float
    n: int

    @property
    def difference(self) -> float:
        """The difference of the means, a minus b: negative where a is the better."""
        return self.mean_a - self.mean_b

    @property
    def verdict(self) -> Verdict:
        """What may be said of a: "better" and "worse" only if the interval excludes 0."""
        return _verdict(self.low, self.high)


def paired_bootstrap(
    losses_a: npt.ArrayLike,
    losses_b: npt.ArrayLike,
    *,
    rng: np.random.Generator,
    n_resamples: int = 10_000,
    confidence: float = 0.95,
) -> Difference:
    r"""Compare two models on the same test samples by the bootstrap: error rates or mean losses.

    Draw n of the n samples with replacement, both models' losses together, and take the difference
    of the means; the interval holds the middle of such differences (the percentile method).

    Parameters
    ----------
    losses_a, losses_b : array_like, shape (n_samples,)
        A number for each sample, less being better. For error rates: ``predictions != y``.
    rng : numpy.random.Generator
        Draws the resamples.
    n_resamples : int
        How many; with 10,000 an end of the 95 % interval is uncertain by about 1 % of its width.
    confidence : float
        Between 0 and 1.

    Returns
    -------
    Difference
        Its `verdict` refuses "better" and "worse" when the interval includes 0.

    Raises
    ------
    TypeError
        If the losses are not real numbers, or `rng` is not a generator.
    ValueError
        If they are empty, not one-dimensional, not finite, or differ in length, or an option is
        out of range.

    Notes
    -----
    For error rates the differences :math:`a_i - b_i` are -1, 0 and 1, and a resample is decided by
    how often it holds each. These counts are multinomial and drawn at once: a resample costs three
    numbers instead of n. For other losses n indices are drawn, some resamples at a time.

    The percentile interval is plain and never leaves the range of the data. Bias correction and
    acceleration (BCa) would hardly move it, since the statistic is a mean, unbiased and nearly
    symmetric; and where the models disagree on a handful of samples, both are too narrow (of no
    width, if they never disagree). For error rates, `compare_classifiers` does better there, and
    costs nothing. The bootstrap's own field are losses, for which there is no such formula.

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
    >>> paired_bootstrap(wrong_a, wrong_a, rng=np.random.default_rng(0)).verdict
    'not distinguishable'
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
    # Outwards to a difference that was drawn, the same from either side.
    low = float(np.quantile(means, tail, method="inverted_cdf"))
    high = -float(np.quantile(-means, tail, method="inverted_cdf"))
    return Difference(float(a.mean()), float(b.mean()), low, high, n)


def compare_seeds(
    values_a: npt.ArrayLike, values_b: npt.ArrayLike, *, confidence: float = 0.95
) -> Difference:
    r"""Compare two methods by their results over the same seeds, pair by pair.

    With the same seed, both methods meet the same start, batches or data: what those do to both
    cancels in the difference. Its mean gets Student's t interval, as in `summarize_seeds`.

    Parameters
    ----------
    values_a, values_b : array_like, shape (n_seeds,)
        One number for each seed, less being better, such as test errors; at least two.
    confidence : float
        Between 0 and 1.

    Returns
    -------
    Difference
        Its `verdict` refuses "better" and "worse" when the interval includes 0.

    Raises
    ------
    TypeError
        If the values are not real numbers.
    ValueError
        If there are fewer than two seeds, the arrays are not one-dimensional, not finite or differ
        in length, or `confidence` is not between 0 and 1.

    Notes
    -----
    The interval covers other seeds, on the same test samples. It holds at the stated confidence if
    the differences are independent and normal; with equal differences it has no width.

    Examples
    --------
    >>> compare_seeds([0.021, 0.019, 0.024], [0.025, 0.022, 0.029]).verdict
    'better'
    >>> compare_seeds([0.021, 0.019, 0.024], [0.022, 0.023, 0.019]).verdict
    'not distinguishable'
    """
    a, b = _check_pairs(values_a, values_b, names=("values_a", "values_b"))
    summary = summarize_seeds(a - b, confidence=confidence)
    return Difference(float(a.mean()), float(b.mean()), summary.low, summary.high, len(a))


_CHUNK = 1_000_000  # numbers drawn at a time: 8 MB


def _verdict(low: float, high: float) -> Verdict:
    """Say what an interval for a minus b allows to say of a, less being better."""
    if high < 0:
        return "better"
    return "worse" if low > 0 else "not distinguishable"


def _check_pairs(
    a: npt.ArrayLike, b: npt.ArrayLike, *, names: tuple[str, str]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return two rows of numbers (n,) of the same length."""
    arrays = []
    for values, name in zip((a, b), names, strict=True):
        array = check_array(values, name)
        if array.ndim != 1 or not array.size:
            raise ValueError(
                f"{name} must have shape (n,) with n of at least 1, got {array.shape}. "
                "Pass one number for each pair."
            )
        arrays.append(array.astype(np.float64))
    check_same_length(*arrays, names=names)
    return arrays[0], arrays[1]


def _check_correct(correct: npt.ArrayLike, name: str) -> npt.NDArray[np.bool_]:
    """Return booleans (n_samples,)."""
    array = np.asarray(correct)
    if array.ndim != 1 or array.size == 0:
        raise ValueError(
            f"{name} must have shape (n_samples,) with at least one sample, got {array.shape}. "
            "Pass predictions == y."
        )
    if array.dtype != np.bool_:
        raise TypeError(f"{name} must hold booleans, got {array.dtype}. Pass predictions == y.")
    return array


def _check_confidence(confidence: float) -> float:
    """Return a confidence strictly between 0 and 1."""
    return check_number(confidence, "confidence", low=0, high=1, low_open=True, high_open=True)


def _normal_quantile(confidence: float) -> float:
    """Return z with P(|Z| <= z) = confidence for a standard normal Z."""
    return NormalDist().inv_cdf((1 + _check_confidence(confidence)) / 2)
