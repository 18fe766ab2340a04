"""Where PyTorch's time goes in a training step: the step is built up, part by part.

Each contestant does all that the one before it does, and one thing more: the forward pass and the
loss without a graph, the graph, the backward pass, the optimizer, and fetching the batch. The
difference of two times is the cost of that thing. ``products`` stands apart: all matrix products
of the step, forward and backward, and nothing else.
"""

from collections.abc import Callable
from functools import partial
from itertools import pairwise

import numpy as np
import torch
from torch import nn

from benchmarks.training_steps import MOMENTUM, WEIGHT_DECAY, Workload

Start = Callable[[], Callable[[], None]]
PARTS = ("products", "forward", "graph", "backward", "optimizer", "batch")


def part(task: Workload, name: str) -> Start:
    """Return what prepares a run of all parts up to the named one."""
    torch.set_num_threads(1)
    last = PARTS.index(name)
    X_all, y_all = map(torch.from_numpy, task.data())
    X, y = X_all[: task.batch_size].clone(), y_all[: task.batch_size].clone()

    def products() -> Callable[[], None]:
        A = [torch.ones(task.batch_size, width) for width in task.sizes]
        W = [torch.ones(n_out, n_in) for n_in, n_out in pairwise(task.sizes)]
        Z, dA, dW = ([torch.empty_like(a) for a in arrays] for arrays in (A, A, W))

        def train() -> None:
            for _ in range(task.steps):
                for k in range(len(W)):
                    torch.mm(A[k], W[k].T, out=Z[k + 1])
                for k in reversed(range(len(W))):
                    torch.mm(A[k + 1].T, A[k], out=dW[k])
                    if k:
                        torch.mm(A[k + 1], W[k], out=dA[k])

        return train

    def start() -> Callable[[], None]:
        if name == "products":
            return products()
        layers: list[nn.Module] = []
        for n_in, n_out in pairwise(task.sizes):
            layers += [nn.Linear(n_in, n_out), getattr(nn, task.activation)()]
        model, loss_fn = nn.Sequential(*layers[:-1]), getattr(nn, task.loss)()
        optimizer = torch.optim.SGD(
            model.parameters(), lr=1e-4, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY
        )
        rng = np.random.default_rng(0)
        n_batches = len(X_all) // task.batch_size

        def train() -> None:
            order = torch.from_numpy(rng.permutation(len(X_all)))
            batches = order[: n_batches * task.batch_size].reshape(n_batches, -1)
            with torch.set_grad_enabled(last >= PARTS.index("graph")):
                for k in range(task.steps):
                    inputs, targets = X, y
                    if name == "batch":
                        batch = batches[k % n_batches]
                        inputs, targets = X_all[batch], y_all[batch]
                    loss = loss_fn(model(inputs), targets)
                    if last >= PARTS.index("backward"):
                        optimizer.zero_grad()
                        loss.backward()
                    if last >= PARTS.index("optimizer"):
                        optimizer.step()
                    loss.item()

        return train

    return start


CONTESTANTS = {name: partial(part, name=name) for name in PARTS}
