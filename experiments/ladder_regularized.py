"""The upper rungs of the ladder on MNIST: 800 hidden units, trained longer, three times.

Without regularization, with dropout, and on distorted images; the first is the control, since the
other two need more epochs.
"""

from bookkit.records.experiments import Result, experiment
from experiments._ladder import Rung, climb

__all__ = ["RUNGS", "run"]

RUNGS = (
    Rung("800 distorted", (800,), rates=(0.03, 0.1), epochs=20, distorted=True),
    Rung("800 dropout", (800,), rates=(0.03, 0.1), epochs=20, dropout=True),
    Rung("800 longer", (800,), rates=(0.03, 0.1), epochs=20),
)


# float32 sums depend on the processor.
@experiment(
    seeds=range(3),
    cost=200,
    reduced={"n_blocks": 1},
    tolerance={"first_losses": 1e-4},
    mnist=True,
)
def run(seed: int, *, tuning_epochs: int = 2, n_blocks: int | None = None) -> Result:
    """Train 784-800-10 on MNIST for 20 epochs: plain, with dropout, on distorted images.

    Parameters
    ----------
    seed : int
        Draws the images held out, the start, the order, what is dropped and the distortions.
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
