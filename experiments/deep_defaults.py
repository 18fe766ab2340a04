"""PyTorch's default start at depth, and what becomes of silent units.

The networks of ``trainable_depth``, 64 ReLUs wide, from the start of ``nn.Linear`` with its biases
at several depths; and one of thirty layers from He's weights, in which units that are zero on all
images are counted before and after training.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bookkit.records.experiments import Result, experiment
from mlpbook.chapters.initialization import DEFAULT_DEPTHS, draw_biases
from mlpbook.data import load_mnist
from mlpbook.scratch.losses import CrossEntropyLoss
from mlpbook.scratch.network import MLP
from mlpbook.scratch.optimizers import SGD
from mlpbook.scratch.training import fit
from mlpbook.shared.initializers import he_normal, pytorch_uniform

__all__ = ["run"]

N_TRAIN = 10_000


# float32 sums depend on the processor, which moves an error by some images in 10,000.
@experiment(
    seeds=range(5),
    cost=12,
    reduced={"n_depths": 1},
    tolerance={"errors": 2e-2},
    mnist=True,
)
def run(seed: int, *, n_depths: int = len(DEFAULT_DEPTHS)) -> Result:
    """Train deep ReLU networks from PyTorch's default start, and one from He's.

    Parameters
    ----------
    seed : int
        Draws the start and the order of the batches.
    n_depths : int
        How many of `DEFAULT_DEPTHS`, from the first on; He's network is trained with all of them.

    Returns
    -------
    dict
        In the order of `DEFAULT_DEPTHS`, ``errors``: the test error after six epochs. And for each
        of the thirty hidden layers of He's network, ``silent_start``: how many units are zero on
        the first 1,000 images before training; and ``silent_both``: how many of these are so
        after training, too.
    """
    X, y, X_test, y_test = load_mnist().flat()  # float32, from 0 to 1
    mean, std = X[:N_TRAIN].mean(), X[:N_TRAIN].std()
    X, y, X_test = (X[:N_TRAIN] - mean) / std, y[:N_TRAIN], (X_test - mean) / std

    def trained(depth: int, *, default: bool) -> tuple[MLP, list[NDArray[np.bool_]]]:
        """Return a trained network, and its silent units before training."""
        rng = np.random.default_rng(seed)
        model = MLP(
            [X.shape[1], *[64] * depth, 10],
            rng=rng,
            initializer=pytorch_uniform if default else he_normal,
            dtype=np.float32,
        )
        if default:
            draw_biases(model, rng=rng)
        before = silent_units(model, X[:1000])
        optimizer = SGD(model.parameters(), 0.01)
        fit(model, CrossEntropyLoss(), optimizer, X, y, epochs=6, batch_size=32, rng=rng)
        return model, before

    errors = []
    for depth in DEFAULT_DEPTHS[:n_depths]:
        model, _ = trained(depth, default=True)
        errors.append(float(np.mean(model(X_test).argmax(axis=1) != y_test)))
    start, both = [], []
    if n_depths == len(DEFAULT_DEPTHS):
        model, before = trained(30, default=False)
        after = silent_units(model, X[:1000])
        start = [int(units.sum()) for units in before]
        both = [int((a & b).sum()) for a, b in zip(before, after, strict=True)]
    return {"errors": errors, "silent_start": start, "silent_both": both}


def silent_units(model: MLP, X: NDArray[np.floating[Any]]) -> list[NDArray[np.bool_]]:
    """Return, for each hidden layer, which units are zero on all of X."""
    return [(a == 0).all(axis=0) for a in model.activations(X)[1:-1]]
