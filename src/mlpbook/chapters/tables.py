r"""Columns of a table as inputs of a network, and k networks that share their weights.

An encoding turns one column of numbers into several: a code of category into its one-hot row, a
number into its place among quantiles (`piecewise_linear`), or into waves of learned frequencies
(`Periodic`). `EnsembleLinear` is one layer of k networks at once. `rotation` draws the matrix that
mixes columns without losing anything.
"""

# mypy: disable-error-code="no-any-return, arg-type"

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from mlpbook.scratch.layers import Layer
from mlpbook.shared import Array
from mlpbook.shared.initializers import Initializer, he_normal
from mlpbook.shared.validation import check_matrix, check_positive_int

__all__ = [
    "METHODS",
    "MIXTURES",
    "EnsembleLinear",
    "Periodic",
    "encode_columns",
    "impute",
    "one_hot",
    "piecewise_linear",
    "quantile_edges",
    "robust_scale",
    "rotation",
]

METHODS = ("trees", "plain MLP", "MLP, waves", "MLP, piecewise", "8 MLPs, piecewise")
"""What the recorded comparison compares."""

MIXTURES = ("as they are", "rotated", "18 columns of noise")
"""What the recorded experiment does to the columns."""


def impute(X: ArrayLike, medians: ArrayLike) -> Array:
    """Fill missing values with medians, and append a column that says where.

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
        NaN where a value is missing.
    medians : array_like, shape (n_features,)
        Of the training rows.

    Returns
    -------
    numpy.ndarray, shape (n_samples, n_features + 1)
        The last column is 1 for rows with a missing value, else 0.

    Examples
    --------
    >>> impute([[1.0, np.nan], [2.0, 5.0]], [1.5, 4.0])
    array([[1., 4., 1.],
           [2., 5., 0.]])
    """
    X = np.asarray(X)
    missing = np.isnan(X)
    filled = np.where(missing, medians, X)
    return np.column_stack([filled, missing.any(axis=1)])


def robust_scale(X_train: ArrayLike, *others: ArrayLike) -> tuple[Array, ...]:
    r"""Shift by the median and divide by the interquartile range, :math:`(x-m)/(q_{75}-q_{25})`.

    Both come from the training rows (def-tables-robust). A column whose quartiles are equal is
    divided by 1.

    Examples
    --------
    >>> robust_scale([[0.0], [1.0], [2.0], [3.0], [100.0]])[0].ravel()
    array([-1. , -0.5,  0. ,  0.5, 49. ])
    """
    low, median, high = np.quantile(X_train, [0.25, 0.5, 0.75], axis=0)
    spread = np.where(high > low, high - low, 1.0)
    return tuple((np.asarray(X) - median) / spread for X in (X_train, *others))


def one_hot(codes: ArrayLike, n_values: int) -> Array:
    """Return a row of zeros with a single 1 for each code, (n_samples, n_values).

    Raises
    ------
    ValueError
        If a code is not one of 0, ..., n_values - 1.

    Examples
    --------
    >>> one_hot([2, 0], 3)
    array([[0., 0., 1.],
           [1., 0., 0.]])
    """
    codes = np.asarray(codes)
    if codes.size and not 0 <= codes.min() <= codes.max() < n_values:
        raise ValueError(
            f"codes must lie between 0 and {n_values - 1}, got {codes.min()} to {codes.max()}. "
            "Give a value that training did not see a code of its own."
        )
    return np.eye(n_values)[codes]


def quantile_edges(x: ArrayLike, n_bins: int) -> Array:
    """Return the edges of bins that hold about equally many of the values x (n_samples,).

    Equal quantiles are merged, so that there may be fewer than `n_bins` bins.

    Examples
    --------
    >>> quantile_edges([1.0, 1.0, 1.0, 2.0, 3.0], 4)
    array([1., 2., 3.])
    """
    n_bins = check_positive_int(n_bins, "n_bins")
    edges: Array = np.unique(np.quantile(x, np.linspace(0, 1, n_bins + 1)))
    if len(edges) < 2:
        raise ValueError(
            f"x must hold at least two different values, got only {edges[0]}. Drop the column."
        )
    return edges


def piecewise_linear(x: ArrayLike, edges: ArrayLike) -> Array:
    r"""Encode a column piecewise linearly (def-tables-piecewise).

    Entry t says how far x has come through bin t:
    :math:`\psi_t(x)=\min(1,\max(0,(x-b_{t-1})/(b_t-b_{t-1})))`.

    Parameters
    ----------
    x : array_like, shape (n_samples,)
        The column.
    edges : array_like, shape (n_bins + 1,)
        :math:`b_0<\dots<b_T`.

    Returns
    -------
    numpy.ndarray, shape (n_samples, n_bins)

    References
    ----------
    Y. Gorishniy, I. Rubachev, A. Babenko, "On Embeddings for Numerical Features in Tabular Deep
    Learning", 2022, arXiv 2203.05556 (there the first and the last bin are not clipped outside).

    Examples
    --------
    >>> piecewise_linear([0.5, 3.0], [0.0, 1.0, 2.0, 4.0])
    array([[0.5, 0. , 0. ],
           [1. , 1. , 0.5]])
    """
    b = np.asarray(edges)
    t = (np.asarray(x)[:, None] - b[:-1]) / (b[1:] - b[:-1])
    return np.clip(t, 0, 1)


