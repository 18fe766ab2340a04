r"""A network with one hidden layer, written out: four parameters, four gradients, no modules.

The model is :math:`\hat y = W_2\,\mathrm{relu}(W_1 x + b_1) + b_2` and the objective is
:math:`\mathcal J = \frac1N\sum_i\frac12\lVert\hat y^{(i)} - y^{(i)}\rVert^2
+ \frac\lambda2(\lVert W_1\rVert_F^2 + \lVert W_2\rVert_F^2)`. Every line of the gradient was
derived by hand for this one model. That teaches how it works, but it does not scale to other
models: `mlpbook.scratch.layers` has the same mathematics in exchangeable parts. `forward` and
`backward` trust their arguments; `objective`, `gradients` and `descend` check them.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from mlpbook.shared import Array
from mlpbook.shared.initializers import Initializer, he_normal
from mlpbook.shared.validation import check_matrix, check_number, check_positive_int

__all__ = [
    "Descent",
    "Objective",
    "Parameters",
    "backward",
    "descend",
    "forward",
    "gradients",
    "initialize",
    "objective",
]

Cache = tuple[Array, Array]


class Parameters(NamedTuple):
    """Weights and biases of both layers, or anything of their shapes, such as their adjoints."""

    W1: Array  # (H, D)
    b1: Array  # (H,)
    W2: Array  # (D_out, H)
    b2: Array  # (D_out,)


class Objective(NamedTuple):
    """The two terms of the objective, and their sum."""

    data: float
    penalty: float
    total: float


class Descent(NamedTuple):
    r"""The result of `descend`: the last parameters, and the objective's terms along the way.

    ``descend(params, X, Y, lr=, n_steps=, weight_decay=)`` takes the start (which it does not
    change), a batch X (N, D) with targets Y (N, D_out), the learning rate :math:`\eta > 0`, the
    number of steps, each on all samples, and :math:`\lambda \ge 0`. It raises ValueError or
    TypeError for arguments that do not fit, and FloatingPointError, naming step, last objective
    and learning rate, if the objective stops being finite.

    Attributes
    ----------
    params : Parameters
        After the last step.
    data, penalty, total : array (n_steps + 1,)
        The terms before each step, and after the last.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((50, 3)); Y = np.abs(X[:, :1])
    >>> run = descend(initialize(3, 20, 1, rng=rng), X, Y, lr=0.1, n_steps=200)
    >>> len(run.total), bool(run.total[-1] < 0.1 * run.total[0])
    (201, True)
    """

    params: Parameters
    data: Array
    penalty: Array
    total: Array


def initialize(
    n_in: int,
    n_hidden: int,
    n_out: int,
    *,
    rng: np.random.Generator,
    initializer: Initializer = he_normal,
    dtype: DTypeLike = np.float64,
) -> Parameters:
    """Draw W1, then W2; biases start at 0.

    >>> params = initialize(10, 100, 1, rng=np.random.default_rng(0))
    >>> [p.shape for p in params]
    [(100, 10), (100,), (1, 100), (1,)]
    """
    W1 = initializer(n_hidden, n_in, rng=rng, dtype=dtype)
    W2 = initializer(n_out, n_hidden, rng=rng, dtype=dtype)
    return Parameters(W1, np.zeros(n_hidden, dtype=dtype), W2, np.zeros(n_out, dtype=dtype))


def forward(params: Parameters, X: Array) -> tuple[Array, Cache]:
    """Return predictions (N, D_out), and (Z, A), both (N, H)."""
    W1, b1, W2, b2 = params
    Z = X @ W1.T + b1  # (N, D) (D, H) + (H,) = (N, H)
    A = np.maximum(Z, 0)  # (N, H)
    Y_hat = A @ W2.T + b2  # (N, H) (H, D_out) + (D_out,)
    return Y_hat, (Z, A)


def backward(
    params: Parameters,
    X: Array,
    Y: Array,
    Y_hat: Array,
    cache: Cache,
    weight_decay: float,
) -> Parameters:
    """Return the parameters' adjoints (eq-twolayer-backward)."""
    (Z, A), W1, W2 = cache, params.W1, params.W2

    # Output layer
    dY_hat = (Y_hat - Y) / len(Y)  # (N, D_out)
    dW2 = dY_hat.T @ A  # (D_out, N) (N, H) = (D_out, H)
    db2 = dY_hat.sum(axis=0)  # (D_out,)
    dA = dY_hat @ W2  # (N, D_out) (D_out, H) = (N, H)

    # Hidden layer
    dZ = dA * (Z > 0)  # (N, H)
    dW1 = dZ.T @ X  # (H, N) (N, D) = (H, D)
    db1 = dZ.sum(axis=0)  # (H,)

    # The penalty: weights only
    dW1, dW2 = dW1 + weight_decay * W1, dW2 + weight_decay * W2
    return Parameters(dW1, db1, dW2, db2)


