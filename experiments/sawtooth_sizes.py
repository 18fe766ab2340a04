"""Whether training finds the sawtooth, for networks of two sizes and several shapes.

The sawtooth of 2^k pieces, k = 2, 3, 4, is learned from 128 points by networks that can all
represent it. Wide and deep ones of the same number of parameters are compared at two sizes, beside
the thin network of the theorem. Every kind gets two optimizers, three rates each, and two budgets.
"""

import math

import numpy as np

from bookkit.records.experiments import Result, experiment
from mlpbook.chapters.representation import (
    BUDGETS,
    FOLDS,
    KINDS,
    OPTIMIZERS,
    sawtooth,
    sawtooth_sizes,
)
from mlpbook.scratch.losses import MSELoss
from mlpbook.scratch.network import MLP
from mlpbook.scratch.optimizers import SGD, Adam

__all__ = ["run"]


def learn(widths: list[int], k: int, optimizer: str, lr: float, n_steps: int, seed: int) -> float:
    """Return the largest error on [0, 1] after training from a random start."""
    x = (np.arange(128)[:, np.newaxis] + 0.5) / 128
    target, loss_fn = sawtooth(k), MSELoss()
    y = target(x)
    rng = np.random.default_rng(seed)
    model = MLP(widths, rng=rng)
    W, b = model.parameters()[:2]
    b[...] = -W[:, 0] * rng.uniform(0, 1, len(b))  # the first kinks spread over [0, 1]
    made = (
        Adam(model.parameters(), lr)
        if optimizer == "Adam"
        else SGD(model.parameters(), lr, momentum=0.9)
    )
    with np.errstate(over="ignore", invalid="ignore"):
        for step in range(n_steps):
            made.lr = lr * (1 + math.cos(math.pi * step / n_steps)) / 2
            loss_fn(model.forward(x), y)
            model.backward(loss_fn.backward())
            made.step(model.gradients())
        grid = np.linspace(0, 1, 1025)[:, np.newaxis]
        error = float(np.abs(model.forward(grid) - target(grid)).max())
    return error if math.isfinite(error) else 1e9


@experiment(
    seeds=range(10),
    cost=45,
    reduced={"n_runs": 6},
    tolerance={"errors": 1e-6},
)
def run(
    seed: int,
    *,
    n_runs: int = len(BUDGETS) * len(FOLDS) * len(KINDS) * len(OPTIMIZERS),
) -> Result:
    """Train networks of several shapes and sizes on the sawtooth.

    Parameters
    ----------
    seed : int
        Draws the start.
    n_runs : int
        How many runs, from the first on.

    Returns
    -------
    dict
        ``errors``: the largest error on [0, 1], in the order of `BUDGETS`, for each in that of
        `FOLDS`, then `KINDS`, then `OPTIMIZERS`; 1e9 where the run diverges.
    """
    cases = [
        (sawtooth_sizes(kind, k), k, *optimizer, n_steps)
        for n_steps in BUDGETS
        for k in FOLDS
        for kind in KINDS
        for optimizer in OPTIMIZERS
    ]
    return {"errors": [learn(*case, seed) for case in cases[:n_runs]]}
