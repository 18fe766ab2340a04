"""Which depths can be trained from which initial scale of the weights.

Networks of ReLUs, all hidden layers 64 wide, start from normal weights of variance c / n_in, for
ten values of c and six depths, and learn 10,000 digits by gradient descent with small batches. The
factors 1 and 2 are those of Glorot (for equal widths) and He; a third is PyTorch's default.
"""

import numpy as np

from bookkit.records.experiments import Result, experiment
from mlpbook.chapters.initialization import DEPTHS, FACTORS, scaled_normal
from mlpbook.checks.evaluation import error_rate
from mlpbook.data import load_mnist
from mlpbook.scratch.fused import fit
from mlpbook.scratch.losses import CrossEntropyLoss
from mlpbook.scratch.network import MLP
from mlpbook.scratch.optimizers import SGD

__all__ = ["run"]

WIDTH = 64
N_TRAIN = 10_000


# float32 sums depend on the processor. That hardly moves a loss of the first epoch, and an error
# after six by a few images, of 10,000 on MNIST and of some hundred substitute digits. Another
# start, order, batch or rate moves the losses by more than their tolerance.
@experiment(
    seeds=range(5),
    cost=50,
    reduced={"n_depths": 1},
    tolerance={"losses": 1e-3, "errors": 2e-2},
    mnist=True,
)
def run(seed: int, *, n_depths: int = len(DEPTHS), epochs: int = 6, lr: float = 0.01) -> Result:
    """Train ReLU networks of growing depth from ten scales of the initial weights.

    Parameters
    ----------
    seed : int
        Draws the start and the order of the batches.
    n_depths : int
        How many of `DEPTHS`, from the first on.
    epochs, lr
        Of plain gradient descent with batches of 32.

    Returns
    -------
    dict
        In the order of `DEPTHS`, and for each in that of `FACTORS`, ``losses``: the mean
        training loss of the first epoch, in nats; and ``errors``: the test error at the end. Where
        the run diverges the loss is noted as -1 and the error as 1.
    """
    X, y, X_test, y_test = load_mnist().flat()  # float32, from 0 to 1
    mean, std = X[:N_TRAIN].mean(), X[:N_TRAIN].std()
    X, y, X_test = (X[:N_TRAIN] - mean) / std, y[:N_TRAIN], (X_test - mean) / std
    losses, errors = [], []
    for depth in DEPTHS[:n_depths]:
        for factor in FACTORS:
            rng = np.random.default_rng(seed)
            model = MLP(
                [X.shape[1], *[WIDTH] * depth, 10],
                rng=rng,
                initializer=scaled_normal(factor),
                dtype=np.float32,
            )
            loss_fn, optimizer = CrossEntropyLoss(), SGD(model.parameters(), lr)
            try:
                history = fit(
                    model, loss_fn, optimizer, X, y, epochs=epochs, batch_size=32, rng=rng
                )
                losses.append(history.train_loss[0])
                errors.append(error_rate(model(X_test).argmax(axis=1), y_test))
            except FloatingPointError:
                losses.append(-1.0)
                errors.append(1.0)
    return {"losses": losses, "errors": errors}
