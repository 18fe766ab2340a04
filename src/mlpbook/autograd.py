r"""A tensor that remembers where it came from: reverse-mode differentiation in NumPy.

Every operation returns a new tensor and stores, for each input, an *edge*: the input and a rule
that turns the adjoint of the result into the adjoint of that input (a vector-Jacobian product).
The rule stands beside the operation. ``backward`` walks the edges from the result to the leaves,
each tensor once and after everything that used it, and adds up what arrives.

The operators, ``T``, ``sum``, ``mean``, ``reshape`` and indexing are NumPy's, so that a formula
such as ``X @ W.T + b`` runs on NumPy arrays, on these tensors and on PyTorch's without a change.
Two rules hold for every operation, so that none has to state them: a result has the dtype of its
inputs, and an adjoint has the dtype of its variable and, by summation wherever the operation
broadcast it, its shape.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from mlpbook.scratch.activations import sigmoid, sigmoid_prime, tanh_prime
from mlpbook.shared import Array
from mlpbook.shared.validation import check_labels

__all__ = [
    "Graph",
    "Tensor",
    "adjoints",
    "cross_entropy",
    "graph",
    "maximum",
    "no_grad",
    "record",
    "topological_order",
    "unbroadcast",
    "zero_grad",
]

Rule = Callable[[Array], Array]  # the adjoint of a result -> the adjoint of one input
Axis = int | tuple[int, ...] | None

_recording = True


class Tensor:
    r"""An array, the operation that made it, and after ``backward`` its adjoint.

    Parameters
    ----------
    data : array_like
        Shared, not copied, if it is a floating array already; integers and Booleans become float64.
    requires_grad : bool
        Whether ``backward`` stores the adjoint in ``grad``.

    Attributes
    ----------
    data : array
        The value. Change it in place between a backward pass and the next forward pass only.
    grad : array of data's shape and dtype, or None
        The sum of the adjoints of all backward passes since it was None; leaves only.
    requires_grad : bool
        Whether adjoints flow here: asked for in a leaf, inherited from any input in a result.
    edges : tuple of (Tensor, rule)
        Inputs through which adjoints flow, each with its rule; empty in a leaf.
    operation : str
        What made the value, for drawings; empty in a leaf.

    Raises
    ------
    TypeError
        If data is a tensor, complex, or no array of numbers; if NumPy is asked for an array, or
        for a function such as ``np.exp``, of a tensor.

    Notes
    -----
    ``==`` compares identity, so that tensors can be keys; ``<`` and its kin compare values and
    return a Boolean array, a constant. Equal entries share the adjoint of ``max`` and ``maximum``.

    Examples
    --------
    >>> w = Tensor([1.0, 2.0], requires_grad=True)
    >>> loss = ((np.array([[3.0, 0.0], [0.0, 5.0]]) @ w) ** 2).sum()
    >>> loss.backward()
    >>> loss.item(), w.grad
    (109.0, array([ 18., 100.]))
    """

    __array_ufunc__ = None  # an array on the left leaves the operation to the tensor on the right

    def __init__(self, data: ArrayLike, *, requires_grad: bool = False) -> None:
        self.data = _floating(data)
        self.grad: Array | None = None
        self.requires_grad = requires_grad
        self.edges: tuple[Edge, ...] = ()
        self.operation = ""

    # Properties of the data.

    @property
    def shape(self) -> tuple[int, ...]:
        """The array's shape."""
        return self.data.shape

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self.data.ndim

    @property
    def size(self) -> int:
        """The number of entries."""
        return self.data.size

    @property
    def dtype(self) -> np.dtype[Any]:
        """The floating type."""
        return self.data.dtype

    def __len__(self) -> int:
        return len(self.data)

    def __repr__(self) -> str:
        made = f", from {self.operation}" if self.operation else ""
        wanted = ", requires_grad=True" if self.requires_grad and not self.edges else ""
        return f"Tensor({self.data}{made}{wanted})"

    def __array__(self, *args: object, **options: object) -> Array:
        raise TypeError(
            "expected an array, got a Tensor, whose history NumPy would lose. Take its .data, or "
            "the tensor's own method: x.exp() in place of np.exp(x)."
        )

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        raise TypeError(f"np.{function.__name__} needs arrays, got a Tensor. Take its .data.")

    def item(self) -> float:
        """Return the only entry as a float."""
        return float(self.data.item())

    def __lt__(self, other: Operand) -> Array:
        return np.asarray(self.data < self._operand(other).data)

    def __le__(self, other: Operand) -> Array:
        return np.asarray(self.data <= self._operand(other).data)

    def __gt__(self, other: Operand) -> Array:
        return np.asarray(self.data > self._operand(other).data)

    def __ge__(self, other: Operand) -> Array:
        return np.asarray(self.data >= self._operand(other).data)

    def _operand(self, other: Operand) -> Tensor:
        """Return the other operand as a tensor; numbers and masks take this one's dtype."""
        if isinstance(other, Tensor):
            return other
        if isinstance(other, int | float) or np.asarray(other).dtype.kind in "biu":
            return Tensor(np.asarray(other, dtype=self.dtype))
        return Tensor(other)

    # Arithmetic.

    def __add__(self, other: Operand) -> Tensor:
        a, b = self, self._operand(other)
        return record(a.data + b.data, "+", (a, lambda dY: dY), (b, lambda dY: dY))

    def __sub__(self, other: Operand) -> Tensor:
        a, b = self, self._operand(other)
        return record(a.data - b.data, "−", (a, lambda dY: dY), (b, lambda dY: -dY))

    def __mul__(self, other: Operand) -> Tensor:
        a, b = self, self._operand(other)
        return record(
            a.data * b.data,
            "×",
            (a, lambda dY: dY * b.data),
            (b, lambda dY: dY * a.data),
        )

    def __truediv__(self, other: Operand) -> Tensor:
        a, b = self, self._operand(other)
        y = a.data / b.data
        return record(y, "/", (a, lambda dY: dY / b.data), (b, lambda dY: -(dY / b.data) * y))

    def __neg__(self) -> Tensor:
        return record(-self.data, "neg", (self, lambda dY: -dY))

    def __pow__(self, p: float) -> Tensor:
        if not isinstance(p, int | float | np.number):
            raise TypeError(
                f"the exponent of a Tensor must be a number, got {type(p).__name__}. "
                "For a positive base, x**y is (y * x.log()).exp()."
            )
        p = float(p)
        if p == 0:  # 0 * x**-1 would be NaN at 0
            return record(self.data**0, "**0", (self, np.zeros_like))
        return record(self.data**p, f"**{p:g}", (self, lambda dY: dY * (p * self.data ** (p - 1))))

    def __matmul__(self, other: Operand) -> Tensor:
        a, b = self, self._operand(other)
        if a.ndim == 1 and b.ndim == 1:
            return (a * b).sum()
        if a.ndim == 1:
            return (a.reshape(1, a.size) @ b)[..., 0, :]
        if b.ndim == 1:
            return (a @ b.reshape(b.size, 1))[..., 0]
        return record(
            a.data @ b.data,
            "@",
            (a, lambda dY: dY @ b.data.swapaxes(-1, -2)),
            (b, lambda dY: a.data.swapaxes(-1, -2) @ dY),
        )

    def __radd__(self, other: Operand) -> Tensor:
        return self._operand(other) + self

    def __rsub__(self, other: Operand) -> Tensor:
        return self._operand(other) - self

    def __rmul__(self, other: Operand) -> Tensor:
        return self._operand(other) * self

    def __rtruediv__(self, other: Operand) -> Tensor:
        return self._operand(other) / self

    def __rmatmul__(self, other: Operand) -> Tensor:
        return self._operand(other) @ self

    # Functions of each entry.

    def exp(self) -> Tensor:
        """Return the exponential of each entry."""
        y = np.exp(self.data)
        return record(y, "exp", (self, lambda dY: dY * y))

    def log(self) -> Tensor:
        """Return the natural logarithm of each entry."""
        return record(np.log(self.data), "log", (self, lambda dY: dY / self.data))

    def tanh(self) -> Tensor:
        """Return the hyperbolic tangent of each entry; the slope keeps its digits far out."""
        return record(np.tanh(self.data), "tanh", (self, lambda dY: dY * tanh_prime(self.data)))

    def sigmoid(self) -> Tensor:
        """Return the logistic function of each entry, without overflow."""
        y = sigmoid(self.data)
        return record(y, "sigmoid", (self, lambda dY: dY * sigmoid_prime(self.data)))

    def relu(self) -> Tensor:
        """Return each entry, or 0 where it is negative; the slope at 0 is 0."""
        return record(np.maximum(self.data, 0), "relu", (self, lambda dY: dY * (self.data > 0)))

    # Along axes.

    def sum(self, axis: Axis = None, *, keepdims: bool = False) -> Tensor:
        """Return the sum over all entries or along axes."""
        y = self.data.sum(axis=axis, keepdims=True)
        return record(
            y if keepdims else y.squeeze(axis),
            "sum",
            (self, lambda dY: np.broadcast_to(dY.reshape(y.shape), self.shape)),
        )

    def mean(self, axis: Axis = None, *, keepdims: bool = False) -> Tensor:
        """Return the mean over all entries or along axes."""
        total = self.sum(axis, keepdims=keepdims)
        return total / (self.size / total.size)

    def max(self, axis: Axis = None, *, keepdims: bool = False) -> Tensor:
        """Return the largest entry of all or along axes."""
        y = self.data.max(axis=axis, keepdims=True)
        top = self.data == y
        share = top / top.sum(axis=axis, keepdims=True)
        return record(
            y if keepdims else y.squeeze(axis),
            "max",
            (self, lambda dY: dY.reshape(y.shape) * share),
        )

    def logsumexp(self, axis: int = -1, *, keepdims: bool = False) -> Tensor:
        """Return the logarithm of the sum of exponentials along an axis, without overflow."""
        m = self.data.max(axis=axis, keepdims=True)
        y = m + np.log(np.exp(self.data - m).sum(axis=axis, keepdims=True))
        return record(
            y if keepdims else y.squeeze(axis),
            "logsumexp",
            (self, lambda dY: dY.reshape(y.shape) * np.exp(self.data - y)),
        )

    def log_softmax(self, axis: int = -1) -> Tensor:
        """Return log softmax along an axis, without overflow."""
        z = self.data - self.data.max(axis=axis, keepdims=True)
        y = z - np.log(np.exp(z).sum(axis=axis, keepdims=True))

        def rule(dY: Array) -> Array:
            total = dY.sum(axis=axis, keepdims=True)
            return np.asarray(dY - np.exp(y) * total)

        return record(y, "log_softmax", (self, rule))

    # The same entries in other places.

    def reshape(self, *shape: Any) -> Tensor:
        """Return the entries in another shape; one size may be -1."""
        y = self.data.reshape(*shape)
        return record(y, "reshape", (self, lambda dY: dY.reshape(self.shape)))

    def transpose(self, *axes: int) -> Tensor:
        """Return the axes in another order, by default reversed."""
        order = [int(k) for k in np.arange(self.ndim)[list(axes)]] if axes else None
        back = None if order is None else np.argsort(order)
        return record(self.data.transpose(order), "T", (self, lambda dY: dY.transpose(back)))

    @property
    def T(self) -> Tensor:
        """The tensor with its axes reversed."""
        return self.transpose()

    def __getitem__(self, index: Any) -> Tensor:
        def scatter(dY: Array) -> Array:
            dX = np.zeros_like(dY, shape=self.shape)
            np.add.at(dX, index, dY)  # +=, also for a repeated index
            return dX

        return record(self.data[index], "[ ]", (self, scatter))

    # The way back.

    def detach(self) -> Tensor:
        """Return a constant that shares the data: no adjoint flows through it."""
        return Tensor(self.data)

    def backward(self, seed: ArrayLike | None = None) -> None:
        """Add to each leaf's grad its adjoint, given this tensor's."""
        for x, dX in adjoints(self, seed).items():
            if not x.edges:  # a leaf; a copy, which no other tensor shares
                x.grad = np.array(dX if x.grad is None else x.grad + dX)


