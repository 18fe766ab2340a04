r"""Training: the loop that turns a loss into a fitted network.

`step` moves the parameters once, on one batch. `fit` makes one step per batch and passes over the
shuffled data once per epoch. `mlpbook.pytorch.training` has the same lines; they differ only
where the libraries do.
"""

import numpy as np
from numpy.typing import ArrayLike

from mlpbook.data import batches
from mlpbook.scratch.losses import Loss
from mlpbook.scratch.network import Sequential
from mlpbook.scratch.optimizers import Optimizer
from mlpbook.scratch.schedules import Schedule
from mlpbook.shared import Array
from mlpbook.shared.history import History
from mlpbook.shared.training_loop import TrainingRun
from mlpbook.shared.validation import check_array, check_labels, check_matrix

__all__ = ["evaluate", "fit", "step"]


def step(model: Sequential, loss_fn: Loss, optimizer: Optimizer, X: Array, y: Array) -> float:
    """Make one training step on a batch; return the loss before it. Arguments are not checked."""
    loss = loss_fn.forward(model.forward(X), y)
    model.backward(loss_fn.backward(), input_gradient=False)
    optimizer.step(model.gradients())
    return loss


def evaluate(model: Sequential, loss_fn: Loss, X: Array, y: Array) -> tuple[float, float | None]:
    """Return the loss and, for labels, the error rate of a model in evaluation mode."""
    model.eval()
    output = model.forward(X)
    loss = loss_fn.forward(output, y)
    error = (output.argmax(axis=1) != y).mean().item() if y.ndim == 1 else None
    model.train()
    return loss, error


@np.errstate(all="ignore")  # a run that diverges ends with an error of its own
def fit(
    model: Sequential,
    loss_fn: Loss,
    optimizer: Optimizer,
    X: ArrayLike,
    y: ArrayLike,
    *,
    epochs: int,
    batch_size: int,
    rng: np.random.Generator,
    schedule: Schedule | None = None,
    validation: tuple[ArrayLike, ArrayLike] | None = None,
    patience: int | None = None,
    progress: bool = False,
) -> History:
    """Train a network by mini-batch descent and return the losses.

    Parameters
    ----------
    model, loss_fn, optimizer
        The network (changed in place), the loss, and an optimizer over ``model.parameters()``.
    X : array_like (n_samples, n_in)
        Inputs; converted to the model's dtype.
    y : array_like (n_samples,) of int, or (n_samples, n_out) of float
        Class labels, or targets.
    epochs : int
        Number of passes over the data.
    batch_size : int
        Samples per step; the last batch of an epoch may be smaller.
    rng : numpy.random.Generator
        Shuffles the data in every epoch.
    schedule : callable, optional
        The learning rate of each step, counted from 0: see `mlpbook.scratch.schedules`. By
        default, the optimizer's own rate stays.
    validation : pair (X, y), optional
        Held-out data, evaluated after every epoch.
    patience : int, optional
        Number of epochs without a new lowest validation loss after which training stops. The
        network then gets back the parameters of its best epoch.
    progress : bool
        Whether to draw a progress bar, on standard error.

    Returns
    -------
    History
        Per epoch, the mean of the batch losses weighted by batch size (measured while the model
        changes), and the validation loss and error. The network is left in evaluation mode.

    Raises
    ------
    ValueError, TypeError
        If the data do not fit the model; before any parameter has changed.
    FloatingPointError
        If training diverges: names epoch, loss and learning rate.

    Examples
    --------
    >>> from mlpbook.scratch.losses import CrossEntropyLoss
    >>> from mlpbook.scratch.network import MLP
    >>> from mlpbook.scratch.optimizers import SGD
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((64, 2)); y = (X[:, 0] > 0).astype(int)
    >>> model = MLP([2, 8, 2], rng=rng)
    >>> optimizer = SGD(model.parameters(), lr=0.5)
    >>> history = fit(model, CrossEntropyLoss(), optimizer, X, y, epochs=20, batch_size=16, rng=rng)
    >>> history.train_loss[-1] < history.train_loss[0]
    True
    """
    X, y = check_data(model, loss_fn, X, y)
    if validation is not None:
        validation = check_data(model, loss_fn, *validation)
    check_optimizer(model, optimizer)
    run = TrainingRun(
        epochs, batch_size, rng, validation=validation, patience=patience, progress=progress
    )
    model.train()
    for _ in run.epochs():
        for batch in batches(len(X), batch_size, rng=rng):
            if schedule is not None:
                optimizer.lr = schedule(run.n_steps)
            X_batch, y_batch = X.take(batch, axis=0), y.take(batch, axis=0)  # X[batch], y[batch]
            loss = step(model, loss_fn, optimizer, X_batch, y_batch)
            run.record(loss, n_samples=len(batch), lr=optimizer.lr)
        if validation is not None:
            loss, error = evaluate(model, loss_fn, *validation)
            run.record_validation(loss, error, model=model, lr=optimizer.lr)
    return run.finish(model, lr=optimizer.lr)


def check_data(model: Sequential, loss_fn: Loss, X: ArrayLike, y: ArrayLike) -> tuple[Array, Array]:
    """Validate inputs and targets for `fit`; return them as arrays of the model's dtype."""
    dtype = np.result_type(*model.parameters()) if model.parameters() else np.dtype(float)
    X = check_matrix(X, "X", model.n_in).astype(dtype, copy=False)
    n_out = model.n_out or X.shape[1]
    if check_array(y, "y").ndim == 1:
        y = check_labels(y, len(X), n_out)
    else:
        y = check_matrix(y, "y", n_out, n_samples=len(X)).astype(dtype, copy=False)
    loss_fn.check(np.zeros((len(X), n_out), dtype), y)
    return X, y


def check_optimizer(model: Sequential, optimizer: Optimizer) -> None:
    """Require that the optimizer holds the model's own parameters."""
    if [*map(id, optimizer.parameters)] != [*map(id, model.parameters())]:
        raise ValueError(
            "optimizer must hold this model's parameters, got others. "
            "Make it from model.parameters(), after the last change of a layer."
        )
