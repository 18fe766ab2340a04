r"""Training: the loop that turns a loss into a fitted network.

One pass over the shuffled data is an epoch; one batch of it makes one step. The loop below is the
whole of it, and line for line the one in `mlpbook.pytorch.training`.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mlpbook.checks.evaluation import error_rate
from mlpbook.data import batches
from mlpbook.scratch.losses import Loss
from mlpbook.scratch.network import Sequential
from mlpbook.scratch.optimizers import Optimizer, clip_gradient_norm
from mlpbook.scratch.schedules import Schedule
from mlpbook.shared.history import History
from mlpbook.shared.training_loop import EarlyStopping, check_options, divergence, progress_bar
from mlpbook.shared.validation import check_array, check_labels, check_matrix

__all__ = ["fit"]

Array = NDArray[np.floating[Any]]


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
    max_norm: float | None = None,
    validation: tuple[ArrayLike, ArrayLike] | None = None,
    patience: int | None = None,
    progress: bool = False,
    history: History | None = None,
) -> History:
    """Train a network by mini-batch descent and return what happened.

    Parameters
    ----------
    model, loss_fn, optimizer
        The network (changed in place), the loss, and an optimizer over ``model.parameters()``.
    X : array_like (n_samples, n_in)
        Inputs; converted to the model's dtype.
    y : array_like (n_samples,) of int, or (n_samples, n_out) of float
        Class labels, or targets.
    epochs, batch_size : int
        Passes over the data; samples a step (the last batch of an epoch may be smaller).
    rng : numpy.random.Generator
        Shuffles the data anew in every epoch.
    schedule : callable, optional
        The learning rate of each step, from its number: see `mlpbook.scratch.schedules`. Steps
        are counted from 0 over the whole `history`. Left out, the optimizer's own rate stays.
    max_norm : float, optional
        Clips the norm of the gradient: see `clip_gradient_norm`.
    validation : pair (X, y), optional
        Held-out data, evaluated after every epoch.
    patience : int, optional
        Stops when the validation loss has not fallen below its lowest for so many epochs. Needs
        `validation`; at the end the network gets back the parameters of its best epoch.
    progress : bool
        Whether to draw a progress bar, on standard error.
    history : History, optional
        Appended to: pass one to keep the record of a run that you interrupt, or to continue a run.

    Returns
    -------
    History
        Per epoch, the mean of the batch losses weighted by batch size (measured while the model
        changes), and the validation loss and error; of a loss with reduction "sum", both are
        divided by the number of samples. The network is left in evaluation mode.

    Raises
    ------
    ValueError, TypeError
        If the data do not fit the model; before any weight has changed.
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
    X, y = _check_data(model, loss_fn, X, y)
    if validation is not None:
        validation = _check_data(model, loss_fn, *validation)
    check_options(epochs, batch_size, rng, max_norm, patience, validation)
    if [*map(id, optimizer.parameters)] != [*map(id, model.parameters())]:
        raise ValueError(
            "optimizer must be over this model's parameters, got one over others. "
            "Make it from model.parameters(), after the last change of a layer."
        )
    history = History() if history is None else history
    stopping, theta = EarlyStopping(patience), model.parameters().flat
    summed = loss_fn.reduction == "sum"
    model.train()
    for epoch in progress_bar(epochs, history, show=progress):
        total = 0.0
        for batch in batches(len(X), batch_size, rng=rng):
            if schedule is not None:
                optimizer.lr = schedule(len(history.batch_loss))
            X_batch, y_batch = X.take(batch, axis=0), y.take(batch, axis=0)  # X[batch], but faster
            loss = loss_fn.forward(model.forward(X_batch), y_batch)
            if not math.isfinite(loss):
                raise divergence(epoch, history, optimizer.lr)
            model.backward(loss_fn.backward(), input_gradient=False)
            if max_norm is not None:
                clip_gradient_norm(model.gradients(), max_norm)
            optimizer.step(model.gradients())
            history.batch_loss.append(loss)
            total += loss if summed else loss * len(batch)
        history.train_loss.append(total / len(X))
        if validation is not None:
            model.eval()
            output = model.forward(validation[0])
            loss = loss_fn.forward(output, validation[1])
            if not math.isfinite(loss):
                raise divergence(epoch, history, optimizer.lr)
            history.validation_loss.append(loss / len(output) if summed else loss)
            if validation[1].ndim == 1:
                history.validation_error.append(error_rate(output.argmax(axis=1), validation[1]))
            if stopping.is_over(loss, model.state_dict):
                break
            model.train()
    if not math.isfinite(np.dot(theta, theta)):  # no loss has seen the last step
        raise divergence(epoch, history, optimizer.lr)
    model.eval()
    if stopping.state is not None:
        model.load_state_dict(stopping.state)
    return history


def _check_data(
    model: Sequential, loss_fn: Loss, X: ArrayLike, y: ArrayLike
) -> tuple[Array, NDArray[Any]]:
    """Return inputs and targets that fit the model and the loss, or say what does not."""
    if loss_fn.reduction == "none":
        raise ValueError('loss_fn must return a number, got reduction "none". Use "mean".')
    dtype = model.parameters().flat.dtype
    X = check_matrix(X, "X", model.n_in).astype(dtype, copy=False)
    n_out = X.shape[1] if model.n_out is None else model.n_out
    if check_array(y, "y").ndim == 1:
        y = check_labels(y, len(X), n_out)
    else:
        y = check_matrix(y, "y", n_out, n_samples=len(X)).astype(dtype, copy=False)
    loss_fn.check(np.zeros((len(X), n_out)), y)
    return X, y
