"""Signals of MNIST-1D, built by the published recipe: no download.

Each of ten templates of twelve points is stretched, scaled, moved, sheared and drowned in noise,
and sampled at 40 places. After Greydanus & Kobak (2024), arXiv 2011.14439, with the settings of
their code (github.com/greydanus/mnist1d); our draws are not theirs.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

__all__ = ["signals"]

_TEMPLATES = """\
5 6 6.5 6.75 7 7 7 7 6.75 6.5 6 5
5 3 3 3.4 3.8 4.2 4.6 5 5.4 5.8 5 5
5 6 6.5 6.5 6 5.25 4.75 4 3.5 3.5 4 5
5 6 6.5 6.5 6 5 5 6 6.5 6.5 6 5
5 4.4 3.8 3.2 2.6 2.6 5 5 5 5 5 5
5 3 3 3 3 5 6 6.5 6.5 6 4.5 5
5 4 3.5 3.25 3 3 3 3 3.25 3.5 4 5
5 7 7 6.6 6.2 5.8 5.4 5 4.6 4.2 5 5
5 4 3.5 3.5 4 5 5 4 3.5 3.5 4 5
5 4 3.5 3.5 4 5 5 5 5 4.7 4.3 5"""

Array = NDArray[Any]


def signals(seed: int = 42) -> tuple[Array, Array, Array, Array]:
    """Return X (4000, 40) in float32, y (4000,), and 1,000 test signals with their labels.

    Parameters
    ----------
    seed : int
        Draws the signals.
    """
    rng = np.random.default_rng(seed)
    templates = np.array([line.split() for line in _TEMPLATES.splitlines()], dtype=float)
    templates -= templates.mean(axis=1, keepdims=True)
    templates /= templates.std(axis=1, keepdims=True)
    templates = (templates - templates[:, :1]) / 6
    y = np.repeat(np.arange(10), 500)
    X = np.stack([_distort(templates[k], rng) for k in y])
    X = (X - X.mean()) / X.std()
    order = rng.permutation(len(y))
    X, y = X[order].astype(np.float32), y[order]
    return X[:4000], y[:4000], X[4000:], y[4000:]


def _distort(template: Array, rng: np.random.Generator) -> Array:
    """Return 40 samples of a template that is stretched, scaled, moved, noisy and sheared."""
    x = np.concatenate([template + 1e-8, np.zeros(rng.integers(36, 61))])
    x = _resample(x, 72) * (1 + 0.4 * (rng.random() - 0.5))
    x = np.roll(x, rng.integers(48))
    noise = gaussian_filter1d(0.25 * rng.standard_normal(72), 2)
    x = np.where(x != 0, x, noise) + 0.02 * rng.standard_normal(72)
    x = x - 0.75 * (rng.random() - 0.5) * np.linspace(-0.5, 0.5, 72)
    return _resample(x, 40)


def _resample(x: Array, n: int) -> Array:
    """Return n values at equal distances, linearly interpolated."""
    return np.interp(np.linspace(0, 1, n), np.linspace(0, 1, len(x)), x)
