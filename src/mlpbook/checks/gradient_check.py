r"""Gradient checking: the derivative by hand against the derivative by definition.

Central differences, :math:`(f(\theta + h e_k) - f(\theta - h e_k)) / 2h`, have a truncation error
of order :math:`h^2` and a rounding error of order :math:`\epsilon / h`; the sum is smallest near
:math:`h = \epsilon^{1/3}`, about 6e-6 in float64. At a kink, such as ReLU's at 0, both sides see
another function and the check means nothing: keep pre-activations away from it.

Where a function can be evaluated at complex numbers there is no difference and so no rounding
error of that kind: :math:`\operatorname{Im} f(\theta + i h e_k) / h` is right to the last digits.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from mlpbook.shared import Array
from mlpbook.shared.validation import check_array, check_number

__all__ = [
    "GradientMismatch",
    "GradientReport",
    "check_gradients",
    "complex_step_gradient",
    "complex_step_jacobian",
    "numerical_gradient",
]

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


def complex_step_jacobian(f: Callable[[Array], Any], x: Array, *, step: float = 1e-30) -> Array:
    r"""Return all partial derivatives of an array by an array, by complex steps.

    Since :math:`f(x + ih) = f(x) + ih f'(x) - O(h^2)`, the imaginary part over h is the
    derivative, and with a tiny h exactly so: nothing is subtracted, so nothing cancels.

    It applies where f is analytic and its code lets complex numbers through: sums, products,
    powers, ``exp``, ``log``, ``tanh``, ``@``, ``.T``. It does not where the code takes an absolute
    value (``abs``, ``np.linalg.norm``), conjugates (``np.vdot``, ``.conj()``), casts to float, or
    lets a comparison depend on x. A ReLU written ``np.where(z.real > 0, z, 0)`` is safe off its
    kink; ``np.maximum`` happens to be, because NumPy orders complex numbers by their real parts.

    Parameters
    ----------
    f : callable
        Maps an array of x's shape to an array or a number.
    x : real array of any shape
        Left as it is.
    step : float
        h; any number so small that its square vanishes beside 1.

    Returns
    -------
    array of shape ``f(x).shape + x.shape``
        Entry ``[i, j]`` is the derivative of ``f(x)[i]`` by ``x[j]`` (numerator layout), where i
        and j may be several indices each.

    Raises
    ------
    TypeError
        If x is not a floating-point array, or f drops the imaginary part.
    ValueError
        If x is empty, or holds NaN or infinity.

    Sources
    -------
    Squire and Trapp 1998, doi:10.1137/S003614459631241X; Martins, Sturdza and Alonso 2003,
    doi:10.1145/838250.838251.

    Examples
    --------
    >>> complex_step_jacobian(lambda x: x**2, np.array([1.0, 2.0, 3.0]))
    array([[2., 0., 0.],
           [0., 4., 0.],
           [0., 0., 6.]])
    """
    if not (isinstance(x, np.ndarray) and np.issubdtype(x.dtype, np.floating)):
        raise TypeError(
            f"x must be a real floating-point array, got "
            f"{getattr(x, 'dtype', type(x).__name__)}. Convert it to float64."
        )
    check_array(x, "x")
    check_number(step, "step", low=0, low_open=True)
    moved = x.astype(np.complex128)
    columns = []
    for index in np.ndindex(x.shape):
        moved[index] += 1j * step
        value = np.array(f(moved))  # a copy: f may return a view of its argument
        moved[index] = x[index]
        if not np.iscomplexobj(value):
            raise TypeError(
                f"f must return complex numbers for a complex argument, got {value.dtype}. Look "
                "for an absolute value, a comparison, or a cast to float in it."
            )
        columns.append(value.imag / step)
    return np.stack(columns, axis=-1).reshape(columns[0].shape + x.shape)


def complex_step_gradient(f: Callable[[Array], Any], theta: Array, *, step: float = 1e-30) -> Array:
    """Return the gradient of a real-valued function by complex steps, in theta's shape.

    Where it applies, and where not, is said at `complex_step_jacobian`. Unlike for
    `numerical_gradient`, f takes the array as its argument, since the moved one is complex.

    Parameters
    ----------
    f : callable
        Maps an array of theta's shape to one number.
    theta : real array of any shape
        Left as it is.
    step : float
        See `complex_step_jacobian`.

    Returns
    -------
    array of theta's shape

    Raises
    ------
    TypeError
        As `complex_step_jacobian`.
    ValueError
        If f returns more than one number.

    Examples
    --------
    >>> complex_step_gradient(lambda theta: (theta**3).sum(), np.array([[1.0, -2.0]]))
    array([[ 3., 12.]])
    """
    gradient = complex_step_jacobian(f, theta, step=step)
    if gradient.shape != theta.shape:
        got = gradient.shape[: gradient.ndim - theta.ndim]
        raise ValueError(
            f"f must return one number, got shape {got}. Only a "
            "number has a gradient; use complex_step_jacobian, or add up the entries."
        )
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
                f"{name}{list(index)} is {gradient[index]:.8g} by hand and "
                f"{numerical[index]:.8g} numerically (relative deviation "
                f"{deviations[name]:.2g}). Look at the backward pass of that layer."
            )
    return GradientReport(deviations)
