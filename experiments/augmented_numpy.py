"""Distorted digits, learned by the book's own NumPy network.

The network, the distortions and the schedule are those of `experiments._augmented`; so is
the experiment ``augmented_pytorch``, which differs in the half that trains.
"""

import numpy as np

from bookkit.records.experiments import Result, experiment
from experiments._augmented import MOMENTUM, SIZES, WEIGHT_DECAY, train
from mlpbook.scratch.fused import fit
from mlpbook.scratch.losses import CrossEntropyLoss
from mlpbook.scratch.network import MLP
from mlpbook.scratch.optimizers import SGD

__all__ = ["run"]


# float32 sums depend on the processor: 24 steps in, by about 1e-5 of the loss.
@experiment(
    seeds=range(3),
    cost=90,
    reduced={"n_blocks": 1},
    tolerance={"first_losses": 1e-4},
    mnist=True,
)
def run(
    seed: int,
    *,
    epochs: int = 24,
    lr: float = 0.1,
    held_out: int = 0,
    n_blocks: int | None = None,
) -> Result:
    """Train 784-1000-1000-10 on distorted MNIST with NumPy, in 100 CPU seconds.

    Parameters
    ----------
    seed : int
        Draws the start, the order and the distortions.
    epochs : int
        Passes over the training images, each time distorted anew.
    lr : float
        The highest learning rate.
    held_out : int
        Number of training images held out instead of the test set: for choosing the settings.
    n_blocks : int, optional
        Number of blocks of images after which to stop, without a test: the reduced case.

    Returns
    -------
    dict
        ``first_losses`` of the first steps, in nats; ``train_losses`` by block of images, while
        the network changes; and ``test_error``.
    """
    rng = np.random.default_rng(seed)
    model = MLP(SIZES, rng=rng, dtype=np.float32)
    optimizer = SGD(
        model.parameters(), lr=lr, momentum=MOMENTUM, nesterov=True, weight_decay=WEIGHT_DECAY
    )
    return train(
        fit,
        model,
        CrossEntropyLoss(),
        optimizer,
        model,
        rng=rng,
        epochs=epochs,
        lr=lr,
        held_out=held_out,
        n_blocks=n_blocks,
    )
