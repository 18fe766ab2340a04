"""What the chapter on evaluation alone uses, against scipy, enumeration and hand computation."""

import itertools

import numpy as np
import pytest
import torch
from scipy import stats

from mlpbook.chapters.evaluation import (
    brier_score,
    coverage,
    expected_best,
    log_score,
    mcnemar,
    reliability,
    successive_halving,
    temper,
)
from mlpbook.checks.evaluation import wilson_interval


@pytest.mark.parametrize(("b", "c"), [(30, 10), (10, 30), (60, 40), (0, 0), (7, 7), (160, 125)])
def test_mcnemar_is_the_exact_binomial_test(b, c):
    expected = stats.binomtest(b, b + c, 0.5).pvalue if b + c else 1.0
    assert mcnemar(b, c) == pytest.approx(expected, rel=1e-12)


def test_coverage_adds_up_the_binomial_weights_of_the_counts_that_cover():
    n, p = 30, 0.1
    counts = [k for k in range(n + 1) if wilson_interval(k, n)[0] <= p <= wilson_interval(k, n)[1]]
    expected = stats.binom.pmf(counts, n, p).sum()
    assert coverage(wilson_interval, p, n) == pytest.approx(expected, rel=1e-12)
    assert 0 < len(counts) < n


@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_expected_best_is_the_mean_over_all_subsets(k, rng):
    values = rng.standard_normal(5)
    expected = np.mean([min(subset) for subset in itertools.combinations(values, k)])
    assert expected_best(values, k) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("k", [0, 4])
def test_expected_best_refuses_subsets_that_do_not_exist(k):
    with pytest.raises(ValueError, match=rf"from 1 to the number of values, 3, got {k}"):
        expected_best([1.0, 2.0, 3.0], k)


def test_successive_halving_trains_the_better_half_twice_as_long():
    trained = []

    def train(candidate, epochs):
        trained.append((candidate, epochs))
        return candidate, abs(candidate - 3.2)

    rounds = list(successive_halving(train, range(8), epochs=2))
    assert [len(r) for r in rounds] == [8, 4, 2, 1]
    assert [c for c, _ in rounds[1]] == [3, 4, 2, 5]
    assert rounds[-1][0] == (3, pytest.approx(0.2))
    assert sum(epochs for _, epochs in trained) == 4 * 16  # each round costs the same
    assert trained[-1] == (3, 16)


def test_scores_agree_with_pytorch(rng):
    logits = rng.standard_normal((50, 4))
    y = rng.integers(0, 4, size=50)
    P = temper(logits, 1.7)
    scaled = torch.tensor(logits) / 1.7
    np.testing.assert_allclose(P, torch.softmax(scaled, dim=1), rtol=1e-13)
    expected = torch.nn.functional.cross_entropy(scaled, torch.tensor(y)).item()
    assert log_score(P, y) == pytest.approx(expected, rel=1e-13)
    one_hot = torch.nn.functional.one_hot(torch.tensor(y), 4)
    squares = (torch.softmax(scaled, dim=1) - one_hot).square().sum(dim=1).mean().item()
    assert brier_score(P, y) == pytest.approx(squares, rel=1e-13)


@pytest.mark.parametrize("size", [1e3, -1e3])
def test_temper_does_not_overflow(size):
    P = temper([[size, 0.0]], 0.5)
    assert np.isfinite(P).all()
    assert P.sum() == 1


def test_reliability_puts_each_prediction_into_one_group():
    P = np.array([[0.5, 0.5], [0.6, 0.4], [0.2, 0.8], [0.0, 1.0]])
    y = np.array([0, 1, 1, 1])
    # confidences 0.5 | 0.6, 0.8 | 1.0: an inner edge belongs to the group above it
    groups = reliability(P, y, [0, 0.6, 0.9, 1])
    assert groups == [(0.5, 1, 1), (pytest.approx(0.7), 1, 2), (1.0, 1, 1)]


def test_reliability_leaves_out_empty_groups():
    assert reliability([[0.9, 0.1]], [0], [0, 0.5, 0.8, 1]) == [(0.9, 1, 1)]
