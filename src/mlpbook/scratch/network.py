r"""The network: layers in a row.

Forward is a loop over the layers, backward is the same loop in reverse. Nothing else is needed,
because each layer knows its own vector-Jacobian product.
"""

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from mlpbook.scratch.layers import Layer, Linear, ReLU
from mlpbook.shared import Array
from mlpbook.shared.files import check_state, read_state, write_state
from mlpbook.shared.initializers import Initializer, he_normal
from mlpbook.shared.validation import check_matrix, check_sizes

__all__ = ["MLP", "Sequential"]


class Sequential:
    r"""A network of any layers, one after another.

    Parameters
    ----------
    layers : sequence of Layer
        First layer first; no layer twice.

    Raises
    ------
    TypeError, ValueError
        If there are no layers, one is not a Layer or occurs twice, or the widths do not match; in
        a call, if X is not a finite matrix with as many columns as the first layer takes.

    Notes
    -----
    ``backward(dY, input_gradient=False)`` stops at the first layer's parameters and returns the
    adjoint of its output. Training needs no more, and the product left out is often the largest.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> model = Sequential([Linear(4, 3, rng=rng), ReLU(), Linear(3, 2, rng=rng)])
    >>> model(np.zeros((5, 4))).shape
    (5, 2)
    >>> model.n_parameters  # 3*4 + 3 + 2*3 + 2
    23
    """

    def __init__(self, layers: Sequence[Layer]) -> None:
        self.layers = list(layers)
        _check_layers(self.layers)

    def __call__(self, X: ArrayLike) -> Array:
        """Return the outputs (N, n_L) for a batch X (N, n_0) that may need a check."""
        return self.forward(self._check_input(X))

    def forward(self, X: Array) -> Array:
        """Pass X (N, n_0) through all layers; return (N, n_L)."""
        for layer in self.layers:
            X = layer.forward(X)
        return X

    def backward(self, dY: Array, *, input_gradient: bool = True) -> Array:
        """Pass the output's adjoint (N, n_L) back through all layers; return the input's."""
        for layer in reversed(self.layers[1:]):
            dY = layer.backward(dY)
        if input_gradient:
            return self.layers[0].backward(dY)
        self.layers[0].backward_parameters(dY)
        return dY

    def train(self) -> Self:
        """Switch to training (as a new network is); return the network."""
        for layer in self.layers:
            layer.train()
        return self

    def eval(self) -> Self:
        """Switch to evaluation: no dropout, running statistics; return the network."""
        for layer in self.layers:
            layer.eval()
        return self

    def parameters(self) -> list[Array]:
        """Return [W_1, b_1, ..., W_L, b_L], the layers' own arrays."""
        return [p for layer in self.layers for p in layer.parameters()]

    def gradients(self) -> list[Array]:
        """Return the adjoints of the parameters from the last backward pass, in their order."""
        return [g for layer in self.layers for g in layer.gradients()]

    def set_parameters(self, values: Sequence[ArrayLike]) -> None:
        """Overwrite all parameters, in place, with arrays of their shapes.

        Raises
        ------
        TypeError, ValueError
            If a shape differs or a number is not finite; then nothing has changed.

        Examples
        --------
        >>> model = MLP([2, 1], rng=np.random.default_rng(0))
        >>> model.set_parameters([[[3, 4]], [5]])
        >>> model([[1, 1]])
        array([[12.]])
        """
        names = list(self.named_parameters())
        if len(values) != len(names):
            raise ValueError(f"values must hold {len(names)} arrays, got {len(values)}.")
        self._overwrite(self.named_parameters(), dict(zip(names, values, strict=True)))

    def named_parameters(self) -> dict[str, Array]:
        """Return the parameters by name: W1, b1, W2, b2, and so on."""
        return dict(self._named("names"))

    def state_dict(self) -> dict[str, Array]:
        """Return copies of all parameters and running statistics, by name."""
        return {name: array.copy() for name, array in self._state().items()}

    def load_state_dict(self, state: Mapping[str, ArrayLike]) -> None:
        """Overwrite parameters and running statistics, in place, by what `state_dict` returned.

        Raises
        ------
        TypeError, ValueError
            If a name is missing or unknown, a shape differs, or a number is not finite; then
            nothing has changed.

        Examples
        --------
        >>> a, b = (MLP([2, 3, 1], rng=np.random.default_rng(seed)) for seed in (0, 1))
        >>> b.load_state_dict(a.state_dict())
        >>> bool((a([[1, 2]]) == b([[1, 2]])).all())
        True
        """
        self._overwrite(self._state(), state)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write parameters and running statistics to a file in NumPy's format ``.npz``.

        The PyTorch half can read it into a network of the same layers.
        """
        write_state(path, self.state_dict())

    def load(self, path: str | os.PathLike[str]) -> None:
        """Read parameters and running statistics that `save` of either half wrote.

        Nothing in the file is executed: pickled objects are refused. The numbers are cast to the
        dtype of the network.

        Raises
        ------
        OSError
            If there is no such file.
        TypeError, ValueError
            If it is another kind of file, or another network's; then nothing has changed.
        """
        self.load_state_dict(read_state(path))

    @property
    def n_parameters(self) -> int:
        """The number of learnable numbers."""
        return sum(p.size for p in self.parameters())

    @property
    def n_in(self) -> int | None:
        """Width of the input, None if any is possible."""
        return next((leaf.n_in for leaf in self._leaves() if leaf.n_in is not None), None)

    @property
    def n_out(self) -> int | None:
        """Width of the output, None if it is the input's."""
        widths = [leaf.n_out for leaf in self._leaves() if leaf.n_out is not None]
        return widths[-1] if widths else None

    def _leaves(self) -> list[Layer]:
        return [leaf for layer in self.layers for leaf in layer.leaves()]

    def _check_input(self, X: ArrayLike) -> Array:
        """Validate X and return it as a matrix of the parameters' dtype."""
        X = check_matrix(X, "X", n_features=self.n_in)
        return X.astype(np.result_type(*(self.parameters() or [X])), copy=False)

    def _named(self, kind: str) -> Iterator[tuple[str, Array]]:
        """Yield parameters ("names") or running statistics ("state"), with their numbered names."""
        count: Counter[str] = Counter()
        for leaf in self._leaves():
            for name in getattr(leaf, kind):
                count[name] += 1
                yield f"{name}{count[name]}", getattr(leaf, name)

    def _state(self) -> dict[str, Array]:
        return {**self.named_parameters(), **dict(self._named("state"))}

    def _overwrite(self, mine: dict[str, Array], state: Mapping[str, ArrayLike]) -> None:
        checked = check_state(state, {name: array.shape for name, array in mine.items()})
        for name, array in mine.items():
            array[...] = checked[name]


