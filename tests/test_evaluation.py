"""Error rates, intervals and verdicts, against scipy, exact sums and published examples."""

from fractions import Fraction
from math import comb

import numpy as np
import pytest
from scipy import stats

from mlpbook.evaluation import (
    compare_classifiers,
    confusion_matrix,
    error_rate,
    mcnemar_exact,
    summarize_seeds,
    wilson_interval,
)

# ---------------------------------------------------------------------------------------------
# Counting.


def test_the_error_rate_is_the_share_of_differences():
    assert error_rate([0, 1, 2, 2], [0, 1, 1, 2]) == 0.25
    assert error_rate(np.array([1, 1]), np.array([1, 1])) == 0
    assert error_rate([False, True], [1, 0]) == 1
    assert type(error_rate([1], [1])) is float


def test_the_error_rate_of_uint8_labels_does_not_wrap_around():
    y = np.array([0, 255, 3], dtype=np.uint8)
    assert error_rate(y, y.astype(np.int64)) == 0


def test_a_confusion_matrix_has_true_classes_in_rows():
    # True 0 was taken for 2 twice; true 1 was always right; true 2 never occurs.
    matrix = confusion_matrix([2, 2, 1, 0], [0, 0, 1, 0], 3)
    np.testing.assert_array_equal(matrix, [[1, 0, 2], [0, 1, 0], [0, 0, 0]])
    assert matrix.dtype == np.int64


def test_a_confusion_matrix_agrees_with_counting_one_by_one(rng):
    y, predictions = rng.integers(0, 5, 300), rng.integers(0, 5, 300)
    matrix = confusion_matrix(predictions, y, 5)
    for i in range(5):
        for j in range(5):
            assert matrix[i, j] == sum((y == i) & (predictions == j))
    assert error_rate(predictions, y) == pytest.approx(1 - np.trace(matrix) / 300)


@pytest.mark.parametrize(
    ("predictions", "y", "error", "message"),
    [
        ([0, 1], [0, 1, 1], ValueError, "predictions and y must have the same number .* 2 and 3"),
        ([], [], ValueError, "y must not be empty"),
        ([0.0, 1.5], [0, 1], TypeError, "predictions must hold integer labels, got dtype float64"),
        ([0, -1], [0, 1], ValueError, "predictions must hold labels from 0.*got -1 at index 1"),
        ([[0], [1]], [0, 1], ValueError, r"predictions must have .*predictions\.ravel\(\)\?"),
    ],
)
def test_labels_that_do_not_fit_are_refused(predictions, y, error, message):
    with pytest.raises(error, match=message):
        error_rate(predictions, y)
    with pytest.raises(error, match=message.replace("from 0", "from 0 to 1")):
        confusion_matrix(predictions, y, 2)


def test_a_confusion_matrix_refuses_labels_beyond_its_classes():
    with pytest.raises(ValueError, match="predictions must hold labels from 0 to 1, got 2"):
        confusion_matrix([0, 2], [0, 1], 2)
    with pytest.raises(ValueError, match="y must hold labels from 0 to 1, got 2"):
        confusion_matrix([0, 1], [0, 2], 2)


# ---------------------------------------------------------------------------------------------
# Wilson's interval.


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95, 0.999])
@pytest.mark.parametrize(("k", "n"), [(0, 1), (1, 1), (0, 50), (3, 50), (50, 50), (163, 10_000)])
def test_wilsons_interval_agrees_with_scipys(k, n, confidence):
    interval = stats.binomtest(k, n).proportion_ci(confidence, method="wilson")
    expected = (interval.low, interval.high)
    assert wilson_interval(k, n, confidence) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(("k", "n"), [(0, 20), (7, 20), (20, 20), (163, 10_000)])
def test_at_the_ends_of_wilsons_interval_the_score_is_z(k, n):
    # The definition: |k/n - p| = z sqrt(p (1 - p) / n).
    z = stats.norm.ppf(0.975)
    for p in wilson_interval(k, n):
        if 0 < p < 1:
            assert abs(k / n - p) == pytest.approx(z * np.sqrt(p * (1 - p) / n), rel=1e-9)


