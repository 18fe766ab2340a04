"""What normalization brings under two optimizers, each at its own best learning rate.

Ioffe and Szegedy's network, 784-100-100-100-10 with sigmoids and batches of 60, on 10,000 digits:
without normalization, with batch and with layer normalization; by gradient descent at a constant
rate and by Adam with warm-up and a cosine; for three epochs, and the first two for ten. The grids
reach beyond the best rate of every network on both sides.
"""

import numpy as np

from bookkit.records.experiments import Result, experiment
from mlpbook.chapters.normalization import RUNS, sigmoid_network
from mlpbook.data import load_mnist
from mlpbook.scratch.losses import CrossEntropyLoss
from mlpbook.scratch.optimizers import SGD, Adam, Optimizer
from mlpbook.scratch.schedules import Schedule, cosine, linear_warmup
from mlpbook.scratch.training import fit

__all__ = ["run"]

N_TRAIN = 10_000


# float32 sums depend on the processor, which moves an error by some images in 10,000.
@experiment(
    seeds=range(5),
    cost=58,
    reduced={"n_runs": 3},
    tolerance={"losses": 2e-2, "validation_errors": 3e-2},
    mnist=True,
)
def run(seed: int, *, n_runs: int = len(RUNS)) -> Result:
    """Train normalized and plain networks with two optimizers at many rates.

    Parameters
    ----------
    seed : int
        Draws the start and the order of the batches, alike for all runs.
    n_runs : int
        How many of `RUNS`, from the first on.

    Returns
    -------
    dict
        For each of `RUNS`, ``losses``: the training loss of the last epoch, in nats, or -1 if the
        run diverged; ``validation_errors``, on 10,000 training images that are not trained on;
        and ``test_errors``.
    """
    X, y, X_test, y_test = load_mnist().flat()  # float32, from 0 to 1
    n_validation = min(N_TRAIN, len(X) // 6)
    X_val, y_val = X[-n_validation:], y[-n_validation:]
    X, y = X[:-n_validation][:N_TRAIN], y[:-n_validation][:N_TRAIN]
    losses, validation_errors, test_errors = [], [], []
    for epochs, optimizer_name, rate, kind in RUNS[:n_runs]:
        model = sigmoid_network(kind, seed)
        n_steps = epochs * -(-len(X) // 60)
        optimizer: Optimizer = SGD(model.parameters(), rate)
        schedule: Schedule | None = None
        if optimizer_name == "Adam":
            optimizer = Adam(model.parameters(), rate)
            n_warm = max(1, n_steps // 20)
            schedule = linear_warmup(cosine(rate, n_steps - n_warm), n_warm)
        try:
            history = fit(
                model,
                CrossEntropyLoss(),
                optimizer,
                X,
                y,
                epochs=epochs,
                batch_size=60,
                rng=np.random.default_rng(seed),
                schedule=schedule,
            )
        except FloatingPointError:
            losses.append(-1.0)
            validation_errors.append(1.0)
            test_errors.append(1.0)
            continue
        losses.append(history.train_loss[-1])
        validation_errors.append(float(np.mean(model(X_val).argmax(axis=1) != y_val)))
        test_errors.append(float(np.mean(model(X_test).argmax(axis=1) != y_test)))
    return {
        "losses": losses,
        "validation_errors": validation_errors,
        "test_errors": test_errors,
    }
