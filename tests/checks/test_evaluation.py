"""Error rates, intervals and verdicts, against scipy, exact sums and published examples."""

import itertools
import math
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from scipy import stats

from mlpbook.checks.evaluation import (
    compare_classifiers,
    compare_seeds,
    error_rate,
    paired_bootstrap,
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


@pytest.mark.parametrize(
    ("predictions", "y", "error", "message"),
    [
        ([0, 1], [0, 1, 1], ValueError, "predictions must hold 3 labels, got 2"),
        ([], [], ValueError, "y must not be empty"),
        ([0.0, 1.5], [0, 1], TypeError, "predictions must hold integer labels, got dtype float64"),
        ([0, -1], [0, 1], ValueError, "predictions must hold labels from 0.*got -1 at index 1"),
        ([[0], [1]], [0, 1], ValueError, r"predictions must have .*predictions\.ravel\(\)"),
    ],
)
def test_labels_that_do_not_fit_are_refused(predictions, y, error, message):
    with pytest.raises(error, match=message):
        error_rate(predictions, y)


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


def test_a_comparison_counts_errors():
    comparison = compare_classifiers(*pair(100, 3, 8, both_wrong=5))
    assert comparison.n == 100
    assert (comparison.error_a, comparison.error_b) == (0.08, 0.13)
    assert comparison.difference == pytest.approx(-0.05)


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
        ([True], [True, False], ValueError, "correct_a and correct_b must have the same shape"),
        (np.ones(0, bool), np.ones(0, bool), ValueError, "correct_a must not be empty"),
        ([True], [[True]], ValueError, r"same shape \(n,\), got \(1,\) and \(1, 1\)"),
        ([1, 0], [True, False], TypeError, "correct_a must hold booleans, got int64.*== y"),
    ],
)
def test_a_comparison_refuses_what_is_not_right_or_wrong(a, b, error, message):
    with pytest.raises(error, match=message):
        compare_classifiers(a, b)


# ---------------------------------------------------------------------------------------------
# The paired bootstrap.


def every_resample(a, b):
    """The differences of the means over all n^n resamples, which are equally likely."""
    n = len(a)
    return [
        sum(Fraction(a[i]) - Fraction(b[i]) for i in drawn) / n
        for drawn in itertools.product(range(n), repeat=n)
    ]


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ([1, 1, 0, 0, 0], [0, 0, 1, 0, 1]),
        ([1, 1, 1, 0, 1], [0, 0, 1, 0, 0]),
        ([0.5, 2.0, -1.0, 0.25, 4.0], [0.5, 1.0, 1.5, 0.5, 0.0]),  # losses
    ],
)
@pytest.mark.parametrize("confidence", [0.5, 0.8, 0.95])
def test_the_bootstrap_agrees_with_all_resamples_of_a_small_set(a, b, confidence):
    # With 200,000 draws each frequency is within 5 standard deviations, at most 0.0056, of its
    # probability; so either end lies between the exact quantiles 0.0056 to either side.
    means, tail = sorted(every_resample(a, b)), (1 - confidence) / 2
    rng = np.random.default_rng(1)
    result = paired_bootstrap(a, b, rng=rng, n_resamples=200_000, confidence=confidence)

    def quantile(p):
        return float(means[int(p * len(means))])

    margin = 0.0056
    assert quantile(tail - margin) - 1e-12 <= result.low <= quantile(tail + margin) + 1e-12
    assert quantile(1 - tail - margin) - 1e-12 <= result.high <= quantile(1 - tail + margin) + 1e-12
    assert result.difference == pytest.approx(float(np.mean(a) - np.mean(b)))


def test_each_resample_has_its_probability(rng):
    # One resample at a time, low is the difference drawn: its law against all 4^4 resamples.
    a, b, trials = [1, 1, 0, 1], [0, 0, 1, 1], 20_000
    drawn = Counter(
        round(4 * paired_bootstrap(a, b, rng=rng, n_resamples=1).low) for _ in range(trials)
    )
    exact = Counter(int(4 * mean) for mean in every_resample(a, b))
    assert set(drawn) == set(exact)
    expected = [trials * exact[k] / 4**4 for k in sorted(exact)]
    assert stats.chisquare([drawn[k] for k in sorted(exact)], expected).pvalue > 1e-6


