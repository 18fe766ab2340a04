r"""Training: the loop that turns a loss into a fitted network.

One pass over the shuffled data is an epoch; one batch of it makes one step. The loop below is the
whole of it, and line for line the one in `mlpbook.pytorch.training`.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mlpbook.data import batches
from mlpbook.evaluation import error_rate
from mlpbook.history import History
from mlpbook.loop import divergence, progress_bar
from mlpbook.scratch.losses import CrossEntropyLoss, MSELoss
from mlpbook.scratch.network import MLP
from mlpbook.scratch.optimizers import SGD
from mlpbook.validation import check_labels, check_matrix, check_positive_int

__all__ = ["fit"]

Array = NDArray[np.floating[Any]]
Loss = CrossEntropyLoss | MSELoss


def fit(
    model: MLP,
    loss_fn: Loss,
    optimizer: SGD,
    X: ArrayLike,
    y: ArrayLike,
    *,
    epochs: int,
    batch_size: int,
    rng: np.random.Generator,
    validation: tuple[ArrayLike, ArrayLike] | None = None,
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
    validation : pair (X, y), optional
        Held-out data, evaluated after every epoch.
    progress : bool
        Whether to draw a progress bar, on standard error.
    history : History, optional
        Appended to: pass one to keep the record of a run that you interrupt, or to continue a run.

    Returns
    -------
    History
        Per epoch, the mean of the batch losses weighted by batch size (measured while the model
        changes), and the validation loss and error.

    Raises
    ------
    ValueError, TypeError
        If the data do not fit the model; before any weight has changed.
    FloatingPointError
        If training diverges: names epoch, loss and learning rate.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((64, 2)); y = (X[:, 0] > 0).astype(int)
    >>> model = MLP([2, 8, 2], rng=rng)
    >>> optimizer = SGD(model.parameters(), lr=0.5)
    >>> history = fit(model, CrossEntropyLoss(), optimizer, X, y, epochs=20, batch_size=16, rng=rng)
    >>> history.train_loss[-1] < history.train_loss[0]
    True
    """
    X, y = _check_data(model, X, y)
    if validation is not None:
        validation = _check_data(model, *validation)
    check_positive_int(batch_size, "batch_size")
    history = History() if history is None else history
    for epoch in progress_bar(check_positive_int(epochs, "epochs"), history, show=progress):
        total = 0.0
        for batch in batches(len(X), batch_size, rng=rng):
            with np.errstate(over="ignore", invalid="ignore"):  # divergence is reported below
                output = model.forward(X[batch])
                loss = loss_fn(output, y[batch]) if np.isfinite(output).all() else np.inf
                if not np.isfinite(loss):
                    raise divergence(epoch, history, optimizer.lr)
                model.backward(loss_fn.backward())
                optimizer.step(model.gradients())
            history.batch_loss.append(loss)
            total += loss * len(batch)
        if not all(np.isfinite(p).all() for p in model.parameters()):
            raise divergence(epoch, history, optimizer.lr)
        history.train_loss.append(total / len(X))
        if validation is not None:
            output = model(validation[0])
            history.validation_loss.append(loss_fn(output, validation[1]))
            if validation[1].ndim == 1:
                history.validation_error.append(error_rate(output.argmax(axis=1), validation[1]))
    return history


def _check_data(model: MLP, X: ArrayLike, y: ArrayLike) -> tuple[Array, NDArray[Any]]:
    """Return inputs and targets that fit the model, or say what does not."""
    dtype = model.parameters()[0].dtype
    X = check_matrix(X, "X", model.n_in).astype(dtype, copy=False)
    if np.ndim(y) == 1:
        return X, check_labels(y, len(X), model.n_out)
    return X, check_matrix(y, "y", model.n_out, n_samples=len(X)).astype(dtype, copy=False)
