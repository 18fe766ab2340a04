"""Signals at initialization."""

import numpy as np
import pytest

from mlpbook.chapters.initialization import (
    draw_biases,
    gain,
    gaussian_mean,
    profile,
    relu_correlation,
    scaled_normal,
)
from mlpbook.scratch import activations as act
from mlpbook.scratch.layers import Linear, Residual, Tanh
from mlpbook.scratch.network import MLP, Sequential


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_profile_measures_pre_activations_and_their_adjoints(rng):
    model = MLP([3, 5, 4, 2], Tanh, rng=rng)
    X, dY = rng.standard_normal((6, 3)), rng.standard_normal((6, 2))
    W1, b1, W2, b2, W3, b3 = model.parameters()
    Z1 = X @ W1.T + b1
    Z2 = np.tanh(Z1) @ W2.T + b2
    Z3 = np.tanh(Z2) @ W3.T + b3
    D2 = dY @ W3 * (1 - np.tanh(Z2) ** 2)
    D1 = D2 @ W2 * (1 - np.tanh(Z1) ** 2)
    forward, backward, weights = profile(model, X, dY)
    np.testing.assert_allclose(forward, [np.mean(Z**2) for Z in (Z1, Z2, Z3)], rtol=1e-13)
    np.testing.assert_allclose(backward, [np.mean(D**2) for D in (D1, D2, dY)], rtol=1e-13)
    dW = [D1.T @ X, D2.T @ np.tanh(Z1), dY.T @ np.tanh(Z2)]
    np.testing.assert_allclose(weights, [np.mean(g**2) for g in dW], rtol=1e-13)


def test_profile_keeps_the_dtype_and_the_parameters(rng):
    model = MLP([3, 4, 2], rng=rng, dtype=np.float32)
    before = [p.copy() for p in model.parameters()]
    X = rng.standard_normal((5, 3)).astype(np.float32)
    result = profile(model, X, np.ones((5, 2), np.float32))
    assert {part.dtype for part in result} == {np.dtype(np.float32)}
    for p, q in zip(model.parameters(), before, strict=True):
        assert np.array_equal(p, q)


def test_profile_looks_at_linear_layers_only(rng):
    model = Sequential([Residual([Linear(3, 3, rng=rng), Tanh()]), Linear(3, 2, rng=rng)])
    assert profile(model, np.ones((1, 3)), np.ones((1, 2))).forward.shape == (1,)


@pytest.mark.parametrize("factor", [1 / 3, 2.0])
def test_scaled_normal_has_the_variance_of_its_name(factor, rng):
    W = scaled_normal(factor)(400, 500, rng=rng)
    assert W.var() * 500 == pytest.approx(factor, rel=0.02)  # standard error 0.3 %
    assert abs(W.mean()) < 4 * np.sqrt(factor / 500 / W.size)


def test_scaled_normal_refuses_a_negative_factor():
    with pytest.raises(ValueError, match="factor"):
        scaled_normal(-1)


def test_scaled_normal_draws_both_dtypes_alike():
    draws = [
        scaled_normal(2)(3, 4, rng=np.random.default_rng(0), dtype=dtype)
        for dtype in (np.float32, np.float64)
    ]
    assert [draw.dtype for draw in draws] == [np.float32, np.float64]
    np.testing.assert_array_equal(draws[0], draws[1].astype(np.float32))


def test_draw_biases_fills_the_interval_of_each_layer_and_leaves_the_weights(rng):
    model = MLP([100, 4000, 2], rng=rng)
    W1 = model.layers[0].W.copy()
    draw_biases(model, rng=rng)
    b1, b2 = model.layers[0].b, model.layers[-1].b
    assert 0.999 < np.abs(b1).max() * 10 <= 1
    assert b1.var() * 300 == pytest.approx(1, rel=0.06)
    assert 0 < np.abs(b2).max() * np.sqrt(4000) <= 1
    assert np.array_equal(W1, model.layers[0].W)
    assert model.parameters()[1] is b1 or np.shares_memory(model.parameters()[1], b1)


def test_draw_biases_refuses_a_seed():
    model = MLP([2, 1], rng=np.random.default_rng(0))
    with pytest.raises(TypeError, match="rng"):
        draw_biases(model, rng=0)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (np.ones_like, 1),
        (lambda x: x**2, 1),
        (lambda x: x**8, 105),  # 7 * 5 * 3
        (np.abs, np.sqrt(2 / np.pi)),
        (lambda x: (x > 0) * 1.0, 0.5),
        (np.exp, np.exp(0.5)),
        (lambda x: np.cos(3 * x), np.exp(-4.5)),
        (lambda x: act.gelu(x) ** 2, 1 / 3 + np.sqrt(3) / (6 * np.pi)),
    ],
)
def test_gaussian_mean_of_functions_with_known_means(function, expected):
    assert gaussian_mean(function) == pytest.approx(expected, rel=1e-12)


def test_gain_of_functions_with_known_gains():
    assert gain(act.identity) == pytest.approx(1, rel=1e-12)
    assert gain(act.relu) == pytest.approx(np.sqrt(2), rel=1e-12)
    assert gain(lambda x: act.leaky_relu(x, 0.2)) == pytest.approx(np.sqrt(2 / 1.04), rel=1e-12)
    assert gain(lambda x: 3 * x) == pytest.approx(1 / 3, rel=1e-12)


def test_gain_agrees_with_a_simulation(rng):
    xi = rng.standard_normal(1_000_000)
    assert gain(np.tanh) == pytest.approx(np.mean(np.tanh(xi) ** 2) ** -0.5, rel=3e-3)


def test_relu_correlation_at_known_angles():
    # angles pi, pi/2, pi/3, 0: (sin + (pi - angle) cos) / pi
    expected = [0, 1 / np.pi, (np.sqrt(3) / 2 + np.pi / 3) / np.pi, 1]
    np.testing.assert_allclose(relu_correlation([-1, 0, 0.5, 1]), expected, atol=1e-15)


def test_relu_correlation_takes_numbers_that_rounding_put_outside():
    assert relu_correlation(1 + 1e-12) == 1


def test_the_narrowest_layer_and_a_negative_factor():
    W = scaled_normal(9.0)(4, 1, rng=np.random.default_rng(3))
    assert pytest.approx(W) == 3 * np.random.default_rng(3).standard_normal((4, 1))
    with pytest.raises(ValueError, match="^factor must be a finite number at least 0, got -1"):
        scaled_normal(-1.0)


def test_correlations_beside_the_ends_count_as_the_ends():
    # rounding may leave a correlation of 1 + 1e-16, whose arc cosine does not exist
    beyond = relu_correlation(np.array([-1 - 1e-15, 1 + 1e-15]))
    assert beyond == pytest.approx([0, 1], abs=1e-12)
    assert relu_correlation(np.array([0, 1])) == pytest.approx([1 / np.pi, 1])  # integers, too
