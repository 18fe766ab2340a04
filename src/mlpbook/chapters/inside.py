"""Inside a trained MLP: ablations, superposition, matched networks, and an image to draw.

What the chapter *Inside a trained MLP, and the ladder* measures on trained networks.
"""

import numpy as np
from numpy.typing import ArrayLike

from mlpbook.scratch.layers import ReLU
from mlpbook.scratch.network import MLP
from mlpbook.scratch.optimizers import Adam
from mlpbook.scratch.schedules import cosine
from mlpbook.shared import Array

__all__ = [
    "CASES",
    "GATED_KINDS",
    "GATED_RATES",
    "GATED_RUNS",
    "GATED_WIDTHS",
    "MIX",
    "china",
    "interpolate",
    "match_units",
    "outputs_without",
    "permute_units",
    "psnr",
    "superpose",
    "unit_weights",
]

CASES = ((16, 5), (64, 5), (64, 20), (256, 5), (1024, 5))
"""Hidden units and epochs of the pairs of networks that are matched."""
MIX = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Places on the straight line between two networks: the share of the second."""

GATED_KINDS = ("ReLU", "GELU", "SwiGLU", "GELU, He")
"""Feed-forward blocks of equal size; all start from Glorot's weights but the last."""
GATED_WIDTHS = {"ReLU": 256, "GELU": 256, "SwiGLU": 172, "GELU, He": 256}
"""Hidden units of each, between 64 inputs and 64 outputs: about 33,000 parameters."""
GATED_RATES = (1.6e-2, 3.2e-2, 6.4e-2)
"""Highest learning rates of AdamW that are tried for each."""
GATED_RUNS = [(kind, rate) for kind in GATED_KINDS for rate in GATED_RATES]
"""All trainings of blocks, in the order in which they are recorded."""


def outputs_without(model: MLP, A: Array, direction: Array) -> Array:
    """Return the outputs of a network whose last hidden layer has lost one direction.

    Along the direction, every hidden activation is replaced by its mean.

    Parameters
    ----------
    model : MLP
        With H units in its last hidden layer.
    A : array (N, H)
        Their activations.
    direction : array (H,)
        A unit vector; row j of the identity removes unit j.

    Returns
    -------
    array (N, C)

    Examples
    --------
    >>> model = MLP([2, 3, 2], rng=np.random.default_rng(0))
    >>> A = np.random.default_rng(1).standard_normal((5, 3))
    >>> outputs_without(model, A, np.eye(3)[1]).shape
    (5, 2)
    """
    along = A @ direction  # (N,)
    return model.layers[-1].forward(A - np.outer(along - along.mean(), direction))


def superpose(
    n_features: int,
    n_hidden: int,
    *,
    probability: float,
    n_models: int,
    rng: np.random.Generator,
    n_steps: int = 3000,
    batch_size: int = 256,
    lr: float = 0.01,
) -> tuple[Array, Array, Array]:
    r"""Train toy models of superposition, :math:`\hat x=\mathrm{relu}(W^\top Wx+b)`, side by side.

    Each of the features is nonzero with the given probability, and then uniform in [0, 1]. The
    loss is half the squared error, summed over the features (def-inside-toy).

    Parameters
    ----------
    n_features, n_hidden : int
        Features n, and dimensions m into which they are squeezed.
    probability : float
        With which a feature is nonzero.
    n_models : int
        Models with different starts, trained on the same batches.
    rng : numpy.random.Generator
        Draws starts and batches.
    n_steps, batch_size, lr
        Steps of Adam with a cosine schedule, samples per step, and its first rate.

    Returns
    -------
    W : array (n_models, m, n)
        Column i is the direction of feature i.
    b : array (n_models, n)
    losses : array (n_models,)
        On 20,000 fresh samples.

    Notes
    -----
    Elhage et al., "Toy models of superposition" (2022), arXiv 2209.10652.
    """
    W = rng.standard_normal((n_models, n_hidden, n_features)) / np.sqrt(n_hidden)
    b = np.zeros((n_models, n_features))
    optimizer, schedule = Adam([W, b], lr), cosine(lr, n_steps)

    def draw(n: int) -> Array:
        active = rng.random((n, n_features)) < probability
        return np.where(active, rng.random((n, n_features)), 0.0)

    for t in range(n_steps):
        X, optimizer.lr = draw(batch_size), schedule(t)
        Z = X @ W.transpose(0, 2, 1) @ W + b[:, np.newaxis]  # (models, N, n)
        dZ = (np.maximum(Z, 0) - X) * (Z > 0) / batch_size
        M = X.T @ dZ  # (models, n, n)
        optimizer.step([W @ (M + M.transpose(0, 2, 1)), dZ.sum(axis=1)])
    X = draw(20_000)
    error = np.maximum(X @ W.transpose(0, 2, 1) @ W + b[:, np.newaxis], 0) - X
    return W, b, 0.5 * (error**2).sum(axis=2).mean(axis=1)


