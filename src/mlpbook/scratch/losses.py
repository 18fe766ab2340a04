r"""Losses: a number that says how wrong a prediction is, and its adjoint.

A loss object is called with a prediction and a target and returns a float; ``backward()`` then
returns the adjoint of the prediction, with the prediction's shape. The mean over the batch lives
here, once: no later formula divides by the batch size. The definitions are PyTorch's.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpbook.validation import check_labels, check_matrix, check_same_shape

__all__ = ["CrossEntropyLoss", "MSELoss", "log_softmax", "logsumexp", "one_hot", "softmax"]

Array = NDArray[np.floating[Any]]
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
    Z = Z - Z.max(axis=1, keepdims=True)  # first, so that large logits lose no digits
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


class MSELoss:
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

    def __call__(self, prediction: Array, target: Array) -> float:
        """Return the mean squared error of prediction (N, D_out) and target (N, D_out)."""
        prediction = check_matrix(prediction, "prediction")
        target = check_matrix(target, "target")
        check_same_shape(prediction, target)
        self._residual = prediction - target  # (N, D_out)
        return float(np.mean(self._residual**2))

    def backward(self) -> Array:
        """Return the adjoint of the prediction, (N, D_out)."""
        return np.asarray(2 / self._residual.size * self._residual)


class CrossEntropyLoss:
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
    >>> loss.backward().sum().round(12) + 0.0
    np.float64(0.0)
    """

    def __call__(self, logits: Array, y: Labels) -> float:
        """Return the mean cross-entropy in nats of logits (N, C) and labels (N,)."""
        logits = check_matrix(logits, "logits")
        self._y = check_labels(y, n_samples=len(logits), n_classes=logits.shape[1])
        self._log_p = log_softmax(logits)  # (N, C)
        return float(-np.mean(self._log_p[np.arange(len(logits)), self._y]))

    def backward(self) -> Array:
        """Return the adjoint of the logits, (N, C)."""
        dZ: Array = np.exp(self._log_p)  # softmax
        dZ[np.arange(len(dZ)), self._y] -= 1
        return dZ / len(dZ)
