"""The part that the experiments with distorted digits share: everything but the training step.

A network 784-1000-1000-10 never sees an image twice: every block of 6,000 training images is
distorted anew before `fit` gets it. In the last epochs the distortions are weaker, because the
images of the test are not distorted at all. The settings were chosen on 5,000 and 10,000 training
images held out; the test images were used for the records alone.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from bookkit.records.experiments import Result
from mlpbook.data import batches, load_mnist, split
from mlpbook.data.augmentation import DISTORTIONS, SMOOTHNESS, Array, distort
from mlpbook.scratch.schedules import cosine, linear_warmup
from mlpbook.shared.history import History

__all__ = ["MOMENTUM", "SIZES", "WEIGHT_DECAY", "train"]

SIZES = (784, 1000, 1000, 10)
"""Widths of the network, from pixels to classes."""
MOMENTUM = 0.9
"""Of stochastic gradient descent."""
WEIGHT_DECAY = 1e-4
"""Of stochastic gradient descent."""
BLOCK, BATCH_SIZE = 6_000, 250
WARM_UP = 240  # steps: an epoch of MNIST
LAST, WEAK = 2, 0.2  # epochs at the end, and how strong distortions are then
N_FIRST = 24  # losses that are compared: those of the first block


def train(
    fit: Callable[..., History],
    model: Any,
    loss_fn: Any,
    optimizer: Any,
    predict: Callable[[Array], Array],
    *,
    rng: np.random.Generator,
    epochs: int,
    lr: float,
    severity: float = 1.0,
    held_out: int,
    n_blocks: int | None,
) -> Result:
    """Train on distorted digits with either half's `fit`; return what is recorded.

    Parameters
    ----------
    fit, model, loss_fn, optimizer
        Those of one half.
    predict : callable
        Maps inputs (n_samples, 784) to logits (n_samples, 10), both NumPy arrays.
    rng : numpy.random.Generator
        Draws the order of the images and their distortions.
    epochs : int
    lr : float
        The highest learning rate, after the warm-up.
    severity : float
        Multiplies the strengths of all distortions.
    held_out : int
        Number of training images, always the same, that are left out and used instead of the test
        set.
    n_blocks : int, optional
        Number of blocks after which to stop, without a test: the reduced case.

    Returns
    -------
    dict
        ``first_losses`` of the first steps, in nats; ``train_losses`` by block; ``test_error``.
    """
    X, y, X_test, y_test = load_mnist().flat()  # float32, from 0 to 1
    if held_out:
        kept, held = split(len(X), [len(X) - held_out, held_out], rng=np.random.default_rng(0))
        X, y, X_test, y_test = X[kept], y[kept], X[held], y[held]
    mean, std = X.mean(), X.std()
    images = X.reshape(-1, 28, 28)
    n_steps = epochs * sum(math.ceil(len(b) / BATCH_SIZE) for b in batches(len(X), BLOCK))
    schedule = linear_warmup(cosine(lr, n_steps), min(WARM_UP, n_steps - 1))
    losses: list[float] = []
    means: list[float] = []
    for epoch in range(epochs):
        factor = severity * (WEAK if epoch >= epochs - LAST else 1.0)
        strengths = {name: factor * value for name, value in DISTORTIONS.items()}
        for block in batches(len(X), BLOCK, rng=rng):
            if len(means) == n_blocks:
                return {"first_losses": losses[:N_FIRST]}
            copies = distort(images[block], rng=rng, smoothness=SMOOTHNESS, **strengths)
            done = len(losses)
            history = fit(
                model,
                loss_fn,
                optimizer,
                (copies.reshape(-1, 784) - mean) / std,
                y[block],
                epochs=1,
                batch_size=BATCH_SIZE,
                rng=rng,
                schedule=lambda t, done=done: schedule(done + t),
            )
            losses += history.batch_loss
            means += history.train_loss
    wrong = predict((X_test - mean) / std).argmax(axis=1) != y_test
    return {
        "first_losses": losses[:N_FIRST],
        "train_losses": means,
        "test_error": float(wrong.mean()),
    }
