"""Columns of a table as inputs, and k networks that share their weights, in PyTorch.

The mirror of `mlpbook.chapters.tables`: the same draws become the parameters, and autograd writes
the backward passes.
"""

import numpy as np
import torch
from torch import Tensor, nn

from mlpbook.pytorch.network import Sequential
from mlpbook.shared.initializers import Initializer, he_normal

__all__ = ["EnsembleLinear", "Periodic", "PiecewiseLinear", "ensemble"]


class PiecewiseLinear(nn.Module):
    """The piecewise linear encoding of several columns, side by side.

    Parameters
    ----------
    edges : sequence of array_like
        For each column, the edges of its bins, in increasing order.

    Examples
    --------
    >>> PiecewiseLinear([[0.0, 1.0, 2.0, 4.0]])(torch.tensor([[3.0]]))
    tensor([[1.0000, 1.0000, 0.5000]])
    """

    left: Tensor
    width: Tensor
    column: Tensor

    def __init__(self, edges: list[np.ndarray], *, dtype: torch.dtype | None = None) -> None:
        super().__init__()
        dtype = dtype or torch.get_default_dtype()
        b = [torch.as_tensor(np.asarray(e), dtype=dtype) for e in edges]
        self.register_buffer("left", torch.cat([e[:-1] for e in b]))
        self.register_buffer("width", torch.cat([e[1:] - e[:-1] for e in b]))
        column = [j for j, e in enumerate(b) for _ in range(len(e) - 1)]
        self.register_buffer("column", torch.tensor(column))

    def forward(self, X: Tensor) -> Tensor:
        """Return the encoding (N, all bins) of X (N, n_columns)."""
        return ((X[:, self.column] - self.left) / self.width).clamp(0, 1)


class Periodic(nn.Module):
    """Waves of learned frequencies: the mirror of `mlpbook.chapters.tables.Periodic`.

    Examples
    --------
    >>> Periodic(2, 3, sigma=0.1, rng=np.random.default_rng(0))(torch.zeros(4, 2)).shape
    torch.Size([4, 12])
    """

    def __init__(
        self,
        n_in: int,
        n_frequencies: int,
        *,
        sigma: float,
        rng: np.random.Generator,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        c = sigma * rng.standard_normal((n_frequencies, n_in))
        self.c = nn.Parameter(torch.as_tensor(c, dtype=dtype or torch.get_default_dtype()))

    def forward(self, X: Tensor) -> Tensor:
        """Return sines and cosines (N, 2 M D) for X (N, D)."""
        angle = 2 * np.pi * X[:, None] * self.c  # (N, M, D)
        return torch.cat([angle.sin(), angle.cos()], dim=1).flatten(1)


class EnsembleLinear(nn.Module):
    """One layer of k networks: the mirror of `mlpbook.chapters.tables.EnsembleLinear`.

    Examples
    --------
    >>> layer = EnsembleLinear(3, 2, k=4, rng=np.random.default_rng(0))
    >>> layer(torch.ones(5, 1, 3)).shape
    torch.Size([5, 4, 2])
    """

    def __init__(
        self,
        n_in: int,
        n_out: int,
        *,
        k: int,
        rng: np.random.Generator,
        first: bool = False,
        initializer: Initializer = he_normal,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        dtype = dtype or torch.get_default_dtype()
        W = torch.as_tensor(initializer(n_out, n_in, rng=rng), dtype=dtype)
        signs = rng.choice([-1.0, 1.0], size=(k, n_in)) if first else np.ones((k, n_in))
        self.R = nn.Parameter(torch.as_tensor(signs, dtype=dtype))
        self.W = nn.Parameter(W)
        self.S = nn.Parameter(torch.ones(k, n_out, dtype=dtype))
        self.B = nn.Parameter(torch.zeros(k, n_out, dtype=dtype))

    def forward(self, X: Tensor) -> Tensor:
        """Return (N, k, n_out) for X (N, k, n_in) or (N, 1, n_in)."""
        return (X * self.R) @ self.W.T * self.S + self.B


def ensemble(
    n_in: int,
    width: int,
    depth: int,
    *,
    k: int,
    rng: np.random.Generator,
) -> Sequential:
    """Return k MLPs that share weights: rows (N, n_in) in, k predictions (N, k) out.

    Trained against the target repeated k times, the mean squared error is the mean of the
    members' errors: each member learns for itself.

    Examples
    --------
    >>> model = ensemble(3, 16, 2, k=4, rng=np.random.default_rng(0))
    >>> model(torch.ones(5, 3)).shape
    torch.Size([5, 4])
    """
    layers: list[nn.Module] = [nn.Unflatten(1, (1, n_in))]  # (N, 1, n_in)
    sizes = [n_in, *[width] * depth]
    for i in range(depth):
        layers += [
            EnsembleLinear(sizes[i], sizes[i + 1], k=k, rng=rng, first=i == 0),
            nn.ReLU(),
        ]
    layers += [EnsembleLinear(width, 1, k=k, rng=rng), nn.Flatten(1)]
    return Sequential(layers)
