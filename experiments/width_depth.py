"""How the width and the depth of a network change what it learns from digits.

Networks of one, two and four hidden layers, from 4 to 256 wide, learn 5,000 digits; those of two
layers learn them again with a fifth of the labels drawn at random, where a large network can fit
what is not there, the largest also with three weight decays. Every network is tried at three
learning rates, and 5,000 further digits, with their true labels, choose.
"""

import math

import numpy as np

from bookkit.records.experiments import Result, experiment
from mlpbook.chapters.representation import CASES, RATES
from mlpbook.checks.evaluation import error_rate
from mlpbook.data import load_mnist
from mlpbook.scratch.losses import CrossEntropyLoss
from mlpbook.scratch.network import MLP
from mlpbook.scratch.optimizers import SGD
from mlpbook.scratch.schedules import cosine
from mlpbook.scratch.training import fit

__all__ = ["run"]

EPOCHS, BATCH, N_TRAIN = 20, 32, 5000


# float32 sums depend on the processor: see trainable_depth.
@experiment(
    seeds=range(3),
    cost=120,
    reduced={"n_runs": 1},
    tolerance={"train_errors": 5e-2, "validation_errors": 5e-2, "test_errors": 5e-2},
    mnist=True,
)
def run(seed: int, *, n_runs: int = len(CASES) * len(RATES)) -> Result:
    """Train networks of many widths and depths on few digits.

    Parameters
    ----------
    seed : int
        Draws the start, the order of the batches and the random labels.
    n_runs : int
        How many runs, from the first on.

    Returns
    -------
    dict
        In the order of `CASES`, and for each in that of `RATES`: ``train_errors`` (against the
        labels as given), ``validation_errors`` and ``test_errors``. A run that diverges has the
        error 1.
    """
    X, y, X_test, y_test = load_mnist().flat()  # float32, from 0 to 1
    n = min(N_TRAIN, len(X) // 2)  # of the substitute digits there are fewer
    mean, std = X[:n].mean(), X[:n].std()
    X, X_validation, X_test = ((A - mean) / std for A in (X[:n], X[n : 2 * n], X_test))
    y_true, y_validation = y[:n], y[n : 2 * n]
    result: dict[str, list[float]] = {
        "train_errors": [], "validation_errors": [], "test_errors": []
    }  # fmt: skip
    for (depth, width, decay, noise), lr in [(c, lr) for c in CASES for lr in RATES][:n_runs]:
        rng = np.random.default_rng(seed)
        drawn = rng.random(len(y_true)) < noise
        y = np.where(drawn, rng.integers(0, 10, len(y_true)), y_true)
        model = MLP([X.shape[1], *[width] * depth, 10], rng=rng, dtype=np.float32)
        optimizer = SGD(model.parameters(), lr, momentum=0.9, weight_decay=decay)
        schedule = cosine(lr, EPOCHS * math.ceil(len(X) / BATCH))
        try:
            fit(
                model,
                CrossEntropyLoss(),
                optimizer,
                X,
                y,
                epochs=EPOCHS,
                batch_size=BATCH,
                rng=rng,
                schedule=schedule,
            )
        except FloatingPointError:
            for found in result.values():
                found.append(1.0)
            continue
        for key, inputs, labels in [
            ("train_errors", X, y),
            ("validation_errors", X_validation, y_validation),
            ("test_errors", X_test, y_test),
        ]:
            result[key].append(error_rate(model(inputs).argmax(axis=1), labels))
    return dict(result)