@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_the_bootstrap_interval_of_an_error_rate_covers_its_confidence(rng, confidence):
    # Two classifiers on 400 samples that disagree with probabilities 0.10 and 0.05.
    n, trials, held = 400, 1500, 0
    for only_a, only_b, _ in rng.multinomial(n, [0.10, 0.05, 0.85], size=trials):
        a, b = pair(n, only_a, only_b)
        result = paired_bootstrap(~a, ~b, rng=rng, n_resamples=1000, confidence=confidence)
        held += result.low <= 0.05 <= result.high
    sd = np.sqrt(confidence * (1 - confidence) / trials)
    # The percentile interval is a little narrow (by order 1/n), and the differences are a grid.
    assert held / trials == pytest.approx(confidence, abs=5 * sd + 0.01)


def test_the_bootstrap_interval_of_a_mean_loss_covers_its_confidence(rng):
    n, trials, held = 150, 1000, 0
    for _ in range(trials):
        shared = rng.standard_exponential(n)  # both find the same samples hard
        a = shared + rng.standard_exponential(n)
        b = shared + 0.7 * rng.standard_exponential(n)
        result = paired_bootstrap(a, b, rng=rng, n_resamples=500)
        held += result.low <= 0.3 <= result.high
    assert held / trials == pytest.approx(0.95, abs=5 * np.sqrt(0.95 * 0.05 / trials) + 0.01)


def test_pairs_decide_and_not_the_two_error_rates():
    # 300 errors against 330 of 10,000, once on nested and once on disjoint samples.
    index = np.arange(10_000)
    for first, verdict in ((0, "better"), (5000, "not distinguishable")):
        a, b = index < 300, (first <= index) & (index < first + 330)
        result = paired_bootstrap(a, b, rng=np.random.default_rng(0))
        assert result.verdict == verdict
        assert compare_classifiers(~a, ~b).verdict == verdict


def test_the_bootstrap_agrees_with_the_formula_where_there_are_many_disagreements():
    a, b = pair(10_000, 300, 380, both_wrong=100)
    formula = compare_classifiers(a, b)
    result = paired_bootstrap(~a, ~b, rng=np.random.default_rng(0), n_resamples=100_000)
    width = formula.high - formula.low
    assert result.low == pytest.approx(formula.low, abs=0.02 * width)
    assert result.high == pytest.approx(formula.high, abs=0.02 * width)
    assert (result.error_a, result.error_b) == (formula.error_a, formula.error_b)


@pytest.mark.parametrize("n_resamples", [1, 20, 40])
def test_exchanging_the_models_mirrors_the_bootstrap_interval(n_resamples):
    a, b = pair(500, 150, 200)
    options = {"n_resamples": n_resamples, "confidence": 0.9}
    # From the same state the counts of -1, 0, 1 are not mirrored, but their law is symmetric when
    # the counts are; so exchange the sign of the differences instead of the draws.
    there = paired_bootstrap(~a, ~b, rng=Mirror(1), **options)
    back = paired_bootstrap(~b, ~a, rng=Mirror(-1), **options)
    assert (there.low, there.high) == (-back.high, -back.low)


class Mirror(np.random.Generator):
    """Draws the same counts whichever way the differences are sorted."""

    def __init__(self, sign):
        super().__init__(np.random.PCG64(0))
        self.sign = sign

    def multinomial(self, n, pvals, size):
        return super().multinomial(n, pvals[:: self.sign], size=size)[:, :: self.sign]


@pytest.mark.parametrize("kind", ["losses", "errors"])
def test_a_bootstrap_in_many_chunks_is_the_one_in_one_and_stays_small(monkeypatch, rng, kind):
    a, b = rng.standard_normal((2, 30)) if kind == "losses" else np.array(pair(30, 5, 8))
    whole = paired_bootstrap(a, b, rng=np.random.default_rng(0), n_resamples=101)
    monkeypatch.setattr("mlpbook.checks.evaluation._CHUNK", 100)
    generator, sizes = np.random.default_rng(0), []

    class Watched(np.random.Generator):
        def multinomial(self, *args, **options):
            sizes.append(3 * options["size"])
            return generator.multinomial(*args, **options)

        def integers(self, *args, **options):
            sizes.append(math.prod(options["size"]))
            return generator.integers(*args, **options)

    parts = paired_bootstrap(a, b, rng=Watched(np.random.PCG64(0)), n_resamples=101)
    assert (parts.low, parts.high) == pytest.approx((whole.low, whole.high), rel=1e-12)
    assert len(sizes) > 3
    assert max(sizes) <= 100