Operand = Tensor | ArrayLike
Edge = tuple[Tensor, Rule]


def record(data: ArrayLike, operation: str, *edges: Edge) -> Tensor:
    """Return the result of an operation, with its history.

    Parameters
    ----------
    data : array
        The value.
    operation : str
        A short name.
    edges : pairs (input, rule)
        The rule maps the result's adjoint to the input's.

    Examples
    --------
    >>> x = Tensor([0.0, 1.0], requires_grad=True)
    >>> def rule(dY):
    ...     return dY * np.cos(x.data)
    >>> record(np.sin(x.data), "sin", (x, rule)).sum().backward()
    >>> x.grad.round(3)
    array([1.  , 0.54])
    """
    dtype = np.result_type(*(x.dtype for x, _ in edges))
    result = Tensor(np.asarray(data, dtype=dtype))
    if _recording:
        result.edges = tuple(e for e in edges if e[0].requires_grad)
        result.requires_grad = bool(result.edges)
        result.operation = operation
    return result


def maximum(a: Operand, b: Operand) -> Tensor:
    """Return the larger of two operands, entry by entry; at least one is a tensor.

    >>> x = Tensor([-1.0, 0.0, 2.0], requires_grad=True)
    >>> maximum(x, 0).sum().backward()
    >>> x.grad
    array([0. , 0.5, 1. ])
    """
    if not isinstance(a, Tensor):
        a, b = b, a
    if not isinstance(a, Tensor):
        raise TypeError("maximum needs a Tensor, got none. For arrays there is np.maximum.")
    b = a._operand(b)
    share = (a > b) + 0.5 * (a.data == b.data)
    return record(
        np.maximum(a.data, b.data),
        "maximum",
        (a, lambda dY: dY * share),
        (b, lambda dY: dY * (1 - share)),
    )