@pytest.mark.parametrize("n", [1, 3, 7, 10_000, 10**9])
def test_wilsons_interval_stays_in_the_unit_interval_and_holds_the_estimate(n):
    for k in {0, 1, n // 2, n - 1, n}:
        low, high = wilson_interval(k, n)
        assert 0 <= low <= k / n <= high <= 1
        assert low < high
    assert wilson_interval(0, n)[0] == 0
    assert wilson_interval(n, n)[1] == 1


def test_wilsons_interval_covers_its_confidence_on_average_over_p():
    # Exactly, over the binomial: the mean coverage at n = 50 for p on a grid is close to 95 %.
    n, grid = 50, np.linspace(0.02, 0.98, 193)
    ends = np.array([wilson_interval(k, n) for k in range(n + 1)])
    inside = (ends[:, :1] <= grid) & (grid <= ends[:, 1:])
    coverage = (stats.binom.pmf(np.arange(n + 1)[:, None], n, grid) * inside).sum(axis=0)
    assert coverage.mean() == pytest.approx(0.95, abs=0.01)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((5, 4), ValueError, "n_errors must be at most n = 4, got 5"),
        ((-1, 4), ValueError, "n_errors must be an integer of at least 0, got -1"),
        ((0, 0), ValueError, "n must be an integer of at least 1, got 0"),
        ((0.02, 100), TypeError, "n_errors must be an integer"),
        ((1, 4, 95), ValueError, "confidence must be .* less than 1, got 95"),
        ((1, 4, 0.0), ValueError, "confidence must be .* greater than 0"),
        ((1, 4, 1.0), ValueError, "confidence must be"),
    ],
)
def test_wilsons_interval_refuses_impossible_counts(arguments, error, message):
    with pytest.raises(error, match=message):
        wilson_interval(*arguments)


# ---------------------------------------------------------------------------------------------
# Seeds.


def test_the_summary_of_students_own_example():
    # Student (1908), section VI: the additional hours of sleep of ten patients, drug 2 minus 1.
    values = [1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4]
    summary = summarize_seeds(values)
    assert summary.mean == pytest.approx(1.58)
    assert summary.std == pytest.approx(1.23, abs=0.005)
    # The tabulated t for 9 degrees of freedom is 2.262.
    assert summary.high - summary.mean == pytest.approx(2.262 * 1.23 / np.sqrt(10), abs=2e-3)
    assert summary.n == 10


@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.99])
@pytest.mark.parametrize("n", [2, 3, 10])
def test_the_interval_over_seeds_agrees_with_scipys(rng, n, confidence):
    values = rng.normal(3, 2, n)
    expected = stats.ttest_1samp(values, 0).confidence_interval(confidence)
    summary = summarize_seeds(values, confidence=confidence)
    assert (summary.low, summary.high) == pytest.approx((expected.low, expected.high), rel=1e-9)


def test_equal_values_give_an_interval_of_no_width():
    summary = summarize_seeds([0.5, 0.5, 0.5])
    assert (summary.mean, summary.std, summary.low, summary.high) == (0.5, 0, 0.5, 0.5)


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        ([1.0], ValueError, r"values must have shape \(n,\) with n of at least 2, got \(1,\)"),
        ([], ValueError, "values must not be empty"),
        ([[1.0, 2.0]], ValueError, r"got \(1, 2\)"),
        ([1.0, float("nan")], ValueError, "values must be finite"),
        (["a", "b"], TypeError, "values must be an array of real numbers"),
    ],
)
def test_one_seed_is_no_summary(values, error, message):
    with pytest.raises(error, match=message):
        summarize_seeds(values)


def test_a_summary_refuses_a_confidence_in_percent():
    with pytest.raises(ValueError, match="confidence must be .* got 95"):
        summarize_seeds([1.0, 2.0], confidence=95)


# ---------------------------------------------------------------------------------------------
# Comparisons.


@pytest.mark.parametrize(("b", "c"), [(0, 0), (0, 1), (3, 3), (4, 3), (2, 11), (60, 90)])
def test_mcnemars_p_value_is_the_exact_binomial_one(b, c):
    m = b + c
    tail = sum(Fraction(comb(m, k), 2**m) for k in range(min(b, c) + 1))
    assert mcnemar_exact(b, c) == float(min(Fraction(1), 2 * tail))
    assert mcnemar_exact(b, c) == mcnemar_exact(c, b)
    if m:
        assert mcnemar_exact(b, c) == pytest.approx(stats.binomtest(b, m).pvalue, rel=1e-9)


def test_mcnemars_p_value_neither_overflows_nor_loses_the_tail():
    assert mcnemar_exact(5000, 5000) == 1
    assert mcnemar_exact(0, 1000) == 2.0**-999
    b, m = 4900, 10_000
    assert mcnemar_exact(b, m - b) == pytest.approx(stats.binomtest(b, m).pvalue, rel=1e-9)


def test_mcnemars_counts_must_be_counts():
    with pytest.raises(ValueError, match="n_only_a must be an integer of at least 0, got -1"):
        mcnemar_exact(-1, 2)
    with pytest.raises(TypeError, match="n_only_b must be an integer"):
        mcnemar_exact(1, 2.5)


