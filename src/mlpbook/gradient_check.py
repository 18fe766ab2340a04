r"""Gradient checking: the derivative by hand against the derivative by definition.

Central differences, :math:`(f(\theta + h e_k) - f(\theta - h e_k)) / 2h`, have a truncation error
of order :math:`h^2` and a rounding error of order :math:`\epsilon / h`; the sum is smallest near
:math:`h = \epsilon^{1/3}`, about 6e-6 in float64. At a kink, such as ReLU's at 0, both sides see
another function and the check means nothing: keep pre-activations away from it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mlpbook.validation import check_number

__all__ = ["GradientMismatch", "GradientReport", "check_gradients", "numerical_gradient"]

Array = NDArray[Any]
CUBE_ROOT_EPS = float(np.finfo(np.float64).eps) ** (1 / 3)


class Model(Protocol):
    """Anything with a forward and a backward pass, and parameters to differentiate by."""

    def __call__(self, X: Array) -> Array:
        """Return the outputs for a batch."""

    def backward(self, dY: Array) -> Array:
        """Set the gradients from the output's adjoint; return the input's."""

    def named_parameters(self) -> dict[str, Array]:
        """Return the parameter arrays by name."""

    def gradients(self) -> list[Array]:
        """Return their adjoints, in the same order."""


class Loss(Protocol):
    """A loss and its adjoint."""

    def __call__(self, prediction: Array, target: Array) -> float:
        """Return the loss."""

    def backward(self) -> Array:
        """Return the adjoint of the prediction."""


class GradientMismatch(AssertionError):
    """A gradient differs from its finite difference: names parameter, entry and both values."""


@dataclass(frozen=True)
class GradientReport:
    """The largest relative deviation found in each parameter, by name."""

    deviations: dict[str, float]

    @property
    def worst(self) -> float:
        """The largest of all deviations."""
        return max(self.deviations.values())


def numerical_gradient(
    f: Callable[[], float], theta: Array, *, step: float = CUBE_ROOT_EPS
) -> Array:
    """Return the gradient of a function by central differences.

    Parameters
    ----------
    f : callable
        Takes nothing, returns a float that depends on `theta`'s current content.
    theta : float64 array of any shape
        Each entry is moved in place and put back.
    step : float
        Times ``max(1, |entry|)``.

    Returns
    -------
    array of theta's shape

    Raises
    ------
    TypeError
        If theta is not a float64 array (float32 leaves three digits of a difference).

    Examples
    --------
    >>> theta = np.array([1.0, -2.0])
    >>> numerical_gradient(lambda: float((theta**2).sum()), theta).round(6)
    array([ 2., -4.])
    """
    if not (isinstance(theta, np.ndarray) and theta.dtype == np.float64):
        raise TypeError(
            f"theta must be a float64 array, got {getattr(theta, 'dtype', type(theta).__name__)}. "
            "Build the model with dtype=np.float64."
        )
    check_number(step, "step", low=0, low_open=True)
    gradient = np.empty_like(theta)
    for index in np.ndindex(theta.shape):
        value = theta[index]
        h = step * max(1.0, abs(float(value)))
        theta[index] = value + h
        above, width = f(), theta[index]
        theta[index] = value - h
        below, width = f(), width - theta[index]  # the width that floating point really moved
        theta[index] = value
        gradient[index] = (above - below) / width
    return gradient


def check_gradients(
    model: Model, loss_fn: Loss, X: Array, y: Array, *, tolerance: float = 1e-6
) -> GradientReport:
    """Compare every entry of every gradient with central differences.

    Parameters
    ----------
    model, loss_fn
        With parameters in float64; left as they were.
    X, y : arrays
        A small batch.
    tolerance : float
        Largest deviation allowed, relative to the larger of the two values, absolute below 1e-3
        of the largest entry of the same gradient (where rounding rules).

    Returns
    -------
    GradientReport

    Raises
    ------
    GradientMismatch
        At the entry that deviates most: names parameter, index and both values.

    Examples
    --------
    >>> from mlpbook.scratch.losses import MSELoss
    >>> from mlpbook.scratch.network import MLP
    >>> rng = np.random.default_rng(0)
    >>> model = MLP([3, 4, 2], rng=rng)
    >>> X, y = rng.standard_normal((5, 3)), rng.standard_normal((5, 2))
    >>> check_gradients(model, MSELoss(), X, y).worst < 1e-6
    True
    """
    loss_fn(model(X), y)
    model.backward(loss_fn.backward())
    by_hand = [g.copy() for g in model.gradients()]
    deviations = {}
    for (name, theta), gradient in zip(model.named_parameters().items(), by_hand, strict=True):
        numerical = numerical_gradient(lambda: loss_fn(model(X), y), theta)
        scale = np.maximum(np.abs(gradient), np.abs(numerical))
        scale = np.maximum(scale, max(1e-3 * float(scale.max()), 1e-12))
        deviation = np.abs(gradient - numerical) / scale
        deviations[name] = float(deviation.max())
        if not deviations[name] <= tolerance:
            index = tuple(int(i) for i in np.unravel_index(deviation.argmax(), deviation.shape))
            raise GradientMismatch(
                f"the gradient of {name} must agree with finite differences to {tolerance:g}, but "
                f"{name}{list(index)} is {gradient[index]:.10g} by hand and "
                f"{numerical[index]:.10g} numerically (relative deviation "
                f"{deviations[name]:.2g}). Look at the backward pass of that layer."
            )
    return GradientReport(deviations)
