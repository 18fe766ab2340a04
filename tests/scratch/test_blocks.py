"""Gated layers, mixtures of experts, splines and waves: against definitions and differences."""

import numpy as np
import pytest

from mlpbook.checks.gradient_check import check_gradients, numerical_gradient
from mlpbook.scratch.blocks import (
    FourierFeatures,
    MixtureOfExperts,
    SplineExpansion,
    SwiGLU,
    spline_basis,
)
from mlpbook.scratch.layers import Linear, Tanh
from mlpbook.scratch.losses import MSELoss
from mlpbook.scratch.network import Sequential


def mixture(rng, **options):
    return MixtureOfExperts(5, 4, 3, n_experts=3, rng=rng, **options)


BLOCKS = {
    "SwiGLU": lambda rng: [SwiGLU(5, 6, 3, rng=rng)],
    "mixture": lambda rng: [mixture(rng)],
    "splines": lambda rng: [
        Tanh(),
        SplineExpansion(5, n_intervals=4),
        Linear(35, 3, rng=rng),
    ],
    "waves": lambda rng: [
        FourierFeatures(5, 4, scale=0.3, rng=rng),
        Linear(8, 3, rng=rng),
    ],
}


@pytest.mark.parametrize("name", BLOCKS)
def test_gradients_against_differences(name, rng):
    model = Sequential([Linear(5, 5, rng=rng), *BLOCKS[name](rng)])
    X, Y = rng.standard_normal((9, 5)), rng.standard_normal((9, 3))
    assert check_gradients(model, MSELoss(), X, Y).worst < 1e-6


def test_a_gate_of_large_negative_inputs_is_closed(rng):
    layer = SwiGLU(2, 3, 2, rng=rng)
    layer.G[...] = -50
    np.testing.assert_allclose(layer.forward(np.ones((1, 2))), 0, atol=1e-40)


def test_each_row_of_a_mixture_is_its_experts_output_times_its_probability(rng):
    layer, X = mixture(rng), rng.standard_normal((20, 5))
    Y = layer.forward(X)
    used = np.zeros(3)
    for x, y in zip(X, Y, strict=True):
        p = np.exp(layer.R @ x) / np.exp(layer.R @ x).sum()
        e = p.argmax()
        used[e] += 1
        hidden = np.maximum(layer.U[e] @ x + layer.b[e], 0)
        np.testing.assert_allclose(y, p[e] * (layer.V[e] @ hidden + layer.c[e]), rtol=1e-12)
    np.testing.assert_allclose(layer.shares, used / 20)


def test_an_expert_without_samples_gets_no_gradient(rng):
    layer, X = mixture(rng), np.abs(rng.standard_normal((6, 5)))
    layer.R[...] = [[9] * 5, [0] * 5, [-9] * 5]  # all rows choose expert 0
    layer.forward(X)
    layer.backward(rng.standard_normal((6, 3)))
    assert layer.shares.tolist() == [1, 0, 0]
    assert np.any(layer.dU[0])
    assert not np.any(layer.dU[1:])
    assert not np.any(layer.dc[1:])


def test_the_balance_loss_is_least_for_equal_shares_and_its_gradient_is_added(rng):
    layer, X = mixture(rng, balance=0.7), rng.standard_normal((30, 5))
    layer.forward(X)
    layer.backward(np.zeros((30, 3)))
    shares, by_hand = layer.shares.copy(), layer.dR.copy()

    def loss():  # shares are constants in its gradient
        P = np.exp(X @ layer.R.T)
        P /= P.sum(axis=1, keepdims=True)
        return 0.7 * 3 * float(shares @ P.mean(axis=0))

    assert layer.balance_loss() == pytest.approx(loss(), rel=1e-12)
    np.testing.assert_allclose(by_hand, numerical_gradient(loss, layer.R), atol=1e-8)
    layer.R[...] = 0  # equal probabilities
    layer.forward(X)
    assert layer.balance_loss() == pytest.approx(0.7)


def test_splines_add_up_to_one_and_reproduce_scipys(rng):
    BSpline = pytest.importorskip("scipy.interpolate").BSpline
    layer, X = SplineExpansion(2, n_intervals=5), rng.uniform(-1, 1, (40, 2))
    B = layer.forward(X).reshape(40, 2, -1)
    np.testing.assert_allclose(B.sum(axis=2), 1, rtol=1e-13)
    design = BSpline.design_matrix(X[:, 0], layer.knots, 3).toarray()
    np.testing.assert_allclose(B[:, 0], design, atol=1e-13)
    assert layer.n_in == 2
    assert layer.n_out == B.shape[1] * B.shape[2]


def test_knots_must_increase():
    with pytest.raises(ValueError, match=r"strictly increasing .* Pass np.linspace"):
        spline_basis([0.0], [0, 1, 1, 2], 2)


def test_waves_have_the_variance_of_their_scale_and_are_not_trained(rng):
    layer = FourierFeatures(2, 5000, scale=3.0, rng=rng)
    assert layer.B.std() == pytest.approx(3, rel=0.03)
    assert layer.parameters() == []
    out = layer.forward(np.array([[0.25, 0.0]]))
    np.testing.assert_allclose(out[0, :5000], np.cos(np.pi / 2 * layer.B[:, 0]), atol=1e-10)
    np.testing.assert_allclose(out[0, 5000:], np.sin(np.pi / 2 * layer.B[:, 0]), atol=1e-10)


@pytest.mark.parametrize("name", ["SwiGLU", "mixture", "waves"])
def test_blocks_keep_float32(name):
    make = {
        "SwiGLU": lambda rng: SwiGLU(5, 6, 3, rng=rng, dtype=np.float32),
        "mixture": lambda rng: mixture(rng, balance=0.1, dtype=np.float32),
        "waves": lambda rng: FourierFeatures(5, 4, scale=1.0, rng=rng, dtype=np.float32),
    }
    layer = make[name](np.random.default_rng(0))
    Y = layer.forward(np.ones((4, 5), np.float32))
    assert Y.dtype == layer.backward(np.ones_like(Y)).dtype == np.float32
    assert all(g.dtype == np.float32 for g in layer.gradients())
