"""Which stacks of fifty layers learn two spirals: plain, normalized, with skip connections, both.

Twenty-five blocks of two linear layers of width 32, of nine kinds, at three learning rates. The
errors after 20 and after 60 epochs are noted, so that "does not learn" can be told from "has not
learned yet".
"""

import numpy as np

from bookkit.records.experiments import Result, experiment
from mlpbook.chapters.normalization import STACK_LENGTHS, STACK_RATES, STACKS, deep_stack
from mlpbook.data import spirals
from mlpbook.scratch.losses import CrossEntropyLoss
from mlpbook.scratch.optimizers import SGD
from mlpbook.scratch.training import fit

__all__ = ["run"]


@experiment(
    seeds=range(3),
    cost=38,
    reduced={"n_runs": 1},
    tolerance={"first_losses": 1e-9},
)
def run(seed: int, *, n_runs: int = len(STACKS) * len(STACK_RATES)) -> Result:
    """Train deep stacks of all kinds at all rates.

    Parameters
    ----------
    seed : int
        Draws the start and the order of the batches.
    n_runs : int
        How many pairs of a kind and a rate, the rates of one kind after the other.

    Returns
    -------
    dict
        ``first_losses``: the training loss of each run's first epoch, in nats, or -1. And for each
        run and each of `STACK_LENGTHS`, ``losses``: the training loss of the last epoch, or -1 if
        the run has diverged; and ``errors``: the share of wrong training points, or 1.
    """
    X, y = spirals(400, noise=0.02, turns=1.25, rng=np.random.default_rng(0))
    first_losses, losses, errors = [], [], []
    for kind, rate in [(kind, rate) for kind in STACKS for rate in STACK_RATES][:n_runs]:
        model, rng = deep_stack(kind, seed), np.random.default_rng(seed)
        optimizer = SGD(model.parameters(), rate, momentum=0.9)
        done, diverged, first = 0, False, -1.0
        for length in STACK_LENGTHS:
            try:
                if not diverged:
                    history = fit(
                        model,
                        CrossEntropyLoss(),
                        optimizer,
                        X,
                        y,
                        epochs=length - done,
                        batch_size=40,
                        rng=rng,
                    )
                    first = history.train_loss[0] if done == 0 else first
            except FloatingPointError:
                diverged = True
            done = length
            losses.append(-1.0 if diverged else history.train_loss[-1])
            wrong = 1.0 if diverged else float(np.mean(model(X).argmax(axis=1) != y))
            errors.append(wrong)
        first_losses.append(first)
    return {"first_losses": first_losses, "losses": losses, "errors": errors}
