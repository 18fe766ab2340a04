"""Four optimizers on digits, each at five rates, with a constant rate and with a schedule.

The network 784-100-10 learns 10,000 images in batches of 100. A page chooses each recipe's rate by
the validation errors of the first seeds and judges it by the test errors of the others.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from bookkit.records.experiments import Result, experiment
from mlpbook.chapters.optimization import RATES, RECIPES
from mlpbook.checks.evaluation import error_rate
from mlpbook.data import load_mnist, split
from mlpbook.scratch import fused, training
from mlpbook.scratch.losses import CrossEntropyLoss
from mlpbook.scratch.network import MLP
from mlpbook.scratch.optimizers import SGD, Adam, Optimizer, RMSProp
from mlpbook.scratch.schedules import cosine, linear_warmup

__all__ = ["run"]

N_TRAIN, BATCH, WARM_UP = 10_000, 100, 20

MAKERS: dict[str, Callable[[Any, float], Optimizer]] = {
    "SGD": lambda p, lr: SGD(p, lr),
    "momentum": lambda p, lr: SGD(p, lr, momentum=0.9),
    "RMSProp": lambda p, lr: RMSProp(p, lr),
    "Adam": lambda p, lr: Adam(p, lr),
}


# float32 sums depend on the processor. At moderate rates that moves an error after five epochs by a
# few images of 10,000; near the wall it decides whether a run recovers. So the reduced case has
# the two lowest rates only.
@experiment(
    seeds=range(8),
    cost=25,
    reduced={"n_recipes": 1, "n_rates": 2},
    tolerance={"validation_errors": 2e-2, "test_errors": 2e-2},
    mnist=True,
)
def run(seed: int, *, n_recipes: int = len(RECIPES), n_rates: int = 5) -> Result:
    """Train with every optimizer, schedule and rate.

    Parameters
    ----------
    seed : int
        Draws the start and the order of the batches.
    n_recipes : int
        Number of `RECIPES`, from the first on.
    n_rates : int
        Number of `RATES` of each optimizer, from the first on.

    Returns
    -------
    dict
        For each recipe, and for each in the order of its `RATES`, ``validation_errors`` and
        ``test_errors`` after the last epoch; 1 if the run diverges.
    """
    X, y, X_test, y_test = load_mnist().flat()
    n_held = len(X) // 6
    chosen, held = split(len(X), (len(X) - n_held, n_held), rng=np.random.default_rng(0))
    rows = chosen[:N_TRAIN]
    validation, test = [], []
    for name, schedule, epochs in RECIPES[:n_recipes]:
        fit = training.fit if name == "RMSProp" else fused.fit
        for lr in RATES[name][:n_rates]:
            model = MLP([X.shape[1], 100, 10], rng=np.random.default_rng(seed), dtype=np.float32)
            rates = None
            if schedule == "cosine":
                n_steps = epochs * -(-len(rows) // BATCH)
                rates = linear_warmup(cosine(lr, n_steps), WARM_UP)
            try:
                fit(
                    model,
                    CrossEntropyLoss(),
                    MAKERS[name](model.parameters(), lr),
                    X[rows],
                    y[rows],
                    epochs=epochs,
                    batch_size=BATCH,
                    rng=np.random.default_rng(seed),
                    schedule=rates,
                )
            except FloatingPointError:
                validation.append(1.0)
                test.append(1.0)
                continue
            validation.append(error_rate(model(X[held]).argmax(axis=1), y[held]))
            test.append(error_rate(model(X_test).argmax(axis=1), y_test))
    return {"validation_errors": validation, "test_errors": test}
