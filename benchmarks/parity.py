"""How far NumPy's losses are from PyTorch's over whole training runs in float64.

Both halves train the same network on the same batches, with `fit`, and the loss of every step is
compared. In float32 two correct programs part ways after about a thousand steps, because every
rounding error changes the course of all later steps; in float64 the roundings are so small that
this does not show.
"""

from dataclasses import replace

import numpy as np
import torch

from benchmarks.training_steps import (
    BATCHES_SEED,
    MOMENTUM,
    WEIGHT_DECAY,
    WEIGHTS_SEED,
    WORKLOADS,
    Workload,
)
from mlpbook.pytorch import network as torch_network
from mlpbook.pytorch import training as torch_training
from mlpbook.scratch import losses, optimizers, training

RUNS = {
    "a": WORKLOADS["a"],
    "e": WORKLOADS["e"],
    "b": replace(WORKLOADS["b"], n_samples=60_000),  # ten passes over as many samples as MNIST has
}
OPTIMIZERS = {
    "SGD": {"momentum": MOMENTUM, "weight_decay": WEIGHT_DECAY},
    "Adam": {"weight_decay": WEIGHT_DECAY},
}
ADAM_RATE = 1e-3


def deviation(task: Workload, optimizer: str) -> float:
    """Return the largest relative difference of the two halves' losses at any step."""
    X, y = task.data(np.float64)
    options = OPTIMIZERS[optimizer] | {"lr": task.lr if optimizer == "SGD" else ADAM_RATE}
    ours = task.model(np.float64)
    theirs = torch_network.MLP(
        task.sizes,
        getattr(torch.nn, task.activation),
        rng=np.random.default_rng(WEIGHTS_SEED),
        dtype=torch.float64,
    )
    curves = [
        fit(
            model,
            getattr(loss_functions, task.loss)(),
            getattr(recurrences, optimizer)(model.parameters(), **options),
            X,
            y,
            epochs=task.epochs,
            batch_size=task.batch_size,
            rng=np.random.default_rng(BATCHES_SEED),
        ).batch_loss
        for fit, model, loss_functions, recurrences in (
            (training.fit, ours, losses, optimizers),
            (torch_training.fit, theirs, torch.nn, torch.optim),
        )
    ]
    one, two = np.array(curves)
    if len(one) != task.steps or not one[-1] < 0.9 * one[0]:
        raise RuntimeError(
            f"workload {task.name} must be learned in {task.steps} steps with {optimizer}, but "
            f"the loss went from {one[0]:.4g} to {one[-1]:.4g} in {len(one)}."
        )
    return float(np.abs(one / two - 1).max())


def deviations() -> dict[str, dict[str, float]]:
    """Return the deviation by workload and optimizer."""
    torch.set_num_threads(1)
    return {
        name: {optimizer: deviation(task, optimizer) for optimizer in OPTIMIZERS}
        for name, task in RUNS.items()
    }
