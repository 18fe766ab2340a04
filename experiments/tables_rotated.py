"""What rotating the columns of a table, and adding columns of noise, do to trees and to MLPs.

The nine columns of Diamonds become numbers on one scale. Each method is trained on them as they
are, after a random rotation, and beside 18 columns of noise.
"""

import numpy as np
import torch
from sklearn.ensemble import HistGradientBoostingRegressor

from bookkit.records.experiments import Result, experiment
from experiments._tables import encoded, network, rmse, scaled, train_network
from mlpbook.chapters.tables import MIXTURES, rotation
from mlpbook.data import split
from mlpbook.data.diamonds import Diamonds, load_diamonds, made_up

__all__ = ["run"]

N_TRAIN, N_VALIDATION, EPOCHS = 10_000, 4_000, 20


@experiment(
    seeds=range(4),
    cost=30,
    reduced={"on_diamonds": False},
    tolerance={"check": 1e-3},
)
def run(seed: int, *, on_diamonds: bool = True) -> Result:
    """Train trees and MLPs on columns as they are, rotated, and among noise.

    Parameters
    ----------
    seed : int
        Draws rows, rotation, noise, starts and batches.
    on_diamonds : bool
        Whether to train on Diamonds, too.

    Returns
    -------
    dict
        ``check``: what follows for a small made-up table and two epochs. For each of `MIXTURES`,
        the test errors ``trees``, ``plain`` and ``piecewise``: root mean squares in the logarithm
        of the price.
    """
    torch.set_num_threads(1)
    small = compare(made_up(600), (300, 150), 0, epochs=2)
    check = {"check": [error for errors in small.values() for error in errors]}
    if not on_diamonds:
        return {**check}
    table = load_diamonds()
    if table.is_substitute:
        raise ValueError(
            f"the record must be made on Diamonds, but this is {table.source}. "
            "Run this with a connection."
        )
    return {**check, **compare(table, (N_TRAIN, N_VALIDATION), seed, epochs=EPOCHS)}


def compare(
    table: Diamonds, sizes: tuple[int, int], seed: int, *, epochs: int
) -> dict[str, list[float]]:
    """Return test errors by method, one for each of `MIXTURES`."""
    n, y, rng = len(table.price), np.log(table.price), np.random.default_rng(seed)
    train, held, test = split(n, [*sizes, n - sum(sizes)], rng=rng)
    X = np.hstack([scaled(table, train, "normal"), table.codes])
    X = (X - X[train].mean(axis=0)) / X[train].std(axis=0)
    n_columns = X.shape[1]
    inputs = (
        X,
        X @ rotation(n_columns, rng=rng).T,
        np.hstack([X, rng.standard_normal((n, 2 * n_columns))]),
    )
    errors: dict[str, list[float]] = {"trees": [], "plain": [], "piecewise": []}
    for Z, _ in zip(inputs, MIXTURES, strict=True):
        trees = HistGradientBoostingRegressor(
            learning_rate=0.05, max_iter=1000, early_stopping=True, n_iter_no_change=30
        )
        trees.fit(Z[train], y[train], X_val=Z[held], y_val=y[held])
        errors["trees"].append(rmse(trees.predict(Z[test]), y[test]))
        for name, inside in (("plain", Z), ("piecewise", encoded(Z, train, 32))):
            start = np.random.default_rng(seed)
            model = network("mlp", inside.shape[1], width=256, depth=2, rng=start)
            prediction = train_network(
                model, inside, y, (train, held), lr=3e-3, weight_decay=0.3, epochs=epochs, rng=start
            )
            errors[name].append(rmse(prediction[test], y[test]))
    return errors
