"""Two networks trained from different starts, and the straight line between them.

Pairs of networks with one hidden layer of 16 to 1,024 units learn MNIST from different starts and
in different orders. Then the hidden units of the second are put in the order that fits the first
best, and loss and error are noted along the straight line between their parameters, before and
after.
"""

import numpy as np

from bookkit.records.experiments import Result, experiment
from mlpbook.chapters.inside import CASES, MIX, interpolate, match_units, permute_units
from mlpbook.data import load_mnist
from mlpbook.scratch.losses import CrossEntropyLoss
from mlpbook.scratch.network import MLP
from mlpbook.scratch.optimizers import Adam
from mlpbook.scratch.schedules import cosine
from mlpbook.scratch.training import fit

__all__ = ["run"]


@experiment(
    seeds=range(3),
    cost=60,
    reduced={"n_cases": 1},
    tolerance={"losses": 5e-2, "errors": 5e-2},  # float32 sums depend on the processor
    mnist=True,
)
def run(seed: int, *, n_cases: int = len(CASES)) -> Result:
    """Train pairs of networks and walk from one to the other.

    Parameters
    ----------
    seed : int
        The starts and orders of the pair are drawn from 2 seed and 2 seed + 1.
    n_cases : int
        How many of `CASES`, from the first on.

    Returns
    -------
    dict
        ``losses`` (nats) and ``errors`` (shares) on the test images: for each case, first with
        the units as trained and then matched, at each of `MIX`.
    """
    X, y, X_test, y_test = load_mnist().flat()
    loss_fn = CrossEntropyLoss()
    losses, errors = [], []
    for width, epochs in CASES[:n_cases]:
        pair = []
        for k in (2 * seed, 2 * seed + 1):
            model = MLP([784, width, 10], rng=np.random.default_rng(k), dtype=np.float32)
            n_steps = epochs * -(-len(X) // 100)
            fit(
                model,
                loss_fn,
                Adam(model.parameters(), 2e-3),
                X,
                y,
                epochs=epochs,
                batch_size=100,
                rng=np.random.default_rng(k),
                schedule=cosine(2e-3, n_steps),
            )
            pair.append(model)
        a, b = pair
        for end in (b, permute_units(b, match_units(a, b))):
            for t in MIX:
                logits = interpolate(a, end, t)(X_test)
                losses.append(loss_fn(logits, y_test))
                errors.append(float(np.mean(logits.argmax(axis=1) != y_test)))
    return {"losses": losses, "errors": errors}
