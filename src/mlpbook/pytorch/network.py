r"""The multilayer perceptron, in PyTorch: the same layers in the same row."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from mlpbook.initializers import Initializer, he_normal
from mlpbook.pytorch.layers import Linear
from mlpbook.validation import check_sizes

__all__ = ["MLP"]


class MLP(nn.Module):
    """Multilayer perceptron: linear layers with an activation between them, none at the end.

    The mirror of `mlpbook.scratch.network.MLP`: one seed gives both the same initial weights.

    Parameters
    ----------
    sizes : sequence of int
        Widths of input, hidden layers, output.
    activation : type of nn.Module
        Its instances stand between the linear layers.
    rng : numpy.random.Generator
        Source of the initial weights, layer by layer from the input on.
    initializer : callable
        For the weights; biases start at 0.
    device, dtype : optional
        Of the parameters; PyTorch's defaults otherwise.

    Examples
    --------
    >>> model = MLP([784, 32, 10], rng=np.random.default_rng(0))
    >>> model(torch.zeros(5, 784)).shape
    torch.Size([5, 10])
    """

    def __init__(
        self,
        sizes: Sequence[int],
        activation: type[nn.Module] = nn.ReLU,
        *,
        rng: np.random.Generator,
        initializer: Initializer = he_normal,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        sizes = check_sizes(sizes)
        layers: list[nn.Module] = []
        for n_in, n_out in pairwise(sizes):
            layers += [
                Linear(n_in, n_out, rng=rng, initializer=initializer, device=device, dtype=dtype),
                activation(),
            ]
        layers.pop()  # the output layer has no activation
        self.layers = nn.Sequential(*layers)
        self.n_in, self.n_out = sizes[0], sizes[-1]

    def forward(self, X: Tensor) -> Tensor:
        """Pass X (N, n_0) through all layers; return (N, n_L)."""
        if X.ndim != 2 or X.shape[1] != self.n_in:
            raise ValueError(
                f"X must have shape (n_samples, {self.n_in}), got {tuple(X.shape)}. "
                "Flatten images with X.flatten(1)."
            )
        output: Tensor = self.layers(X)
        return output

    @property
    def n_parameters(self) -> int:
        """The number of numbers to learn."""
        return sum(p.numel() for p in self.parameters())
