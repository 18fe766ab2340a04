"""What the experiments on the table of diamonds share: columns to inputs, and training."""

from collections.abc import Sequence

import numpy as np
import torch
from sklearn.preprocessing import QuantileTransformer
from torch import nn

from mlpbook.chapters.tables import (
    encode_columns,
    impute,
    one_hot,
    quantile_edges,
    robust_scale,
)
from mlpbook.data.diamonds import CATEGORIES, Diamonds
from mlpbook.pytorch.network import MLP, Sequential
from mlpbook.pytorch.tables import Periodic, ensemble
from mlpbook.pytorch.training import fit
from mlpbook.scratch.schedules import cosine

BATCH = 64


def scaled(table: Diamonds, train: np.ndarray, scaling: str = "robust") -> np.ndarray:
    """Return the columns with numbers (N, 6), filled and scaled by the training rows."""
    medians = np.nanmedian(table.numbers[train], axis=0)
    X = impute(table.numbers, medians)[:, :-1]
    if scaling == "robust":
        return np.clip(robust_scale(X[train], X)[1], -5, 5)
    quantiles = QuantileTransformer(n_quantiles=min(1000, len(train)), output_distribution="normal")
    return np.clip(quantiles.fit(X[train]).transform(X), -3, 3)


def hot(table: Diamonds) -> np.ndarray:
    """Return the one-hot columns (N, 20), and one that says where a number is missing."""
    columns = [one_hot(c, len(v)) for c, v in zip(table.codes.T, CATEGORIES.values(), strict=True)]
    return np.column_stack([*columns, np.isnan(table.numbers).any(axis=1)])


def edges_of(X: np.ndarray, n_bins: int) -> list[np.ndarray]:
    """Return the edges of about equally filled bins for each column of the training rows X."""
    return [quantile_edges(x, n_bins) for x in X.T]


def encoded(X: np.ndarray, train: np.ndarray, n_bins: int) -> np.ndarray:
    """Return each column of X beside its piecewise linear encoding."""
    return np.hstack([X, encode_columns(X, edges_of(X[train], n_bins))])


class Columns(nn.Module):
    """Waves of the first columns; all columns as they are beside them."""

    def __init__(self, waves: Periodic) -> None:
        super().__init__()
        self.waves = waves

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Return (N, D + 2 M D_numbers) for X (N, D)."""
        return torch.cat([X, self.waves(X[:, : self.waves.c.shape[1]])], dim=1)


class Waves(Sequential):
    """An MLP behind `Columns`; it takes all columns, not only those that become waves."""

    def __init__(self, layers: Sequence[nn.Module], n_in: int) -> None:
        super().__init__(layers)
        self.n_in, self.n_out = n_in, 1


def network(
    kind: str,
    n_in: int,
    *,
    width: int,
    depth: int,
    rng: np.random.Generator,
    k: int = 8,
    n_numbers: int = 6,
    n_frequencies: int = 8,
    sigma: float = 0.1,
) -> Sequential:
    """Return an "mlp", one with "waves" in front, or an "ensemble" of k."""
    if kind == "ensemble":
        return ensemble(n_in, width, depth, k=k, rng=rng)
    if kind == "mlp":
        return MLP([n_in, *[width] * depth, 1], rng=rng)
    waves = Columns(Periodic(n_numbers, n_frequencies, sigma=sigma, rng=rng))
    n_waves = 2 * n_frequencies * n_numbers
    return Waves([waves, MLP([n_in + n_waves, *[width] * depth, 1], rng=rng)], n_in)


def train_network(
    model: Sequential,
    X: np.ndarray,
    y: np.ndarray,
    rows: tuple[np.ndarray, np.ndarray],
    *,
    lr: float,
    weight_decay: float,
    epochs: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Train on the first rows by AdamW, keep the parameters that are best on the second.

    Weight decay acts on matrices only: an ensemble's factors start at 1 and must not shrink.

    The target is standardized by the training rows; an ensemble gets it once per member. Returns
    the predictions for all rows (N,), averaged over the members.
    """
    train, held = rows
    mean, std = y[train].mean(), y[train].std()
    X = X.astype(np.float32)
    targets = np.repeat(((y - mean) / std)[:, None], model.n_out or 1, axis=1).astype(np.float32)
    matrices = [p for name, p in model.named_parameters() if name.endswith("W")]
    others = [p for name, p in model.named_parameters() if not name.endswith("W")]
    groups = [{"params": matrices}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=lr, weight_decay=weight_decay)
    n_steps = epochs * -(-len(train) // BATCH)
    fit(
        model,
        nn.MSELoss(),
        optimizer,
        X[train],
        targets[train],
        epochs=epochs,
        batch_size=BATCH,
        rng=rng,
        schedule=cosine(lr, n_steps),
        validation=(X[held], targets[held]),
        patience=epochs,
    )
    with torch.no_grad():
        parts = [model(torch.as_tensor(part)).mean(dim=1) for part in np.array_split(X, 20)]
    return torch.cat(parts).double().numpy() * std + mean


def rmse(prediction: np.ndarray, y: np.ndarray) -> float:
    """Return the root of the mean squared difference."""
    return float(np.sqrt(np.mean((prediction - y) ** 2)))
