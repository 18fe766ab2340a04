"""Larger batches, with the rate tuned for each: at equal epochs, and at equal steps.

Networks 784-64-10 learn 12,800 digits with momentum, at a constant rate. What is reported is the
loss on 5,000 other digits, for every batch size and rate.
"""

import numpy as np

from bookkit.records.experiments import Result, experiment
from mlpbook.chapters.scaling import BATCH_RATES, BATCHES
from mlpbook.data import load_mnist
from mlpbook.scratch.fused import fit
from mlpbook.scratch.losses import CrossEntropyLoss
from mlpbook.scratch.network import MLP
from mlpbook.scratch.optimizers import SGD

__all__ = ["run"]

N_TRAIN, N_HELD = 12_800, 5_000
EPOCHS, STEPS = 4, 400


@experiment(
    seeds=range(2),
    cost=90,
    reduced={"n_runs": 2},
    tolerance={"losses": 1e-2},
    mnist=True,
)
def run(seed: int, *, n_runs: int = 2 * len(BATCHES) * len(BATCH_RATES)) -> Result:
    """Train one network for each rule, batch size and rate.

    Parameters
    ----------
    seed : int
        Draws the start and the order of the batches.
    n_runs : int
        How many triples of a rule (equal epochs, equal steps), a batch size and a rate, the last
        running fastest.

    Returns
    -------
    dict
        ``losses`` on held-out digits in nats, or -1 if not finite.
    """
    X, y, _, _ = load_mnist().flat()
    X = (X - X[:N_TRAIN].mean()) / X[:N_TRAIN].std()
    held = slice(-N_HELD, None)
    triples = [(rule, B, rate) for rule in range(2) for B in BATCHES for rate in BATCH_RATES]
    losses = []
    for rule, B, rate in triples[:n_runs]:
        rng = np.random.default_rng(seed)
        model = MLP([784, 64, 10], rng=rng, dtype=np.float32)
        epochs = EPOCHS if rule == 0 else max(1, round(STEPS * B / N_TRAIN))
        loss_fn, optimizer = CrossEntropyLoss(), SGD(model.parameters(), rate, momentum=0.9)
        try:
            with np.errstate(all="ignore"):
                fit(
                    model,
                    loss_fn,
                    optimizer,
                    X[:N_TRAIN],
                    y[:N_TRAIN],
                    epochs=epochs,
                    batch_size=B,
                    rng=rng,
                )
                loss = loss_fn(model(X[held]), y[held])
        except (FloatingPointError, ValueError):
            loss = np.inf
        losses.append(float(loss) if np.isfinite(loss) else -1.0)
    return {"losses": losses}
