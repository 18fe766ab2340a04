r"""Signals at initialization: how large they are, layer by layer, before any training.

Weights of variance :math:`c / n_{in}` multiply the power of a signal, its mean square, by c; the
activation takes a part of it away. `profile` measures what is left in each layer, forward and
backward, and of the gradients of the weights; `gain` computes the c that an activation needs.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from mlpbook.scratch.activations import Elementwise
from mlpbook.scratch.layers import Linear
from mlpbook.scratch.network import Sequential
from mlpbook.shared import Array
from mlpbook.shared.initializers import Initializer, normal
from mlpbook.shared.validation import check_number, check_rng

__all__ = [
    "DEFAULT_DEPTHS",
    "DEPTHS",
    "EXPONENTS",
    "FACTORS",
    "WIDTHS",
    "WIDTH_RULES",
    "Profile",
    "draw_biases",
    "gain",
    "gaussian_mean",
    "profile",
    "relu_correlation",
    "scaled_normal",
]


DEPTHS = (2, 4, 8, 15, 30, 60)
"""Numbers of hidden layers on the map of trainable depths."""
FACTORS = (1 / 3, 0.5, 0.7, 1.0, 1.4, 1.7, 2.0, 2.4, 2.8, 4.0)
"""Variances of the initial weights on that map, times the number of inputs."""
DEFAULT_DEPTHS = (4, 8, 30)
"""Numbers of hidden layers that are trained from PyTorch's default start."""
WIDTH_RULES = ("one rate", "rates by width")
"""How Adam's learning rates depend on the width, in the experiment on width."""
WIDTHS = (64, 256, 1024)
"""Widths of both hidden layers in that experiment."""
EXPONENTS = tuple(range(-12, -4))
"""Binary logarithms of the learning rates in that experiment."""


class Profile(NamedTuple):
    """Mean squares over samples and units, by linear layer 1, ..., L.

    Attributes
    ----------
    forward : array (L,)
        Of the pre-activations Z_l.
    backward : array (L,)
        Of their adjoints.
    weights : array (L,)
        Of the gradients of the weights (over all entries of W_l).

    Examples
    --------
    >>> model = Sequential([Linear(2, 3, rng=np.random.default_rng(0))])
    >>> model.set_parameters([np.full((3, 2), 2.0), np.zeros(3)])
    >>> profile(model, np.ones((1, 2)), np.ones((1, 3)))
    Profile(forward=array([16.]), backward=array([1.]), weights=array([1.]))
    """

    forward: Array
    backward: Array
    weights: Array


def profile(model: Sequential, X: Array, dY: Array) -> Profile:
    """Send X forward and an adjoint dY backward; measure both."""
    forward, backward, weights = [], [], []
    for layer in model.layers:
        X = layer.forward(X)
        if isinstance(layer, Linear):
            forward.append(np.mean(X**2))
    for layer in reversed(model.layers):
        dX = layer.backward(dY)
        if isinstance(layer, Linear):
            backward.append(np.mean(dY**2))
            weights.append(np.mean(layer.dW**2))
        dY = dX
    return Profile(
        np.array(forward),
        np.array(backward[::-1]),
        np.array(weights[::-1]),
    )


def scaled_normal(factor: float) -> Initializer:
    r"""Return an initializer: normal weights of variance factor / n_in.

    The factor 2 is He's; 1 is Glorot's, where widths are equal.

    >>> W = scaled_normal(2)(500, 400, rng=np.random.default_rng(0))
    >>> bool(abs(W.var() * 400 - 2) < 0.02)
    True
    """
    factor = check_number(factor, "factor", low=0)

    def initializer(
        n_out: int, n_in: int, *, rng: np.random.Generator, dtype: DTypeLike = np.float64
    ) -> Array:
        return normal((factor / max(n_in, 1)) ** 0.5)(n_out, n_in, rng=rng, dtype=dtype)

    return initializer


def draw_biases(model: Sequential, *, rng: np.random.Generator) -> None:
    r"""Draw all biases from :math:`\pm 1/\sqrt{n_{in}}`, as ``nn.Linear`` does, in place.

    >>> model = Sequential([Linear(4, 3, rng=np.random.default_rng(0))])
    >>> draw_biases(model, rng=np.random.default_rng(1))
    >>> bool(0 < abs(model.layers[0].b).max() <= 0.5)
    True
    """
    check_rng(rng)
    for layer in model.layers:
        if isinstance(layer, Linear):
            layer.b[...] = rng.uniform(-1, 1, layer.b.shape) / np.sqrt(layer.n_in)


def gaussian_mean(function: Elementwise) -> float:
    r"""Return :math:`\mathbb E f(\xi)` for a standard normal :math:`\xi`, by quadrature.

    Gauss-Legendre on either side of 0, 64 nodes each, up to 12 standard deviations: the usual
    Gauss-Hermite rule would lose its accuracy to a kink or a jump at 0.

    Parameters
    ----------
    function : callable
        Maps an array to an array, smooth except at 0, with less than exponential growth.

    Examples
    --------
    >>> round(gaussian_mean(lambda x: x**4), 12), round(gaussian_mean(abs) ** 2 * np.pi, 12)
    (3.0, 2.0)
    """
    nodes, weights = np.polynomial.legendre.leggauss(64)
    x, w = 6 * (nodes + 1), 6 * weights  # from (-1, 1) to (0, 12)
    density = np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)
    return float(np.sum(w * density * (function(x) + function(-x))))


def gain(function: Elementwise) -> float:
    r"""Return :math:`1/\sqrt{\mathbb E\,\varphi(\xi)^2}` (eq-initialization-gain).

    With normal weights of variance gain squared over n_in and no biases, pre-activations of
    variance 1 are followed by pre-activations of variance 1.

    >>> from mlpbook.scratch.activations import relu
    >>> round(gain(relu) ** 2, 12)
    2.0
    """
    return 1 / math.sqrt(gaussian_mean(lambda x: function(x) ** 2))


def relu_correlation(rho: ArrayLike) -> Array:
    r"""Return the correlation after a ReLU layer of two inputs with correlation rho.

    Of the next pre-activations, over normal weights without biases (eq-initialization-angle);
    the arc-cosine kernel of Cho & Saul (2009).

    >>> relu_correlation([-1, 1])
    array([0., 1.])
    """
    r: Array = np.clip(rho, -1, 1)
    return np.asarray((np.sqrt(1 - r**2) + r * (np.pi - np.arccos(r))) / np.pi)
