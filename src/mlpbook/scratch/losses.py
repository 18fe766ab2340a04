r"""Losses: a number that says how wrong a prediction is, and its adjoint.

A loss object is called with a prediction and a target and returns a float; ``backward()`` then
returns the adjoint of the prediction, with the prediction's shape. (As with a network, a call
checks what comes in, and ``forward`` trusts it.) The definitions are PyTorch's: every loss is a
mean. The division by the batch size happens here and nowhere else.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mlpbook.scratch.activations import sigmoid
from mlpbook.shared import Array
from mlpbook.shared.validation import check_labels, check_matrix, check_same_shape

__all__ = [
    "BCEWithLogitsLoss",
    "CrossEntropyLoss",
    "Loss",
    "MSELoss",
    "log_softmax",
    "logsumexp",
    "one_hot",
    "softmax",
]

Labels = NDArray[np.integer[Any]]


def logsumexp(Z: Array) -> Array:
    r"""Row-wise :math:`\log\sum_j e^{z_j}`, computed as :math:`m + \log\sum_j e^{z_j - m}`.

    With :math:`m = \max_j z_j` no exponential exceeds 1, and one of them equals 1: neither
    overflow nor a logarithm of 0.

    Parameters
    ----------
    Z : array (n_samples, n_classes)

    Returns
    -------
    array (n_samples,)

    Examples
    --------
    >>> logsumexp(np.array([[1000.0, 1000.0]])) - 1000
    array([0.69314718])
    """
    m = Z.max(axis=1)
    return np.asarray(m + np.log(np.exp(Z - m[:, None]).sum(axis=1)))


def log_softmax(Z: Array) -> Array:
    r"""Row-wise log-probabilities, :math:`z_j - \log\sum_k e^{z_k}`.

    >>> log_softmax(np.array([[0.0, 1000.0]]))
    array([[-1000.,     0.]])
    """
    Z = Z - Z.max(axis=1, keepdims=True)  # first: no digits are lost
    return np.asarray(Z - np.log(np.exp(Z).sum(axis=1, keepdims=True)))


def softmax(Z: Array) -> Array:
    r"""Row-wise probabilities, :math:`e^{z_j} / \sum_k e^{z_k}`.

    >>> softmax(np.array([[1000.0, 1000.0]]))
    array([[0.5, 0.5]])
    """
    E = np.exp(Z - Z.max(axis=1, keepdims=True))
    return np.asarray(E / E.sum(axis=1, keepdims=True))


def one_hot(y: Labels, n_classes: int) -> Array:
    """Rows :math:`e_{y}` of the identity matrix, for formulas; the losses do not need them.

    >>> one_hot(np.array([2, 0]), 3)
    array([[0., 0., 1.],
           [1., 0., 0.]])
    """
    return np.eye(n_classes)[check_labels(y, n_classes=n_classes)]


class Loss:
    """The interface of a loss: call it, then ask for the adjoint of the prediction."""

    def __call__(self, prediction: ArrayLike, target: ArrayLike) -> float:
        """Return the loss of arguments that may need a check."""
        return self.forward(*self.check(prediction, target))

    def check(self, prediction: ArrayLike, target: ArrayLike) -> tuple[Array, Array]:
        """Validate prediction and target and return them as arrays."""
        raise NotImplementedError

    def forward(self, prediction: Array, target: Array) -> float:
        """Return the loss of a valid prediction and target."""
        raise NotImplementedError

    def backward(self) -> Array:
        """Return the adjoint of the prediction of the last forward pass."""
        raise NotImplementedError


class MSELoss(Loss):
    r"""Mean squared error, :math:`\frac{1}{N D_{out}}\sum_{i,k}(\hat y_{ik} - y_{ik})^2`.

    The mean is over all entries and there is no factor ½, as in ``torch.nn.MSELoss``.

    Raises
    ------
    ValueError
        If prediction and target differ in shape (NumPy would broadcast ``(N, 1)`` against
        ``(N,)`` to ``(N, N)`` and train on nonsense), or are empty or not finite.

    Examples
    --------
    >>> loss = MSELoss()
    >>> loss(np.array([[1.0], [3.0]]), np.array([[0.0], [0.0]]))
    5.0
    >>> loss.backward()
    array([[1.],
           [3.]])
    """

    def check(self, prediction: ArrayLike, target: ArrayLike) -> tuple[Array, Array]:
        """Validate and return two finite matrices of one shape."""
        prediction, target = check_matrix(prediction, "prediction"), check_matrix(target, "target")
        check_same_shape(prediction, target)
        return prediction, target.astype(prediction.dtype, copy=False)

    def forward(self, prediction: Array, target: Array) -> float:
        """Return the mean squared error of prediction and target, both (N, D_out)."""
        r = self._residual = prediction - target
        return float(np.vdot(r, r) / r.size)  # the sum of all squares over their number

    def backward(self) -> Array:
        """Return the adjoint of the prediction, (N, D_out)."""
        return 2 * self._residual / self._residual.size


class CrossEntropyLoss(Loss):
    r"""Cross-entropy of logits and integer labels, :math:`-\frac1N\sum_i \log p^{(i)}_{y_i}`.

    Softmax, logarithm and negative log-likelihood are one object, because their joint adjoint is
    short and safe: :math:`(p - e_y)/N`. The same as ``torch.nn.CrossEntropyLoss``.

    Raises
    ------
    ValueError, TypeError
        If logits are not a finite (N, C) matrix, or labels are not N whole numbers in 0..C-1.

    Examples
    --------
    >>> loss = CrossEntropyLoss()
    >>> round(loss(np.zeros((1, 10)), np.array([3])), 4)
    2.3026
    >>> float(loss.backward().sum().round(12)) + 0.0
    0.0
    """

    def check(self, prediction: ArrayLike, target: ArrayLike) -> tuple[Array, Labels]:
        """Validate and return finite logits and one label per row."""
        logits = check_matrix(prediction, "logits")
        return logits, check_labels(target, n_samples=len(logits), n_classes=logits.shape[1])

    def forward(self, prediction: Array, target: Array) -> float:
        """Return the mean cross-entropy of logits (N, C), labels (N,)."""
        self._log_p, self._y = log_softmax(prediction), target  # (N, C), (N,)
        return -float(self._log_p[np.arange(len(target)), target].mean())

    def backward(self) -> Array:
        """Return the adjoint of the logits, (p - e_y) / N, (N, C)."""
        dZ: Array = np.exp(self._log_p)  # p, the softmax
        dZ[np.arange(len(dZ)), self._y] -= 1  # minus e_y
        return dZ / len(dZ)


class BCEWithLogitsLoss(Loss):
    r"""Binary cross-entropy of logits, :math:`-\,y\log\sigma(z) - (1-y)\log(1-\sigma(z))`.

    For one class against the rest, and for several labels at once: one independent decision per
    entry, and the mean over all entries. Written as :math:`\max(z,0) - zy + \log(1+e^{-|z|})`,
    it is finite wherever z is, and its adjoint is :math:`(\sigma(z) - y)/(NC)`. The same as
    ``torch.nn.BCEWithLogitsLoss``.

    Raises
    ------
    ValueError, TypeError
        If logits and targets are not finite matrices of one shape, or a target lies outside
        [0, 1].

    Examples
    --------
    >>> loss = BCEWithLogitsLoss()
    >>> loss(np.array([[-1000.0], [1000.0]]), np.array([[1.0], [1.0]]))
    500.0
    >>> loss.backward()
    array([[-0.5],
           [ 0. ]])
    """

    def check(self, prediction: ArrayLike, target: ArrayLike) -> tuple[Array, Array]:
        """Validate and return finite logits and targets in [0, 1] of the same shape."""
        logits = check_matrix(prediction, "logits")
        target = check_matrix(target, "target").astype(logits.dtype, copy=False)
        check_same_shape(logits, target, ("logits", "target"))
        if target.min() < 0 or target.max() > 1:
            raise ValueError(
                f"target must lie in [0, 1], got values from {target.min():g} to {target.max():g}."
            )
        return logits, target

    def forward(self, prediction: Array, target: Array) -> float:
        """Return the mean binary cross-entropy in nats of logits and targets, both (N, C)."""
        self._z, self._y = prediction, target
        log_term = np.log1p(np.exp(-np.abs(prediction)))
        # Added last: where the other two terms cancel, all of its digits survive.
        return float((np.maximum(prediction, 0) - prediction * target + log_term).mean())

    def backward(self) -> Array:
        """Return the adjoint of the logits, (N, C)."""
        return (sigmoid(self._z) - self._y) / self._z.size
