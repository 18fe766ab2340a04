"""The network: shapes, counts, and gradients against finite differences."""

import numpy as np
import pytest

from mlpbook.gradient_check import check_gradients
from mlpbook.initializers import normal
from mlpbook.scratch.layers import GELU, Linear, ReLU, Sigmoid, Tanh
from mlpbook.scratch.losses import CrossEntropyLoss, MSELoss
from mlpbook.scratch.network import MLP


def test_an_activation_stands_between_linear_layers_and_none_at_the_end(rng):
    kinds = [type(layer) for layer in MLP([4, 3, 2, 1], Tanh, rng=rng).layers]
    assert kinds == [Linear, Tanh, Linear, Tanh, Linear]


def test_the_tutorials_network_has_10_tensors_and_44458_parameters(rng):
    # 32*785 + 64*33 + 128*65 + 64*129 + 10*65 = 25120 + 2112 + 8320 + 8256 + 650
    model = MLP([784, 32, 64, 128, 64, 10], rng=rng)
    assert len(model.parameters()) == 10
    assert model.n_parameters == 44458


def test_forward_by_hand(rng):
    model = MLP([1, 2, 1], rng=rng)
    for p, value in zip(model.parameters(), ([[1], [-1]], [0, 1], [[2, 3]], [5]), strict=True):
        p[...] = value
    # x = 2: z = (2, -1), a = (2, 0), y = 4 + 5; x = -1: z = (-1, 2), a = (0, 2), y = 6 + 5
    assert model(np.array([[2.0], [-1.0]])).tolist() == [[9], [11]]
    A = model.activations(np.array([[2.0]]))
    assert [a.tolist() for a in A] == [[[2]], [[2, 0]], [[9]]]


def test_parameters_are_named_by_layer(rng):
    model = MLP([3, 2, 1], rng=rng)
    named = model.named_parameters()
    assert list(named) == ["W1", "b1", "W2", "b2"]
    assert named["W2"] is model.parameters()[2]
    assert (model.n_in, model.n_out) == (3, 1)


@pytest.mark.parametrize("activation", [ReLU, Tanh, Sigmoid, GELU])
@pytest.mark.parametrize("hidden", [[], [5], [5, 4, 3]])
def test_gradients_agree_with_finite_differences(activation, hidden, rng):
    model = MLP([4, *hidden, 3], activation, rng=rng)
    X, y = rng.standard_normal((6, 4)), rng.integers(3, size=6)
    assert check_gradients(model, CrossEntropyLoss(), X, y, tolerance=1e-5).worst > 0
    check_gradients(model, MSELoss(), X, rng.standard_normal((6, 3)), tolerance=1e-5)


def test_backward_returns_the_adjoint_of_the_input(rng):
    model = MLP([3, 4, 1], Tanh, rng=rng)
    X, h = rng.standard_normal((2, 3)), 1e-6
    model(X)
    dX = model.backward(np.ones((2, 1)))
    for i, j in np.ndindex(X.shape):
        E = np.zeros_like(X)
        E[i, j] = h
        difference = (model(X + E) - model(X - E)).sum() / (2 * h)
        assert dX[i, j] == pytest.approx(difference, abs=1e-8)


@pytest.mark.parametrize(
    "X",
    [
        pytest.param(np.arange(12, dtype=np.uint8).reshape(4, 3), id="uint8"),
        pytest.param(np.asfortranarray(np.arange(12.0).reshape(4, 3)), id="fortran"),
        pytest.param(np.arange(24.0).reshape(4, 6)[:, ::2] / 2, id="strided"),
        pytest.param(np.arange(12.0).reshape(4, 3).astype(np.float16), id="float16"),
    ],
)
def test_the_layout_and_type_of_the_input_change_nothing(X, rng):
    X.flags.writeable = False
    model = MLP([3, 5, 2], rng=rng)
    assert model(X) == pytest.approx(model(np.arange(12.0).reshape(4, 3)), rel=1e-12)


def test_bad_input_gets_an_error_that_names_the_cure(rng):
    model = MLP([3, 2], rng=rng)
    with pytest.raises(ValueError, match=r"got \(3, 4\). Did you pass X.T"):
        model(np.zeros((3, 4)))
    with pytest.raises(ValueError, match="finite"):
        model(np.full((1, 3), np.inf))
    with pytest.raises(ValueError, match="at least an input and an output width"):
        MLP([3], rng=rng)
    with pytest.raises(ValueError, match="at least 1, got 0"):
        MLP([3, 0, 1], rng=rng)


def test_one_seed_gives_one_network_and_leaves_the_global_state_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    a, b = (MLP([3, 4, 2], rng=np.random.default_rng(5), initializer=normal(1.0)) for _ in "ab")
    for p, q in zip(a.parameters(), b.parameters(), strict=True):
        assert np.array_equal(p, q)
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002
