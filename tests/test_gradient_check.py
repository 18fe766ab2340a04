"""The checker itself: exact on polynomials, and loud about every planted bug."""

import numpy as np
import pytest

from mlpbook.gradient_check import (
    GradientMismatch,
    check_gradients,
    complex_step_gradient,
    complex_step_jacobian,
    numerical_gradient,
)
from mlpbook.scratch.layers import Linear, Tanh
from mlpbook.scratch.losses import CrossEntropyLoss, MSELoss
from mlpbook.scratch.network import MLP


def test_central_differences_are_exact_for_a_quadratic_up_to_rounding(rng):
    A, theta = rng.standard_normal((3, 3)), rng.standard_normal(3)
    gradient = numerical_gradient(lambda: float(theta @ A @ theta), theta)
    assert gradient == pytest.approx((A + A.T) @ theta, rel=1e-9)


def test_theta_is_put_back_to_the_bit(rng):
    theta = rng.standard_normal((3, 2))
    before = theta.copy()
    numerical_gradient(lambda: float((theta**3).sum()), theta)
    assert np.array_equal(theta, before)


def test_float32_is_refused_with_the_cure():
    with pytest.raises(TypeError, match=r"float64 array, got float32. Build .* dtype=np.float64"):
        numerical_gradient(lambda: 0.0, np.zeros(2, np.float32))
    with pytest.raises(ValueError, match="step"):
        numerical_gradient(lambda: 0.0, np.zeros(2), step=0)


class NoMean(MSELoss):
    def backward(self):
        return super().backward() * self._residual.size


class Transposed(Linear):
    def backward(self, dZ):
        super().backward(dZ)
        return dZ @ self.W.T  # runs only for square weights


class BiasForgotten(Linear):
    def backward(self, dZ):
        dX = super().backward(dZ)
        self.db[...] = 0
        return dX


class WrongTanh(Tanh):
    def backward(self, dZ):
        return dZ * (1 - self._A)  # the square forgotten


@pytest.mark.parametrize(
    ("plant", "parameter"),
    [
        (lambda model: None, None),
        (lambda model: setattr(model.layers[2], "__class__", Transposed), "W1"),
        (lambda model: setattr(model.layers[0], "__class__", BiasForgotten), "b1"),
        (lambda model: setattr(model.layers[1], "__class__", WrongTanh), "W1"),
    ],
)
def test_a_planted_bug_is_found_in_the_parameter_that_shows_it(plant, parameter, rng):
    model = MLP([3, 4, 4], Tanh, rng=rng)
    plant(model)
    X, y = rng.standard_normal((5, 3)), rng.integers(4, size=5)
    if parameter is None:
        report = check_gradients(model, CrossEntropyLoss(), X, y)
        assert 0 < report.worst < 1e-6
        assert list(report.deviations) == ["W1", "b1", "W2", "b2"]
        return
    with pytest.raises(GradientMismatch, match=rf"{parameter}\[\d.* by hand .* numerically"):
        check_gradients(model, CrossEntropyLoss(), X, y)


def test_a_wrong_factor_in_the_loss_is_found(rng):
    model = MLP([3, 4, 2], Tanh, rng=rng)
    X, y = rng.standard_normal((5, 3)), rng.standard_normal((5, 2))
    with pytest.raises(GradientMismatch, match="relative deviation 0.9"):
        check_gradients(model, NoMean(), X, y)  # ten times too large: deviation 9/10


def test_the_model_is_left_as_it_was(rng):
    model = MLP([3, 4, 2], Tanh, rng=rng)
    before = [p.copy() for p in model.parameters()]
    check_gradients(model, MSELoss(), rng.standard_normal((5, 3)), rng.standard_normal((5, 2)))
    for p, q in zip(model.parameters(), before, strict=True):
        assert np.array_equal(p, q)


def test_complex_steps_are_exact_where_differences_lose_half_of_the_digits():
    # Squire and Trapp's example: e^x / (sin^3 x + cos^3 x); derivative by the quotient rule.
    x = np.array(1.5)
    s, c = np.sin(x), np.cos(x)
    exact = np.exp(x) * (s**3 + c**3 - 3 * s**2 * c + 3 * c**2 * s) / (s**3 + c**3) ** 2

    def f(v):
        return np.exp(v) / (np.sin(v) ** 3 + np.cos(v) ** 3)

    assert complex_step_gradient(f, x) == pytest.approx(exact, rel=1e-15)
    best = min(abs((f(x + h) - f(x - h)) / (2 * h) / exact - 1) for h in 10.0 ** -np.arange(1, 16))
    assert best > 1e-13


@pytest.mark.parametrize("step", [1e-20, 1e-100, 1e-300])
def test_the_step_width_of_a_complex_step_does_not_matter(rng, step):
    theta = rng.standard_normal((2, 3))
    gradient = complex_step_gradient(lambda t: np.exp(np.tanh(t)).sum(), theta, step=step)
    exact = np.exp(np.tanh(theta)) * (1 - np.tanh(theta) ** 2)
    assert gradient == pytest.approx(exact, rel=1e-14)


def test_a_complex_step_jacobian_has_the_outputs_indices_first(rng):
    A, x = rng.standard_normal((4, 3)), rng.standard_normal(3)
    assert complex_step_jacobian(lambda v: A @ v, x) == pytest.approx(A, rel=1e-15)
    X = rng.standard_normal((2, 3))
    J = complex_step_jacobian(lambda v: v.T, X)
    assert J.shape == (3, 2, 2, 3)
    assert np.array_equal(J, np.einsum("ip,jq->jipq", np.eye(2), np.eye(3)))


def test_complex_steps_leave_theta_alone(rng):
    theta = rng.standard_normal(4)
    before = theta.copy()
    complex_step_gradient(lambda t: (t**2).sum(), theta)
    assert np.array_equal(theta, before)
    assert theta.dtype == np.float64


def test_complex_steps_agree_with_the_backward_pass_of_a_relu_network(rng):
    layer, W = Linear(3, 4, rng=rng), rng.standard_normal((2, 4))
    X, dY = rng.standard_normal((5, 3)), rng.standard_normal((5, 2))
    Z = layer.forward(X)
    layer.backward((dY @ W) * (Z > 0))
    gradient = complex_step_gradient(lambda V: (np.maximum(X @ V.T, 0) @ W.T * dY).sum(), layer.W)
    assert gradient == pytest.approx(layer.dW, rel=1e-13)


@pytest.mark.parametrize("f", [lambda t: np.abs(t).sum(), np.linalg.norm, lambda t: t.real.sum()])
def test_a_function_that_drops_the_imaginary_part_is_refused(f):
    with pytest.raises(TypeError, match="f must return complex numbers .* got float64. Look for"):
        complex_step_gradient(f, np.array([1.0, -2.0]))


def test_only_a_number_has_a_gradient():
    with pytest.raises(ValueError, match=r"f must return one number, got shape \(2,\)"):
        complex_step_gradient(lambda t: t**2, np.array([1.0, -2.0]))
    with pytest.raises(TypeError, match="x must be a real floating-point array, got int64"):
        complex_step_gradient(lambda t: t**2, np.array([1, 2]))
