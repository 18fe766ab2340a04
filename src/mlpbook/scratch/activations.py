r"""Activation functions and their derivatives, as plain functions of an array.

Every function works elementwise on an array of any shape, keeps a floating dtype, and stays finite
and accurate at any finite input: no overflow, no cancellation, no warning. Each function is
followed by its derivative, whose name ends in ``_prime``; both take the pre-activation.

The one trick, used throughout: never exponentiate a positive number. With :math:`t = e^{-|x|}`,
which lies in :math:`(0, 1]`, each formula becomes a ratio of harmless quantities.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "elu",
    "elu_prime",
    "gelu",
    "gelu_prime",
    "identity",
    "identity_prime",
    "leaky_relu",
    "leaky_relu_prime",
    "log_sigmoid",
    "relu",
    "relu_prime",
    "sigmoid",
    "sigmoid_prime",
    "silu",
    "silu_prime",
    "softplus",
    "softplus_prime",
    "tanh",
    "tanh_prime",
]

Array = NDArray[np.floating[Any]]
Elementwise = Callable[[Array], Array]


def _floating(x: Array) -> Array:
    """Return `x` as a floating array: float32 stays, integers and bools become float64."""
    x = np.asarray(x)
    return x if np.issubdtype(x.dtype, np.floating) else x.astype(np.float64)


def identity(x: Array) -> Array:
    """Return ``x``: the activation of a linear layer.

    >>> identity(np.array([-1.0, 2.0]))
    array([-1.,  2.])
    """
    return _floating(x)


def identity_prime(x: Array) -> Array:
    """Return 1 everywhere, in the shape of ``x``.

    >>> identity_prime(np.array([-1.0, 2.0]))
    array([1., 1.])
    """
    return np.ones_like(_floating(x))


def relu(x: Array) -> Array:
    """Rectified linear unit, ``max(x, 0)`` (eq-activations-relu).

    Parameters
    ----------
    x : array of any shape
        Pre-activations.

    Returns
    -------
    array, same shape and floating dtype
        ``x`` where it is positive, else 0.

    Examples
    --------
    >>> relu(np.array([-2.0, 0.0, 3.0]))
    array([0., 0., 3.])
    """
    return np.maximum(_floating(x), 0)


def relu_prime(x: Array) -> Array:
    """Derivative of ReLU, with the choice ``relu'(0) = 0`` that PyTorch makes too.

    >>> relu_prime(np.array([-2.0, 0.0, 3.0]))
    array([0., 0., 1.])
    """
    x = _floating(x)
    return (x > 0).astype(x.dtype)


def leaky_relu(x: Array, slope: float = 0.01) -> Array:
    """Leaky ReLU, ``x`` for positive and ``slope * x`` for other inputs (Maas et al. 2013).

    >>> leaky_relu(np.array([-2.0, 3.0]))
    array([-0.02,  3.  ])
    """
    x = _floating(x)
    return np.where(x > 0, x, x.dtype.type(slope) * x)


def leaky_relu_prime(x: Array, slope: float = 0.01) -> Array:
    """Derivative of leaky ReLU; at 0 it is ``slope``, as in PyTorch.

    >>> leaky_relu_prime(np.array([-2.0, 0.0, 3.0]))
    array([0.01, 0.01, 1.  ])
    """
    x = _floating(x)
    return np.where(x > 0, x.dtype.type(1), x.dtype.type(slope))


def elu(x: Array, alpha: float = 1.0) -> Array:
    """Exponential linear unit, ``alpha * (exp(x) - 1)`` below 0 (Clevert et al. 2016).

    ``expm1`` keeps full accuracy near 0; it only ever sees ``min(x, 0)``.

    >>> elu(np.array([-1e9, 0.0, 2.0]))
    array([-1.,  0.,  2.])
    """
    x = _floating(x)
    return np.where(x > 0, x, x.dtype.type(alpha) * np.expm1(np.minimum(x, 0)))


def elu_prime(x: Array, alpha: float = 1.0) -> Array:
    """Derivative of ELU: 1 for positive inputs, ``alpha * exp(x)`` otherwise.

    >>> elu_prime(np.array([0.0, 2.0]))
    array([1., 1.])
    """
    x = _floating(x)
    return np.where(x > 0, x.dtype.type(1), x.dtype.type(alpha) * np.exp(np.minimum(x, 0)))


def sigmoid(x: Array) -> Array:
    r"""Logistic function :math:`\sigma(x) = 1 / (1 + e^{-x})`.

    Computed as ``1 / (1 + t)`` for ``x >= 0`` and ``t / (1 + t)`` below, with ``t = exp(-|x|)``.

    >>> sigmoid(np.array([-1000.0, 0.0, 1000.0]))
    array([0. , 0.5, 1. ])
    """
    x = _floating(x)
    t: Array = np.exp(-np.abs(x))
    numerator: Array = np.where(x >= 0, 1, t)
    return numerator / (1 + t)


def sigmoid_prime(x: Array) -> Array:
    r"""Derivative of the logistic function, :math:`\sigma(x)\,\sigma(-x) = t / (1 + t)^2`.

    The textbook form :math:`\sigma(1-\sigma)` loses everything once :math:`\sigma` rounds to 1;
    this one does not.

    >>> sigmoid_prime(np.array([0.0]))
    array([0.25])
    >>> bool(sigmoid_prime(np.array([40.0]))[0] > 0)
    True
    """
    t: Array = np.exp(-np.abs(_floating(x)))
    return t / np.square(1 + t)


def tanh(x: Array) -> Array:
    """Hyperbolic tangent: NumPy's own is stable at any input.

    >>> tanh(np.array([-1000.0, 0.0, 1000.0]))
    array([-1.,  0.,  1.])
    """
    return np.tanh(_floating(x))


def tanh_prime(x: Array) -> Array:
    r"""Derivative of tanh, :math:`1/\cosh^2 x = 4 t / (1 + t)^2` with :math:`t = e^{-2|x|}`.

    The textbook form :math:`1 - \tanh^2 x` is 0 from x = 19.1 on in float64.

    >>> tanh_prime(np.array([0.0]))
    array([1.])
    >>> bool(tanh_prime(np.array([20.0]))[0] > 0)
    True
    """
    t: Array = np.exp(-2 * np.abs(_floating(x)))
    return 4 * t / np.square(1 + t)


def softplus(x: Array) -> Array:
    r"""Softplus, :math:`\log(1 + e^x) = \max(x, 0) + \log(1 + e^{-|x|})`: a smooth ReLU.

    >>> softplus(np.array([-1000.0, 1000.0]))
    array([   0., 1000.])
    """
    x = _floating(x)
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def softplus_prime(x: Array) -> Array:
    """Derivative of softplus: the logistic function.

    >>> softplus_prime(np.array([0.0]))
    array([0.5])
    """
    return sigmoid(x)


def log_sigmoid(x: Array) -> Array:
    r"""Logarithm of the logistic function, :math:`\log\sigma(x) = -\mathrm{softplus}(-x)`.

    >>> log_sigmoid(np.array([-710.0]))
    array([-710.])
    """
    return -softplus(-_floating(x))


def silu(x: Array) -> Array:
    r"""SiLU or swish, :math:`x\,\sigma(x)` (Elfwing et al. 2018, doi 10.1016/j.neunet.2017.12.012).

    >>> silu(np.array([-1000.0, 0.0, 1000.0])) + 0.0
    array([   0.,    0., 1000.])
    """
    x = _floating(x)
    return x * sigmoid(x)


def silu_prime(x: Array) -> Array:
    r"""Derivative of SiLU, :math:`\sigma(x) + x\,\sigma'(x)`.

    >>> silu_prime(np.array([0.0]))
    array([0.5])
    """
    x = _floating(x)
    return sigmoid(x) + x * sigmoid_prime(x)


def _normal_cdf(x: Array) -> Array:
    r"""Return the standard normal distribution function :math:`\Phi(x)`.

    ``erfc`` rather than ``1 + erf``, which would cancel for negative x.
    """
    erfc = np.frompyfunc(math.erfc, 1, 1)
    return np.asarray(0.5 * erfc(-x / math.sqrt(2)), dtype=x.dtype)


def _normal_density(x: Array) -> Array:
    """Return the standard normal density; the bound only keeps ``x * x`` from overflowing."""
    x = np.minimum(np.abs(x), 100)
    return np.exp(-x * x / 2) / x.dtype.type(math.sqrt(2 * math.pi))


def gelu(x: Array) -> Array:
    r"""Gaussian error linear unit, :math:`x\,\Phi(x)` (Hendrycks & Gimpel 2016), exact.

    NumPy has no error function, so Python's is called once per entry: accurate, but slow.

    >>> gelu(np.array([-1000.0, 0.0, 1000.0])) + 0.0
    array([   0.,    0., 1000.])
    """
    x = _floating(x)
    return x * _normal_cdf(x)


def gelu_prime(x: Array) -> Array:
    r"""Derivative of GELU, :math:`\Phi(x) + x\,\phi(x)` with the normal density :math:`\phi`.

    >>> gelu_prime(np.array([0.0]))
    array([0.5])
    """
    x = _floating(x)
    return _normal_cdf(x) + x * _normal_density(x)
