r"""The fully connected layer, in PyTorch, from parts.

``nn.Linear`` exists; writing it once shows what a module is. Assigning an ``nn.Parameter`` to an
attribute registers it: the optimizer finds it, ``to(device)`` moves it, ``state_dict`` saves it.
There is no backward method, because autograd writes it.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from mlpbook.shared.initializers import Initializer, he_normal

__all__ = ["Linear", "Residual"]


class Linear(nn.Module):
    r"""Fully connected layer, :math:`Z = X W^\top + \mathbf 1 b^\top` (def-mlp-layer-batch).

    The mirror of `mlpbook.scratch.layers.Linear`: the same NumPy draw becomes the parameter.

    Parameters
    ----------
    n_in, n_out : int
        Widths of input and output.
    rng : numpy.random.Generator
        Source of the initial weights.
    initializer : callable
        ``initializer(n_out, n_in, rng=)``, in NumPy; biases start at 0.
    device, dtype : optional
        Where the parameters live, and their type; PyTorch's defaults otherwise.

    Attributes
    ----------
    W : nn.Parameter (n_out, n_in)
    b : nn.Parameter (n_out,)

    Examples
    --------
    >>> layer = Linear(3, 2, rng=np.random.default_rng(0))
    >>> layer(torch.ones(5, 3)).shape
    torch.Size([5, 2])
    """

    def __init__(
        self,
        n_in: int,
        n_out: int,
        *,
        rng: np.random.Generator,
        initializer: Initializer = he_normal,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        dtype = dtype or torch.get_default_dtype()
        W = initializer(n_out, n_in, rng=rng)
        self.W = nn.Parameter(torch.as_tensor(W, device=device, dtype=dtype))
        self.b = nn.Parameter(torch.zeros(n_out, device=device, dtype=dtype))

    def forward(self, X: Tensor) -> Tensor:
        """Return X W^T + b, (N, n_out), for X of shape (N, n_in)."""
        return X @ self.W.T + self.b


class Residual(nn.Module):
    """Layers with a way around them, X + F(X): the mirror of `mlpbook.scratch.layers.Residual`.

    Parameters
    ----------
    layers : sequence of nn.Module
        F, first layer first; must keep the width.

    Raises
    ------
    ValueError
        If there are no layers; in a forward pass, if F changes the shape.

    Examples
    --------
    >>> layer = Residual([Linear(2, 2, rng=np.random.default_rng(0)), nn.ReLU()])
    >>> layer(torch.ones(5, 2)).shape
    torch.Size([5, 2])
    """

    def __init__(self, layers: Sequence[nn.Module]) -> None:
        super().__init__()
        if not layers:
            raise ValueError("layers is empty: expected at least one. Pass [Linear(...)].")
        self.layers = nn.Sequential(*layers)

    def forward(self, X: Tensor) -> Tensor:
        """Return X plus what the layers make of it, in its shape."""
        F: Tensor = self.layers(X)
        if F.shape != X.shape:
            raise ValueError(
                f"F(X) must have the shape of X, {tuple(X.shape)}, got {tuple(F.shape)}. "
                "The layers around which X goes must keep the width."
            )
        return X + F
