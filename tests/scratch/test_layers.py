"""Layers: their backward passes against explicit Jacobians and PyTorch's gradcheck."""

import numpy as np
import pytest

from mlpbook.scratch import layers
from mlpbook.scratch.layers import Dropout, Linear, Residual

ACTIVATIONS = [
    "Identity",
    "ReLU",
    "LeakyReLU",
    "ELU",
    "Sigmoid",
    "Tanh",
    "Softplus",
    "SiLU",
    "GELU",
]


def jacobian(f, x, h=1e-6):
    """All partial derivatives of a vector function, (len(f), len(x)), by central differences."""
    columns = [(f(x + h * e) - f(x - h * e)) / (2 * h) for e in np.eye(len(x))]
    return np.stack(columns, axis=1)


def away_from_kinks(rng, shape):
    Z = rng.standard_normal(shape)
    return np.where(np.abs(Z) < 1e-2, 0.5, Z)


def test_linear_forward_by_hand():
    layer = Linear(2, 3, rng=np.random.default_rng(0))
    layer.W[...] = [[1, 2], [3, 4], [5, 6]]
    layer.b[...] = [10, 20, 30]
    # row (1, -1): 1 - 2 + 10, 3 - 4 + 20, 5 - 6 + 30
    assert layer.forward(np.array([[1.0, -1.0]])).tolist() == [[9, 19, 29]]


def test_linear_backward_is_the_explicit_jacobian_transposed(rng):
    layer = Linear(3, 2, rng=rng)
    X, dZ = rng.standard_normal((4, 3)), rng.standard_normal((4, 2))
    W, b = layer.W.copy(), layer.b.copy()

    def output(X=X, W=W, b=b):
        return (X @ W.T + b).ravel()

    layer.forward(X)
    dX = layer.backward(dZ)
    by_X = jacobian(lambda x: output(X=x.reshape(4, 3)), X.ravel())
    by_W = jacobian(lambda w: output(W=w.reshape(2, 3)), W.ravel())
    by_b = jacobian(lambda b: output(b=b), b)
    assert dX.ravel() == pytest.approx(by_X.T @ dZ.ravel(), abs=1e-8)
    assert layer.dW.ravel() == pytest.approx(by_W.T @ dZ.ravel(), abs=1e-8)
    assert layer.db == pytest.approx(by_b.T @ dZ.ravel(), abs=1e-8)


