r"""Blocks of today's networks in PyTorch: the mirror of `mlpbook.scratch.blocks`.

The same NumPy draws become the parameters, and autograd writes the backward passes.
"""

import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mlpbook.shared import Array
from mlpbook.shared.initializers import glorot_normal, he_normal
from mlpbook.shared.validation import check_number, check_positive_int

__all__ = ["FourierFeatures", "MixtureOfExperts", "SplineExpansion", "SwiGLU", "spline_basis"]


def _parameter(W: Array, dtype: torch.dtype | None) -> nn.Parameter:
    return nn.Parameter(torch.as_tensor(W, dtype=dtype or torch.get_default_dtype()))


class SwiGLU(nn.Module):
    r"""Gated feed-forward block, :math:`y = W(\mathrm{silu}(Gx)\odot Vx)` (def-inside-swiglu).

    Parameters
    ----------
    n_in, n_hidden, n_out : int
        Widths of input, gated layer and output.
    rng : numpy.random.Generator
        Source of the initial weights.
    dtype : optional
        Of the parameters; PyTorch's default otherwise.

    Examples
    --------
    >>> layer = SwiGLU(3, 4, 2, rng=np.random.default_rng(0))
    >>> layer(torch.ones(5, 3)).shape
    torch.Size([5, 2])
    """

    def __init__(
        self,
        n_in: int,
        n_hidden: int,
        n_out: int,
        *,
        rng: np.random.Generator,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.G = _parameter(glorot_normal(n_hidden, n_in, rng=rng), dtype)
        self.V = _parameter(glorot_normal(n_hidden, n_in, rng=rng), dtype)
        self.W = _parameter(glorot_normal(n_out, n_hidden, rng=rng), dtype)

    def forward(self, X: Tensor) -> Tensor:
        """Return (silu(X G^T) * X V^T) W^T, (N, n_out), for X (N, n_in)."""
        return (F.silu(X @ self.G.T) * (X @ self.V.T)) @ self.W.T


class MixtureOfExperts(nn.Module):
    r"""Mixture of ReLU networks, :math:`y=p_e f_e(x)` with :math:`e=\arg\max p` (def-inside-moe).

    Parameters
    ----------
    n_in, n_hidden, n_out : int
        Widths of each expert.
    n_experts : int
        Number of experts E.
    balance : float
        Weight :math:`\alpha` of the load-balancing loss; add `balance_loss()` to the loss.
    rng : numpy.random.Generator
        Source of the initial weights.
    dtype : optional
        Of the parameters; PyTorch's default otherwise.

    Examples
    --------
    >>> layer = MixtureOfExperts(3, 4, 2, n_experts=5, rng=np.random.default_rng(0))
    >>> layer(torch.ones(6, 3)).shape, float(layer.shares.sum())
    (torch.Size([6, 2]), 1.0)
    """

    def __init__(
        self,
        n_in: int,
        n_hidden: int,
        n_out: int,
        *,
        n_experts: int,
        rng: np.random.Generator,
        balance: float = 0.0,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        n_experts = check_positive_int(n_experts, "n_experts")
        self.balance = check_number(balance, "balance", low=0)
        self.R = _parameter(glorot_normal(n_experts, n_in, rng=rng), dtype)
        U, V = (
            np.stack([he_normal(n, m, rng=rng) for _ in range(n_experts)])
            for n, m in ((n_hidden, n_in), (n_out, n_hidden))
        )
        self.U, self.V = _parameter(U, dtype), _parameter(V, dtype)
        self.b = _parameter(np.zeros((n_experts, n_hidden)), dtype)
        self.c = _parameter(np.zeros((n_experts, n_out)), dtype)

    def forward(self, X: Tensor) -> Tensor:
        """Return p_e f_e(x) of each row's most probable expert e, (N, n_out)."""
        self._P = torch.softmax(X @ self.R.T, dim=1)
        p, choice = self._P.max(dim=1)
        self.shares = torch.bincount(choice, minlength=len(self.R)).to(X.dtype) / len(X)
        Y = X.new_zeros(len(X), self.c.shape[1])
        for e in range(len(self.R)):
            rows = torch.nonzero(choice == e).flatten()
            H = torch.relu(X[rows] @ self.U[e].T + self.b[e])
            Y = Y.index_add(0, rows, H @ self.V[e].T + self.c[e])
        return p[:, None] * Y

    def balance_loss(self) -> Tensor:
        """Return the load-balancing loss of the last batch, with its weight."""
        return self.balance * len(self.R) * (self.shares * self._P.mean(dim=0)).sum()


def spline_basis(x: Tensor, knots: Tensor, degree: int) -> Tensor:
    """Return all B-splines of a degree on given knots at each x (eq-inside-spline).

    >>> spline_basis(torch.tensor([0.5, 1.0]), torch.tensor([0.0, 1.0, 2.0]), 1)
    tensor([[0.5000],
            [1.0000]])
    """
    t, x = knots, x[..., None]
    B = ((t[:-1] <= x) & (x < t[1:])).to(x.dtype)
    for d in range(1, degree + 1):
        left = (x - t[: -d - 1]) / (t[d:-1] - t[: -d - 1])
        right = (t[d + 1 :] - x) / (t[d + 1 :] - t[1:-d])
        B = left * B[..., :-1] + right * B[..., 1:]
    return B


class SplineExpansion(nn.Module):
    """Fixed expansion of each input in cubic B-splines on equal intervals; no parameters.

    Parameters
    ----------
    n_in : int
        Inputs D.
    n_intervals : int
        Equal intervals of [low, high]; there are K = n_intervals + 3 splines per input.
    low, high : float
        The range of the inputs.
    dtype : optional
        Of the knots; PyTorch's default otherwise.

    Examples
    --------
    >>> SplineExpansion(2, n_intervals=4)(torch.zeros(5, 2)).shape
    torch.Size([5, 14])
    """

    degree = 3
    knots: Tensor

    def __init__(
        self,
        n_in: int,
        *,
        n_intervals: int,
        low: float = -1.0,
        high: float = 1.0,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.n_in = check_positive_int(n_in, "n_in")
        n_intervals = check_positive_int(n_intervals, "n_intervals")
        step = (high - low) / n_intervals
        knots = low + step * np.arange(-self.degree, n_intervals + self.degree + 1)
        self.register_buffer(
            "knots", torch.as_tensor(knots, dtype=dtype or torch.get_default_dtype())
        )

    def forward(self, X: Tensor) -> Tensor:
        """Return the splines of each input side by side, (N, D K), for X (N, D)."""
        return spline_basis(X, self.knots, self.degree).reshape(len(X), -1)


class FourierFeatures(nn.Module):
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
    dtype : optional
        Of B; PyTorch's default otherwise.

    Examples
    --------
    >>> layer = FourierFeatures(2, 8, scale=1.0, rng=np.random.default_rng(0))
    >>> layer(torch.zeros(5, 2)).shape
    torch.Size([5, 16])
    """

    B: Tensor

    def __init__(
        self,
        n_in: int,
        n_waves: int,
        *,
        scale: float,
        rng: np.random.Generator,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        scale = check_number(scale, "scale", low=0, low_open=True)
        B = scale * rng.standard_normal((n_waves, n_in))
        self.register_buffer("B", torch.as_tensor(B, dtype=dtype or torch.get_default_dtype()))

    def forward(self, X: Tensor) -> Tensor:
        """Return cosines and sines, (N, 2 n_waves), for X (N, n_in)."""
        angle = 2 * math.pi * X @ self.B.T
        return torch.cat([torch.cos(angle), torch.sin(angle)], dim=1)
