"""Normalization and depth: the networks that the chapter compares.

A network of three sigmoid layers with or without normalization, the grids of learning rates at
which it is trained, and stacks of fifty layers with and without skip connections.
"""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from mlpbook.scratch.layers import Layer, Linear, ReLU, Residual, Sigmoid
from mlpbook.scratch.network import Sequential
from mlpbook.scratch.normalization import BatchNorm, LayerNorm
from mlpbook.shared.initializers import glorot_uniform, he_normal, zeros

__all__ = [
    "KINDS",
    "LENGTHS",
    "N_BLOCKS",
    "RATES",
    "RUNS",
    "STACKS",
    "STACK_LENGTHS",
    "STACK_RATES",
    "STACK_WIDTH",
    "deep_stack",
    "sigmoid_network",
]

KINDS = {"none": None, "batch": BatchNorm, "layer": LayerNorm}
"""Normalizations before each activation of the sigmoid network."""
LENGTHS = (3, 10)
"""Epochs for which the sigmoid networks are trained."""
RATES = {
    (3, "SGD"): (0.02, 0.1, 0.5, 2.0, 4.0, 8.0, 16.0, 32.0),
    (3, "Adam"): (0.001, 0.003, 0.01, 0.02, 0.03, 0.1, 0.2, 0.3),
    (10, "SGD"): (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0),
    (10, "Adam"): (0.003, 0.01, 0.02, 0.03, 0.1, 0.2, 0.3),
}
"""Learning rates by epochs and optimizer: constant for SGD, the schedule's highest for Adam."""
RUNS = [
    (epochs, optimizer, rate, kind)
    for (epochs, optimizer), rates in RATES.items()
    for rate in rates
    for kind in KINDS
    if epochs == 3 or kind != "layer"
]
"""All trainings of the sigmoid network, in the order in which they are recorded."""

STACK_WIDTH = 32
"""Units in each layer of the deep stacks."""
N_BLOCKS = 25
"""Residual blocks in each deep stack."""
STACKS = (
    "skip, layer norm first",
    "plain",
    "plain, batch norm",
    "skip",
    "skip, scaled",
    "skip, zero",
    "skip, batch norm first",
    "skip, batch norm twice",
    "skip, layer norm after",
)
"""What stands around the two linear layers of a block of a deep stack."""
STACK_RATES = (1e-4, 1e-3, 1e-2)
"""Learning rates of the deep stacks."""
STACK_LENGTHS = (20, 60)
"""Epochs after which the errors of deep stacks are noted."""


def sigmoid_network(kind: str, seed: int) -> Sequential:
    """Return the network 784-100-100-100-10 of Ioffe & Szegedy (2015), in float32.

    Parameters
    ----------
    kind : "none", "batch" or "layer"
        The normalization before each sigmoid.
    seed : int
        Draws Glorot's weights, the same ones for every kind.

    Examples
    --------
    >>> len(sigmoid_network("none", 0).layers), len(sigmoid_network("batch", 0).layers)
    (7, 10)
    """
    rng, options = np.random.default_rng(seed), {"initializer": glorot_uniform, "dtype": np.float32}
    layers: list[Layer] = []
    for n_in in (784, 100, 100):
        layers.append(Linear(n_in, 100, rng=rng, **options))  # type: ignore[arg-type]
        if kind != "none":
            layers.append(KINDS[kind](100, dtype=np.float32))  # type: ignore[misc]
        layers.append(Sigmoid())
    return Sequential([*layers, Linear(100, 10, rng=rng, **options)])  # type: ignore[arg-type]


def deep_stack(kind: str, seed: int) -> Sequential:
    """Return a stack of 25 blocks of two linear layers, from points in the plane to two logits.

    Parameters
    ----------
    kind : str
        One of `STACKS`.
    seed : int
        Draws the weights.

    Examples
    --------
    >>> len(deep_stack("plain", 0).layers), len(deep_stack("skip", 0).layers)
    (103, 28)
    """
    rng = np.random.default_rng(seed)
    hidden = [layer for _ in range(N_BLOCKS) for layer in _block(kind, rng)]
    first, last = Linear(2, STACK_WIDTH, rng=rng), Linear(STACK_WIDTH, 2, rng=rng)
    return Sequential([first, ReLU(), *hidden, last])


def _scaled(
    n_out: int, n_in: int, *, rng: np.random.Generator, dtype: DTypeLike = np.float64
) -> NDArray[np.floating[Any]]:
    """Draw He's weights, divided by the root of the number of blocks."""
    return np.asarray(he_normal(n_out, n_in, rng=rng, dtype=dtype) / np.sqrt(N_BLOCKS))


def _block(kind: str, rng: np.random.Generator) -> list[Layer]:
    """Return two linear layers of one width and what stands around them."""
    n, last = STACK_WIDTH, {"skip, zero": zeros, "skip, scaled": _scaled}.get(kind, he_normal)
    first, second = Linear(n, n, rng=rng), Linear(n, n, rng=rng, initializer=last)
    if kind == "plain":
        return [first, ReLU(), second, ReLU()]
    if kind.startswith("plain"):
        norm = BatchNorm if "batch" in kind else LayerNorm
        return [first, norm(n), ReLU(), second, norm(n), ReLU()]
    if kind == "skip, layer norm first":
        return [Residual([LayerNorm(n), first, ReLU(), second])]
    if kind == "skip, batch norm first":
        return [Residual([BatchNorm(n), first, ReLU(), second])]
    if kind == "skip, batch norm twice":
        return [Residual([first, BatchNorm(n), ReLU(), second, BatchNorm(n)])]
    branch = Residual([first, ReLU(), second])
    return [branch, LayerNorm(n)] if kind == "skip, layer norm after" else [branch]
