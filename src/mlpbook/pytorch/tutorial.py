"""The tutorial's own classes and run, rewritten, so that its printed losses can be reproduced.

The fully connected layer that multiplies by three; the multilayer perceptron that returns
log-probabilities; the data loaders; the ten epochs. The draws of random numbers are the tutorial's,
in number and in order, because the ten losses depend on every one of them. Its network reshapes
whatever comes in to ``(len(X), everything else)``, so that an image without a batch is taken for
one, with its channels for samples; `mlpbook.pytorch.network.MLP` refuses that.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, SubsetRandomSampler
from torchvision.transforms import ToTensor

from mlpbook.pytorch.data import mnist

__all__ = [
    "TUTORIAL_LOSSES",
    "VARIANTS",
    "TripledLinear",
    "TutorialMLP",
    "TutorialRun",
    "train_epoch",
    "tutorial_loaders",
    "tutorial_run",
]

TUTORIAL_LOSSES = (
    2.305134320259094,
    2.2864507913589476,
    2.256749725341797,
    2.176988220214844,
    1.9311089158058166,
    1.4161055207252502,
    0.9191412627696991,
    0.676337045431137,
    0.5613921701908111,
    0.5014605939388275,
)
"""The average loss of each epoch, in nats, as the tutorial prints it: a source, not a result."""

BATCH_SIZE = 512
N_TRAIN = 10 * BATCH_SIZE
N_TEST = 2 * BATCH_SIZE


VARIANTS: dict[str, dict[str, Any]] = {
    "as published": {"epochs": 60},
    "no weight decay": {"epochs": 60, "weight_decay": 0.0},
    "He initialization": {"epochs": 60, "he": True},
    "standardized inputs": {"epochs": 60, "standardized": True},
    "He and standardized": {"epochs": 60, "he": True, "standardized": True},
    "as published, 55,000 images": {"epochs": 10, "n_images": 55_000},
    "He and standardized, 55,000 images": {
        "epochs": 10,
        "n_images": 55_000,
        "he": True,
        "standardized": True,
    },
}
"""What each variant changes, by its name on the page."""


class TripledLinear(nn.Module):
    """Fully connected layer times three."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.W = nn.Parameter(torch.randn(n_out, n_in))
        self.b = nn.Parameter(torch.randn(n_out))

    def forward(self, X: Tensor) -> Tensor:
        """Return 3 (X W^T + b), (N, n_out), for X (N, n_in)."""
        return 3 * (X @ self.W.T + self.b)


class TutorialMLP(nn.Module):
    """Linear layers, activations between them, and log-softmax."""

    ACTIVATIONS: ClassVar[dict[str, type[nn.Module]]] = {
        "relu": nn.ReLU,
        "tanh": nn.Tanh,
        "sigmoid": nn.Sigmoid,
    }

    def __init__(
        self,
        n_in: int,
        hidden: Sequence[int],
        n_out: int,
        *,
        activation: str = "relu",
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for a, b in itertools.pairwise([n_in, *hidden, n_out]):
            layers += [nn.Linear(a, b), self.ACTIVATIONS[activation]()]
        self.layers = nn.Sequential(*layers[:-1])  # none at the end
        self.log_softmax = nn.LogSoftmax(dim=1)

    def forward(self, X: Tensor) -> Tensor:
        """Return log-probabilities (N, n_out) for (N, 1, 28, 28)."""
        rows = X.reshape(X.shape[0], -1)  # (N, n_in)
        log_probabilities: Tensor = self.log_softmax(self.layers(rows))
        return log_probabilities


def tutorial_loaders() -> tuple[DataLoader[Any], DataLoader[Any]]:
    """Return the tutorial's loaders: the first 5,120 training and 1,024 test images, in batches.

    Every pass draws its order from torch's global generator. A smaller data set is used whole.

    Returns
    -------
    train, test : DataLoader
        Batches (images (512, 1, 28, 28) float32 in [0, 1], labels (512,) int64).
    """
    train = mnist(train=True, transform=ToTensor())
    test = mnist(train=False, transform=ToTensor())
    train_sampler = SubsetRandomSampler(range(min(N_TRAIN, len(train))))
    test_sampler = SubsetRandomSampler(range(min(N_TEST, len(test))))
    train_loader = DataLoader(train, BATCH_SIZE, sampler=train_sampler)
    test_loader = DataLoader(test, BATCH_SIZE, sampler=test_sampler)
    return train_loader, test_loader


@dataclass(frozen=True, eq=False)
class TutorialRun:
    """What the tutorial's training leaves behind.

    Attributes
    ----------
    losses : tuple of float
        For each epoch, the mean of the batch losses, in nats, taken while the model changes.
    model : TutorialMLP
        The trained network, 784-32-32-32-10.
    """

    losses: tuple[float, ...]
    model: TutorialMLP


def tutorial_run(
    loader: DataLoader[Any],
    *,
    epochs: int = 10,
    seed: int = 42,
) -> TutorialRun:
    """Train the network; torch's global random state is kept."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = TutorialMLP(784, [32, 32, 32], 10, activation="relu")
        optimizer = torch.optim.SGD(
            model.parameters(),
            lr=0.05,
            weight_decay=0.01,
            momentum=0.9,
        )
        loss_fn = nn.NLLLoss()
        losses = []
        for _ in range(epochs):
            losses.append(train_epoch(model, loss_fn, optimizer, loader))
    return TutorialRun(tuple(losses), model)


def train_epoch(
    model: nn.Module,
    loss_fn: nn.Module,
    optimizer: torch.optim.Optimizer,
    loader: DataLoader[Any],
) -> float:
    """Pass once over the data; return the mean batch loss."""
    total = 0.0
    for X, y in loader:
        loss = loss_fn(model(X), y)  # a scalar that knows its graph
        total += loss.item()  # a float, without the graph
        optimizer.zero_grad()  # forget the last batch's gradients
        loss.backward()  # add this batch's gradients to .grad
        optimizer.step()  # move the parameters against .grad
    return total / len(loader)
