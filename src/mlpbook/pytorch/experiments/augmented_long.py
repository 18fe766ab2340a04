"""Distorted digits, learned twelve times as long: as much as two cores do in 600 seconds.

All but the number of epochs and the severity of the distortions is the experiment
``augmented_pytorch``'s.
"""

from mlpbook.experiments import Result, experiment
from mlpbook.pytorch.experiments import augmented_pytorch

__all__ = ["run"]


@experiment(
    seeds=range(2),
    cost=1150,
    reduced={"n_blocks": 1},
    tolerance={"first_losses": 5e-3},  # as for augmented_pytorch
    mnist=True,
)
def run(
    seed: int,
    *,
    epochs: int = 400,
    severity: float = 1.5,
    held_out: int = 0,
    n_blocks: int | None = None,
) -> Result:
    """Train 784-1000-1000-10 on distorted MNIST with PyTorch, in 1,200 CPU seconds.

    Parameters
    ----------
    seed : int
        Draws the start, the order and the distortions.
    epochs : int
        Passes over the training images, each time distorted anew.
    severity : float
        Multiplies the strengths of all distortions.
    held_out : int
        So many training images take the place of the test: for choosing the other settings.
    n_blocks : int, optional
        Only so many blocks of images, and no test: the reduced case.

    Returns
    -------
    dict
        ``first_losses`` of the first steps, in nats; ``train_losses`` by block of images, while
        the network changes; and ``test_error``.
    """
    return augmented_pytorch.run(
        seed, epochs=epochs, severity=severity, held_out=held_out, n_blocks=n_blocks
    )
