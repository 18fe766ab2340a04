"""How well networks train with each activation function, each at its own best learning rate.

Networks of two and of eight hidden layers, 64 wide, learn 5,000 digits. Every activation starts
from the variance of the weights that is recommended for it, and is tried at five learning rates;
5,000 further digits choose the rate. Two more settings could refute what the comparison seems to
say about the sigmoid: weights sixteen times as variable, and a run three times as long.
"""

import math

import numpy as np

from bookkit.records.experiments import Result, experiment
from mlpbook.chapters.activations import DEPTHS, EPOCHS, RATES, SETTINGS
from mlpbook.checks.evaluation import error_rate
from mlpbook.data import load_mnist
from mlpbook.scratch.losses import CrossEntropyLoss
from mlpbook.scratch.network import MLP
from mlpbook.scratch.optimizers import SGD
from mlpbook.scratch.schedules import cosine
from mlpbook.scratch.training import fit
from mlpbook.shared.initializers import Initializer, normal

__all__ = ["run"]

BATCH, WIDTH, N_TRAIN = 32, 64, 5000


def scaled(factor: float) -> Initializer:
    """Return an initializer: normal weights of variance factor / n_in."""
    return lambda n_out, n_in, **options: normal((factor / n_in) ** 0.5)(n_out, n_in, **options)


# float32 sums depend on the processor: see trainable_depth.
@experiment(
    seeds=range(5),
    cost=120,
    reduced={"n_runs": 1},
    tolerance={"losses": 2e-2, "validation_errors": 2e-2, "test_errors": 2e-2},
    mnist=True,
)
def run(seed: int, *, n_runs: int = len(SETTINGS) * len(DEPTHS) * len(RATES)) -> Result:
    """Train with each activation at two depths and five learning rates.

    Parameters
    ----------
    seed : int
        Draws the start and the order of the batches.
    n_runs : int
        How many runs, from the first on.

    Returns
    -------
    dict
        In the order of `SETTINGS`, for each in that of `DEPTHS`, and for each in that of `RATES`:
        ``losses``, the mean training loss in nats at twenty equal steps of the run;
        ``validation_errors`` and ``test_errors`` at its end. A run that diverges has the loss -1
        and the error 1.
    """
    X, y, X_test, y_test = load_mnist().flat()  # float32, from 0 to 1
    n = min(N_TRAIN, len(X) // 2)  # of the substitute digits there are fewer
    mean, std = X[:n].mean(), X[:n].std()
    X, X_validation, X_test = ((A - mean) / std for A in (X[:n], X[n : 2 * n], X_test))
    y, y_validation = y[:n], y[n : 2 * n]
    cases = [(*s, depth, lr) for s in SETTINGS.values() for depth in DEPTHS for lr in RATES]
    losses: list[float] = []
    errors: dict[str, list[float]] = {"validation_errors": [], "test_errors": []}
    for activation, factor, length, depth, lr in cases[:n_runs]:
        rng = np.random.default_rng(seed)
        sizes = [X.shape[1], *[WIDTH] * depth, 10]
        model = MLP(sizes, activation, rng=rng, initializer=scaled(factor), dtype=np.float32)
        optimizer = SGD(model.parameters(), lr, momentum=0.9)
        epochs = length * EPOCHS
        try:
            history = fit(
                model,
                CrossEntropyLoss(),
                optimizer,
                X,
                y,
                epochs=epochs,
                batch_size=BATCH,
                rng=rng,
                schedule=cosine(lr, epochs * math.ceil(len(X) / BATCH)),
            )
            losses += [round(v, 4) for v in history.train_loss[length - 1 :: length]]
            errors["validation_errors"].append(
                error_rate(model(X_validation).argmax(axis=1), y_validation)
            )
            errors["test_errors"].append(error_rate(model(X_test).argmax(axis=1), y_test))
        except FloatingPointError:
            losses += [-1.0] * EPOCHS
            for found in errors.values():
                found.append(1.0)
    return {"losses": losses, **errors}
