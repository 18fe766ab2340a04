"""What the experiments of the ladder on MNIST share: the rungs, their tuning, and what is kept.

Every rung is trained in the same way: stochastic gradient descent with momentum, a short warm-up,
then a cosine to zero. For every seed and rung, each rate of a short list trains for a few epochs
on five sixths of the training images; the one with the fewest errors on the remaining sixth trains
on all of them. The test images are classified once, by that network, and the indices of those it
misses are kept, so that two rungs can be compared image by image.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bookkit.records.experiments import Result
from mlpbook.data import batches, load_mnist, split
from mlpbook.data.augmentation import DISTORTIONS, SMOOTHNESS, Array, distort
from mlpbook.scratch import fused, training
from mlpbook.scratch.layers import Dropout
from mlpbook.scratch.losses import CrossEntropyLoss, MSELoss, one_hot
from mlpbook.scratch.network import MLP, Sequential
from mlpbook.scratch.optimizers import SGD
from mlpbook.scratch.schedules import cosine, linear_warmup

__all__ = ["Rung", "climb"]

BLOCK, BATCH_SIZE, WARM_UP = 6_000, 250, 100  # images, images, steps
N_FIRST = 6  # losses of each rung that are compared


@dataclass(frozen=True)
class Rung:
    """One network with its loss and what is done against overfitting.

    Attributes
    ----------
    name : str
        Part of the names of its results.
    hidden : tuple of int
        Hidden widths.
    rates : tuple of float
        Learning rates to choose from.
    epochs : int
        Of the final training.
    squared : bool
        Squared error on one-hot targets instead of cross-entropy.
    dropout : bool
        Drop 20 % of the pixels and 50 % of the hidden units.
    distorted : bool
        Distort every image anew each time, by an affine and an elastic map.
    """

    name: str
    hidden: tuple[int, ...]
    rates: tuple[float, ...] = (0.03, 0.1, 0.3)
    epochs: int = 10
    squared: bool = False
    dropout: bool = False
    distorted: bool = False

    def network(self, rng: np.random.Generator) -> Sequential:
        """Return the network at its start."""
        model = MLP([784, *self.hidden, 10], rng=rng, dtype=np.float32)
        if not self.dropout:
            return model
        layers = [Dropout(0.2, rng=rng), *model.layers]
        layers.insert(len(layers) - 1, Dropout(0.5, rng=rng))
        return Sequential(layers)


def climb(rungs: Sequence[Rung], seed: int, *, tuning_epochs: int, n_blocks: int | None) -> Result:
    """Tune, train and test every rung; return the results by name.

    Parameters
    ----------
    rungs : sequence of Rung
    seed : int
    tuning_epochs : int
        For each rate.
    n_blocks : int, optional
        Number of blocks of images after which to stop, without any choice: the reduced case.

    Returns
    -------
    dict
        ``first_losses`` of each rung's first rate; and for every rung: ``validation_errors`` by
        rate, the chosen ``rate``, ``train_loss`` of the last epoch, and ``wrong``, the indices
        of the test images that it misclassifies. The rung's name follows, after a blank.
    """
    X, y, X_test, y_test = load_mnist().flat()  # float32, from 0 to 1
    mean, std = X.mean(), X.std()
    X_test = (X_test - mean) / std
    n_held = len(X) // 6
    kept, held = split(len(X), [len(X) - n_held, n_held], rng=np.random.default_rng(seed))
    X_held, y_held = (X[held] - mean) / std, y[held]
    result: dict[str, Any] = {"first_losses": []}
    for number, rung in enumerate(rungs):
        errors: list[float] = []
        for rate in rung.rates:
            rng = np.random.default_rng([seed, number])
            model, losses = train(
                rung, X[kept], y[kept], (mean, std), rate, tuning_epochs, rng, n_blocks
            )
            if not errors:
                result["first_losses"] += losses[:N_FIRST]
            if n_blocks is not None:
                break
            errors.append(float((predict(model, X_held) != y_held).mean()))
        if n_blocks is not None:
            continue
        rate = rung.rates[int(np.argmin(errors))]
        rng = np.random.default_rng([seed, number])
        model, losses = train(rung, X, y, (mean, std), rate, rung.epochs, rng, None)
        n_steps = len(losses) // rung.epochs
        result[f"validation_errors {rung.name}"] = errors
        result[f"rate {rung.name}"] = rate
        result[f"train_loss {rung.name}"] = float(np.mean(losses[-n_steps:]))
        wrong = np.flatnonzero(predict(model, X_test) != y_test)
        result[f"wrong {rung.name}"] = wrong.tolist()
    return result


def train(
    rung: Rung,
    X: Array,
    y: Array,
    scale: tuple[Any, Any],
    rate: float,
    epochs: int,
    rng: np.random.Generator,
    n_blocks: int | None,
) -> tuple[Sequential, list[float]]:
    """Train a rung's network; return it and the loss of every step.

    The images X (N, 784) are from 0 to 1; `scale` holds what to subtract and to divide by.
    """
    model = rung.network(rng)
    loss_fn = MSELoss() if rung.squared else CrossEntropyLoss()
    targets = one_hot(y, 10).astype(np.float32) if rung.squared else y
    fit = training.fit if rung.dropout else fused.fit  # the fused step knows no dropout
    optimizer = SGD(model.parameters(), lr=rate, momentum=0.9, nesterov=True)
    n_steps = epochs * sum(math.ceil(len(b) / BATCH_SIZE) for b in batches(len(X), BLOCK))
    schedule = linear_warmup(cosine(rate, n_steps), min(WARM_UP, n_steps - 1))
    losses: list[float] = []
    n_done = 0
    for _ in range(epochs):
        for block in batches(len(X), BLOCK, rng=rng):
            if n_done == n_blocks:
                return model, losses
            inputs = X[block]
            if rung.distorted:
                images = inputs.reshape(-1, 28, 28)
                inputs = distort(images, rng=rng, smoothness=SMOOTHNESS, **DISTORTIONS)
            history = fit(
                model,
                loss_fn,
                optimizer,
                (inputs.reshape(-1, 784) - scale[0]) / scale[1],
                targets[block],
                epochs=1,
                batch_size=BATCH_SIZE,
                rng=rng,
                schedule=lambda t, done=len(losses): schedule(done + t),  # noqa: B008
            )
            losses += history.batch_loss
            n_done += 1
    return model, losses


def predict(model: Sequential, X: Array) -> Array:
    """Return the class with the largest output for each row of X."""
    model.eval()
    classes: Array = model(X).argmax(axis=1)
    model.train()
    return classes
