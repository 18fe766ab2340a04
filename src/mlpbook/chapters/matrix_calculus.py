r"""Vector-Jacobian products: how an adjoint passes backwards through one function.

Each function here bears the name of the function it is the backward pass of. It takes the adjoint
of the output first, then what the forward pass saw, and returns the adjoint of each input, in the
input's shape. No Jacobian is formed. Batches have their samples in rows.
`mlpbook.checks.gradient_check` builds the Jacobians against which all of them are tested.
"""

import numpy as np
from numpy.typing import NDArray

from mlpbook.scratch import losses
from mlpbook.shared import Array

__all__ = [
    "broadcast",
    "elementwise",
    "gather",
    "linear",
    "log_softmax",
    "logsumexp",
    "matmul",
    "mean",
    "softmax",
    "transpose",
]


def linear(dZ: Array, A: Array, W: Array) -> tuple[Array, Array, Array]:
    """Adjoints of A (N, n_in), W (n_out, n_in), b (n_out,), from dZ."""
    return dZ @ W, dZ.T @ A, dZ.sum(axis=0)


def matmul(dC: Array, A: Array, B: Array) -> tuple[Array, Array]:
    """Return dA (m, k) and dB (k, n) of C = A B, from dC (m, n)."""
    return dC @ B.T, A.T @ dC


def elementwise(dY: Array, slope: Array) -> Array:
    """Return dX of Y = phi(X), with slope = phi'(X); all of one shape."""
    return dY * slope


def gather(dY: Array, index: NDArray[np.intp], n: int) -> Array:
    """Return dx (n,) of y = x[index], from dy (m,): every copy sends its adjoint home."""
    dx = np.zeros(n, dtype=dY.dtype)
    np.add.at(dx, index, dY)  # dx[index] += dY would count a repeated index once
    return dx


def broadcast(dY: Array, shape: tuple[int, ...]) -> Array:
    """Add up dY over the axes along which NumPy broadcast from shape.

    >>> broadcast(np.ones((5, 3)), (3,))
    array([5., 5., 5.])
    """
    in_front = tuple(range(dY.ndim - len(shape)))
    dY = dY.sum(axis=in_front)
    stretched = tuple(k for k, n in enumerate(shape) if n == 1)
    return np.asarray(dY.sum(axis=stretched, keepdims=True))


def mean(ds: Array, shape: tuple[int, ...]) -> Array:
    """Return dX of the mean s over all entries of X, from the number ds."""
    return np.full(shape, ds / np.prod(shape))


def transpose(dY: Array) -> Array:
    """Return dX (m, n) of Y = X^T, from dY (n, m)."""
    return dY.T


def softmax(dP: Array, P: Array) -> Array:
    """Return dZ (N, C) of P = softmax(Z), by rows, from dP (N, C)."""
    return np.asarray(P * (dP - (P * dP).sum(axis=1, keepdims=True)))


def log_softmax(dY: Array, Y: Array) -> Array:
    """Return dZ (N, C) of Y = log softmax(Z), by rows, from dY (N, C)."""
    return np.asarray(dY - np.exp(Y) * dY.sum(axis=1, keepdims=True))


def logsumexp(ds: Array, Z: Array) -> Array:
    """Return dZ (N, C) of the row-wise log-sum-exp of Z, from ds (N,)."""
    return np.asarray(ds[:, np.newaxis] * losses.softmax(Z))
