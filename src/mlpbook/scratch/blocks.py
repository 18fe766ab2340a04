r"""Blocks of today's networks: a gated layer, a mixture of experts, and two fixed expansions.

They have the interface of `mlpbook.scratch.layers.Layer`, so they stand in a network beside linear
layers. The backward passes are derived in the chapter *Inside a trained MLP, and the ladder*.
"""

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from mlpbook.scratch.activations import silu, silu_prime
from mlpbook.scratch.layers import Layer
from mlpbook.scratch.losses import softmax
from mlpbook.shared import Array
from mlpbook.shared.initializers import glorot_normal, he_normal
from mlpbook.shared.validation import check_number, check_positive_int

__all__ = ["FourierFeatures", "MixtureOfExperts", "SplineExpansion", "SwiGLU", "spline_basis"]


class SwiGLU(Layer):
    r"""Gated feed-forward block, :math:`y = W(\mathrm{silu}(Gx)\odot Vx)` (def-inside-swiglu).

    Without biases, as in Shazeer (2020), arXiv 2002.05202.

    Parameters
    ----------
    n_in, n_hidden, n_out : int
        Widths of input, gated layer and output.
    rng : numpy.random.Generator
        Source of the initial weights (Glorot's normal ones).
    dtype : dtype
        Of the parameters.

    Attributes
    ----------
    G, V : array (n_hidden, n_in)
        Weights of the gate and of the values.
    W : array (n_out, n_hidden)
        Weights of the output.

    Examples
    --------
    >>> layer = SwiGLU(3, 4, 2, rng=np.random.default_rng(0))
    >>> layer.forward(np.ones((5, 3))).shape, sum(p.size for p in layer.parameters())
    ((5, 2), 32)
    """

    names = ("G", "V", "W")

    def __init__(
        self,
        n_in: int,
        n_hidden: int,
        n_out: int,
        *,
        rng: np.random.Generator,
        dtype: DTypeLike = np.float64,
    ) -> None:
        self.G = glorot_normal(n_hidden, n_in, rng=rng, dtype=dtype)
        self.V = glorot_normal(n_hidden, n_in, rng=rng, dtype=dtype)
        self.W = glorot_normal(n_out, n_hidden, rng=rng, dtype=dtype)
        self.dG, self.dV, self.dW = (np.zeros_like(p) for p in (self.G, self.V, self.W))

    def forward(self, X: Array) -> Array:
        """Return (silu(X G^T) * X V^T) W^T, (N, n_out), for X (N, n_in)."""
        self._X, self._gate, self._value = X, X @ self.G.T, X @ self.V.T
        self._H = silu(self._gate) * self._value
        Y: Array = self._H @ self.W.T
        return Y

    def backward(self, dY: Array) -> Array:
        """Set dG, dV and dW; return dX (N, n_in), from dY (N, n_out)."""
        dH = dY @ self.W
        d_value = dH * silu(self._gate)
        d_gate = dH * self._value * silu_prime(self._gate)
        self.dW = dY.T @ self._H
        self.dV = d_value.T @ self._X
        self.dG = d_gate.T @ self._X
        dX: Array = d_gate @ self.G + d_value @ self.V
        return dX

    @property
    def n_in(self) -> int:
        """Width of the input."""
        return int(self.G.shape[1])

    @property
    def n_out(self) -> int:
        """Width of the output."""
        return len(self.W)