class Periodic(Layer):
    r"""Waves of learned frequencies (def-tables-periodic).

    Column j of X becomes :math:`\sin(2\pi c_{mj}x_j)` and :math:`\cos(2\pi c_{mj}x_j)` for m = 1
    to M; the sines stand first.

    Parameters
    ----------
    n_in : int
        Number of columns, D.
    n_frequencies : int
        M, frequencies per column.
    sigma : float
        Standard deviation of the initial frequencies.
    rng : numpy.random.Generator
        Draws them.
    dtype : dtype
        Of the frequencies.

    Attributes
    ----------
    c, dc : array (n_frequencies, n_in)
        Frequencies, and their adjoint after ``backward``.

    Examples
    --------
    >>> layer = Periodic(2, 3, sigma=0.1, rng=np.random.default_rng(0))
    >>> layer.forward(np.zeros((4, 2))).shape
    (4, 12)
    """

    names: ClassVar[tuple[str, ...]] = ("c",)

    def __init__(
        self,
        n_in: int,
        n_frequencies: int,
        *,
        sigma: float,
        rng: np.random.Generator,
        dtype: DTypeLike = np.float64,
    ) -> None:
        self.c = (sigma * rng.standard_normal((n_frequencies, n_in))).astype(dtype)
        self.dc = np.zeros_like(self.c)

    def forward(self, X: Array) -> Array:
        """Return sines and cosines (N, 2 M D) for X (N, D)."""
        self._X = X
        angle = 2 * np.pi * X[:, None] * self.c  # (N, M, D)
        self._sin, self._cos = np.sin(angle), np.cos(angle)
        return np.concatenate(
            [self._sin, self._cos],
            axis=1,
        ).reshape(len(X), -1)

    def backward(self, dZ: Array) -> Array:
        """Set dc (M, D); return dX (N, D), from dZ (N, 2 M D)."""
        M, D = self.c.shape
        d_sin, d_cos = np.split(dZ.reshape(-1, 2 * M, D), 2, axis=1)
        d_angle = d_sin * self._cos - d_cos * self._sin
        self.dc = 2 * np.pi * (d_angle * self._X[:, None]).sum(axis=0)
        dX: Array = 2 * np.pi * (d_angle * self.c).sum(axis=1)
        return dX

    @property
    def n_in(self) -> int:
        """Number of columns."""
        return int(self.c.shape[1])

    @property
    def n_out(self) -> int:
        """Number of waves, two per frequency."""
        return 2 * self.c.size


class EnsembleLinear(Layer):
    r"""One layer of k networks that share a matrix (eq-tables-member).

    Member j computes :math:`s_j\odot W(r_j\odot x)+b_j`.

    Parameters
    ----------
    n_in, n_out : int
        Widths of input and output.
    k : int
        Number of members.
    rng : numpy.random.Generator
        Source of the weights and, in a first layer, of the signs.
    first : bool
        Whether the rows of R start as random signs, by which the members differ; else as ones.
    initializer : callable
        For W.
    dtype : dtype
        Of the parameters.

    Attributes
    ----------
    R, S, W, B : array (k, n_in), (k, n_out), (n_out, n_in), (k, n_out)
        Parameters; dR, dS, dW, dB are their adjoints after ``backward``.

    References
    ----------
    Y. Gorishniy, A. Kotelnikov, A. Babenko, "TabM: Advancing Tabular Deep Learning with
    Parameter-Efficient Ensembling", 2025, arXiv 2410.24210.

    Examples
    --------
    >>> layer = EnsembleLinear(3, 2, k=4, rng=np.random.default_rng(0))
    >>> layer.forward(np.ones((5, 1, 3))).shape
    (5, 4, 2)
    """

    names: ClassVar[tuple[str, ...]] = ("R", "W", "S", "B")

    def __init__(
        self,
        n_in: int,
        n_out: int,
        *,
        k: int,
        rng: np.random.Generator,
        first: bool = False,
        initializer: Initializer = he_normal,
        dtype: DTypeLike = np.float64,
    ) -> None:
        self.W = initializer(n_out, n_in, rng=rng, dtype=dtype)
        signs = rng.choice([-1.0, 1.0], size=(k, n_in)) if first else np.ones((k, n_in))
        self.R = signs.astype(dtype)
        self.S = np.ones((k, n_out), dtype=dtype)
        self.B = np.zeros((k, n_out), dtype=dtype)

    def forward(self, X: Array) -> Array:
        """Return (N, k, n_out) for X (N, k, n_in) or (N, 1, n_in)."""
        self._X = X
        self._Z = (X * self.R) @ self.W.T
        return self._Z * self.S + self.B

    def backward(self, dZ: Array) -> Array:
        """Set dB, dS, dW, dR; return dX like X, from dZ (N, k, n_out)."""
        self.dB, self.dS = dZ.sum(axis=0), (dZ * self._Z).sum(axis=0)
        dA = dZ * self.S
        self.dW = np.tensordot(dA, self._X * self.R, axes=([0, 1], [0, 1]))
        dXR = dA @ self.W
        self.dR = (dXR * self._X).sum(axis=0)
        dX: Array = dXR * self.R
        return dX if self._X.shape[1] > 1 else dX.sum(axis=1, keepdims=True)


def rotation(n: int, *, rng: np.random.Generator) -> Array:
    """Draw an orthogonal matrix (n, n), uniformly.

    Examples
    --------
    >>> Q = rotation(3, rng=np.random.default_rng(0))
    >>> bool(np.allclose(Q @ Q.T, np.eye(3)))
    True
    """
    Q, R = np.linalg.qr(rng.standard_normal((n, n)))
    rotated: Array = Q * np.sign(np.diag(R))
    return rotated


def encode_columns(X: ArrayLike, edges: Sequence[Array]) -> Array:
    """Encode each column of X by its own edges, side by side: (n_samples, all bins)."""
    X = check_matrix(X, "X", n_features=len(edges))
    return np.hstack([piecewise_linear(x, b) for x, b in zip(X.T, edges, strict=True)])
