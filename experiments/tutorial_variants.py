"""Variants of the published run of the PyTorch chapter, trained longer and on more images.

The network 784-32-32-32-10 with the published learning rate, momentum and batch size, and five
choices of start, scale and weight decay. The question is whether they differ in where training
ends or only in how fast it gets there, so every run is followed for sixty epochs.
"""

import numpy as np
import torch
from torch import nn

from bookkit.records.experiments import Result, experiment
from mlpbook.data import batches, load_mnist
from mlpbook.pytorch.tutorial import VARIANTS, TutorialMLP
from mlpbook.shared.initializers import he_normal

__all__ = ["run"]


# float32 sums depend on the processor: over sixty epochs an error moves by some images.
@experiment(
    seeds=range(10),
    cost=13,
    reduced={"n_variants": 1},
    tolerance={"losses": 2e-2, "errors": 2e-2},
    mnist=True,
)
def run(seed: int, *, n_variants: int = len(VARIANTS)) -> Result:
    """Train variants of the published network.

    Parameters
    ----------
    seed : int
        Draws the start and the order of the batches.
    n_variants : int
        How many of `VARIANTS`, from the first on.

    Returns
    -------
    dict
        For each epoch of each variant, one variant after the other, ``losses``: the mean training
        loss, in nats; and ``errors``: the error on the last twelfth of the training images.
    """
    losses: list[float] = []
    errors: list[float] = []
    for options in list(VARIANTS.values())[:n_variants]:
        train(seed, losses, errors, **options)
    return {"losses": losses, "errors": errors}


def train(
    seed: int,
    losses: list[float],
    errors: list[float],
    *,
    epochs: int,
    n_images: int = 5120,
    weight_decay: float = 0.01,
    he: bool = False,
    standardized: bool = False,
) -> None:
    """Train one variant; append its losses and validation errors."""
    images, labels, _, _ = load_mnist().flat()  # float32, from 0 to 1
    n_validation = len(images) // 12
    n_images = min(n_images, len(images) - n_validation)
    X, y = torch.as_tensor(images[:n_images]), torch.as_tensor(labels[:n_images])
    X_val = torch.as_tensor(images[-n_validation:])
    y_val = torch.as_tensor(labels[-n_validation:])
    if standardized:  # the statistics of what is trained on, and of nothing else
        mean, std = X.mean(), X.std()
        X, X_val = (X - mean) / std, (X_val - mean) / std
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = TutorialMLP(784, [32, 32, 32], 10)
    if he:
        linears = [m for m in model.layers if isinstance(m, nn.Linear)]
        with torch.no_grad():
            for i, linear in enumerate(linears):
                W = he_normal(*linear.weight.shape, rng=np.random.default_rng([seed, i]))
                linear.weight.copy_(torch.as_tensor(W))
                linear.bias.zero_()
    loss_fn = nn.NLLLoss()
    optimizer = torch.optim.SGD(
        model.parameters(), lr=0.05, momentum=0.9, weight_decay=weight_decay
    )
    rng = np.random.default_rng(seed)
    for _ in range(epochs):
        total = 0.0
        for batch in batches(len(X), 512, rng=rng):
            loss = loss_fn(model(X[batch]), y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(batch)
        losses.append(total / len(X))
        with torch.no_grad():
            wrong = model(X_val).argmax(dim=1) != y_val
        errors.append(wrong.double().mean().item())