class MixtureOfExperts(Layer):
    r"""Mixture of ReLU networks, :math:`y=p_e f_e(x)` with :math:`e=\arg\max p` (def-inside-moe).

    A linear router with a softmax chooses one expert per sample; the chosen probability multiplies
    the expert's output, and so the router gets a gradient. With ``balance`` > 0, ``backward`` adds
    the gradient of the load-balancing loss :math:`\alpha E\sum_k s_k\bar p_k` (def-inside-balance).

    Parameters
    ----------
    n_in, n_hidden, n_out : int
        Widths of each expert.
    n_experts : int
        Number of experts E.
    balance : float
        Weight :math:`\alpha` of the load-balancing loss.
    rng : numpy.random.Generator
        Source of the initial weights.
    dtype : dtype
        Of the parameters.

    Attributes
    ----------
    R : array (n_experts, n_in)
        Weights of the router.
    U, b, V, c : arrays
        Weights and biases of the experts, one per first index.
    shares : array (n_experts,)
        Shares of the last batch that went to each expert.

    Notes
    -----
    Routing and loss as in Fedus, Zoph & Shazeer (2022), arXiv 2101.03961, without their limit on
    an expert's load.

    Examples
    --------
    >>> layer = MixtureOfExperts(3, 4, 2, n_experts=5, rng=np.random.default_rng(0))
    >>> layer.forward(np.ones((6, 3))).shape, float(layer.shares.sum())
    ((6, 2), 1.0)
    """

    names = ("R", "U", "b", "V", "c")

    def __init__(
        self,
        n_in: int,
        n_hidden: int,
        n_out: int,
        *,
        n_experts: int,
        rng: np.random.Generator,
        balance: float = 0.0,
        dtype: DTypeLike = np.float64,
    ) -> None:
        n_experts = check_positive_int(n_experts, "n_experts")
        self.balance = check_number(balance, "balance", low=0)
        self.R = glorot_normal(n_experts, n_in, rng=rng, dtype=dtype)
        self.U, self.V = (
            np.stack([he_normal(n, m, rng=rng, dtype=dtype) for _ in range(n_experts)])
            for n, m in ((n_hidden, n_in), (n_out, n_hidden))
        )
        self.b = np.zeros((n_experts, n_hidden), dtype=dtype)
        self.c = np.zeros((n_experts, n_out), dtype=dtype)
        self.dR, self.dU, self.db = (np.zeros_like(p) for p in (self.R, self.U, self.b))
        self.dV, self.dc = np.zeros_like(self.V), np.zeros_like(self.c)

    def forward(self, X: Array) -> Array:
        """Return p_e f_e(x) of each row's most probable expert e, (N, n_out)."""
        self._X, self._P = X, softmax(X @ self.R.T)  # (N, E)
        self._choice = self._P.argmax(axis=1)
        self.shares = np.bincount(self._choice, minlength=len(self.R)) / len(X)
        self._p = self._P.max(axis=1, keepdims=True)
        self._H = np.empty((len(X), self.b.shape[1]), dtype=self._P.dtype)
        self._F = np.empty((len(X), self.c.shape[1]), dtype=self._P.dtype)
        for e, rows in self._rows():
            self._H[rows] = np.maximum(X[rows] @ self.U[e].T + self.b[e], 0)
            self._F[rows] = self._H[rows] @ self.V[e].T + self.c[e]
        Y: Array = self._p * self._F
        return Y

    def backward(self, dY: Array) -> Array:
        """Set all parameters' adjoints; return dX (N, n_in), from dY (N, n_out)."""
        X, P, n, n_experts = self._X, self._P, len(dY), len(self.R)
        dP = np.zeros_like(P)
        dP[np.arange(n), self._choice] = (dY * self._F).sum(axis=1)
        dP += (self.balance * n_experts / n * self.shares).astype(P.dtype)
        dS = P * (dP - (dP * P).sum(axis=1, keepdims=True))
        self.dR, dF = dS.T @ X, self._p * dY
        dX: Array = dS @ self.R
        for gradient in (self.dU, self.db, self.dV, self.dc):
            gradient[...] = 0
        for e, rows in self._rows():
            dZ = (dF[rows] @ self.V[e]) * (self._H[rows] > 0)
            self.dV[e], self.dc[e] = dF[rows].T @ self._H[rows], dF[rows].sum(axis=0)
            self.dU[e], self.db[e] = dZ.T @ X[rows], dZ.sum(axis=0)
            dX[rows] += dZ @ self.U[e]
        return dX

    def balance_loss(self) -> float:
        """Return the load-balancing loss of the last batch, with its weight."""
        mean = self._P.mean(axis=0)
        return float(self.balance * len(self.R) * (self.shares * mean).sum())

    def _rows(self) -> list[tuple[int, Array]]:
        """Return each expert that is used, with the rows of the batch that it gets."""
        return [(e, np.flatnonzero(self._choice == e)) for e in np.unique(self._choice).tolist()]

    @property
    def n_in(self) -> int:
        """Width of the input."""
        return int(self.R.shape[1])

    @property
    def n_out(self) -> int:
        """Width of the output."""
        return int(self.c.shape[1])


def spline_basis(x: ArrayLike, knots: ArrayLike, degree: int) -> Array:
    r"""Return all B-splines of a degree on given knots, by the Cox-de Boor recursion.

    :math:`B_{k,d}(x)=\frac{x-t_k}{t_{k+d}-t_k}B_{k,d-1}(x)
    +\frac{t_{k+d+1}-x}{t_{k+d+1}-t_{k+1}}B_{k+1,d-1}(x)` (eq-inside-spline).

    Parameters
    ----------
    x : array of any shape
        Where to evaluate.
    knots : array (n_knots,)
        Strictly increasing :math:`t_0 < t_1 < \dots`.
    degree : int
        The degree d, 0 or more.

    Returns
    -------
    array (..., n_knots - degree - 1)
        :math:`B_{0,d}, B_{1,d}, \dots` at each x.

    Examples
    --------
    >>> spline_basis([0.5, 1.0], [0, 1, 2], 1)
    array([[0.5],
           [1. ]])
    """
    t = np.asarray(knots, dtype=float)
    if t.ndim != 1 or len(t) < degree + 2 or (np.diff(t) <= 0).any():
        raise ValueError(
            f"knots must be at least {degree + 2} strictly increasing numbers for degree {degree}, "
            f"got {t.tolist()}. Pass np.linspace(low, high, n)."
        )
    x = np.asarray(x)[..., np.newaxis]
    B = ((t[:-1] <= x) & (x < t[1:])).astype(np.result_type(x.dtype, np.float32))
    for d in range(1, degree + 1):
        left = (x - t[: -d - 1]) / (t[d:-1] - t[: -d - 1])
        right = (t[d + 1 :] - x) / (t[d + 1 :] - t[1:-d])
        B = left * B[..., :-1] + right * B[..., 1:]
    return B


