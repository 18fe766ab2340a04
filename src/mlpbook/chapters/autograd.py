"""A tensor engine that fits on a page: seven operations, their rules, and the way back.

`mlpbook.autograd` is the same with more operations, dtypes and checks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from mlpbook import autograd
from mlpbook.autograd import unbroadcast
from mlpbook.shared import Array

__all__ = ["MiniTensor"]

Rule = Callable[[Array], Array]  # from the adjoint of a result to that of an input
topological_order: Callable[[Any], list[Any]] = autograd.topological_order  # of anything with edges


class MiniTensor:
    """An array, and edges to its inputs, each with its rule."""

    __array_ufunc__ = None  # an array on the left leaves it to us

    def __init__(self, data: Any, *edges: tuple[MiniTensor, Rule]) -> None:
        self.data, self.edges = np.asarray(data, dtype=float), edges
        self.grad = np.zeros_like(self.data)

    def __add__(self, other: Any) -> MiniTensor:
        a, b = self, tensor(other)
        rules = (a, lambda g: g), (b, lambda g: g)
        return MiniTensor(a.data + b.data, *rules)

    def __mul__(self, other: Any) -> MiniTensor:
        a, b = self, tensor(other)
        rules = (a, lambda g: g * b.data), (b, lambda g: g * a.data)
        return MiniTensor(a.data * b.data, *rules)

    def __matmul__(self, other: Any) -> MiniTensor:
        a, b = self, tensor(other)
        rules = (a, lambda g: g @ b.data.T), (b, lambda g: a.data.T @ g)
        return MiniTensor(a.data @ b.data, *rules)

    def __rmatmul__(self, other: Any) -> MiniTensor:
        return tensor(other) @ self

    __radd__, __rmul__ = __add__, __mul__

    @property
    def T(self) -> MiniTensor:
        """Rows and columns exchanged."""
        return MiniTensor(self.data.T, (self, lambda g: g.T))

    def sum(self) -> MiniTensor:
        """Add all entries."""
        ones = np.ones_like(self.data)
        return MiniTensor(self.data.sum(), (self, lambda g: g * ones))

    def tanh(self) -> MiniTensor:
        """Apply the hyperbolic tangent to each entry."""
        y = np.tanh(self.data)
        return MiniTensor(y, (self, lambda g: g * (1 - y**2)))

    def backward(self) -> None:
        """Add to the grad of everything behind this number its adjoint."""
        bar = {self: np.ones_like(self.data)}
        for node in reversed(topological_order(self)):
            node.grad = node.grad + bar[node]
            for x, rule in node.edges:
                flow = unbroadcast(rule(bar[node]), x.data.shape)
                bar[x] = bar.get(x, 0.0) + flow


def tensor(value: Any) -> MiniTensor:
    """Return a value as a MiniTensor; constants get no edges."""
    return value if isinstance(value, MiniTensor) else MiniTensor(value)
