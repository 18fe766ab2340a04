"""What it costs to bring ten epochs of digits to a network, by three routes.

``loader`` is the tutorial's: torchvision's data set hands out one image at a time, which
``ToTensor`` converts, in every epoch anew. ``slices`` is the book's: the whole array is converted
once (that counts) and cut by the indices of each batch. ``batch sampler`` is what PyTorch's own
loader can do when it is asked for whole batches instead of samples.
"""

from collections.abc import Callable, Iterable

import numpy as np
import torch
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, TensorDataset
from torchvision.transforms import ToTensor

from mlpbook.data import batches, load_mnist
from mlpbook.pytorch.data import mnist

N_IMAGES, BATCH_SIZE, EPOCHS = 5120, 512, 10

Start = Callable[[], Callable[[], float]]


def total(batches_: Iterable[tuple[torch.Tensor, torch.Tensor]]) -> float:
    """Count what has been seen, cheaply: every label once."""
    return float(sum(len(X) * 1000 + int(y.sum()) for X, y in batches_))


def loader(_: object) -> Start:
    """One image at a time."""
    torch.set_num_threads(1)
    digits = torch.utils.data.Subset(
        mnist(train=True, transform=ToTensor()), range(min(N_IMAGES, len(mnist(train=True))))
    )
    route = DataLoader(digits, BATCH_SIZE, shuffle=True)
    return lambda: lambda: sum(total(route) for _ in range(EPOCHS))


def slices(_: object) -> Start:
    """All images converted at once, then cut by the batches' indices."""
    torch.set_num_threads(1)
    raw = load_mnist()

    def run() -> float:
        X = torch.from_numpy(raw.X_train[:N_IMAGES].astype(np.float32) / 255).flatten(1)
        y = torch.from_numpy(raw.y_train[:N_IMAGES])
        rng = np.random.default_rng(0)
        return sum(
            total((X[batch], y[batch]) for batch in batches(len(X), BATCH_SIZE, rng=rng))
            for _ in range(EPOCHS)
        )

    return lambda: run


def batch_sampler(_: object) -> Start:
    """PyTorch's loader, asked for a batch of indices at a time."""
    torch.set_num_threads(1)
    raw = load_mnist()

    def run() -> float:
        X = torch.from_numpy(raw.X_train[:N_IMAGES].astype(np.float32) / 255).flatten(1)
        data = TensorDataset(X, torch.from_numpy(raw.y_train[:N_IMAGES]))
        sampler = BatchSampler(RandomSampler(data), BATCH_SIZE, drop_last=False)
        route = DataLoader(data, sampler=sampler, batch_size=None)
        return sum(total(route) for _ in range(EPOCHS))

    return lambda: run


ROUTES = {"loader": loader, "slices": slices, "batch sampler": batch_sampler}


def check_same_digits(results: dict[str, float]) -> None:
    """Require that every route brought the same images."""
    if len(set(results.values())) != 1:
        raise RuntimeError(f"all routes must bring the same digits, but they differ: {results}.")