class SplineExpansion(Layer):
    r"""Fixed expansion of each input in cubic B-splines on equal intervals; no parameters.

    A linear layer behind it is a layer of a Kolmogorov-Arnold network (eq-inside-kan): the weights
    are the coefficients of one spline per pair of input and output.

    Parameters
    ----------
    n_in : int
        Inputs D.
    n_intervals : int
        Equal intervals of [low, high]; there are K = n_intervals + 3 splines per input.
    low, high : float
        The range of the inputs; outside, the splines fall to 0 within three intervals.

    Examples
    --------
    >>> layer = SplineExpansion(2, n_intervals=4)
    >>> layer.forward(np.zeros((5, 2))).shape, layer.n_out
    ((5, 14), 14)
    """

    degree = 3

    def __init__(
        self, n_in: int, *, n_intervals: int, low: float = -1.0, high: float = 1.0
    ) -> None:
        self._n_in = check_positive_int(n_in, "n_in")
        n_intervals = check_positive_int(n_intervals, "n_intervals")
        step = (high - low) / n_intervals
        self.knots = low + step * np.arange(-self.degree, n_intervals + self.degree + 1)

    def forward(self, X: Array) -> Array:
        """Return the splines of each input side by side, (N, D K), for X (N, D)."""
        self._X = X
        return spline_basis(X, self.knots, self.degree).reshape(len(X), -1)

    def backward(self, dZ: Array) -> Array:
        """Return dX (N, D), from dZ (N, D K): the slope of a cubic from two quadratics."""
        lower = spline_basis(self._X, self.knots, self.degree - 1)
        lower /= self.knots[1] - self.knots[0]
        slope = lower[..., :-1] - lower[..., 1:]  # (N, D, K)
        dX: Array = (dZ.reshape(slope.shape) * slope).sum(axis=-1)
        return dX

    @property
    def n_in(self) -> int:
        """Number of inputs."""
        return self._n_in

    @property
    def n_out(self) -> int:
        """Number of features."""
        return self._n_in * (len(self.knots) - self.degree - 1)


class FourierFeatures(Layer):
    r"""Fixed random waves of the inputs, :math:`(\cos 2\pi Bx, \sin 2\pi Bx)` (def-inside-fourier).

    Parameters
    ----------
    n_in : int
        Inputs, such as two coordinates.
    n_waves : int
        Frequency vectors, the rows of B; there are twice as many features.
    scale : float
        Standard deviation of B's normal entries, in cycles per unit of the inputs.
    rng : numpy.random.Generator
        Draws B, which is not trained.
    dtype : dtype
        Of B and the features.

    Notes
    -----
    Tancik et al. (2020), arXiv 2006.10739.

    Examples
    --------
    >>> layer = FourierFeatures(2, 8, scale=1.0, rng=np.random.default_rng(0))
    >>> layer.forward(np.zeros((5, 2))).sum(axis=1)
    array([8., 8., 8., 8., 8.])
    """

    state = ("B",)

    def __init__(
        self,
        n_in: int,
        n_waves: int,
        *,
        scale: float,
        rng: np.random.Generator,
        dtype: DTypeLike = np.float64,
    ) -> None:
        scale = check_number(scale, "scale", low=0, low_open=True)
        self.B = (scale * rng.standard_normal((n_waves, n_in))).astype(dtype)

    def forward(self, X: Array) -> Array:
        """Return cosines and sines, (N, 2 n_waves), for X (N, n_in)."""
        angle = 2 * np.pi * X @ self.B.T
        self._cos, self._sin = np.cos(angle), np.sin(angle)
        return np.concatenate([self._cos, self._sin], axis=1)

    def backward(self, dZ: Array) -> Array:
        """Return dX (N, n_in), from dZ (N, 2 n_waves)."""
        d_cos, d_sin = np.split(dZ, 2, axis=1)
        dX: Array = 2 * np.pi * (d_sin * self._cos - d_cos * self._sin) @ self.B
        return dX

    @property
    def n_in(self) -> int:
        """Number of inputs."""
        return int(self.B.shape[1])

    @property
    def n_out(self) -> int:
        """Number of features."""
        return 2 * len(self.B)
