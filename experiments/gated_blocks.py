"""Feed-forward blocks of equal size on MNIST-1D: ReLU, GELU and SwiGLU, each at its own best rate.

A network of two residual feed-forward blocks of width 64 learns 3,200 signals of MNIST-1D; 800
further ones choose the learning rate of each kind of block, and 5,000 test signals judge. All kinds
start from Glorot's weights; GELU is tried from He's as well, to see what the start contributes.
"""

import numpy as np
import torch
from torch import nn

from bookkit.records.experiments import Result, experiment
from mlpbook.chapters.inside import GATED_RUNS, GATED_WIDTHS
from mlpbook.data.mnist1d import mnist1d
from mlpbook.pytorch.blocks import SwiGLU
from mlpbook.pytorch.layers import Linear, Residual
from mlpbook.shared.initializers import glorot_normal, he_normal

__all__ = ["network", "run"]

WIDTH, BATCH, EPOCHS = 64, 100, 60


def network(kind: str, seed: int) -> nn.Sequential:
    """Return 40-64, two blocks with a layer normalization before each, and 64-10."""
    rng = np.random.default_rng(seed)
    hidden = GATED_WIDTHS[kind]
    layers: list[nn.Module] = [Linear(40, WIDTH, rng=rng)]
    for _ in range(2):
        if kind == "SwiGLU":
            block: list[nn.Module] = [SwiGLU(WIDTH, hidden, WIDTH, rng=rng)]
        else:
            start = he_normal if kind.endswith("He") else glorot_normal
            up = Linear(WIDTH, hidden, rng=rng, initializer=start)
            down = Linear(hidden, WIDTH, rng=rng, initializer=start)
            block = [up, nn.ReLU() if kind == "ReLU" else nn.GELU(), down]
        layers.append(Residual([nn.LayerNorm(WIDTH), *block]))
    return nn.Sequential(*layers, Linear(WIDTH, 10, rng=rng))


@experiment(
    seeds=range(5),
    cost=35,
    reduced={"n_runs": 1},
    tolerance={"first_losses": 1e-3},  # float32 sums depend on the processor
)
def run(seed: int, *, n_runs: int = len(GATED_RUNS)) -> Result:
    """Train each kind of block at each rate.

    Parameters
    ----------
    seed : int
        Draws the start, the order of the batches, and which signals validate.
    n_runs : int
        How many of `GATED_RUNS`, from the first on.

    Returns
    -------
    dict
        For each run: ``first_losses``, the mean loss of the first ten batches in nats;
        ``validation_errors`` and ``test_errors``, shares.
    """
    torch.set_num_threads(1)
    signals, labels = mnist1d(9000, rng=np.random.default_rng(0))
    X, y = torch.as_tensor(signals, dtype=torch.float32), torch.as_tensor(labels)
    order = np.random.default_rng(seed).permutation(4000)
    held, kept = torch.as_tensor(order[:800]), torch.as_tensor(order[800:])
    loss_fn = nn.CrossEntropyLoss()
    result: dict[str, list[float]] = {
        "first_losses": [], "validation_errors": [], "test_errors": []
    }  # fmt: skip
    for kind, rate in GATED_RUNS[:n_runs]:
        model, rng = network(kind, seed), np.random.default_rng(seed)
        optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.01)
        n_steps = EPOCHS * (len(kept) // BATCH)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, n_steps)
        losses = []
        for _ in range(EPOCHS):
            shuffled = kept[torch.as_tensor(rng.permutation(len(kept)))]
            for batch in shuffled.split(BATCH):  # type: ignore[no-untyped-call]
                loss = loss_fn(model(X[batch]), y[batch])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
                losses.append(loss.item())
        with torch.no_grad():
            errors = [
                (model(A).argmax(dim=1) != t).double().mean().item()
                for A, t in ((X[held], y[held]), (X[4000:], y[4000:]))
            ]
        result["first_losses"].append(float(np.mean(losses[:10])))
        result["validation_errors"].append(errors[0])
        result["test_errors"].append(errors[1])
    return result  # type: ignore[return-value]