def cross_entropy(logits: Tensor, y: ArrayLike) -> Tensor:
    r"""Return the mean cross-entropy of logits (N, C) and labels (N,), as PyTorch defines it.

    >>> logits = Tensor(np.zeros((1, 4)), requires_grad=True)
    >>> cross_entropy(logits, [2]).backward()
    >>> logits.grad
    array([[ 0.25,  0.25, -0.75,  0.25]])
    """
    if logits.ndim != 2:
        raise ValueError(
            f"logits must have shape (n_samples, n_classes), got {logits.shape}. "
            "Did you pass a single sample, or the labels?"
        )
    y = check_labels(y, n_samples=len(logits), n_classes=logits.shape[1])
    return -logits.log_softmax()[np.arange(len(y)), y].mean()


def unbroadcast(dY: Array, shape: tuple[int, ...]) -> Array:
    """Sum to the shape that was broadcast (eq-autograd-unbroadcast).

    >>> unbroadcast(np.ones((4, 3)), (3,))
    array([4., 4., 4.])
    """
    dY = np.asarray(dY)
    if dY.shape == shape:
        return dY
    new = dY.ndim - len(shape)  # axes that were put in front
    stretched = [new + k for k, n in enumerate(shape) if n == 1]
    total = dY.sum(axis=(*range(new), *stretched))
    return np.asarray(total).reshape(shape)


