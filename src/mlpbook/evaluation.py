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

from mlpbook.validation import (
    check_array,
    check_labels,
    check_number,
    check_positive_int,
    check_same_length,
)


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
    def verdict(self) -> Literal["better", "worse", "not distinguishable"]:
        """What may be said of a: "better" and "worse" only if the interval excludes 0."""
        if self.high < 0:
            return "better"
        return "worse" if self.low > 0 else "not distinguishable"


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
    a question about seeds as well: compare several runs of each.

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
