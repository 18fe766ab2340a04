r"""How much weight decay leaves a two-layer ReLU network nothing but the mean to predict.

With centred targets :math:`r_i = y_i - \bar y`, put

.. math::
   \kappa = \max_{\lVert u\rVert = 1,\ b}
   \Bigl|\frac1N\sum_i r_i\,\mathrm{relu}(u^\top x_i + b)\Bigr|,

the largest covariance of the targets with one hidden unit of unit weight. The constant predictor
is the best network exactly when :math:`\lambda \ge \kappa` (thm-twolayer-constant). The maximum is
not concave in (u, b), so this module brackets it: a search gives a lower bound, two norms give an
upper bound at once, and branch and bound proves any upper bound that is true, given enough cells.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from mlpbook.shared import Array
from mlpbook.shared.validation import check_matrix, check_number, check_positive_int, check_rng

__all__ = ["Certificate", "prove_below", "threshold_lower", "threshold_upper"]

_AT_ONCE = 2000  # cells that are bounded together
_STEPS = 60  # descent steps on each cell's bound; fewer are as valid, only looser


class Certificate(NamedTuple):
    """Whether the bound was proven, and how many cells it took."""

    proven: bool
    n_cells: int


def _centred(X: ArrayLike, y: ArrayLike) -> tuple[Array, Array]:
    """Return X (N, D) and r (N,), both of mean 0: a shift of X is absorbed by b."""
    X = check_matrix(X, "X").astype(float)
    y = check_matrix(y, "y", 1, n_samples=len(X)).astype(float)
    return X - X.mean(axis=0), (y - y.mean())[:, 0]


def threshold_upper(X: ArrayLike, y: ArrayLike) -> float:
    r"""Return :math:`\frac12(\lVert c\rVert + \sigma_y\sigma_{\max})` (eq-twolayer-norms).

    Here :math:`c = \frac1N\sum_i r_i x_i`, and :math:`\sigma_{\max}^2` is the largest eigenvalue
    of the inputs' covariance.

    >>> threshold_upper([[-1.0], [1.0]], [[0.0], [2.0]])
    1.0
    """
    X, r = _centred(X, y)
    c = r @ X / len(X)
    spread = np.linalg.norm(X, ord=2) / np.sqrt(len(X))
    return float((np.linalg.norm(c) + r.std() * spread) / 2)


def threshold_lower(
    X: ArrayLike, y: ArrayLike, *, rng: np.random.Generator, n_starts: int = 40, n_steps: int = 80
) -> tuple[float, Array, float]:
    r"""Search for the unit that covaries most with the targets.

    Projected ascent over u on the sphere; for each u the best b is found exactly, because the
    covariance is piecewise linear in b, with breaks at :math:`-u^\top x_j`.

    Parameters
    ----------
    X : array_like (n_samples, n_in)
    y : array_like (n_samples, 1)
    rng : numpy.random.Generator
        Draws the starts.
    n_starts, n_steps : int
        Starts for each sign of the covariance; steps from each.

    Returns
    -------
    kappa_low : float
        The covariance of the unit found: a lower bound of :math:`\kappa`.
    u : array (n_in,)
        Its weight, of norm 1.
    b : float
        Its bias.

    Examples
    --------
    >>> low, u, b = threshold_lower(
    ...     [[-1.0], [1.0]], [[0.0], [2.0]], rng=np.random.default_rng(0))
    >>> low, float(abs(u[0]))
    (1.0, 1.0)
    """
    n_starts = check_positive_int(n_starts, "n_starts")
    n_steps = check_positive_int(n_steps, "n_steps")
    check_rng(rng)
    mean = check_matrix(X, "X").mean(axis=0)
    X, r = _centred(X, y)
    best, rows = (-1.0, X[0], 0.0), np.arange(2 * n_starts)
    U = rng.standard_normal((2 * n_starts, X.shape[1]))
    sign = np.repeat([1.0, -1.0], n_starts)
    for step in range(n_steps):
        U /= np.linalg.norm(U, axis=1, keepdims=True)
        T = U @ X.T  # (n_starts, N)
        at_breaks = np.einsum("i,sij->sj", r, np.maximum(T[:, :, None] - T[:, None, :], 0)) / len(X)
        j = (sign[:, None] * at_breaks).argmax(axis=1)
        b = -T[rows, j]
        found = sign * at_breaks[rows, j]
        top = int(found.argmax())
        if found[top] > best[0]:
            best = (float(found[top]), U[top].copy(), float(b[top] - U[top] @ mean))
        active = (T + b[:, None] > 0) * r  # (n_starts, N)
        slope = active @ X - active.sum(axis=1, keepdims=True) * X[j]
        U = U + sign[:, None] * slope / len(X) * (3 / (1 + 0.2 * step))
    return best


def prove_below(
    X: ArrayLike, y: ArrayLike, bound: float, *, max_cells: int = 200_000
) -> Certificate:
    r"""Try to prove :math:`\kappa < \mathrm{bound}` by branch and bound.

    A cell fixes an interval for b and the signs of some pre-activations :math:`t_i = u^\top x_i+b`.
    In it, each term :math:`r_i\,\mathrm{relu}(t_i)` is at most a linear function of
    :math:`t_i`: the chord where :math:`r_i > 0`, any slope in [0, 1] times :math:`r_i` where
    :math:`r_i < 0`, and any multiple of a fixed sign may be added. With slopes :math:`w` in that
    box, :math:`\lVert\sum_i w_i x_i\rVert + \max_b b\sum_i w_i + \mathrm{const}` bounds the cell,
    whatever w is; descent only makes it small. A cell whose bound is not below is split at the
    sign whose chord is loosest.

    Parameters
    ----------
    X : array_like (n_samples, n_in)
    y : array_like (n_samples, 1)
    bound : float
        Positive. In float64 arithmetic, without interval rounding: leave a margin over 1e-12.
    max_cells : int
        Where to give up.

    Returns
    -------
    Certificate
        ``proven`` is False if cells ran out: then nothing is known.

    Examples
    --------
    >>> prove_below([[-1.0], [1.0]], [[0.0], [2.0]], 1.01).proven
    True
    >>> prove_below([[-1.0], [1.0]], [[0.0], [2.0]], 0.99, max_cells=500).proven
    False
    """
    bound = check_number(bound, "bound", low=0, low_open=True)
    max_cells = check_positive_int(max_cells, "max_cells")
    X, r = _centred(X, y)
    reach = np.linalg.norm(X, axis=1)
    edges = np.linspace(-reach.max(), reach.max(), 13)  # beyond, all t_i have one sign
    n_cells = 0
    for weights in (r / len(X), -r / len(X)):
        signs = np.zeros((12, len(X)), dtype=np.int8)  # 0 where a sign is still open
        stack = [(signs, edges[:-1], edges[1:])]
        while stack:
            signs, low, high = (np.concatenate(part) for part in zip(*stack, strict=True))
            stack = []
            if len(signs) > _AT_ONCE:
                stack = [(signs[:-_AT_ONCE], low[:-_AT_ONCE], high[:-_AT_ONCE])]
                signs, low, high = signs[-_AT_ONCE:], low[-_AT_ONCE:], high[-_AT_ONCE:]
            n_cells += len(signs)
            if n_cells > max_cells:
                return Certificate(False, n_cells)
            value, split = _bound_cells(X, weights, reach, signs, low, high)
            left = ~(value < bound)
            if left.any():
                if (split[left] < 0).any():  # nothing left to split
                    return Certificate(False, n_cells)
                rows = np.flatnonzero(left)
                for sign in (1, -1):
                    child = signs[rows].copy()
                    child[np.arange(len(rows)), split[rows]] = sign
                    stack.append((child, low[rows], high[rows]))
    return Certificate(True, n_cells)


def _bound_cells(
    X: Array, weights: Array, reach: Array, signs: Array, low: Array, high: Array
) -> tuple[Array, Array]:
    """Return an upper bound for each cell, and the sample at which to split it (-1: none)."""
    bottom, top = low[:, None] - reach, high[:, None] + reach  # of t_i, (n_cells, N)
    signs = np.where(signs == 0, (bottom >= 0).astype(int) - (top <= 0), signs)
    width = np.maximum(top - bottom, 1e-300)
    chord = np.clip(top / width, 0, 1)
    chord_at_0 = np.where((bottom < 0) & (top > 0), -bottom * top / width, 0)
    is_chord = (weights > 0) & (signs == 0)
    # The box of slopes. An open term of negative weight may take any slope from 0 to 1.
    floor = np.where(signs == 1, weights, np.where(signs == -1, -np.inf, weights * chord))
    ceiling = np.where(signs == 1, np.inf, np.where(signs == -1, 0, weights * chord))
    is_open = (weights <= 0) & (signs == 0)
    floor, ceiling = np.where(is_open, weights, floor), np.where(is_open, 0, ceiling)
    constant = (is_chord * weights * chord_at_0).sum(axis=1)

    centre, half = (low + high) / 2, (high - low) / 2
    curvature = np.linalg.norm(X, ord=2) ** 2
    smooth = 0.05  # rounds the two norms' corners, for the descent only
    w = v = np.clip(weights / 2, floor, ceiling)
    value = np.full(len(signs), np.inf)
    u, b = np.zeros((len(signs), X.shape[1])), np.zeros(len(signs))
    for k in range(_STEPS):
        g, s = v @ X, v.sum(axis=1)
        norm_g = np.sqrt((g**2).sum(axis=1) + smooth**2)
        norm_s = np.sqrt(s**2 + smooth**2)
        current = np.linalg.norm(g, axis=1) + centre * s + half * np.abs(s) + constant
        better = current < value
        value = np.where(better, current, value)
        u[better] = g[better] / norm_g[better, None]
        b = np.where(better, centre + half * s / norm_s, b)
        slope = (g / norm_g[:, None]) @ X.T + (centre + half * s / norm_s)[:, None]
        step = 1 / (curvature / norm_g + len(X) * half / norm_s)
        new = np.clip(v - step[:, None] * slope, floor, ceiling)
        v = np.clip(new + k / (k + 3) * (new - w), floor, ceiling)
        w = new
    t = u @ X.T + b[:, None]
    looseness = np.where(is_chord, weights * (chord * t + chord_at_0 - np.maximum(t, 0)), -1)
    return value, np.where(is_chord.any(axis=1), looseness.argmax(axis=1), -1)
