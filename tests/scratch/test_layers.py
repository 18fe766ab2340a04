"""Layers: their backward passes against explicit Jacobians and PyTorch's gradcheck."""

import numpy as np
import pytest

from mlpbook.scratch import layers
from mlpbook.scratch.layers import Linear

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
