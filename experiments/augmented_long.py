"""Distorted digits, learned twelve times as long: as much as two cores do in 600 seconds.

All but the number of epochs and the severity of the distortions is the experiment
``augmented_pytorch``'s.
"""

from bookkit.records.experiments import Result, experiment
from experiments import augmented_pytorch

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

    Parameters and results are those of `experiments.augmented_pytorch.run`.
    """
    return augmented_pytorch.run(
        seed, epochs=epochs, severity=severity, held_out=held_out, n_blocks=n_blocks
    )
