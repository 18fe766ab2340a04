"""The ladder on MNIST: from a linear classifier to 800 hidden units, without regularization."""

from bookkit.records.experiments import Result, experiment
from experiments._ladder import Rung, climb

__all__ = ["RUNGS", "run"]

RUNGS = (
    Rung("linear", (), rates=(0.01, 0.03, 0.1)),
    Rung("300 squared", (300,), rates=(0.1, 0.3, 1.0), squared=True),
    Rung("300", (300,)),
    Rung("300-100", (300, 100)),
    Rung("500-150", (500, 150)),
    Rung("800", (800,)),
)


# float32 sums depend on the processor.
@experiment(
    seeds=range(3),
    cost=90,
    reduced={"n_blocks": 1},
    tolerance={"first_losses": 1e-4},
    mnist=True,
)
def run(seed: int, *, tuning_epochs: int = 3, n_blocks: int | None = None) -> Result:
    """Tune, train and test six networks on MNIST, without regularization.

    Parameters
    ----------
    seed : int
        Draws the images held out, the start and the order.
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