def topological_order(output: Tensor) -> list[Tensor]:
    """Return what `output` was made from, each after its inputs.

    The stack takes the place of recursion: no chain is too long.

    >>> x = Tensor(1.0, requires_grad=True)
    >>> [t.operation for t in topological_order((x * x).exp())]
    ['', '×', 'exp']
    """
    order: list[Tensor] = []
    seen: set[Tensor] = set()
    stack = [(output, False)]
    while stack:
        tensor, inputs_are_done = stack.pop()
        if inputs_are_done:
            order.append(tensor)
        elif tensor not in seen:
            seen.add(tensor)
            stack.append((tensor, True))
            stack += [(x, False) for x, _ in reversed(tensor.edges)]
    return order


def adjoints(output: Tensor, seed: ArrayLike | None = None) -> dict[Tensor, Array]:
    r"""Return the adjoint of every tensor that `output` was made from (eq-autograd-adjoint).

    Parameters
    ----------
    output : Tensor
        Usually a loss.
    seed : array_like of the output's shape, optional
        Its own adjoint; by default 1, for an output with one entry.

    Returns
    -------
    dict
        From tensor to an array of its shape and dtype; do not change the arrays.

    Raises
    ------
    ValueError
        If no input requires an adjoint, or the seed is missing or of another shape.

    Examples
    --------
    >>> x = Tensor(3.0, requires_grad=True)
    >>> y = x * x
    >>> bar = adjoints(y + y)
    >>> bar[y], bar[x]
    (array(2.), array(12.))
    """
    if not output.requires_grad:
        raise ValueError(
            "backward needs a tensor made from leaves with requires_grad=True, got one without "
            "any. Set it on the parameters, and compute outside no_grad()."
        )
    if seed is None:
        if output.size != 1:
            raise ValueError(
                f"backward without a seed needs a single number, got shape {output.shape}. "
                "Sum it, or pass the adjoint to start from."
            )
        seed = np.ones(output.shape)
    seed = np.asarray(seed, dtype=output.dtype)
    if seed.shape != output.shape:
        raise ValueError(
            f"the seed must have the tensor's shape {output.shape}, got {seed.shape}. "
            "Pass one number an entry."
        )
    return _sweep(output, seed)


