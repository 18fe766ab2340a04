r"""Training, in PyTorch: the same loop, with the gradients left to autograd.

The loop is line for line the one in `mlpbook.scratch.training`. Two differences are worth a look:
the loss is a tensor that knows its graph, so ``loss.backward()`` replaces the hand-written backward
pass; and PyTorch adds to gradients where scratch overwrites them, so they are cleared first.
"""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from mlpbook.data import batches
from mlpbook.pytorch.network import Sequential
from mlpbook.shared.history import History
from mlpbook.shared.training_loop import EarlyStopping, check_options, divergence, progress_bar
from mlpbook.shared.validation import check_array, check_labels, check_matrix

__all__ = ["fit"]

Data = ArrayLike | Tensor


def fit(
    model: Sequential,
    loss_fn: nn.Module,
    optimizer: torch.optim.Optimizer,
    X: Data,
    y: Data,
    *,
    epochs: int,
    batch_size: int,
    rng: np.random.Generator,
    schedule: Callable[[int], float] | None = None,
    max_norm: float | None = None,
    validation: tuple[Data, Data] | None = None,
    patience: int | None = None,
    progress: bool = False,
    history: History | None = None,
) -> History:
    """Train a network by mini-batch descent and return what happened.

    Parameters, returns and errors are those of `mlpbook.scratch.training.fit`; X and y may be
    arrays or tensors, and go to the device and dtype of the model's parameters. The optimizer is
    one of ``torch.optim``, the loss one of ``torch.nn``.

    Examples
    --------
    >>> from mlpbook.pytorch.network import MLP
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((64, 2)); y = (X[:, 0] > 0).astype(int)
    >>> model = MLP([2, 8, 2], rng=rng)
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    >>> history = fit(
    ...     model, nn.CrossEntropyLoss(), optimizer, X, y, epochs=20, batch_size=16, rng=rng
    ... )
    >>> history.train_loss[-1] < history.train_loss[0]
    True
    """
    X, y = _check_data(model, loss_fn, X, y)
    if validation is not None:
        validation = _check_data(model, loss_fn, *validation)
    check_options(epochs, batch_size, rng, max_norm, patience, validation)
    theirs = {id(p) for group in optimizer.param_groups for p in group["params"]}
    if not theirs <= {id(p) for p in model.parameters()}:
        raise ValueError(
            "optimizer must be over this model's parameters, got one over others. "
            "Make it from model.parameters(), after the last change of a layer."
        )
    history = History() if history is None else history
    stopping, summed = EarlyStopping(patience), getattr(loss_fn, "reduction", "mean") == "sum"
    model.train()
    for epoch in progress_bar(epochs, history, show=progress):
        total = 0.0
        for batch in batches(len(X), batch_size, rng=rng):
            if schedule is not None:
                _set_rate(optimizer, schedule(len(history.batch_loss)))
            loss = loss_fn(model(X[batch]), y[batch])
            if not torch.isfinite(loss):
                raise divergence(epoch, history, optimizer.param_groups[0]["lr"])
            optimizer.zero_grad()
            loss.backward()
            if max_norm is not None:
                nn.utils.clip_grad_norm_(model.parameters(), max_norm)
            optimizer.step()
            history.batch_loss.append(loss.item())
            total += loss.item() if summed else loss.item() * len(batch)
        history.train_loss.append(total / len(X))
        if validation is not None:
            model.eval()
            with torch.no_grad():
                output = model(validation[0])
                loss = loss_fn(output, validation[1])
            if not torch.isfinite(loss):
                raise divergence(epoch, history, optimizer.param_groups[0]["lr"])
            history.validation_loss.append(loss.item() / len(output) if summed else loss.item())
            if validation[1].ndim == 1:
                wrong = output.argmax(dim=1) != validation[1]
                history.validation_error.append(wrong.double().mean().item())
            if stopping.is_over(loss.item(), lambda: copy.deepcopy(model.state_dict())):
                break
            model.train()
    if not all(torch.isfinite(p).all() for p in model.parameters()):  # no loss has seen it
        raise divergence(epoch, history, optimizer.param_groups[0]["lr"])
    model.eval()
    if stopping.state is not None:
        model.load_state_dict(stopping.state)
    return history


def _set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate


def _check_data(model: Sequential, loss_fn: nn.Module, X: Data, y: Data) -> tuple[Tensor, Tensor]:
    """Return inputs and targets that fit the model, as tensors beside its parameters."""
    if getattr(loss_fn, "reduction", "mean") == "none":
        raise ValueError('loss_fn must return a number, got reduction "none". Use "mean".')
    parameter = next(model.parameters())
    X = check_matrix(_array(X, "X"), "X", model.n_in)
    y = _array(y, "y")
    if y.ndim == 1:
        y = check_labels(y, len(X), model.n_out)
        return torch.as_tensor(X).to(parameter), torch.as_tensor(y, device=parameter.device)
    y = check_matrix(y, "y", model.n_out, n_samples=len(X))
    return torch.as_tensor(X).to(parameter), torch.as_tensor(y).to(parameter)


def _array(data: Data, name: str) -> NDArray[Any]:
    """Return data as a writable NumPy array (torch refuses read-only and reversed ones)."""
    if isinstance(data, Tensor):
        return np.asarray(data.detach().cpu())
    check_array(data, name)  # says in words what is no array of numbers
    return np.require(data, requirements=["C", "W"])
