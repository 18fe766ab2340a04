"""Encodings of columns, the shared ensemble by hand, and the pipeline of the chapter on tables."""

import numpy as np
import pytest
from sklearn.preprocessing import OneHotEncoder, RobustScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from mlpbook.chapters.tables import (
    EnsembleLinear,
    Periodic,
    encode_columns,
    impute,
    one_hot,
    piecewise_linear,
    quantile_edges,
    robust_scale,
    rotation,
)
from mlpbook.chapters.tables_encoder import PiecewiseLinearEncoder


def test_imputation_fills_medians_and_marks_the_rows():
    X = np.array([[1.0, np.nan], [2.0, 5.0]])
    np.testing.assert_array_equal(impute(X, [1.5, 4.0]), [[1, 4, 1], [2, 5, 0]])
    assert np.isnan(X[0, 1])  # the argument is as it was


def test_robust_scaling_is_that_of_scikit_learn(rng):
    X, other = rng.standard_cauchy((50, 3)), rng.standard_normal((7, 3))
    scaler = RobustScaler().fit(X)
    for ours, theirs in zip(robust_scale(X, other), (X, other), strict=True):
        np.testing.assert_allclose(ours, scaler.transform(theirs), rtol=1e-12)


def test_robust_scaling_keeps_a_constant_column_finite():
    np.testing.assert_array_equal(robust_scale(np.full((4, 1), 3.0))[0], np.zeros((4, 1)))


def test_one_hot_is_that_of_scikit_learn(rng):
    codes = rng.integers(5, size=40)
    encoder = OneHotEncoder(categories=[range(5)], sparse_output=False)
    np.testing.assert_array_equal(one_hot(codes, 5), encoder.fit_transform(codes[:, None]))


@pytest.mark.parametrize("codes", [[0, 3], [-1, 0]])
def test_one_hot_refuses_a_code_that_it_does_not_know(codes):
    with pytest.raises(ValueError, match="codes must lie between 0 and 2"):
        one_hot(codes, 3)


def test_edges_hold_equally_many_values_and_equal_ones_are_merged(rng):
    x = rng.standard_normal(800)
    counts, _ = np.histogram(x, quantile_edges(x, 8))
    np.testing.assert_array_equal(counts, np.full(8, 100))
    np.testing.assert_array_equal(quantile_edges([1, 1, 1, 2, 3], 4), [1, 2, 3])
    with pytest.raises(ValueError, match="at least two different values"):
        quantile_edges([2.0, 2.0], 4)


def test_piecewise_linear_encoding_by_hand():
    # 3 is past the bins [0, 1] and [1, 2], and halfway through [2, 4].
    np.testing.assert_array_equal(piecewise_linear([3.0], [0, 1, 2, 4]), [[1, 1, 0.5]])
    np.testing.assert_array_equal(piecewise_linear([-1.0, 9.0], [0, 1, 2]), [[0, 0], [1, 1]])


def test_columns_are_encoded_side_by_side():
    X = np.array([[0.5, 10.0], [1.0, 30.0]])
    np.testing.assert_array_equal(
        encode_columns(X, [np.array([0, 1]), np.array([0, 20, 40])]), [[0.5, 0.5, 0], [1, 1, 0.5]]
    )


def test_waves_are_sines_then_cosines():
    layer = Periodic(1, 2, sigma=1.0, rng=np.random.default_rng(0))
    layer.c[...] = [[0.25], [0.5]]
    # x = 1: angles pi/2 and pi
    np.testing.assert_allclose(layer.forward(np.ones((1, 1))), [[1, 0, 0, -1]], atol=1e-15)


def quotient(layer, X, dZ, p, h=1e-6):
    """Difference quotients of sum(dZ * output) with respect to the entries of p."""
    result = np.empty_like(p)
    for i in np.ndindex(p.shape):
        values = []
        for shift in (h, -h):
            p[i] += shift
            values.append(np.sum(dZ * layer.forward(X)))
            p[i] -= shift
        result[i] = (values[0] - values[1]) / (2 * h)
    return result


@pytest.mark.parametrize("shape", [(5, 4, 3), (5, 1, 3)])
def test_gradients_of_the_shared_ensemble_are_difference_quotients(rng, shape):
    layer = EnsembleLinear(3, 2, k=4, rng=rng, first=True)
    for name in ("S", "B"):
        getattr(layer, name)[...] = rng.standard_normal((4, 2))
    X, dZ = rng.standard_normal(shape), rng.standard_normal((5, 4, 2))
    layer.forward(X)
    dX = layer.backward(dZ)
    gradients = [g.copy() for g in layer.gradients()]
    for p, g in zip([X, *layer.parameters()], [dX, *gradients], strict=True):
        np.testing.assert_allclose(quotient(layer, X, dZ, p), g, rtol=1e-7, atol=1e-7)


def test_gradients_of_waves_are_difference_quotients(rng):
    layer = Periodic(3, 2, sigma=0.4, rng=rng)
    X, dZ = rng.standard_normal((5, 3)), rng.standard_normal((5, 12))
    layer.forward(X)
    dX, dc = layer.backward(dZ), layer.dc.copy()
    for p, g in ((X, dX), (layer.c, dc)):
        np.testing.assert_allclose(quotient(layer, X, dZ, p), g, rtol=1e-7, atol=1e-7)


def test_widths_of_the_waves(rng):
    layer = Periodic(3, 2, sigma=0.4, rng=rng)
    assert (layer.n_in, layer.n_out) == (3, layer.forward(np.zeros((1, 3))).shape[1])


def test_members_differ_by_signs_in_a_first_layer_only(rng):
    first, later = (EnsembleLinear(50, 2, k=3, rng=rng, first=f) for f in (True, False))
    assert set(np.unique(first.R)) == {-1.0, 1.0}
    assert np.all(later.R == 1)


def test_rotation_is_orthogonal(rng):
    Q = rotation(6, rng=rng)
    np.testing.assert_allclose(Q.T @ Q, np.eye(6), atol=1e-14)


@parametrize_with_checks([PiecewiseLinearEncoder(n_bins=4)])
def test_the_encoder_passes_scikit_learns_checks(estimator, check):
    name = check.func.__name__
    if name in {"check_fit2d_1sample", "check_fit2d_1feature"}:
        pytest.skip("one value has no bins: the encoder says so")
    check(estimator)


def test_the_encoder_keeps_the_columns_and_uses_training_quantiles(rng):
    X, new = rng.standard_normal((40, 2)), rng.standard_normal((5, 2))
    encoder = PiecewiseLinearEncoder(n_bins=4).fit(X)
    result = encoder.transform(new)
    np.testing.assert_array_equal(result[:, :2], new)
    np.testing.assert_allclose(encoder.edges_[1], np.quantile(X[:, 1], [0, 0.25, 0.5, 0.75, 1]))
    np.testing.assert_array_equal(result[:, 6:], piecewise_linear(new[:, 1], encoder.edges_[1]))
