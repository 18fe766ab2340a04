r"""Fixed features: transform the input with a map that is not trained, then fit a linear readout.

The map :math:`\psi` may be chosen by hand (`monomials`) or drawn at random (`RandomFeatures`).
What remains to be learned is linear in its parameters, so no descent is needed: `ridge_readout`
solves for it, and `kernel_ridge` finds the same function from inner products alone.
"""

import math
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from mlpbook.scratch.activations import relu
from mlpbook.shared import Array
from mlpbook.shared.initializers import he_normal
from mlpbook.shared.validation import (
    check_matrix,
    check_number,
    check_positive_int,
)

__all__ = [
    "RandomFeatures",
    "Readout",
    "exponents",
    "kernel_ridge",
    "monomials",
    "ridge_readout",
    "separable_labelings",
]


def exponents(n_in: int, degree: int) -> list[tuple[int, ...]]:
    r"""Return the factors of each monomial of degree 1 to `degree`, as indices of inputs.

    There are :math:`\binom{D+d}{d} - 1` (eq-features-monomials); the constant is left out,
    because a readout has an intercept.

    Parameters
    ----------
    n_in, degree : int
        Number of inputs D and highest degree d.

    Examples
    --------
    >>> exponents(2, 2)  # x1, x2, x1 x1, x1 x2, x2 x2
    [(0,), (1,), (0, 0), (0, 1), (1, 1)]
    """
    check_positive_int(n_in, "n_in")
    check_positive_int(degree, "degree")
    return [
        factors
        for d in range(1, degree + 1)
        for factors in combinations_with_replacement(range(n_in), d)
    ]


def monomials(X: ArrayLike, degree: int) -> Array:
    """Return all monomials of the columns of X, of degree 1 to `degree`.

    Parameters
    ----------
    X : array_like (n_samples, n_in)
    degree : int

    Returns
    -------
    array (n_samples, n_features)
        In the order of `exponents`.

    Examples
    --------
    >>> monomials([[2, 3]], 2)
    array([[2., 3., 4., 6., 9.]])
    """
    X = check_matrix(X, "X")
    return np.stack([X[:, list(f)].prod(axis=1) for f in exponents(X.shape[1], degree)], axis=1)


class RandomFeatures:
    r"""A hidden layer that is drawn once and never trained, :math:`\psi(x) = \mathrm{relu}(Wx+b)`.

    Parameters
    ----------
    n_in, n_features : int
        Dimensions of input and output.
    rng : numpy.random.Generator
        Draws W, normal with variance 2 / n_in, then b.
    bias_std : float
        Standard deviation of the normal biases, in the unit of the pre-activation.
    dtype : dtype
        Of W and b.

    Attributes
    ----------
    W : array (n_features, n_in)
    b : array (n_features,)

    Notes
    -----
    Rosenblatt's perceptron (1958) had random connections in front of its trained unit; Rahimi &
    Recht (2007), Random features for large-scale kernel machines, NeurIPS 20.

    Examples
    --------
    >>> psi = RandomFeatures(2, 5, rng=np.random.default_rng(0))
    >>> psi(np.zeros((3, 2))).shape
    (3, 5)
    """

    def __init__(
        self,
        n_in: int,
        n_features: int,
        *,
        rng: np.random.Generator,
        bias_std: float = 1.0,
        dtype: DTypeLike = np.float64,
    ) -> None:
        check_number(bias_std, "bias_std", low=0)
        self.W = he_normal(n_features, n_in, rng=rng, dtype=dtype)
        b = bias_std * rng.standard_normal(n_features)
        self.b: Array = b.astype(dtype)

    def __call__(self, X: ArrayLike) -> Array:
        """Return the features (N, n_features) of a batch X (N, n_in)."""
        X = check_matrix(X, "X", self.W.shape[1])
        return relu(X @ self.W.T + self.b)


@dataclass(frozen=True, eq=False)
class Readout:
    """An affine map from features to outputs; also, from kernel values to outputs.

    Attributes
    ----------
    W : array (n_out, n_features)
    b : array (n_out,)

    Examples
    --------
    >>> Readout(np.array([[1.0, -1.0]]), np.array([0.5]))([[3, 1]])
    array([[2.5]])
    """

    W: Array
    b: Array

    def __call__(self, Psi: ArrayLike) -> Array:
        """Return the outputs (N, n_out) for features Psi (N, n_features)."""
        return check_matrix(Psi, "Psi", self.W.shape[1]) @ self.W.T + self.b


