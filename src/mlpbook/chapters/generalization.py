r"""Generalization: shrinkage, smoothed labels, averaged networks.

What this chapter alone uses. Dropout is a layer of `mlpbook.scratch.layers`, weight decay an option
of the optimizers, early stopping one of ``fit``.
"""

import numpy as np
from numpy.typing import ArrayLike

from mlpbook.scratch.losses import Labels, Loss, log_softmax
from mlpbook.shared import Array
from mlpbook.shared.validation import check_labels, check_matrix, check_number

__all__ = [
    "LabelSmoothingLoss",
    "average",
    "descend",
    "shrinkage_of_descent",
    "shrinkage_of_ridge",
]


def descend(A: Array, y: Array, lr: float, n_steps: int) -> Array:
    r"""Descend :math:`\frac12\|Aw-y\|^2` from zero by plain gradient steps.

    >>> descend(np.array([[3.0, 4.0]]), np.array([25.0]), lr=0.02, n_steps=60)
    array([3., 4.])
    """
    w = np.zeros(A.shape[1])
    for _ in range(n_steps):
        w = w - lr * A.T @ (A @ w - y)
    return w


def shrinkage_of_ridge(s: ArrayLike, penalty: float) -> Array:
    """Return what the penalty leaves of the solution along each singular value.

    >>> shrinkage_of_ridge([0.0, 1.0, 3.0], penalty=1.0)
    array([0. , 0.5, 0.9])
    """
    s = np.asarray(s, dtype=np.float64)
    shares: Array = s**2 / (s**2 + penalty)
    return shares


def shrinkage_of_descent(s: ArrayLike, lr: float, n_steps: int) -> Array:
    """Return what so many steps from zero reach of the solution.

    >>> shrinkage_of_descent([0.0, 1.0], lr=0.5, n_steps=2)
    array([0.  , 0.75])
    """
    s = np.asarray(s, dtype=np.float64)
    shares: Array = 1 - (1 - lr * s**2) ** n_steps
    return shares


class LabelSmoothingLoss(Loss):
    r"""Cross-entropy with targets :math:`(1-\varepsilon)e_y+\varepsilon\mathbf 1/C`.

    The same as ``torch.nn.CrossEntropyLoss(label_smoothing=amount)``.

    Parameters
    ----------
    amount : float
        The share of the target that goes to all classes alike, in [0, 1).

    Examples
    --------
    >>> loss = LabelSmoothingLoss(0.1)
    >>> round(loss(np.zeros((1, 10)), np.array([3])), 4)
    2.3026
    """

    def __init__(self, amount: float) -> None:
        self.amount = check_number(amount, "amount", low=0, high=1, high_open=True)

    def check(self, prediction: ArrayLike, target: ArrayLike) -> tuple[Array, Labels]:
        """Validate and return finite logits and one label per row."""
        logits = check_matrix(prediction, "logits")
        n_samples, n_classes = logits.shape
        return logits, check_labels(target, n_samples=n_samples, n_classes=n_classes)

    def forward(self, prediction: Array, target: Array) -> float:
        """Return the mean cross-entropy of logits (N, C), labels (N,)."""
        N, C = prediction.shape
        self._log_p = log_softmax(prediction)
        self._Q = np.full_like(prediction, self.amount / C)
        self._Q[np.arange(N), target] += 1 - self.amount
        return -float((self._Q * self._log_p).sum() / N)

    def backward(self) -> Array:
        """Return the adjoint of the logits, (p - q) / N, (N, C)."""
        dZ: Array = (np.exp(self._log_p) - self._Q) / len(self._Q)
        return dZ


def average(slow: list[Array], fast: list[Array], decay: float) -> None:
    r"""Move averaged parameters a little toward the current ones, in place.

    One step; many unroll to a weighted sum (eq-generalization-average).

    >>> slow = [np.zeros(1)]
    >>> average(slow, [np.ones(1)], decay=0.75)
    >>> slow
    [array([0.25])]
    """
    for averaged, current in zip(slow, fast, strict=True):
        averaged += (1 - decay) * (current - averaged)
