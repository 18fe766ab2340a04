r"""Losses: a number that says how wrong a prediction is, and its adjoint.

A loss object is called with a prediction and a target and returns a float; ``backward()`` then
returns the adjoint of the prediction, with the prediction's shape. (As with a network, a call
checks what comes in, and ``forward`` trusts it.) The mean over the batch lives
here, once: no later formula divides by the batch size. The definitions are PyTorch's, and so are
the reductions: ``reduction="sum"`` leaves the division out, ``"none"`` the sum as well.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mlpbook.scratch.activations import sigmoid
from mlpbook.shared.validation import check_labels, check_matrix, check_number, check_same_shape

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


class Loss:
    r"""What all losses have in common: how the losses of a batch become what is returned.

    Parameters
    ----------
    reduction : "mean", "sum" or "none"
        Whether a call returns the mean or the sum of the losses, a float, or all of them, an
        array. The names and the meaning are PyTorch's.

    Raises
    ------
    ValueError
        If there is no such reduction.
    """

    def __init__(self, reduction: str = "mean") -> None:
        if reduction not in ("mean", "sum", "none"):
            raise ValueError(
                f'reduction must be "mean", "sum" or "none", got {reduction!r}. '
                'The usual one is "mean".'
            )
        self.reduction = reduction

    def __call__(self, prediction: Array, target: NDArray[Any]) -> Any:
        """Return the loss: a float, or an array without a reduction."""
        return self.forward(*self.check(prediction, target))

    def check(self, prediction: Array, target: NDArray[Any]) -> tuple[Array, NDArray[Any]]:
        """Return prediction and target as `forward` needs them, or say what is wrong with them."""
        raise NotImplementedError

    def forward(self, prediction: Array, target: NDArray[Any]) -> Any:
        """Return the loss of what has been checked."""
        raise NotImplementedError

    def backward(self, adjoint: ArrayLike | None = None) -> Array:
        """Return the adjoint of the prediction, from the adjoint of what the call returned.

        Parameters
        ----------
        adjoint : array_like of the shape that the call returned
            1 when left out. Without a reduction it must be given: a vector has no gradient.
        """
        raise NotImplementedError

    def _reduce(self, losses: Array) -> Any:
        """Return the mean, the sum, or all of the losses."""
        self._like = losses  # asked for its shape, size and dtype
        return losses if self.reduction == "none" else self._of_sum(float(losses.sum()))

    def _of_sum(self, total: float) -> float:
        """Return the mean or the sum of the losses, from their sum."""
        return total / self._like.size if self.reduction == "mean" else total

    def _adjoint(self, adjoint: ArrayLike | None) -> Any:
        """Return the adjoint of each loss: one number for all, or an array of their shape."""
        if self.reduction == "none":
            if adjoint is None or np.shape(adjoint) != self._like.shape:
                raise ValueError(
                    f"adjoint must have the shape of the losses, {self._like.shape}, got "
                    f'{np.shape(adjoint) if adjoint is not None else None}. With "none" as its '
                    "reduction a loss is an array: pass the adjoint of each entry."
                )
            return np.asarray(adjoint, dtype=self._like.dtype)
        scale = 1.0 if adjoint is None else check_number(adjoint, "adjoint")
        return scale / self._like.size if self.reduction == "mean" else scale


class MSELoss(Loss):
    r"""Mean squared error, :math:`\frac{1}{N D_{out}}\sum_{i,k}(\hat y_{ik} - y_{ik})^2`.

    The mean is over all entries and there is no factor ½, as in ``torch.nn.MSELoss``.

    Parameters
    ----------
    reduction : "mean", "sum" or "none"
        See `Loss`; with "none" there is one loss an entry, (N, D_out).

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

    def check(self, prediction: Array, target: NDArray[Any]) -> tuple[Array, NDArray[Any]]:
        """Return two finite matrices of one shape, or say why they are not."""
        prediction, target = check_matrix(prediction, "prediction"), check_matrix(target, "target")
        check_same_shape(prediction, target)
        return prediction, target.astype(prediction.dtype, copy=False)

    def forward(self, prediction: Array, target: NDArray[Any]) -> Any:
        """Return the mean squared error of prediction (N, D_out) and target (N, D_out)."""
        r = self._residual = self._like = prediction - target  # (N, D_out)
        if self.reduction == "none":
            return np.square(r)
        return self._of_sum(float(np.vdot(r, r)))  # np.square(r).sum(), but faster

    def backward(self, adjoint: ArrayLike | None = None) -> Array:
        """Return the adjoint of the prediction, (N, D_out)."""
        return np.asarray(2 * self._adjoint(adjoint) * self._residual)


