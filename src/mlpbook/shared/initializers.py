r"""Random initial weights of shape (n_out, n_in), drawn with NumPy for both halves of the book.

All are scaled so that the variance of a layer's output relates in a known way to that of its
input. The formulas are derived in the chapter on signals at initialization.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import DTypeLike

from mlpbook.shared import Array
from mlpbook.shared.validation import check_number, check_positive_int, check_rng

__all__ = [
    "Initializer",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "normal",
    "pytorch_uniform",
    "zeros",
]

Initializer = Callable[..., Array]
"""What draws weights: ``initializer(n_out, n_in, rng=)`` returns an array (n_out, n_in)."""


def _check(n_out: int, n_in: int, rng: np.random.Generator) -> None:
    check_positive_int(n_out, "n_out")
    check_positive_int(n_in, "n_in")
    check_rng(rng)


def _normal(n_out: int, n_in: int, std: float, rng: np.random.Generator, dtype: DTypeLike) -> Array:
    _check(n_out, n_in, rng)
    return (std * rng.standard_normal((n_out, n_in))).astype(dtype)


def _uniform(
    n_out: int, n_in: int, bound: float, rng: np.random.Generator, dtype: DTypeLike
) -> Array:
    _check(n_out, n_in, rng)
    return rng.uniform(-bound, bound, size=(n_out, n_in)).astype(dtype)


def he_normal(
    n_out: int, n_in: int, *, rng: np.random.Generator, dtype: DTypeLike = np.float64
) -> Array:
    r"""Normal weights of variance :math:`2 / n_{in}`: keeps the power of a ReLU layer's signal.

    Parameters
    ----------
    n_out, n_in : int
        Widths of the layer's output and input.
    rng : numpy.random.Generator
        Source of the draw.
    dtype : dtype
        Of the result. The draw itself is in float64, so that both dtypes start alike.

    Returns
    -------
    array (n_out, n_in)

    Notes
    -----
    He, Zhang, Ren & Sun (2015), eq. 10, doi 10.1109/ICCV.2015.123.

    Examples
    --------
    >>> he_normal(3, 2, rng=np.random.default_rng(0)).shape
    (3, 2)
    """
    return _normal(n_out, n_in, math.sqrt(2 / max(n_in, 1)), rng, dtype)


def glorot_normal(
    n_out: int, n_in: int, *, rng: np.random.Generator, dtype: DTypeLike = np.float64
) -> Array:
    r"""Normal weights of variance :math:`2 / (n_{in} + n_{out})` (Glorot & Bengio 2010, eq. 12).

    >>> glorot_normal(3, 2, rng=np.random.default_rng(0)).shape
    (3, 2)
    """
    return _normal(n_out, n_in, math.sqrt(2 / max(n_in + n_out, 2)), rng, dtype)


def glorot_uniform(
    n_out: int, n_in: int, *, rng: np.random.Generator, dtype: DTypeLike = np.float64
) -> Array:
    r"""Uniform weights in :math:`\pm\sqrt{6/(n_{in}+n_{out})}` (Glorot & Bengio 2010, eq. 16).

    >>> bool(abs(glorot_uniform(3, 3, rng=np.random.default_rng(0))).max() <= 1)
    True
    """
    return _uniform(n_out, n_in, math.sqrt(6 / max(n_in + n_out, 2)), rng, dtype)


def pytorch_uniform(
    n_out: int, n_in: int, *, rng: np.random.Generator, dtype: DTypeLike = np.float64
) -> Array:
    r"""Uniform weights in :math:`\pm 1/\sqrt{n_{in}}`: what ``nn.Linear`` does when not told.

    Its variance is :math:`1 / (3 n_{in})`, a sixth of He's. The distribution is PyTorch's, the
    draws are NumPy's.

    >>> bool(abs(pytorch_uniform(3, 4, rng=np.random.default_rng(0))).max() <= 0.5)
    True
    """
    return _uniform(n_out, n_in, 1 / math.sqrt(max(n_in, 1)), rng, dtype)


def normal(std: float) -> Initializer:
    """Return an initializer with one standard deviation for every layer, whatever its width.

    >>> normal(0.01)(3, 2, rng=np.random.default_rng(0)).shape
    (3, 2)
    """
    std = check_number(std, "std", low=0)

    def initializer(
        n_out: int, n_in: int, *, rng: np.random.Generator, dtype: DTypeLike = np.float64
    ) -> Array:
        return _normal(n_out, n_in, std, rng, dtype)

    return initializer


def zeros(
    n_out: int, n_in: int, *, rng: np.random.Generator, dtype: DTypeLike = np.float64
) -> Array:
    """Return zero weights: the start from which a hidden layer never leaves its symmetry.

    >>> zeros(1, 2, rng=np.random.default_rng(0))
    array([[0., 0.]])
    """
    _check(n_out, n_in, rng)
    return np.zeros((n_out, n_in), dtype)
