r"""Layers: a forward pass that remembers what its backward pass will need.

Every layer has ``forward(X)`` for a batch of rows and ``backward(dZ)``, which turns the adjoint of
the output into the adjoint of the input: a vector-Jacobian product for the whole batch at once. A
layer with parameters also stores their adjoints, in ``dW`` and ``db``, of the parameters' shapes.

A layer keeps what its last forward pass saw. So call backward after the forward pass it belongs to,
and do not use one layer twice in a network.
"""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from mlpbook.initializers import Initializer, he_normal
from mlpbook.scratch import activations
from mlpbook.scratch.activations import Elementwise
from mlpbook.validation import check_matrix

__all__ = [
    "ELU",
    "GELU",
    "Activation",
    "Identity",
    "Layer",
    "LeakyReLU",
    "Linear",
    "ReLU",
    "SiLU",
    "Sigmoid",
    "Softplus",
    "Tanh",
]

Array = NDArray[np.floating[Any]]


class Layer:
    """What all layers have in common: no parameters unless they say so."""

    def forward(self, X: Array) -> Array:
        """Map a batch (N, n_in) to its outputs (N, n_out)."""
        raise NotImplementedError

    def backward(self, dZ: Array) -> Array:
        """Map the adjoint of the outputs (N, n_out) to that of the inputs (N, n_in)."""
        raise NotImplementedError

    def parameters(self) -> list[Array]:
        """Return the parameters, in a fixed order; the optimizer changes them in place."""
        return []

    def gradients(self) -> list[Array]:
        """Return the parameters' adjoints from the last backward pass, in the same order."""
        return []


class Linear(Layer):
    r"""Fully connected layer, :math:`Z = X W^\top + \mathbf 1 b^\top` (def-mlp-layer-batch).

    Parameters
    ----------
    n_in, n_out : int
        Widths of input and output.
    rng : numpy.random.Generator
        Source of the initial weights.
    initializer : callable
        ``initializer(n_out, n_in, rng=, dtype=)``; biases start at 0.
    dtype : dtype
        Of the parameters.

    Attributes
    ----------
    W, dW : array (n_out, n_in)
        Weights, and their adjoint after ``backward``.
    b, db : array (n_out,)
        Biases, and their adjoint after ``backward``.

    Raises
    ------
    ValueError
        If the input is not a finite matrix with n_in columns.

    Examples
    --------
    >>> layer = Linear(3, 2, rng=np.random.default_rng(0))
    >>> layer.forward(np.ones((5, 3))).shape
    (5, 2)
    >>> layer.backward(np.ones((5, 2))).shape, layer.dW.shape, layer.db
    ((5, 3), (2, 3), array([5., 5.]))
    """

    def __init__(
        self,
        n_in: int,
        n_out: int,
        *,
        rng: np.random.Generator,
        initializer: Initializer = he_normal,
        dtype: DTypeLike = np.float64,
    ) -> None:
        self.W = initializer(n_out, n_in, rng=rng, dtype=dtype)
        self.b = np.zeros(n_out, dtype=dtype)
        self.dW = np.zeros_like(self.W)
        self.db = np.zeros_like(self.b)

    def forward(self, X: Array) -> Array:
        """Return X W^T + b, (N, n_out), for X of shape (N, n_in)."""
        self._X = X
        return X @ self.W.T + self.b

    def backward(self, dZ: Array) -> Array:
        """Set dW (n_out, n_in) and db (n_out,); return dX (N, n_in), from dZ (N, n_out)."""
        self.dW[...] = dZ.T @ self._X
        self.db[...] = dZ.sum(axis=0)
        return dZ @ self.W

    def parameters(self) -> list[Array]:
        """Return [W, b]."""
        return [self.W, self.b]

    def gradients(self) -> list[Array]:
        """Return [dW, db]."""
        return [self.dW, self.db]

    def check_input(self, X: Array) -> Array:
        """Return X as a matrix of the parameters' dtype, or say what is wrong with it."""
        return check_matrix(X, "X", n_features=self.W.shape[1]).astype(self.W.dtype, copy=False)


class Activation(Layer):
    r"""Elementwise layer, :math:`A = \varphi(Z)`, with :math:`\bar Z = \bar A \odot \varphi'(Z)`.

    Parameters
    ----------
    function, derivative : callable
        Functions of an array of any shape, as in `mlpbook.scratch.activations`.

    Examples
    --------
    >>> layer = Activation(np.sin, np.cos)
    >>> layer.forward(np.zeros((1, 2))), layer.backward(np.array([[1.0, 2.0]]))
    (array([[0., 0.]]), array([[1., 2.]]))
    """

    def __init__(self, function: Elementwise, derivative: Elementwise) -> None:
        self.function = function
        self.derivative = derivative

    def forward(self, X: Array) -> Array:
        """Return the function of each entry of X, in its shape."""
        self._X = X
        return self.function(X)

    def backward(self, dZ: Array) -> Array:
        """Multiply the adjoint dZ by the derivative at the last input, entry by entry."""
        return dZ * self.derivative(self._X)


class Identity(Activation):
    """No activation: for a network that stays affine."""

    def __init__(self) -> None:
        super().__init__(activations.identity, activations.identity_prime)


class ReLU(Activation):
    """Rectified linear unit."""

    def __init__(self) -> None:
        super().__init__(activations.relu, activations.relu_prime)


class LeakyReLU(Activation):
    """Leaky ReLU with slope 0.01 for negative inputs."""

    def __init__(self) -> None:
        super().__init__(activations.leaky_relu, activations.leaky_relu_prime)


class ELU(Activation):
    """Exponential linear unit."""

    def __init__(self) -> None:
        super().__init__(activations.elu, activations.elu_prime)


class Sigmoid(Activation):
    """Logistic function."""

    def __init__(self) -> None:
        super().__init__(activations.sigmoid, activations.sigmoid_prime)


class Tanh(Activation):
    """Hyperbolic tangent."""

    def __init__(self) -> None:
        super().__init__(activations.tanh, activations.tanh_prime)


class Softplus(Activation):
    """Smooth ReLU."""

    def __init__(self) -> None:
        super().__init__(activations.softplus, activations.softplus_prime)


class SiLU(Activation):
    """Sigmoid-weighted linear unit."""

    def __init__(self) -> None:
        super().__init__(activations.silu, activations.silu_prime)


class GELU(Activation):
    """Gaussian error linear unit, exact."""

    def __init__(self) -> None:
        super().__init__(activations.gelu, activations.gelu_prime)
