"""MNIST-1D: its parts against scipy, and the published error of a linear classifier."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from sklearn.linear_model import LogisticRegression

from mlpbook.checks.evaluation import error_rate
from mlpbook.data.mnist1d import TEMPLATES, _resample, _smooth, mnist1d
from mlpbook.scratch.fused import fit
from mlpbook.scratch.losses import CrossEntropyLoss
from mlpbook.scratch.network import MLP
from mlpbook.scratch.optimizers import AdamW


def test_classes_are_balanced_and_the_whole_is_standardized(rng):
    X, y = mnist1d(200, rng=rng)
    assert X.shape == (200, 40)
    assert np.bincount(y).tolist() == [20] * 10
    assert abs(X.mean()) < 1e-12
    assert X.std() == pytest.approx(1, abs=1e-12)


def test_one_generator_gives_one_data_set():
    first, second = (mnist1d(20, rng=np.random.default_rng(3)) for _ in range(2))
    for one, two in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, two)
    other, _ = mnist1d(20, rng=np.random.default_rng(4))
    assert not np.array_equal(first[0], other)


def test_smoothing_is_the_gaussian_filter_of_scipy(rng):
    x = rng.standard_normal(72)
    np.testing.assert_allclose(_smooth(x), gaussian_filter(x, 2), atol=1e-14)


def test_resampling_keeps_the_ends_and_straight_lines():
    np.testing.assert_allclose(_resample(np.arange(12.0), 72), np.linspace(0, 11, 72), atol=1e-12)


def test_templates_begin_and_end_at_the_same_height():
    np.testing.assert_array_equal(TEMPLATES[:, 0], TEMPLATES[:, -1])


@pytest.mark.parametrize("n_samples", [5, 0, 101])
def test_only_multiples_of_ten_are_drawn(n_samples, rng):
    with pytest.raises(ValueError, match="n_samples must be"):
        mnist1d(n_samples, rng=rng)


def test_a_linear_classifier_has_the_published_accuracy():
    """The authors' README gives 32 % for logistic regression on 4,000 + 1,000 curves."""
    X, y = mnist1d(5000, rng=np.random.default_rng(0))
    model = LogisticRegression(max_iter=300, tol=1e-2).fit(X[:4000], y[:4000])
    assert 0.28 < model.score(X[4000:], y[4000:]) < 0.36


def test_a_two_layer_network_has_nearly_the_published_accuracy():
    """The README gives 68 % for an MLP 40-100-100-10 with a skip; this one has none.

    On the published file the same network and steps reach 66.8 %.
    """
    X, y = mnist1d(5000, rng=np.random.default_rng(0))
    X = X.astype(np.float32)
    rng = np.random.default_rng(0)
    model = MLP([40, 100, 100, 10], rng=rng, dtype=np.float32)
    optimizer = AdamW(model.parameters(), 1e-2, weight_decay=0.0)
    data = X[:4000], y[:4000]
    fit(model, CrossEntropyLoss(), optimizer, *data, epochs=40, batch_size=100, rng=rng)
    assert 0.63 < 1 - error_rate(model(X[4000:]).argmax(axis=1), y[4000:]) < 0.71
