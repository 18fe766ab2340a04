"""The network, in PyTorch: the same layers in the same row."""

import os
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from mlpbook.pytorch.layers import Linear
from mlpbook.shared.files import check_state, read_state, write_state
from mlpbook.shared.initializers import Initializer, he_normal
from mlpbook.shared.validation import check_sizes

__all__ = ["MLP", "Sequential"]


class Sequential(nn.Module):
    """A network of any layers, one after another.

    The mirror of `mlpbook.scratch.network.Sequential`. (``nn.Sequential`` takes its layers one by
    one, and whatever input comes.)

    Parameters
    ----------
    layers : sequence of nn.Module
        First layer first.

    Raises
    ------
    ValueError
        If there are no layers; in a forward pass, if X has not the first layer's width.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> model = Sequential([Linear(4, 3, rng=rng), nn.BatchNorm1d(3), nn.ReLU()])
    >>> model(torch.zeros(5, 4)).shape
    torch.Size([5, 3])
    """

    def __init__(self, layers: Sequence[nn.Module]) -> None:
        super().__init__()
        if not layers:
            raise ValueError("layers is empty: expected at least one. Pass [Linear(...)].")
        self.layers = nn.Sequential(*layers)
        shapes = [p.shape for p in self.parameters()]  # (n_out, n_in), or (n,) twice
        self.n_in: int | None = shapes[0][-1] if shapes else None
        self.n_out: int | None = shapes[-1][0] if shapes else None

    def forward(self, X: Tensor) -> Tensor:
        """Pass X (N, n_0) through all layers; return (N, n_L)."""
        if X.ndim != 2 or self.n_in not in (None, X.shape[1]):
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

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write parameters and running statistics to a file, in NumPy's format ``.npz``.

        The NumPy half reads it, too, into the network of the same layers.
        """
        arrays = {name: tensor.detach().cpu().numpy() for name, tensor in self._named().items()}
        write_state(path, arrays)

    def load(self, path: str | os.PathLike[str]) -> None:
        """Read parameters and running statistics that `save` of either half wrote.

        Nothing in the file is executed: pickled objects are refused. The file's numbers are cast
        to the dtype of the network and go to its device.

        Raises
        ------
        OSError
            If there is no such file.
        TypeError, ValueError
            If it is not such a file, or another network's; then nothing has changed.
        """
        mine = self._named()
        shapes = {name: tuple(tensor.shape) for name, tensor in mine.items()}
        state = check_state(read_state(path), shapes)
        with torch.no_grad():
            for name, tensor in mine.items():
                tensor.copy_(torch.as_tensor(state[name]))

    def _named(self) -> dict[str, Tensor]:
        """Return parameters and running statistics by the names that the NumPy half gives them."""
        named: dict[str, Tensor] = {}
        count: Counter[str] = Counter()
        for module in self.modules():
            normalizes = isinstance(module, nn.BatchNorm1d | nn.LayerNorm)
            other = (
                {"weight": "scale", "bias": "shift"} if normalizes else {"weight": "W", "bias": "b"}
            )
            tensors = (
                *module.named_parameters(recurse=False),
                *module.named_buffers(recurse=False),
            )
            for name, tensor in tensors:
                if tensor.is_floating_point():  # BatchNorm1d also counts its batches
                    name = other.get(name, name)
                    count[name] += 1
                    named[f"{name}{count[name]}"] = tensor
        return named


class MLP(Sequential):
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
        sizes = check_sizes(sizes)
        layers: list[nn.Module] = []
        for n_in, n_out in pairwise(sizes):
            layers += [
                Linear(n_in, n_out, rng=rng, initializer=initializer, device=device, dtype=dtype),
                activation(),
            ]
        super().__init__(layers[:-1])  # the output layer has no activation
