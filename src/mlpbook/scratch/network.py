r"""The multilayer perceptron: layers in a row.

Forward is a loop over the layers, backward is the same loop in reverse. Nothing else is needed,
because each layer knows its own vector-Jacobian product.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from mlpbook.initializers import Initializer, he_normal
from mlpbook.scratch.layers import Layer, Linear, ReLU
from mlpbook.validation import check_sizes

__all__ = ["MLP"]

Array = NDArray[np.floating[Any]]


class MLP:
    r"""Multilayer perceptron: linear layers with an activation between them, none at the end.

    :math:`f(x) = W_L\,\varphi(\cdots\varphi(W_1 x + b_1)\cdots) + b_L` (eq-mlp-composition).

    Parameters
    ----------
    sizes : sequence of int
        Widths :math:`n_0, \dots, n_L`: input, hidden layers, output.
    activation : type of Layer
        Its instances stand between the linear layers.
    rng : numpy.random.Generator
        Source of the initial weights, layer by layer from the input on.
    initializer : callable
        For the weights; biases start at 0.
    dtype : dtype
        Of parameters and computation.

    Raises
    ------
    ValueError
        If fewer than two sizes are given or one is not positive; in a forward pass, if X is not a
        finite matrix with :math:`n_0` columns.

    Examples
    --------
    >>> model = MLP([784, 32, 10], rng=np.random.default_rng(0))
    >>> model(np.zeros((5, 784))).shape
    (5, 10)
    >>> model.n_parameters
    25450
    """

    def __init__(
        self,
        sizes: Sequence[int],
        activation: type[Layer] = ReLU,
        *,
        rng: np.random.Generator,
        initializer: Initializer = he_normal,
        dtype: DTypeLike = np.float64,
    ) -> None:
        sizes = check_sizes(sizes)
        self.layers: list[Layer] = []
        for n_in, n_out in pairwise(sizes):
            self.layers += [
                Linear(n_in, n_out, rng=rng, initializer=initializer, dtype=dtype),
                activation(),
            ]
        self.layers.pop()  # the output layer has no activation

    def __call__(self, X: Array) -> Array:
        """Return the outputs (N, n_L) for a batch X (N, n_0)."""
        return self.forward(self._first.check_input(X))

    def forward(self, X: Array) -> Array:
        """Pass X (N, n_0) through all layers; return (N, n_L)."""
        for layer in self.layers:
            X = layer.forward(X)
        return X

    def backward(self, dY: Array) -> Array:
        """Pass the output's adjoint (N, n_L) back through all layers; return the input's."""
        for layer in reversed(self.layers):
            dY = layer.backward(dY)
        return dY

    def activations(self, X: Array) -> list[Array]:
        """Return [A_0, ..., A_L]: the input, each hidden activation, the output."""
        A = [self._first.check_input(X)]
        for layer in self.layers:
            A.append(layer.forward(A[-1]))
        return [A[0], *A[2:-1:2], A[-1]]

    def parameters(self) -> list[Array]:
        """Return [W_1, b_1, ..., W_L, b_L]."""
        return [p for layer in self.layers for p in layer.parameters()]

    def gradients(self) -> list[Array]:
        """Return the adjoints of the parameters from the last backward pass, in their order."""
        return [g for layer in self.layers for g in layer.gradients()]

    def named_parameters(self) -> dict[str, Array]:
        """Return the parameters by name: W1, b1, W2, b2, and so on."""
        names = [f"{letter}{i // 2 + 1}" for i, letter in enumerate("Wb" * len(self.layers))]
        return dict(zip(names, self.parameters(), strict=False))

    @property
    def n_parameters(self) -> int:
        """The number of numbers to learn."""
        return sum(p.size for p in self.parameters())

    @property
    def n_in(self) -> int:
        """Width of the input."""
        return int(self._first.W.shape[1])

    @property
    def n_out(self) -> int:
        """Width of the output."""
        return len(self.parameters()[-1])

    @property
    def _first(self) -> Linear:
        layer = self.layers[0]
        assert isinstance(layer, Linear)
        return layer
