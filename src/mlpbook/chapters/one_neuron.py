r"""One neuron: where its boundary lies, and two ways to learn it.

A neuron scores an input with :math:`s(x) = w^\top x + b` and predicts class 1 where the score is
positive. The perceptron algorithm changes `w` and `b` after each mistake and stops when there are
none. Logistic regression minimizes a smooth loss by gradient descent.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mlpbook.scratch.activations import sigmoid, softplus
from mlpbook.shared import Array
from mlpbook.shared.validation import (
    check_array,
    check_labels,
    check_matrix,
    check_number,
    check_positive_int,
    check_same_shape,
)

__all__ = [
    "PerceptronResult",
    "logistic_descent",
    "logistic_gradient",
    "logistic_loss",
    "perceptron",
    "perceptron_pass",
    "signed_distance",
]


def signed_distance(X: ArrayLike, w: ArrayLike, b: float) -> Array:
    r"""Distance of points from a hyperplane, :math:`r(x) = (w^\top x + b) / \lVert w\rVert`.

    Positive on the side to which `w` points, negative on the other (eq-neuron-distance).

    Parameters
    ----------
    X : array_like (n_samples, D)
        Points.
    w : array_like (D,)
        Normal vector of the hyperplane; not zero.
    b : float
        Bias.

    Returns
    -------
    array (n_samples,)
        Signed distances, in the unit of X.

    Raises
    ------
    ValueError, TypeError
        If the shapes do not fit, or w is zero, so that there is no hyperplane.

    Examples
    --------
    >>> signed_distance([[0.0, 0.0], [1.0, 1.0]], w=[3.0, 4.0], b=5.0)
    array([1. , 2.4])
    """
    w = _check_weights(w)
    X = check_matrix(X, "X", len(w))
    norm = np.linalg.norm(w)
    if norm == 0:
        raise ValueError("w must not be zero, got zeros only. A hyperplane needs a normal vector.")
    b = check_number(b, "b")
    r: Array = (X @ w + b) / norm  # (n_samples,)
    return r


# ---------------------------------------------------------------------------------------------
# The perceptron algorithm.


@dataclass(frozen=True, eq=False)
class PerceptronResult:
    r"""What the perceptron algorithm found, and each mistake on the way.

    Attributes
    ----------
    w : array (D,)
        Weights.
    b : float
        Bias.
    mistakes : array of int64 (n_mistakes,)
        Index of the sample at each mistake, in order. The log is the model:
        :math:`w = \sum_k \tilde y_{i_k} x^{(i_k)}` and :math:`b = \sum_k \tilde y_{i_k}`.
    mistakes_per_epoch : array of int64 (n_epochs,)
        Counts; the last one is 0 if and only if the run converged.
    converged : bool
        Whether the last pass made no mistake, so that w and b separate the data.
    """

    w: Array
    b: float
    mistakes: NDArray[np.int64]
    mistakes_per_epoch: NDArray[np.int64]
    converged: bool


# A page displays this function, at 76 characters.
# fmt: off
def perceptron_pass(
    w: Array, b: float, X: Array, sign: Array
) -> tuple[Array, float, list[int]]:
    """Pass over X (N, D) once; return w, b and the mistakes, by row."""
    mistakes = []
    for i in range(len(X)):
        if sign[i] * (X[i] @ w + b) <= 0:
            w = w + sign[i] * X[i]
            b = b + float(sign[i])
            mistakes.append(i)
    return w, b, mistakes
# fmt: on


def perceptron(X: ArrayLike, y: ArrayLike, *, max_epochs: int) -> PerceptronResult:
    r"""Run the perceptron algorithm: on a mistake, add the sample to the weights.

    A sample is a mistake if :math:`\tilde y (w^\top x + b) \le 0` with :math:`\tilde y = 2y - 1`;
    then :math:`w \leftarrow w + \tilde y x` and :math:`b \leftarrow b + \tilde y`
    (def-neuron-perceptron-update). Samples come in the given order, pass after pass, until a pass
    makes no mistake.

    Parameters
    ----------
    X : array_like (n_samples, D)
        Samples; the computation is in their dtype.
    y : array_like (n_samples,) of int
        Labels 0 and 1.
    max_epochs : int
        Passes after which to give up; data that no hyperplane separates never converge.

    Returns
    -------
    PerceptronResult

    Raises
    ------
    ValueError, TypeError
        If X is not a finite matrix, y does not hold one label, 0 or 1, per sample, or max_epochs is
        not a positive integer.

    References
    ----------
    F. Rosenblatt, "The perceptron", 1958, doi 10.1037/h0042519.

    Examples
    --------
    >>> result = perceptron([[2.0, 0.0], [0.0, 2.0]], [1, 0], max_epochs=10)
    >>> result.w, result.b, result.mistakes, result.converged
    (array([ 2., -2.]), 0.0, array([0, 1]), True)
    """
    X = check_matrix(X, "X")
    sign = (2 * check_labels(y, len(X), 2) - 1).astype(X.dtype)  # (n_samples,), -1 or +1
    w, b = np.zeros_like(X[0]), 0.0
    mistakes: list[int] = []
    counts: list[int] = []
    for _ in range(check_positive_int(max_epochs, "max_epochs")):
        w, b, new = perceptron_pass(w, b, X, sign)
        mistakes += new
        counts.append(len(new))
        if not new:
            break
    return PerceptronResult(
        w=w,
        b=b,
        mistakes=np.array(mistakes, dtype=np.int64),
        mistakes_per_epoch=np.array(counts, dtype=np.int64),
        converged=counts[-1] == 0,
    )


# ---------------------------------------------------------------------------------------------
# Logistic regression.


def logistic_loss(w: Array, b: float, X: Array, y: Array) -> float:
    r"""Mean logistic loss, :math:`\frac1N\sum_i \mathrm{softplus}(-\tilde y_i s(x^{(i)}))`.

    Equal to the cross-entropy of the label and :math:`\sigma(s)` (eq-neuron-logistic-loss), but
    accurate where :math:`\sigma` rounds to 0 or 1.

    Parameters
    ----------
    w, b : array (D,), float
        Weights and bias.
    X, y : array (n_samples, D), array (n_samples,) of int
        Samples and their labels, 0 or 1.

    Returns
    -------
    float
        Nats per sample.

    Examples
    --------
    >>> X, y = np.array([[1.0], [-1.0]]), np.array([1, 0])
    >>> round(logistic_loss(np.zeros(1), 0.0, X, y), 4)
    0.6931
    >>> logistic_loss(np.array([50.0]), 0.0, X, y) > 0
    True
    """
    s = X @ w + b  # (N,)
    check_same_shape(s, y, names=("the scores", "y"))
    return float(np.mean(softplus(-(2 * y - 1) * s)))


# A page displays this function, at 76 characters.
# fmt: off
def logistic_gradient(
    w: Array, b: float, X: Array, y: Array
) -> tuple[Array, float]:
    """Return the gradient of the logistic loss: dw (D,) and db."""
    p = sigmoid(X @ w + b)  # (N,)
    error = (p - y) / len(y)  # (N,)
    return X.T @ error, float(error.sum())
# fmt: on


def logistic_descent(
    X: ArrayLike,
    y: ArrayLike,
    *,
    lr: float,
    steps: int,
    start: tuple[ArrayLike, float] | None = None,
) -> tuple[Array, float]:
    r"""Train one neuron by gradient descent on the logistic loss, all samples in every step.

    Parameters
    ----------
    X : array_like (n_samples, D)
        Samples; the computation is in their dtype.
    y : array_like (n_samples,) of int
        Labels 0 and 1.
    lr : float
        Learning rate. Below 8 divided by the largest eigenvalue of :math:`\tilde X^\top\tilde X/N`,
        where :math:`\tilde X` is X with a column of ones, the loss falls in every step.
    steps : int
        Number of steps.
    start : pair (w, b), optional
        Where to begin, or to go on; zeros by default, which is as good as any
        other place, because the problem is convex.

    Returns
    -------
    w : array (D,)
    b : float

    Raises
    ------
    ValueError, TypeError
        If the data do not fit together, or an option is out of its range.

    Examples
    --------
    >>> w, b = logistic_descent([[1.0], [3.0]], [0, 1], lr=1.0, steps=1000)
    >>> bool(w[0] > 0), bool(abs(-b / w[0] - 2) < 0.1)
    (True, True)
    """
    X = check_matrix(X, "X")
    y = check_labels(y, len(X), 2).astype(X.dtype)
    lr = check_number(lr, "lr", low=0, low_open=True)
    if start is None:
        w, b = np.zeros_like(X[0]), 0.0
    else:
        w, b = _check_weights(start[0], X.shape[1]).astype(X.dtype), check_number(start[1], "b")
    for _ in range(check_positive_int(steps, "steps")):
        dw, db = logistic_gradient(w, b, X, y)
        w = w - lr * dw
        b = b - lr * db
    return w, b


def _check_weights(w: ArrayLike, n_in: int | None = None) -> Array:
    """Return one neuron's weights as a floating vector (D,), or raise an error."""
    w = check_array(w, "w")
    if w.ndim != 1 or n_in not in (None, len(w)):
        size = "D" if n_in is None else n_in
        raise ValueError(
            f"w must have shape ({size},), got {w.shape}. Pass one weight per feature, as a vector."
        )
    return w