def unit_weights(model: MLP) -> Array:
    """Return all that belongs to each hidden unit, (H, D + 1 + C)."""
    W1, b1, W2, _ = model.parameters()
    return np.concatenate([W1, b1[:, np.newaxis], W2.T], axis=1)


def match_units(a: MLP, b: MLP) -> Array:
    """Return the order (H,) of the units of b that fits a best."""
    from scipy.optimize import linear_sum_assignment

    products = unit_weights(a) @ unit_weights(b).T  # (H, H)
    return np.asarray(linear_sum_assignment(products, maximize=True)[1])


def permute_units(model: MLP, order: ArrayLike) -> MLP:
    """Return the same function with its hidden units in another order.

    Parameters
    ----------
    model : MLP
        With one hidden layer of H ReLU units.
    order : array (H,) of int
        Unit j of the result is unit order[j] of the model.
    """
    order = np.asarray(order)
    W1, b1, W2, b2 = model.parameters()
    return _network([W1[order], b1[order], W2[:, order], b2])


def interpolate(a: MLP, b: MLP, t: float) -> MLP:
    """Return the network with the parameters (1 - t) of a plus t of b."""
    pairs = zip(a.parameters(), b.parameters(), strict=True)
    return _network([(1 - t) * p + t * q for p, q in pairs])


def _network(parameters: list[Array]) -> MLP:
    W1, _, W2, _ = parameters
    sizes = [W1.shape[1], len(W1), len(W2)]
    model = MLP(sizes, ReLU, rng=np.random.default_rng(0), dtype=W1.dtype)
    model.set_parameters(parameters)
    return model


def china(size: int = 128) -> tuple[Array, Array]:
    """Return a square of scikit-learn's picture china.jpg and the coordinates of its pixels.

    Returns
    -------
    X : array (size, size, 2), float64
        Coordinates in [0, 1): row, column.
    image : array (size, size, 3), float64
        Colors in [0, 1]; blocks of 3 by 3 pixels of the picture, averaged.

    Examples
    --------
    >>> X, image = china(64)
    >>> X.shape, image.shape
    ((64, 64, 2), (64, 64, 3))
    """
    from sklearn.datasets import load_sample_image

    picture = load_sample_image("china.jpg")  # (427, 640, 3), bytes
    part = picture[20 : 20 + 3 * size, 130 : 130 + 3 * size].astype(float) / 255
    image = part.reshape(size, 3, size, 3, 3).mean(axis=(1, 3))
    ticks = np.arange(size) / size
    X = np.stack(np.meshgrid(ticks, ticks, indexing="ij"), axis=-1)
    return X, image


def psnr(prediction: ArrayLike, target: ArrayLike) -> float:
    r"""Return the peak signal-to-noise ratio in decibels, :math:`-10\log_{10}` of the mean square.

    For values in [0, 1]; 20 dB is a root-mean-square error of 0.1, 40 dB one of 0.01.

    >>> psnr(np.full(4, 0.1), np.zeros(4))
    20.0
    """
    error = np.asarray(prediction) - np.asarray(target)
    return round(float(-10 * np.log10(np.mean(error**2))), 10)