def test_linear_backward_overwrites_the_gradients_of_the_previous_batch(rng):
    layer = Linear(3, 2, rng=rng)
    for _ in range(2):
        layer.forward(np.ones((1, 3)))
        layer.backward(np.ones((1, 2)))
    assert layer.db.tolist() == [1, 1]


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation_backward_is_a_diagonal_jacobian(name, rng):
    layer = getattr(layers, name)()
    Z, dA = away_from_kinks(rng, (2, 3)), rng.standard_normal((2, 3))
    J = jacobian(lambda z: layer.forward(z.reshape(2, 3)).ravel(), Z.ravel())
    layer.forward(Z)
    assert layer.backward(dA).ravel() == pytest.approx(J.T @ dA.ravel(), abs=1e-8)
    assert pytest.approx(np.diag(np.diag(J)), abs=1e-9) == J


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_layers_pass_pytorchs_gradcheck(name, rng):
    torch = pytest.importorskip("torch")
    linear, activation = Linear(4, 3, rng=rng), getattr(layers, name)()

    class ByHand(torch.autograd.Function):
        @staticmethod
        def forward(ctx, X, W, b):
            linear.W[...], linear.b[...] = W.detach(), b.detach()
            return torch.from_numpy(activation.forward(linear.forward(X.detach().numpy())))

        @staticmethod
        def backward(ctx, dA):
            dX = linear.backward(activation.backward(dA.numpy()))
            return torch.from_numpy(dX), torch.tensor(linear.dW), torch.tensor(linear.db)

    X = rng.standard_normal((5, 4))
    assert np.abs(linear.forward(X)).min() > 1e-3  # no pre-activation sits on a kink
    inputs = [torch.tensor(a, requires_grad=True) for a in (X, linear.W, linear.b)]
    assert torch.autograd.gradcheck(ByHand.apply, inputs, atol=1e-7)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_equal_pytorchs_modules(name, rng):
    torch = pytest.importorskip("torch")
    layer, module = getattr(layers, name)(), getattr(torch.nn, name)()
    Z, dA = 5 * rng.standard_normal((6, 7)), rng.standard_normal((6, 7))
    z = torch.tensor(Z, requires_grad=True)
    a = module(z)
    a.backward(torch.tensor(dA))
    assert layer.forward(Z) == pytest.approx(a.detach().numpy(), rel=1e-12, abs=1e-14)
    assert layer.backward(dA) == pytest.approx(z.grad.numpy(), rel=1e-12, abs=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_layers_keep_the_dtype(dtype, rng):
    linear = Linear(3, 2, rng=rng, dtype=dtype)
    X = rng.standard_normal((4, 3)).astype(dtype)
    assert linear.forward(X).dtype == dtype
    assert linear.backward(np.ones((4, 2), dtype)).dtype == dtype
    assert {a.dtype for a in linear.parameters() + linear.gradients()} == {np.dtype(dtype)}


def test_the_base_layer_has_no_parameters_and_no_forward():
    layer = layers.Layer()
    assert layer.parameters() == layer.gradients() == []
    for method in (layer.forward, layer.backward):
        with pytest.raises(NotImplementedError):
            method(np.zeros((1, 1)))


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_activation_layers_keep_dtype_and_stay_finite_from_minus_1e4_to_1e4(name, dtype):
    layer = getattr(layers, name)()
    X = np.array([[-1e4, -1.0, 0.0], [1e-30, 30.0, 1e4]], dtype)
    X.flags.writeable = False
    for array in (layer.forward(X), layer.backward(X)):
        assert array.dtype == dtype
        assert array.shape == X.shape
        assert np.isfinite(array).all()


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_layer_knows_its_function_and_derivative(name, rng):
    layer, Z = getattr(layers, name)(), away_from_kinks(rng, (3, 4))
    assert layer.function(Z) == pytest.approx(layer.forward(Z), rel=1e-15)
    assert layer.derivative(Z) == pytest.approx(layer.backward(np.ones((3, 4))), rel=1e-12)


def test_the_first_layer_may_leave_the_input_gradient_out(rng):
    layer, X, dZ = Linear(3, 2, rng=rng), rng.standard_normal((4, 3)), rng.standard_normal((4, 2))
    layer.forward(X)
    layer.backward(dZ)
    dW, db = layer.dW.copy(), layer.db.copy()
    layer.dW[...] = layer.db[...] = 0
    assert layer.backward_parameters(dZ) is None
    assert np.array_equal(layer.dW, dW)
    assert np.array_equal(layer.db, db)
    assert (layer.n_in, layer.n_out) == (3, 2)
    assert (layers.ReLU().n_in, layers.ReLU().n_out) == (None, None)


def test_dropout_drops_its_share_and_keeps_the_mean(rng):
    layer = Dropout(0.3, rng=rng)
    n = 100_000
    Y = layer.forward(np.full((n, 1), 2.0))
    assert sorted(set(Y.ravel().tolist())) == [0, pytest.approx(2 / 0.7)]
    # four standard deviations of a share of n draws: 4 * sqrt(0.3 * 0.7 / n)
    assert np.mean(Y == 0) == pytest.approx(0.3, abs=4 * np.sqrt(0.21 / n))
    assert Y.mean() == pytest.approx(2, abs=4 * np.sqrt(0.21 / n) * 2 / 0.7)


def test_the_adjoint_passes_dropout_where_the_entry_did(rng):
    layer, X = Dropout(0.5, rng=rng), rng.standard_normal((6, 7)) + 5
    factor = layer.forward(X) / X
    dY = rng.standard_normal((6, 7))
    assert layer.backward(dY) == pytest.approx(dY * factor)
    assert set(factor.round(12).ravel().tolist()) == {0, 2}


def test_dropout_passes_everything_in_evaluation_and_at_p_0(rng):
    X, dY = rng.standard_normal((2, 3)), rng.standard_normal((2, 3))
    layer = Dropout(0.9, rng=rng)
    layer.forward(X)
    for harmless in (layer.eval(), Dropout(0, rng=rng)):
        assert np.array_equal(harmless.forward(X), X)
        assert np.array_equal(harmless.backward(dY), dY)


def test_dropout_equals_pytorchs_with_the_same_mask(rng):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    X, dY = rng.standard_normal((5, 4)), rng.standard_normal((5, 4))
    x = torch.tensor(X, requires_grad=True)
    y = torch.nn.Dropout(0.4)(x)
    y.backward(torch.tensor(dY))

    class Recorded:
        def random(self, shape):
            return np.where(y.detach().numpy() == 0, 0.0, 0.4)  # dropped below p, kept from p on

    layer = Dropout(0.4, rng=rng)
    layer.rng = Recorded()
    assert layer.forward(X) == pytest.approx(y.detach().numpy(), rel=1e-12)
    assert layer.backward(dY) == pytest.approx(x.grad.numpy(), rel=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dropout_keeps_the_dtype_its_seed_and_its_input(dtype):
    X = np.ones((4, 5), dtype)
    X.flags.writeable = False
    a, b = (Dropout(0.5, rng=np.random.default_rng(3)) for _ in "ab")
    for _ in range(2):
        Y = a.forward(X)
        assert Y.dtype == a.backward(X).dtype == dtype
        assert np.array_equal(Y, b.forward(X))


def test_dropout_refuses_what_is_no_probability_or_no_generator(rng):
    for p in (1, -0.1, float("nan")):
        with pytest.raises(ValueError, match="^p must be .* at least 0 and less than 1"):
            Dropout(p, rng=rng)
    with pytest.raises(TypeError, match="rng must be a numpy.random.Generator"):
        Dropout(0.5, rng=0)


def test_residual_by_hand(rng):
    # F(x) = 3 x + 1, so y = 4 x + 1 and the adjoint is multiplied by 4
    linear = Linear(1, 1, rng=rng)
    linear.W[...], linear.b[...] = 3, 1
    layer = Residual([linear])
    assert layer.forward(np.array([[2.0], [-1.0]])).tolist() == [[9], [-3]]
    assert layer.backward(np.array([[1.0], [10.0]])).tolist() == [[4], [40]]
    assert linear.dW.tolist() == [[2 - 10]]
    assert [id(p) for p in layer.parameters()] == [id(linear.W), id(linear.b)]
    assert [id(g) for g in layer.gradients()] == [id(linear.dW), id(linear.db)]
    assert layer.leaves() == [linear]


def test_residual_backward_is_the_jacobian_transposed(rng):
    layer = Residual([Linear(3, 5, rng=rng), layers.Tanh(), Linear(5, 3, rng=rng)])
    X, dY = rng.standard_normal((2, 3)), rng.standard_normal((2, 3))
    J = jacobian(lambda x: layer.forward(x.reshape(2, 3)).ravel(), X.ravel())
    layer.forward(X)
    assert layer.backward(dY).ravel() == pytest.approx(J.T @ dY.ravel(), abs=1e-8)


def test_residual_layers_must_exist_and_keep_the_shape(rng):
    with pytest.raises(ValueError, match="layers must hold at least one Layer, got none"):
        Residual([])
    # (4, 3) and (4, 1) would broadcast unseen
    words = (
        r"^F\(X\) must have the shape of X, \(4, 3\), got \(4, 1\)\. "
        r"The layers inside a Residual must keep the width\.$"
    )
    with pytest.raises(ValueError, match=words):
        Residual([Linear(3, 1, rng=rng)]).forward(np.ones((4, 3)))