def ridge_readout(Psi: ArrayLike, Y: ArrayLike, *, penalty: float = 0.0) -> Readout:
    r"""Fit an affine readout by least squares, with a penalty on the weights alone.

    Minimizes :math:`\frac1{2N}\sum_i\lVert W\psi^{(i)}+b-y^{(i)}\rVert^2 +
    \frac\lambda2\lVert W\rVert_F^2` (eq-features-normal, eq-features-intercept).

    Parameters
    ----------
    Psi : array_like (n_samples, n_features)
        Features.
    Y : array_like (n_samples, n_out)
        Targets; for classes, one-hot rows.
    penalty : float
        :math:`\lambda\ge0`, in the unit of a squared feature. With 0, where several readouts are
        best, the one with the smallest weights is returned.

    Returns
    -------
    Readout
        Of Psi's dtype; the system is solved in double precision.

    Examples
    --------
    >>> readout = ridge_readout([[0], [1], [2]], [[1], [3], [5]])  # y = 2 x + 1
    >>> readout.W.round(9), readout.b.round(9)
    (array([[2.]]), array([1.]))
    """
    Psi = check_matrix(Psi, "Psi")
    Y = check_matrix(Y, "Y", n_samples=len(Psi))
    penalty = check_number(penalty, "penalty", low=0)
    W, b = _ridge(Psi, Y, penalty)
    return Readout(W.astype(Psi.dtype), b.astype(Psi.dtype))


def _ridge(Psi: Array, Y: Array, penalty: float) -> tuple[Array, Array]:
    """Psi (N, m), Y (N, n_out) to W (n_out, m), b (n_out,)."""
    psi_mean = Psi.mean(axis=0, dtype=float).astype(Psi.dtype)
    y_mean = Y.mean(axis=0, dtype=float)
    Psi, Y = Psi - psi_mean, Y - y_mean.astype(Y.dtype)
    if np.float16 in (Psi.dtype, Y.dtype):  # which linear algebra does not take
        Psi, Y = Psi.astype(np.float32), Y.astype(np.float32)
    if penalty == 0:
        W = np.linalg.lstsq(Psi, Y, rcond=None)[0].T
    else:
        A = (Psi.T @ Psi / len(Psi)).astype(float)  # (m, m)
        A[np.diag_indices_from(A)] += penalty
        W = np.linalg.solve(A, Psi.T @ Y / len(Psi)).T
    return W, y_mean - W @ psi_mean


def kernel_ridge(K: ArrayLike, Y: ArrayLike, *, penalty: float) -> Readout:
    r"""Fit the ridge readout from inner products of features alone (eq-features-kernel-ridge).

    With :math:`K_{ij}=\psi(x^{(i)})^\top\psi(x^{(j)})` the result is the function that
    `ridge_readout` finds, :math:`f(x)=\sum_i\alpha_i\,\psi(x^{(i)})^\top\psi(x)+b`.

    Parameters
    ----------
    K : array_like (n_samples, n_samples)
        Kernel values between all pairs of samples; symmetric.
    Y : array_like (n_samples, n_out)
        Targets.
    penalty : float
        :math:`\lambda>0`, the same as for `ridge_readout`.

    Returns
    -------
    Readout
        To be called on kernel values (n_new, n_samples) between new inputs and the samples; its
        W holds :math:`\alpha`, one row per output.

    Examples
    --------
    >>> X, Y = np.array([[0.0], [1.0], [2.0]]), np.array([[1.0], [3.0], [5.0]])
    >>> kernel_ridge(X @ X.T, Y, penalty=1e-9)(np.array([[4.0]]) @ X.T).round(6)
    array([[9.]])
    """
    K = check_matrix(K, "K")
    K = check_matrix(K, "K", len(K))
    Y = check_matrix(Y, "Y", n_samples=len(K))
    penalty = check_number(penalty, "penalty", low=0, low_open=True)
    K_mean = K.mean(axis=0, dtype=float)  # K is symmetric
    y_mean = Y.mean(axis=0, dtype=float)
    A = K - K_mean - K_mean[:, np.newaxis] + K_mean.mean()  # H K H
    A[np.diag_indices_from(A)] += len(K) * penalty
    alpha = np.linalg.solve(A, Y - y_mean)  # (N, n_out)
    b = y_mean - K_mean @ alpha
    return Readout(alpha.T.astype(K.dtype), b.astype(K.dtype))


def separable_labelings(n_samples: int, n_parameters: int) -> int:
    r"""Return how many of the 2^N labelings of N points in general position are separable.

    :math:`2\sum_{k<P}\binom{N-1}{k}` (eq-features-cover), for a score with P parameters that is
    linear in them: P = n_features + 1 with an intercept.

    Parameters
    ----------
    n_samples, n_parameters : int

    Notes
    -----
    Cover (1965), doi 10.1109/PGEC.1965.264137.

    Examples
    --------
    >>> separable_labelings(4, 3)  # four points in the plane: all but the two of XOR
    14
    """
    n_samples = check_positive_int(n_samples, "n_samples")
    n_parameters = check_positive_int(n_parameters, "n_parameters")
    return 2 * sum(math.comb(n_samples - 1, k) for k in range(n_parameters))
