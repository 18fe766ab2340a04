"""A tensor engine that fits on a page: seven operations, their rules, and the way back.

The chapter on autograd builds it; `mlpbook.autograd` is the same with more operations, dtypes and
checks.
"""

import numpy as np

from mlpbook.autograd import topological_order, unbroadcast

__all__ = ["MiniTensor"]


class MiniTensor:
    """An array, and edges to its inputs, each with its rule."""

    __array_ufunc__ = None  # an array on the left leaves the operation to us

    def __init__(self, data, *edges):
        self.data, self.edges = np.asarray(data, dtype=float), edges
        self.grad = np.zeros_like(self.data)

    def __add__(self, other):
        a, b = self, tensor(other)
        return MiniTensor(a.data + b.data, (a, lambda g: g), (b, lambda g: g))

    def __mul__(self, other):
        a, b = self, tensor(other)
        rules = (a, lambda g: g * b.data), (b, lambda g: g * a.data)
        return MiniTensor(a.data * b.data, *rules)

    def __matmul__(self, other):
        a, b = self, tensor(other)
        rules = (a, lambda g: g @ b.data.T), (b, lambda g: a.data.T @ g)
        return MiniTensor(a.data @ b.data, *rules)

    def __radd__(self, other):
        return tensor(other) + self

    def __rmul__(self, other):
        return tensor(other) * self

    def __rmatmul__(self, other):
        return tensor(other) @ self

    @property
    def T(self):
        return MiniTensor(self.data.T, (self, lambda g: g.T))

    def sum(self):
        ones = np.ones_like(self.data)
        return MiniTensor(self.data.sum(), (self, lambda g: g * ones))

    def tanh(self):
        y = np.tanh(self.data)
        return MiniTensor(y, (self, lambda g: g * (1 - y**2)))

    def backward(self):
        """Add to the grad of everything behind this number its adjoint."""
        bar = {self: np.ones_like(self.data)}
        for node in reversed(topological_order(self)):
            node.grad = node.grad + bar[node]
            for x, rule in node.edges:
                flow = unbroadcast(rule(bar[node]), x.data.shape)
                bar[x] = bar.get(x, 0.0) + flow


def tensor(value):
    """Return a value as a MiniTensor; constants get no edges."""
    return value if isinstance(value, MiniTensor) else MiniTensor(value)
