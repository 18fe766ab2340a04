"""More rows and more epochs for trees and for the MLP with piecewise linear encoding.

The comparison in `tables_compared` stops at 10,000 training rows and 20 epochs. Here the default
configurations get three times the rows, longer training, or both; and the predictions of
trees and MLP are averaged.
"""

import numpy as np
import torch
from sklearn.ensemble import HistGradientBoostingRegressor

from bookkit.records.experiments import Result, experiment
from experiments._tables import encoded, hot, network, rmse, scaled, train_network
from mlpbook.data import split
from mlpbook.data.diamonds import Diamonds, load_diamonds, made_up

__all__ = ["run"]

LENGTHS = ((10_000, 20), (10_000, 60), (30_000, 20), (30_000, 40))


@experiment(
    seeds=range(4),
    cost=90,
    reduced={"on_diamonds": False},
    tolerance={"check": 1e-3},
)
def run(seed: int, *, on_diamonds: bool = True) -> Result:
    """Train trees and an encoded MLP on more rows and for more epochs.

    Parameters
    ----------
    seed : int
        Draws rows, starts and batches.
    on_diamonds : bool
        Whether to train on Diamonds, too.

    Returns
    -------
    dict
        ``check``: what follows for a small made-up table and two epochs. For each pair of
        training rows and epochs in `LENGTHS`, the test errors of ``trees``, ``mlp`` and their
        ``average``: root mean squares in the logarithm of the price.
    """
    torch.set_num_threads(1)
    check = {"check": list(compare(made_up(600), 200, 0, n_pool=300, n_held=150, epochs=2))}
    if not on_diamonds:
        return {**check}
    table = load_diamonds()
    if table.is_substitute:
        raise ValueError(
            f"the record must be made on Diamonds, but this is {table.source}. "
            "Run this with a connection."
        )
    rows = [
        compare(table, n, seed, n_pool=30_000, n_held=4_000, epochs=epochs) for n, epochs in LENGTHS
    ]
    names = ("trees", "mlp", "average")
    return {**check, **{name: [row[j] for row in rows] for j, name in enumerate(names)}}


def compare(
    table: Diamonds, n_train: int, seed: int, *, n_pool: int, n_held: int, epochs: int
) -> tuple[float, float, float]:
    """Return the test errors of trees, of the MLP, and of the mean of their predictions.

    The test rows are the same for all numbers of training rows, which are taken from a pool.
    """
    n, y, rng = len(table.price), np.log(table.price), np.random.default_rng(seed)
    pool, held, test = split(n, [n_pool, n_held, n - n_pool - n_held], rng=rng)
    train = pool[:n_train]
    trees = HistGradientBoostingRegressor(
        learning_rate=0.05, max_iter=2000, early_stopping=True, n_iter_no_change=50
    )
    columns = np.hstack([table.numbers, table.codes])
    trees.fit(columns[train], y[train], X_val=columns[held], y_val=y[held])
    X = np.hstack([encoded(scaled(table, train), train, 32), hot(table)])
    model = network("mlp", X.shape[1], width=256, depth=2, rng=rng)
    by_mlp = train_network(
        model, X, y, (train, held), lr=3e-3, weight_decay=0.3, epochs=epochs, rng=rng
    )[test]
    by_trees = trees.predict(columns[test])
    guesses = (by_trees, by_mlp, (by_trees + by_mlp) / 2)
    one, two, three = (rmse(guess, y[test]) for guess in guesses)
    return one, two, three
