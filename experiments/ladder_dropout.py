"""A rung of the ladder on MNIST: 800 hidden units with dropout."""

from bookkit.records.experiments import Result, experiment
from experiments._ladder import Rung, climb

__all__ = ["RUNGS", "run"]

RUNGS = (Rung("800 dropout", (800,), rates=(0.1, 0.3), dropout=True),)


# float32 sums depend on the processor.
@experiment(
    seeds=range(3),
    cost=45,
    reduced={"n_blocks": 1},
    tolerance={"first_losses": 1e-4},
    mnist=True,
)
def run(seed: int, *, tuning_epochs: int = 2, n_blocks: int | None = None) -> Result:
    """Tune, train and test 784-800-10 on MNIST, with dropout.

    Parameters
    ----------
    seed : int
        Draws the images held out, the start, the order, and what is dropped.
    tuning_epochs : int
        For each learning rate tried.
    n_blocks : int, optional
        Number of blocks of images after which to stop, without a test: the reduced case.

    Returns
    -------
    dict
        As `experiments._ladder.climb` returns it.
    """
    return climb(RUNGS, seed, tuning_epochs=tuning_epochs, n_blocks=n_blocks)