def _sweep(output: Tensor, seed: Array) -> dict[Tensor, Array]:
    """Return every adjoint behind output, from the output's own."""
    bar = {output: seed}
    for tensor in reversed(topological_order(output)):
        for x, rule in tensor.edges:
            dX = unbroadcast(rule(bar[tensor]), x.shape)
            dX = dX.astype(x.dtype, copy=False)
            bar[x] = np.asarray(bar[x] + dX) if x in bar else dX
    return bar


@contextmanager
def no_grad() -> Iterator[None]:
    """Within the block, compute without recording.

    >>> w = Tensor(2.0, requires_grad=True)
    >>> with no_grad():
    ...     (w * w).requires_grad
    False
    """
    global _recording
    before, _recording = _recording, False
    try:
        yield
    finally:
        _recording = before


def zero_grad(parameters: Iterable[Tensor]) -> None:
    """Forget the adjoints stored so far: set every ``grad`` to None."""
    for p in parameters:
        p.grad = None


class Graph(NamedTuple):
    """A recorded graph in the terms of `bookkit.figures.plots.flow_diagram`."""

    nodes: dict[str, str]
    edges: list[tuple[str, str, str]]
    tensors: dict[str, Tensor]


def graph(output: Tensor, names: Mapping[str, Tensor] | None = None) -> Graph:
    """Return what a drawing of the graph behind `output` needs.

    Parameters
    ----------
    output : Tensor
    names : mapping, optional
        Names of tensors; others are called v1, v2, ... in topological order.

    Returns
    -------
    Graph
        ``nodes``: the text of each node, its name or its operation; ``edges``: from, to, shape;
        ``tensors``: the tensor of each node.

    Examples
    --------
    >>> w = Tensor([1.0, 2.0], requires_grad=True)
    >>> drawing = graph((w * w).sum(), {"w": w})
    >>> drawing.nodes, drawing.edges[-1]
    ({'w': 'w', 'v2': '×', 'v3': 'sum'}, ('v2', 'v3', '(2,)'))
    """
    given = {tensor: name for name, tensor in (names or {}).items()}
    order = topological_order(output)
    called = {t: given.get(t, f"v{k}") for k, t in enumerate(order, start=1)}
    return Graph(
        {called[t]: given.get(t) or t.operation or called[t] for t in order},
        [(called[x], called[t], f"{x.shape}") for t in order for x, _ in t.edges],
        {called[t]: t for t in order},
    )


def _floating(data: ArrayLike) -> Array:
    """Return data as a floating array, or say what it is instead."""
    if isinstance(data, Tensor):
        raise TypeError("data must be an array, got a Tensor. Use it as it is, or detach() it.")
    array = np.asarray(data)
    if array.dtype.kind not in "fbiu":
        raise TypeError(
            f"data must be an array of real numbers, got dtype {array.dtype}. "
            "Convert it to float64 first."
        )
    return array if array.dtype.kind == "f" else array.astype(np.float64)
