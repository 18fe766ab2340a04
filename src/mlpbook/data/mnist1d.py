"""MNIST-1D: ten curves, bent, moved and covered with noise; a data set on which networks overfit.

The construction is Greydanus and Kobak's (2020, arXiv 2011.14439), with its templates and settings.
The numbers are drawn by another generator, so the samples are not those of the published file.
"""

import numpy as np

from mlpbook.data.toys import Labels, Points
from mlpbook.shared.validation import check_positive_int, check_rng

__all__ = ["TEMPLATES", "mnist1d"]

TEMPLATES = np.array(
    [
        [5, 6, 6.5, 6.75, 7, 7, 7, 7, 6.75, 6.5, 6, 5],
        [5, 3, 3, 3.4, 3.8, 4.2, 4.6, 5, 5.4, 5.8, 5, 5],
        [5, 6, 6.5, 6.5, 6, 5.25, 4.75, 4, 3.5, 3.5, 4, 5],
        [5, 6, 6.5, 6.5, 6, 5, 5, 6, 6.5, 6.5, 6, 5],
        [5, 4.4, 3.8, 3.2, 2.6, 2.6, 5, 5, 5, 5, 5, 5],
        [5, 3, 3, 3, 3, 5, 6, 6.5, 6.5, 6, 4.5, 5],
        [5, 4, 3.5, 3.25, 3, 3, 3, 3, 3.25, 3.5, 4, 5],
        [5, 7, 7, 6.6, 6.2, 5.8, 5.4, 5, 4.6, 4.2, 5, 5],
        [5, 4, 3.5, 3.5, 4, 5, 5, 4, 3.5, 3.5, 4, 5],
        [5, 4, 3.5, 3.5, 4, 5, 5, 5, 5, 4.7, 4.3, 5],
    ]
)
"""The curves of the digits 0 to 9, twelve heights each, shape (10, 12)."""

_LONG, _SHORT = 72, 40  # points while a curve is made, and in the end
_PADDING = (36, 60)  # zeros appended to a template: how far it is squeezed
_MAX_SHIFT = 48
_SCALE, _SHEAR = 0.4, 0.75
_SMOOTH_NOISE, _NOISE = 0.25, 0.02


def mnist1d(n_samples: int, *, rng: np.random.Generator) -> tuple[Points, Labels]:
    """Return curves of 40 points and the digits that they stem from, in random order.

    Each curve is a template, squeezed and scaled, shifted, its flat rest filled with smooth noise,
    sheared, and sampled at 40 points. All together have mean 0 and standard deviation 1.

    Parameters
    ----------
    n_samples : int
        A multiple of ten: the classes are equally frequent.
    rng : numpy.random.Generator

    Returns
    -------
    X : numpy.ndarray of float64, shape (n_samples, 40)
    y : numpy.ndarray of int64, shape (n_samples,)

    Raises
    ------
    ValueError
        If `n_samples` is no positive multiple of ten.

    References
    ----------
    S. Greydanus and D. Kobak, "Scaling Down Deep Learning with MNIST-1D", 2020, arXiv 2011.14439.

    Examples
    --------
    >>> X, y = mnist1d(50, rng=np.random.default_rng(0))
    >>> X.shape, np.bincount(y).tolist()
    ((50, 40), [5, 5, 5, 5, 5, 5, 5, 5, 5, 5])
    """
    n_samples, rng = check_positive_int(n_samples, "n_samples"), check_rng(rng)
    if n_samples % len(TEMPLATES):
        raise ValueError(
            f"n_samples must be a multiple of {len(TEMPLATES)}, got {n_samples}. "
            "Each class has equally many curves."
        )
    curves = TEMPLATES - TEMPLATES.mean(axis=1, keepdims=True)
    curves /= 6 * TEMPLATES.std(axis=1, keepdims=True)
    curves -= curves[:, :1]  # they begin at zero
    y = rng.permutation(np.arange(n_samples) % len(TEMPLATES))
    X = np.stack([_vary(curves[k], rng) for k in y])
    return (X - X.mean()) / X.std(), y


def _vary(curve: Points, rng: np.random.Generator) -> Points:
    """Return one sample (40,) of the class whose curve (12,) is given."""
    n_zeros = int(rng.integers(_PADDING[0], _PADDING[1] + 1))
    x = np.concatenate([curve + 1e-8, np.zeros(n_zeros)])  # zeros inside the curve stay part of it
    x = _resample(x, _LONG) * (1 + _SCALE * (rng.random() - 0.5))
    x = np.roll(x, int(rng.integers(_MAX_SHIFT)))
    noise = _smooth(_SMOOTH_NOISE * rng.standard_normal(_LONG))
    x = np.where(x == 0, noise, x) + _NOISE * rng.standard_normal(_LONG)
    x -= _SHEAR * (rng.random() - 0.5) * np.linspace(-0.5, 0.5, _LONG)
    return _resample(x, _SHORT)


def _resample(x: Points, n: int) -> Points:
    """Return a curve at n equally spaced places, linear in between."""
    return np.interp(np.linspace(0, len(x) - 1, n), np.arange(len(x)), x)


def _smooth(x: Points, width: int = 2) -> Points:
    """Return x averaged with Gaussian weights of this standard deviation, reflected at ends."""
    reach = 4 * width
    weights = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * width**2))
    return np.convolve(np.pad(x, reach, mode="symmetric"), weights / weights.sum(), mode="valid")