class MLP(Sequential):
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
        If fewer than two sizes are given or one is not positive; in a call, if X is not a finite
        matrix with :math:`n_0` columns.

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
        layers: list[Layer] = []
        for n_in, n_out in pairwise(sizes):
            layers += [
                Linear(n_in, n_out, rng=rng, initializer=initializer, dtype=dtype),
                activation(),
            ]
        super().__init__(layers[:-1])  # the output layer has no activation

    def activations(self, X: ArrayLike) -> list[Array]:
        """Return [A_0, ..., A_L]: the input, each hidden activation, the output."""
        A = [self._check_input(X)]
        for layer in self.layers:
            A.append(layer.forward(A[-1]))
        return [A[0], *A[2:-1:2], A[-1]]


def _check_layers(layers: Sequence[Layer]) -> None:
    """Refuse what cannot be a network."""
    if not layers:
        raise ValueError("layers must hold at least one Layer, got none.")
    for layer in layers:
        if not isinstance(layer, Layer):
            raise TypeError(
                f"layers must be Layer objects, got one of type {type(layer).__name__}. "
                "Pass ReLU(), not ReLU; of a network, pass its layers."
            )
    leaves = [leaf for layer in layers for leaf in layer.leaves()]
    if len({id(leaf) for leaf in leaves}) < len(leaves):
        raise ValueError("layers must differ, got one twice. Make a new Layer for each place.")
    width = None
    for leaf in leaves:
        if width is not None and leaf.n_in not in (None, width):
            raise ValueError(
                f"each layer must fit the one before it, got {type(leaf).__name__} of "
                f"n_in={leaf.n_in} after a width of {width}."
            )
        width = width if leaf.n_out is None else leaf.n_out