def objective(
    params: Parameters, X: ArrayLike, Y: ArrayLike, *, weight_decay: float = 0.0
) -> Objective:
    r"""Return :math:`\mathcal L`, the penalty, and :math:`\mathcal J` (def-twolayer-objective).

    Parameters
    ----------
    params : Parameters
    X : array_like (n_samples, n_in)
    Y : array_like (n_samples, n_out)
        Targets. A vector is refused: ``(N, 1) - (N,)`` would broadcast to ``(N, N)``.
    weight_decay : float
        :math:`\lambda \ge 0`.

    Raises
    ------
    ValueError, TypeError
        If the shapes do not fit each other, or an entry is not finite.

    Examples
    --------
    >>> params = Parameters(np.ones((1, 1)), np.zeros(1), np.ones((1, 1)), np.zeros(1))
    >>> objective(params, [[1.0], [-1.0]], [[0.0], [2.0]], weight_decay=0.5)
    Objective(data=1.25, penalty=0.5, total=1.75)
    """
    X, Y, weight_decay = _check(params, X, Y, weight_decay)
    Y_hat, _ = forward(params, X)
    return _objective(params, Y_hat, Y, weight_decay)


def gradients(
    params: Parameters, X: ArrayLike, Y: ArrayLike, *, weight_decay: float = 0.0
) -> Parameters:
    """Return the parameters' adjoints for a batch that may need a check."""
    X, Y, weight_decay = _check(params, X, Y, weight_decay)
    Y_hat, cache = forward(params, X)
    return backward(params, X, Y, Y_hat, cache, weight_decay)


@np.errstate(over="ignore", invalid="ignore")  # checked below
def descend(
    params: Parameters,
    X: ArrayLike,
    Y: ArrayLike,
    *,
    lr: float,
    n_steps: int,
    weight_decay: float = 0.0,
) -> Descent:
    """Take steps of gradient descent (def-twolayer-descent)."""
    X, Y, weight_decay = _check(params, X, Y, weight_decay)
    lr = check_number(lr, "lr", low=0, low_open=True)
    n_steps = check_positive_int(n_steps, "n_steps")
    Y_hat, cache = forward(params, X)
    log = [_objective(params, Y_hat, Y, weight_decay)]
    for _ in range(n_steps):
        grads = backward(params, X, Y, Y_hat, cache, weight_decay)
        pairs = zip(params, grads, strict=True)
        params = Parameters(*(p - lr * g for p, g in pairs))
        Y_hat, cache = forward(params, X)
        log += [_objective(params, Y_hat, Y, weight_decay)]
        _check_finite(log, lr)
    return Descent(params, *np.array(log).T)


def _objective(params: Parameters, Y_hat: Array, Y: Array, weight_decay: float) -> Objective:
    """Return the terms of the objective, for predictions Y_hat (N, D_out)."""
    data = float(((Y_hat - Y) ** 2).sum() / (2 * len(Y)))
    penalty = float(weight_decay / 2 * ((params.W1**2).sum() + (params.W2**2).sum()))
    return Objective(data, penalty, data + penalty)


def _check_finite(log: list[Objective], lr: float) -> None:
    """Stop a descent that has diverged, and name the step."""
    if not np.isfinite(log[-1].total):
        raise FloatingPointError(
            f"descent diverged at step {len(log) - 1}: the last finite objective was "
            f"{log[-2].total:.4g}, the learning rate {lr:g}. Use a smaller rate."
        )


def _check(
    params: Parameters, X: ArrayLike, Y: ArrayLike, weight_decay: float
) -> tuple[Array, Array, float]:
    """Validate and return X, Y and weight_decay; some wrong shapes would broadcast."""
    shapes = [np.shape(p) for p in params]
    n_hidden, n_out = shapes[0][:1], shapes[2][:1]
    if list(map(len, shapes)) != [2, 1, 2, 1] or shapes[1:] != [n_hidden, n_out + n_hidden, n_out]:
        raise ValueError(
            "W1, b1, W2, b2 must have shapes (H, D), (H,), (D_out, H), (D_out,), "
            f"got {', '.join(map(str, shapes))}. Draw them with initialize()."
        )
    X = check_matrix(X, "X", n_features=shapes[0][1])
    Y = check_matrix(Y, "Y", n_out[0], n_samples=len(X))
    return X, Y, check_number(weight_decay, "weight_decay", low=0)
