"""What to try first against overfitting: seven remedies on MNIST-1D, each tuned, over five seeds.

The network 40-256-256-10 has 79,000 parameters and 3,200 training curves. Each remedy with a knob
is trained once for each of four values, and the network with the lowest error on 800 validation
curves is judged on 4,000 test curves that chose nothing; all of it again for each of five seeds.
"""

import copy
from typing import Any

import numpy as np

from bookkit.records.experiments import Result, experiment
from mlpbook.chapters.generalization import LabelSmoothingLoss, average
from mlpbook.data import batches, split
from mlpbook.data.mnist1d import mnist1d
from mlpbook.scratch.layers import Dropout, Layer, Linear, ReLU
from mlpbook.scratch.network import Sequential
from mlpbook.scratch.optimizers import AdamW
from mlpbook.scratch.schedules import cosine

__all__ = ["KNOBS", "run"]

KNOBS: dict[str, tuple[float, ...]] = {
    "plain": (1e-3,),
    "early stopping": (1e-3,),
    "weight decay": (0.1, 0.3, 1.0, 3.0),
    "dropout": (0.1, 0.25, 0.4, 0.55),
    "label smoothing": (0.05, 0.1, 0.2, 0.4),
    "shifted curves": (1, 2, 4, 8),
    "average of weights": (0.9, 0.97, 0.99, 0.997),
}
"""The remedies and the values that are tried: of the knob, if there is one."""

WIDTH, BATCH_SIZE, RATE = 256, 50, 1e-3
N_MEMBERS = 5  # of the ensemble: the networks of all seeds, trained plainly


@experiment(
    seeds=range(5),
    cost=120,
    reduced={"n_remedies": 1, "n_members": 1},
    tolerance={"validation_errors": 0.02, "test_errors": 0.02},
)
def run(
    seed: int, *, epochs: int = 60, n_remedies: int = len(KNOBS), n_members: int = N_MEMBERS
) -> Result:
    """Tune and judge each remedy for one seed of data, start and batches.

    Parameters
    ----------
    seed : int
        Draws the data, the split, the starts and the batches.
    epochs : int
    n_remedies : int
        How many of the remedies, in the order of KNOBS.
    n_members : int
        Networks in the ensemble.

    Returns
    -------
    dict
        ``validation_errors`` of every value of every knob, in the order of KNOBS; ``test_errors``
        of each remedy with its best value; ``chosen``, these values; and ``ensemble_error``, of
        five networks trained plainly.
    """
    X, y = mnist1d(8000, rng=np.random.default_rng(1000 + seed))
    X = X.astype(np.float32)
    train, held, test = split(len(X), [3200, 800, 4000], rng=np.random.default_rng(seed))
    parts = [(X[part], y[part]) for part in (train, held, test)]
    validation_errors, test_errors, chosen = [], [], []
    for name in list(KNOBS)[:n_remedies]:
        results = [
            _train(name, value, 10 * seed, parts[0], parts[1], epochs) for value in KNOBS[name]
        ]
        errors = [_error([model], *parts[1]) for model in results]
        best = int(np.argmin(errors))
        validation_errors += errors
        chosen.append(float(KNOBS[name][best]))
        test_errors.append(_error([results[best]], *parts[2]))
    members = [
        _train("plain", RATE, 10 * seed + k, parts[0], parts[1], epochs) for k in range(n_members)
    ]
    return {
        "validation_errors": validation_errors,
        "test_errors": test_errors,
        "chosen": chosen,
        "ensemble_error": _error(members, *parts[2]),
    }


def _train(
    name: str, value: float, seed: int, train: tuple[Any, Any], held: tuple[Any, Any], epochs: int
) -> Sequential:
    """Train one network with one remedy; return it ready for evaluation."""
    rng = np.random.default_rng(seed)
    X, y = train
    layers: list[Layer] = []
    for n_in, n_out in ((40, WIDTH), (WIDTH, WIDTH)):
        layers += [Linear(n_in, n_out, rng=rng, dtype=np.float32), ReLU()]
        if name == "dropout":
            layers.append(Dropout(value, rng=rng))
    model = Sequential([*layers, Linear(WIDTH, 10, rng=rng, dtype=np.float32)])
    decay = value if name == "weight decay" else 0.0
    optimizer = AdamW(model.parameters(), RATE, weight_decay=decay)
    loss_fn = LabelSmoothingLoss(value if name == "label smoothing" else 0.0)
    steps = epochs * -(-len(X) // BATCH_SIZE)
    rate = cosine(RATE, steps)
    slow = [p.copy() for p in model.parameters()]
    best, kept = 1.0, [p.copy() for p in model.parameters()]
    t = 0
    for _ in range(epochs):
        model.train()
        for batch in batches(len(X), BATCH_SIZE, rng=rng):
            X_batch = X[batch]
            if name == "shifted curves":
                X_batch = np.roll(X_batch, int(rng.integers(-value, value + 1)), axis=1)
            loss_fn(model(X_batch), y[batch])
            model.backward(loss_fn.backward())
            # a moving average takes the place of a falling rate
            optimizer.lr = RATE if name == "average of weights" else rate(t)
            optimizer.step(model.gradients())
            t += 1
            if name == "average of weights":
                average(slow, model.parameters(), value)
        model.eval()
        if name == "early stopping" and (error := _error([model], *held)) < best:
            best, kept = error, copy.deepcopy(model.parameters())
    final = {"average of weights": slow, "early stopping": kept}.get(name)
    if final is not None:
        for parameter, value_of_it in zip(model.parameters(), final, strict=True):
            parameter[...] = value_of_it
    return model


def _error(models: list[Sequential], X: np.ndarray, y: np.ndarray) -> float:
    """Return the error of the mean probabilities of some networks."""
    P = np.zeros((len(X), 10))
    for model in models:
        Z = model(X)
        E = np.exp(Z - Z.max(axis=1, keepdims=True))
        P += E / E.sum(axis=1, keepdims=True)
    return float(np.mean(P.argmax(axis=1) != y))