def test_models_that_never_disagree_are_not_distinguishable():
    a, _ = pair(100, 5, 0)
    result = paired_bootstrap(~a, ~a, rng=np.random.default_rng(0))
    assert (result.low, result.high, result.verdict) == (0, 0, "not distinguishable")


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"losses_a": [1.0]}, ValueError, "losses_a and losses_b must have the same shape"),
        ({"losses_a": []}, ValueError, "losses_a"),
        ({"losses_b": [[0, 1]]}, ValueError, r"same shape \(n,\), got \(2,\) and \(1, 2\)"),
        ({"losses_b": [0, np.nan]}, ValueError, "losses_b"),
        ({"losses_b": ["a", "b"]}, TypeError, "losses_b"),
        ({"rng": 0}, TypeError, "rng must be a numpy.random.Generator, got 0"),
        ({"n_resamples": 0}, ValueError, "n_resamples must be an integer of at least 1, got 0"),
        ({"confidence": 95}, ValueError, "confidence must be a finite number .* got 95"),
    ],
)
def test_the_bootstrap_refuses_what_is_no_pair_of_losses(change, error, message):
    options = {"losses_a": [0, 1], "losses_b": [1, 0], "rng": np.random.default_rng(0)} | change
    with pytest.raises(error, match=message):
        paired_bootstrap(options.pop("losses_a"), options.pop("losses_b"), **options)


# ---------------------------------------------------------------------------------------------
# Methods, over seeds.


@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_the_interval_over_paired_seeds_is_that_of_scipys_paired_test(rng, confidence):
    a, b = rng.standard_normal((2, 7))
    result = compare_seeds(a, b, confidence=confidence)
    exact = stats.ttest_rel(a, b).confidence_interval(confidence)
    assert (result.low, result.high) == pytest.approx((exact.low, exact.high), rel=1e-12)
    assert result.difference == pytest.approx(a.mean() - b.mean(), rel=1e-12)


def test_what_a_seed_does_to_both_methods_cancels(rng):
    luck = rng.standard_normal(10)
    a, b = luck + 0.01 * rng.standard_normal(10), luck + 0.1
    assert compare_seeds(a, b).verdict == "better"
    assert compare_seeds(b, a).verdict == "worse"
    assert compare_seeds(a, np.roll(b, 3)).verdict == "not distinguishable"  # other partners


def test_equally_good_methods_are_rarely_told_apart(rng):
    trials = 2000
    wrong = sum(
        compare_seeds(*rng.standard_normal((2, 5))).verdict != "not distinguishable"
        for _ in range(trials)
    )
    assert wrong / trials == pytest.approx(0.05, abs=5 * np.sqrt(0.95 * 0.05 / trials))


def test_an_interval_that_ends_at_0_tells_nothing_apart():
    # Differences -2 and 0: their mean is -1, and at the right confidence the interval ends at 0.
    # For one degree of freedom the quantile is tan(pi (confidence) / 2), here 1 = tan(pi / 4).
    result = compare_seeds([0.0, 0.0], [2.0, 0.0], confidence=0.5)
    assert (result.low, result.high) == pytest.approx((-2, 0), abs=1e-12)
    assert compare_seeds([0.0, 0.0], [2.0, 0.0], confidence=0.499).verdict == "better"
    assert compare_seeds([0.0, 0.0], [2.0, 0.0], confidence=0.501).verdict == "not distinguishable"
    assert compare_seeds([1.0, 2.0], [1.0, 2.0]).verdict == "not distinguishable"


def test_methods_must_have_run_with_the_same_seeds():
    with pytest.raises(ValueError, match="values_a and values_b must have the same shape"):
        compare_seeds([1.0, 2.0], [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="n of at least 2"):
        compare_seeds([1.0], [2.0])
