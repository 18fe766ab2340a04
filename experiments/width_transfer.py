"""How the best learning rate of Adam moves with the width of a network.

Networks 784-n-n-10 of three widths make one pass over 5,000 digits at eight rates: with one
rate for all layers, and with the maximal update parametrization of Yang and others (2022,
arXiv 2203.03466), which divides the rates of all layers but the first by the relative width and
starts the output layer at zero.
"""

import numpy as np

from bookkit.records.experiments import Result, experiment
from mlpbook.chapters.initialization import EXPONENTS, WIDTH_RULES, WIDTHS
from mlpbook.data import batches, load_mnist
from mlpbook.scratch.losses import CrossEntropyLoss
from mlpbook.scratch.network import MLP
from mlpbook.scratch.optimizers import Adam

__all__ = ["run"]

N_TRAIN = 5000


@experiment(
    seeds=range(2),
    cost=28,
    reduced={"n_runs": 2},
    tolerance={"losses": 1e-2},
    mnist=True,
)
def run(seed: int, *, n_runs: int = len(WIDTH_RULES) * len(WIDTHS) * len(EXPONENTS)) -> Result:
    """Train networks of three widths at many rates, under two rules.

    Parameters
    ----------
    seed : int
        Draws the start and the order of the batches.
    n_runs : int
        How many triples of a rule, a width and a rate, the last running fastest.

    Returns
    -------
    dict
        For each triple, ``losses``: the mean training loss of the last fifty batches, in nats,
        or -1 if it is not finite.
    """
    X, y, _, _ = load_mnist().flat()  # float32, from 0 to 1
    X, y = X[:N_TRAIN], y[:N_TRAIN]
    X = (X - X.mean()) / X.std()
    triples = [(rule, width, e) for rule in WIDTH_RULES for width in WIDTHS for e in EXPONENTS]
    losses = []
    for rule, width, exponent in triples[:n_runs]:
        with np.errstate(all="ignore"):  # a run that diverges is noted
            loss = train(seed, rule, width, 2.0**exponent, X, y)
        losses.append(loss if np.isfinite(loss) else -1.0)
    return {"losses": losses}


def train(seed: int, rule: str, width: int, rate: float, X: np.ndarray, y: np.ndarray) -> float:
    """Return the mean loss of the last fifty batches."""
    rng = np.random.default_rng(seed)
    model = MLP([X.shape[1], width, width, 10], rng=rng, dtype=np.float32)
    parameters = model.parameters()  # W and b of three layers
    relative = 1.0 if rule == "one rate" else width / WIDTHS[0]
    if rule != "one rate":
        parameters[4][...] = 0  # the output layer's weights
    optimizers = [
        (slice(0, 2), Adam(parameters[:2], rate)),
        (slice(2, 6), Adam(parameters[2:], rate / relative)),
    ]
    loss_fn, losses = CrossEntropyLoss(), []
    for batch in batches(len(X), 50, rng=rng):
        losses.append(loss_fn(model(X[batch]), y[batch]))
        if not np.isfinite(losses[-1]):
            break
        model.backward(loss_fn.backward())
        gradients = model.gradients()
        for part, optimizer in optimizers:
            optimizer.step(gradients[part])
    return float(np.mean(losses[-50:]))
