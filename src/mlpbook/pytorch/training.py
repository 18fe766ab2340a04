r"""Training, in PyTorch: the same loop, with the gradients left to autograd.

The lines of `step` and `fit` are those of `mlpbook.scratch.training`, with two differences: the
loss is a tensor that knows its graph, so ``loss.backward()`` replaces the hand-written backward
pass; and PyTorch adds to gradients where scratch overwrites them, so they are cleared first.
"""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn
from torch.optim import Optimizer

from mlpbook.data import batches
from mlpbook.pytorch.network import Sequential
from mlpbook.shared import Array
from mlpbook.shared.history import History
from mlpbook.shared.training_loop import TrainingRun
from mlpbook.shared.validation import check_array, check_labels, check_matrix

__all__ = ["evaluate", "fit", "step"]

Data = ArrayLike | Tensor


def step(
    model: Sequential, loss_fn: nn.Module, optimizer: Optimizer, X: Tensor, y: Tensor
) -> float:
    """Make one training step on a batch; return the loss before it. Arguments are not checked."""
    loss = loss_fn(model(X), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return float(loss.item())


def evaluate(
    model: Sequential, loss_fn: nn.Module, X: Tensor, y: Tensor
) -> tuple[float, float | None]:
    """Return the loss and, for labels, the error rate of a model in evaluation mode."""
    model.eval()
    with torch.no_grad():
        output = model(X)
        loss = loss_fn(output, y).item()
    error = (output.argmax(dim=1) != y).double().mean().item() if y.ndim == 1 else None
    model.train()
    return loss, error


def fit(
    model: Sequential,
    loss_fn: nn.Module,
    optimizer: Optimizer,
    X: Data,
    y: Data,
    *,
    epochs: int,
    batch_size: int,
    rng: np.random.Generator,
    schedule: Callable[[int], float] | None = None,
    validation: tuple[Data, Data] | None = None,
    patience: int | None = None,
    progress: bool = False,
) -> History:
    """Train a network by mini-batch descent and return the losses.

    Parameters, returns and errors are those of `mlpbook.scratch.training.fit`; X and y may be
    arrays or tensors, and go to the device and dtype of the model's parameters. The optimizer is
    one of ``torch.optim``, the loss one of ``torch.nn`` that returns a mean.

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
                set_learning_rate(optimizer, schedule(run.n_steps))
            X_batch, y_batch = X[batch], y[batch]
            loss = step(model, loss_fn, optimizer, X_batch, y_batch)
            run.record(loss, n_samples=len(batch), lr=learning_rate(optimizer))
        if validation is not None:
            loss, error = evaluate(model, loss_fn, *validation)
            run.record_validation(loss, error, model=model, lr=learning_rate(optimizer))
    return run.finish(model, lr=learning_rate(optimizer))


def check_data(model: Sequential, loss_fn: nn.Module, X: Data, y: Data) -> tuple[Tensor, Tensor]:
    """Validate inputs and targets for `fit`; return them as tensors beside the parameters."""
    if getattr(loss_fn, "reduction", "mean") != "mean":
        raise ValueError(f'loss_fn must be a mean, got reduction="{loss_fn.reduction}".')
    parameter = next(model.parameters())
    X = check_matrix(_array(X, "X"), "X", model.n_in)
    y = _array(y, "y")
    if y.ndim == 1:
        y = check_labels(y, len(X), model.n_out)
        return torch.as_tensor(X).to(parameter), torch.as_tensor(y, device=parameter.device)
    y = check_matrix(y, "y", model.n_out, n_samples=len(X))
    return torch.as_tensor(X).to(parameter), torch.as_tensor(y).to(parameter)


def check_optimizer(model: Sequential, optimizer: Optimizer) -> None:
    """Require that the optimizer holds parameters of this model, and no others."""
    theirs = {id(p) for group in optimizer.param_groups for p in group["params"]}
    if not theirs <= {id(p) for p in model.parameters()}:
        raise ValueError(
            "optimizer must hold this model's parameters, got others. "
            "Make it from model.parameters(), after the last change of a layer."
        )


def set_learning_rate(optimizer: Optimizer, rate: float) -> None:
    """Set the learning rate of all parameters."""
    for group in optimizer.param_groups:
        group["lr"] = rate


def learning_rate(optimizer: Optimizer) -> float:
    """Return the learning rate of the first group of parameters."""
    rate: float = optimizer.param_groups[0]["lr"]
    return rate


def _array(data: Data, name: str) -> Array:
    """Return data as a writable NumPy array (torch refuses read-only and reversed ones)."""
    if isinstance(data, Tensor):
        return np.asarray(data.detach().cpu())
    check_array(data, name)
    return np.require(data, requirements=["C", "W"])
