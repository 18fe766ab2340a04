"""Trees and multilayer perceptrons on the table of diamonds, tuned with the same budget.

A seed draws the rows: 10,000 for training, 4,000 for validation, the others for the test. Each
method gets the same number of configurations, drawn at random from a space of its own; the first is
a sensible default. Validation stops the training, chooses the configuration, and the three best
for an average. The test rows are read once, at the end.
"""

import time

import numpy as np
import torch
from sklearn.ensemble import HistGradientBoostingRegressor

from bookkit.records.experiments import Result, experiment
from experiments._tables import encoded, hot, network, rmse, scaled, train_network
from mlpbook.chapters.tables import METHODS
from mlpbook.data import split
from mlpbook.data.diamonds import Diamonds, load_diamonds, made_up

__all__ = ["run"]

N_TRAIN, N_VALIDATION, EPOCHS = 10_000, 4_000, 20


@experiment(
    seeds=range(4),
    cost=150,
    reduced={"n_configurations": 0},
    tolerance={"check": 1e-3},
)
def run(seed: int, *, n_configurations: int = 6) -> Result:
    """Tune five methods on the table of diamonds and compare them on the test rows.

    Parameters
    ----------
    seed : int
        Draws rows, configurations, starts and batches.
    n_configurations : int
        Of each method. Diamonds is read if there are any.

    Returns
    -------
    dict
        ``check``: validation errors of each method on a small made-up table, which need no file.
        For each method in the order of `METHODS`: ``validation``, the errors of all
        configurations (flat); ``test``, the error of the best; ``average``, that of the mean
        prediction of the three best; ``seconds`` of CPU for the search. Errors are root mean
        squares in the logarithm of the price.
    """
    torch.set_num_threads(1)
    check = [search(method, made_up(600), (300, 150), 0, 1, epochs=2)[0][0] for method in METHODS]
    if n_configurations == 0:
        return {"check": check}
    table = load_diamonds()
    if table.is_substitute:
        raise ValueError(
            f"the record must be made on Diamonds, but this is {table.source}. "
            "Run this with a connection."
        )
    validation, test, average, seconds = [], [], [], []
    sizes = (N_TRAIN, N_VALIDATION)
    for method in METHODS:
        started = time.process_time()
        errors, one, three = search(method, table, sizes, seed, n_configurations)
        validation += errors
        test.append(one)
        average.append(three)
        seconds.append(round(time.process_time() - started, 1))
    return {
        "check": check,
        "validation": validation,
        "test": test,
        "average": average,
        "seconds": seconds,
    }


def search(
    method: str,
    table: Diamonds,
    sizes: tuple[int, int],
    seed: int,
    n_configurations: int,
    *,
    epochs: int = EPOCHS,
) -> tuple[list[float], float, float]:
    """Return validation errors, the best one's test error, and that of the three best's mean."""
    n, y = len(table.price), np.log(table.price)
    rng = np.random.default_rng(seed)
    train, held, test = split(n, [*sizes, n - sum(sizes)], rng=rng)
    errors, predictions = [], []
    for number in range(n_configurations):
        draw = np.random.default_rng([seed, METHODS.index(method), number])
        fitted = fit_trees if method == "trees" else fit_network
        prediction = fitted(method, table, y, (train, held), draw, number == 0, epochs)
        errors.append(rmse(prediction[held], y[held]))
        predictions.append(prediction[test])
    order = np.argsort(errors)
    three = np.mean([predictions[i] for i in order[:3]], axis=0)
    return errors, rmse(predictions[order[0]], y[test]), rmse(three, y[test])


def fit_trees(
    method: str,
    table: Diamonds,
    y: np.ndarray,
    rows: tuple[np.ndarray, np.ndarray],
    rng: np.random.Generator,
    is_default: bool,
    epochs: int,
) -> np.ndarray:
    """Boost histogram trees until validation no longer improves; return predictions (N,)."""
    drawn = {
        "learning_rate": log_uniform(rng, 0.03, 0.2),
        "max_leaf_nodes": int(rng.choice([8, 15, 31, 63])),
        "min_samples_leaf": int(rng.choice([5, 10, 20, 40])),
        "l2_regularization": log_uniform(rng, 1e-3, 10),
    }
    settings = {"learning_rate": 0.05} if is_default else drawn
    model = HistGradientBoostingRegressor(
        max_iter=2000, early_stopping=True, n_iter_no_change=50, **settings
    )
    X = np.hstack([table.numbers, table.codes])  # missing values and ordered codes as they are
    train, held = rows
    model.fit(X[train], y[train], X_val=X[held], y_val=y[held])
    return np.asarray(model.predict(X))


def fit_network(
    method: str,
    table: Diamonds,
    y: np.ndarray,
    rows: tuple[np.ndarray, np.ndarray],
    rng: np.random.Generator,
    is_default: bool,
    epochs: int,
) -> np.ndarray:
    """Train a network with the method's encoding; return predictions (N,)."""
    is_ensemble = method == METHODS[-1]
    scaling, n_bins = str(rng.choice(["robust", "normal"])), int(rng.choice([16, 32, 64]))
    lr, weight_decay = log_uniform(rng, 1e-3, 1e-2), log_uniform(rng, 0.01, 1)
    width = int(rng.choice([64, 128] if is_ensemble else [128, 192, 256]))
    sigma, depth = log_uniform(rng, 0.05, 1), int(rng.choice([2, 3]))
    if is_default:
        scaling, n_bins, lr, weight_decay, sigma, depth = "robust", 32, 3e-3, 0.3, 0.3, 2
        width = 128 if is_ensemble else 256
    X = scaled(table, rows[0], scaling)
    if "piecewise" in method:
        X = encoded(X, rows[0], n_bins)
    X = np.hstack([X, hot(table)])
    kind = "ensemble" if is_ensemble else "waves" if "waves" in method else "mlp"
    model = network(kind, X.shape[1], width=width, depth=depth, rng=rng, sigma=sigma)
    return train_network(
        model, X, y, rows, lr=lr, weight_decay=weight_decay, epochs=epochs, rng=rng
    )


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """Draw a number whose logarithm is uniform."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))
