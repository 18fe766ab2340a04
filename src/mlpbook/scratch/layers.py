r"""Layers: a forward pass that remembers what its backward pass will need.

Every layer has ``forward(X)`` for a batch of rows and ``backward(dZ)``, which turns the adjoint of
the output into the adjoint of the input: a vector-Jacobian product for the whole batch at once. A
layer with parameters also stores their adjoints, in ``dW`` and ``db``, of the parameters' shapes.

A layer keeps what its last forward pass saw. So call backward right after the forward pass that it
belongs to, and use no layer twice in a network.
"""

from collections.abc import Sequence
from typing import ClassVar, Self

import numpy as np
from numpy.typing import DTypeLike

from mlpbook.scratch import activations
from mlpbook.scratch.activations import Elementwise
from mlpbook.shared import Array
from mlpbook.shared.initializers import Initializer, he_normal
from mlpbook.shared.validation import check_number, check_rng

__all__ = [
    "ELU",
    "GELU",
    "Activation",
    "Dropout",
    "Identity",
    "Layer",
    "LeakyReLU",
    "Linear",
    "ReLU",
    "Residual",
    "SiLU",
    "Sigmoid",
    "Softplus",
    "Tanh",
]


class Layer:
    """The interface of a layer; by default it has no parameters.

    Attributes
    ----------
    names : tuple of str
        The attributes that hold parameters; the adjoint of ``W`` is ``dW``.
    state : tuple of str
        The attributes that are not learned but belong to the trained layer, such as running means.
    training : bool
        Whether the layer is in training, for layers that behave differently in evaluation.
    n_in, n_out : int or None
        Widths of input and output; None where any width is possible.
    """

    names: ClassVar[tuple[str, ...]] = ()
    state: ClassVar[tuple[str, ...]] = ()
    training: bool = True

    def forward(self, X: Array) -> Array:
        """Map a batch (N, n_in) to its outputs (N, n_out)."""
        raise NotImplementedError

    def backward(self, dZ: Array) -> Array:
        """Map the adjoint of the outputs (N, n_out) to that of the inputs (N, n_in)."""
        raise NotImplementedError

    def backward_parameters(self, dZ: Array) -> None:
        """Set the parameters' adjoints only: a network's first layer needs no more."""
        self.backward(dZ)

    def parameters(self) -> list[Array]:
        """Return the parameters, in a fixed order; the optimizer changes them in place."""
        return [getattr(self, name) for name in self.names]

    def gradients(self) -> list[Array]:
        """Return the parameters' adjoints from the last backward pass, in the same order."""
        return [getattr(self, f"d{name}") for name in self.names]

    def leaves(self) -> list["Layer"]:
        """Return the layers inside a layer that is made of others, or else the layer itself."""
        return [self]

    def train(self) -> Self:
        """Switch to training (dropout drops, normalization uses the batch); return the layer."""
        for leaf in self.leaves():
            leaf.training = True
        return self

    def eval(self) -> Self:
        """Switch to evaluation (each sample by itself, no randomness); return the layer."""
        for leaf in self.leaves():
            leaf.training = False
        return self

    @property
    def n_in(self) -> int | None:
        """Width of the input, None if any is possible."""
        return None

    @property
    def n_out(self) -> int | None:
        """Width of the output, None if it is the input's."""
        return None


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

    Examples
    --------
    >>> layer = Linear(3, 2, rng=np.random.default_rng(0))
    >>> layer.forward(np.ones((5, 3))).shape
    (5, 2)
    >>> layer.backward(np.ones((5, 2))).shape, layer.dW.shape, layer.db
    ((5, 3), (2, 3), array([5., 5.]))
    """

    names = ("W", "b")

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
        """Set dW and db; return dX (N, n_in), from dZ (N, n_out)."""
        self.backward_parameters(dZ)
        dX: Array = np.dot(dZ, self.W)  # as dZ @ W, which is slow where n_out = 1
        return dX

    def backward_parameters(self, dZ: Array) -> None:
        """Set dW (n_out, n_in) and db (n_out,), from dZ (N, n_out)."""
        self.dW = dZ.T @ self._X
        self.db = dZ.sum(axis=0)

    @property
    def n_in(self) -> int:
        """Width of the input."""
        return int(self.W.shape[1])

    @property
    def n_out(self) -> int:
        """Width of the output."""
        return len(self.W)


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
    """Rectified linear unit; its slope is 1 where the output is positive, else 0."""

    def __init__(self) -> None:
        super().__init__(activations.relu, activations.relu_prime)

    def forward(self, X: Array) -> Array:
        """Return the positive part of each entry of X, in its shape."""
        self._A = np.maximum(X, 0)
        return self._A

    def backward(self, dZ: Array) -> Array:
        """Pass the adjoint dZ where the last output was positive."""
        return dZ * (self._A > 0)


class LeakyReLU(Activation):
    """Leaky ReLU with slope 0.01 for negative inputs."""

    def __init__(self) -> None:
        super().__init__(activations.leaky_relu, activations.leaky_relu_prime)


class ELU(Activation):
    """Exponential linear unit."""

    def __init__(self) -> None:
        super().__init__(activations.elu, activations.elu_prime)


class Sigmoid(Activation):
    """Logistic function; its slope is a (1 - a) at the output a."""

    def __init__(self) -> None:
        super().__init__(activations.sigmoid, activations.sigmoid_prime)

    def forward(self, X: Array) -> Array:
        """Return the logistic function of each entry of X, in its shape."""
        self._A = self.function(X)
        return self._A

    def backward(self, dZ: Array) -> Array:
        """Multiply the adjoint dZ by the slope at the last output, entry by entry."""
        slope: Array = self._A * (1 - self._A)
        return dZ * slope


class Tanh(Activation):
    """Hyperbolic tangent; its slope is 1 - a^2 at the output a."""

    def __init__(self) -> None:
        super().__init__(activations.tanh, activations.tanh_prime)

    def forward(self, X: Array) -> Array:
        """Return the hyperbolic tangent of each entry of X, in its shape."""
        self._A = np.tanh(X)
        return self._A

    def backward(self, dZ: Array) -> Array:
        """Multiply the adjoint dZ by the slope at the last output, entry by entry."""
        slope: Array = 1 - self._A * self._A
        return dZ * slope


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


class Dropout(Layer):
    r"""Dropout (Srivastava et al. 2014): in training, set each entry to 0 with probability p.

    What is left is divided by 1 - p, so that the mean stays and nothing has to be done in
    evaluation, where the layer is the identity. The adjoint passes where the entry did, with the
    same factor.

    Parameters
    ----------
    p : float
        Probability in [0, 1) of dropping an entry.
    rng : numpy.random.Generator
        Source of the draws, one per entry in every forward pass of training.

    Raises
    ------
    ValueError, TypeError
        If p is out of its range, or rng is not a generator.

    Examples
    --------
    >>> layer = Dropout(0.5, rng=np.random.default_rng(0))
    >>> layer.forward(np.ones((1, 6)))
    array([[2., 0., 0., 0., 2., 2.]])
    >>> layer.eval().forward(np.ones((1, 6)))
    array([[1., 1., 1., 1., 1., 1.]])
    """

    def __init__(self, p: float, *, rng: np.random.Generator) -> None:
        self.p = check_number(p, "p", low=0, high=1, high_open=True)
        self.rng = check_rng(rng)

    def forward(self, X: Array) -> Array:
        """Return X with entries dropped; in evaluation, X itself."""
        self._factor: Array | None = None
        if not self.training:
            return X
        kept = self.rng.random(X.shape) >= self.p
        self._factor = kept.astype(X.dtype) / (1 - self.p)
        return X * self._factor

    def backward(self, dZ: Array) -> Array:
        """Multiply the adjoint dZ by the factors of the last forward pass."""
        return dZ if self._factor is None else dZ * self._factor


class Residual(Layer):
    r"""Layers with a skip connection, :math:`X + F(X)` (He et al. 2016, arXiv 1512.03385).

    The adjoint takes both paths: :math:`\bar X = \bar Y + J_F^\top \bar Y`.

    Parameters
    ----------
    layers : sequence of Layer
        F, first layer first; must keep the width.

    Raises
    ------
    ValueError
        If there are no layers; in a forward pass, if F changes the shape.

    Examples
    --------
    >>> layer = Residual([Linear(2, 3, rng=np.random.default_rng(0)), ReLU(),
    ...                   Linear(3, 2, rng=np.random.default_rng(1))])
    >>> layer.forward(np.ones((5, 2))).shape, len(layer.parameters())
    ((5, 2), 4)
    """

    def __init__(self, layers: Sequence[Layer]) -> None:
        self.layers = list(layers)
        if not self.layers:
            raise ValueError("layers must hold at least one Layer, got none.")

    def forward(self, X: Array) -> Array:
        """Return X + F(X), in the shape of X."""
        F = X
        for layer in self.layers:
            F = layer.forward(F)
        if F.shape != X.shape:
            raise ValueError(
                f"F(X) must have the shape of X, {X.shape}, got {F.shape}. "
                "The layers inside a Residual must keep the width."
            )
        return X + F

    def backward(self, dZ: Array) -> Array:
        """Return dZ plus its adjoint through the layers."""
        dF = dZ
        for layer in reversed(self.layers):
            dF = layer.backward(dF)
        return dZ + dF

    def parameters(self) -> list[Array]:
        """Return the parameters of all layers."""
        return [p for layer in self.layers for p in layer.parameters()]

    def gradients(self) -> list[Array]:
        """Return the adjoints of the parameters of all layers."""
        return [g for layer in self.layers for g in layer.gradients()]

    def leaves(self) -> list[Layer]:
        """Return the layers inside, including those nested in them."""
        return [leaf for layer in self.layers for leaf in layer.leaves()]