def pair(n, only_a_wrong, only_b_wrong, both_wrong=0):
    """Right and wrong answers of two classifiers with the given disagreements."""
    correct_a = np.ones(n, dtype=bool)
    correct_b = np.ones(n, dtype=bool)
    correct_a[: only_a_wrong + both_wrong] = False
    correct_b[only_a_wrong : only_a_wrong + both_wrong + only_b_wrong] = False
    return correct_a, correct_b


def test_the_paired_interval_of_a_published_example():
    # statpsych's ci.prop.ps(.05, 12, 4, 26, 6), after Bonett and Price (2012), gives
    # 0.44 with standard error 0.09448809: 0.2548067 to 0.6251933. Here 26 and 4 disagree of 48.
    comparison = compare_classifiers(*pair(48, 26, 4, both_wrong=12))
    assert comparison.low == pytest.approx(0.2548067, abs=5e-8)
    assert comparison.high == pytest.approx(0.6251933, abs=5e-8)


def test_a_comparison_counts_errors_and_disagreements():
    comparison = compare_classifiers(*pair(100, 3, 8, both_wrong=5))
    assert (comparison.n_only_a, comparison.n_only_b, comparison.n) == (3, 8, 100)
    assert (comparison.error_a, comparison.error_b) == (0.08, 0.13)
    assert comparison.difference == pytest.approx(-0.05)
    assert comparison.p_value == mcnemar_exact(3, 8)


@pytest.mark.parametrize(
    ("only_a", "only_b", "verdict"),
    [
        (20, 60, "better"),
        (60, 20, "worse"),
        (20, 30, "not distinguishable"),
        (0, 0, "not distinguishable"),
        (0, 1, "not distinguishable"),
    ],
)
def test_a_verdict_needs_an_interval_without_0(only_a, only_b, verdict):
    comparison = compare_classifiers(*pair(1000, only_a, only_b, both_wrong=10))
    assert comparison.verdict == verdict
    assert (comparison.low <= 0 <= comparison.high) == (verdict == "not distinguishable")


def test_exchanging_the_classifiers_exchanges_the_verdict():
    a, b = pair(500, 10, 40)
    there, back = compare_classifiers(a, b), compare_classifiers(b, a)
    assert (there.verdict, back.verdict) == ("better", "worse")
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low))


def test_more_confidence_gives_a_wider_interval_and_fewer_verdicts():
    a, b = pair(1000, 20, 38)
    assert compare_classifiers(a, b, confidence=0.9).verdict == "better"
    assert compare_classifiers(a, b, confidence=0.999).verdict == "not distinguishable"


def test_the_paired_interval_covers_its_confidence(rng):
    # Two classifiers on 300 samples that disagree with probabilities 0.06 and 0.03.
    n, trials, held = 300, 2000, 0
    for only_a, only_b, _ in rng.multinomial(n, [0.06, 0.03, 0.91], size=trials):
        comparison = compare_classifiers(*pair(n, only_a, only_b))
        held += comparison.low <= 0.03 <= comparison.high
    assert held / trials == pytest.approx(0.95, abs=5 * np.sqrt(0.95 * 0.05 / trials))


def test_equally_good_classifiers_are_rarely_told_apart(rng):
    n, trials, wrong = 300, 2000, 0
    for only_a, only_b, _ in rng.multinomial(n, [0.04, 0.04, 0.92], size=trials):
        wrong += compare_classifiers(*pair(n, only_a, only_b)).verdict != "not distinguishable"
    assert wrong / trials <= 0.05 + 5 * np.sqrt(0.95 * 0.05 / trials)


def test_an_interval_ends_at_minus_1_and_1():
    comparison = compare_classifiers(*pair(1, 1, 0), confidence=0.999999)
    assert comparison.high == 1
    assert compare_classifiers(*pair(1, 0, 1), confidence=0.999999).low == -1


@pytest.mark.parametrize(
    ("a", "b", "error", "message"),
    [
        ([True], [True, False], ValueError, "correct_a and correct_b must have the same number"),
        ([], [], ValueError, "correct_a must have shape .* got"),
        ([True], [[True]], ValueError, r"correct_b must have shape .* got \(1, 1\)"),
        ([1, 0], [True, False], TypeError, "correct_a must hold booleans, got int64.*== y"),
    ],
)
def test_a_comparison_refuses_what_is_not_right_or_wrong(a, b, error, message):
    with pytest.raises(error, match=message):
        compare_classifiers(a, b)