class CrossEntropyLoss(Loss):
    r"""Cross-entropy of logits and integer labels, :math:`-\frac1N\sum_i \log p^{(i)}_{y_i}`.

    Softmax, logarithm and negative log-likelihood are one object, because their joint adjoint is
    short and safe: :math:`(p - e_y)/N`. The same as ``torch.nn.CrossEntropyLoss``.

    Parameters
    ----------
    reduction : "mean", "sum" or "none"
        See `Loss`; with "none" there is one loss a sample, (N,).

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

    def check(self, prediction: Array, target: NDArray[Any]) -> tuple[Array, Labels]:
        """Return finite logits and as many labels of their columns, or say why they are not."""
        logits = check_matrix(prediction, "logits")
        return logits, check_labels(target, n_samples=len(logits), n_classes=logits.shape[1])

    def forward(self, prediction: Array, target: NDArray[Any]) -> Any:
        """Return the mean cross-entropy in nats of logits (N, C) and labels (N,)."""
        self._log_p, self._y = log_softmax(prediction), target  # (N, C), (N,)
        return self._reduce(-self._log_p[np.arange(len(target)), target])

    def backward(self, adjoint: ArrayLike | None = None) -> Array:
        """Return the adjoint of the logits, (N, C)."""
        dZ: Array = np.exp(self._log_p)  # softmax
        dZ[np.arange(len(dZ)), self._y] -= 1
        return np.asarray((self._adjoint(adjoint) * dZ.T).T)  # one factor for all, or one a sample


class BCEWithLogitsLoss(Loss):
    r"""Binary cross-entropy of logits, :math:`-\,y\log\sigma(z) - (1-y)\log(1-\sigma(z))`.

    For one class against the rest, and for several labels at once: one independent decision an
    entry, and the mean over all entries. Written as :math:`\max(z,0) - zy + \log(1+e^{-|z|})`,
    it is finite wherever z is, and its adjoint is :math:`(\sigma(z) - y)/(NC)`. The same as
    ``torch.nn.BCEWithLogitsLoss``.

    Parameters
    ----------
    reduction : "mean", "sum" or "none"
        See `Loss`; with "none" there is one loss an entry, (N, C).

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

    def check(self, prediction: Array, target: NDArray[Any]) -> tuple[Array, NDArray[Any]]:
        """Return finite logits and targets in [0, 1] of their shape, or say why they are not."""
        logits = check_matrix(prediction, "logits")
        target = check_matrix(target, "target").astype(logits.dtype, copy=False)
        check_same_shape(logits, target, ("logits", "target"))
        if target.min() < 0 or target.max() > 1:
            raise ValueError(
                f"target must lie in [0, 1], got values from {target.min():g} to "
                f"{target.max():g}. Pass 0 and 1, or probabilities."
            )
        return logits, target

    def forward(self, prediction: Array, target: NDArray[Any]) -> Any:
        """Return the mean binary cross-entropy in nats of logits and targets, both (N, C)."""
        self._z, self._target = prediction, target
        log_term = np.log1p(np.exp(-np.abs(self._z)))  # last, so that it survives beside 0
        return self._reduce(np.maximum(self._z, 0) - self._z * target + log_term)

    def backward(self, adjoint: ArrayLike | None = None) -> Array:
        """Return the adjoint of the logits, (N, C)."""
        residual = sigmoid(self._z) - self._target
        return np.asarray(self._adjoint(adjoint) * residual)
