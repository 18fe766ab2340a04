"""The checker itself: exact on polynomials, and loud about every planted bug."""

import numpy as np
import pytest

from mlpbook.checks.gradient_check import (
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
    with pytest.raises(TypeError, match=r"^theta must be a float64 array, got list\. Build"):
        numerical_gradient(lambda: 0.0, [0.0])
    with pytest.raises(ValueError, match="^step must be .* greater than 0, got 0"):
        numerical_gradient(lambda: 0.0, np.zeros(2), step=0)


def test_the_width_of_a_difference_grows_with_entries_above_one():
    theta, seen = np.array([0.5, -200.0]), []
    numerical_gradient(lambda: float(seen.append(theta.copy()) is None), theta, step=0.25)
    assert np.array_equal(seen, [[0.75, -200], [0.25, -200], [0.5, -150], [0.5, -250]])


class Straight:
    """The function slope · theta, of any input, with another gradient by hand."""

    def __init__(self, slope, by_hand):
        self.slope, self.by_hand = np.array(slope), np.array(by_hand)
        self.theta = np.zeros_like(self.slope)

    def __call__(self, X, y=None):
        return float(self.slope @ self.theta) if y is None else X

    def backward(self, dY=None):
        return dY

    def named_parameters(self):
        return {"theta": self.theta}

    def gradients(self):
        return [self.by_hand]


def deviation(slope, by_hand, **options):
    model = Straight(slope, by_hand)
    return check_gradients(model, hand_on(), np.zeros(1), np.zeros(1), **options).worst


def hand_on():
    return Straight([0.0], [0.0])  # hands the model's value on


def test_a_small_entry_is_judged_by_a_thousandth_of_the_largest():
    # off by 1e-7 at 0.5, beside 1000: relative to 1000/1000 = 1, not to 0.5
    assert deviation([1000.0, 0.5], [1000.0, 0.5 + 1e-7]) == pytest.approx(1e-7, rel=1e-3)
    # without a larger neighbour: relative to itself
    assert deviation([0.5], [0.5 + 1e-7]) == pytest.approx(2e-7, rel=1e-3)


def test_a_tiny_gradient_is_judged_like_any_other():
    with pytest.raises(GradientMismatch, match="relative deviation 0.5"):
        deviation([1e-8], [2e-8])


def test_no_deviation_agrees_to_the_tolerance_zero():
    assert deviation([0.0, 0.0], [0.0, 0.0], tolerance=0.0) == 0


def test_a_gradient_for_every_parameter_is_needed():
    model = Straight([1.0], [1.0])
    model.gradients = lambda: []
    with pytest.raises(ValueError, match="shorter"):
        check_gradients(model, hand_on(), np.zeros(1), np.zeros(1))


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
    words = (
        r"^f must return one number, got shape \(2,\)\. Only a number has a gradient; use "
        r"complex_step_jacobian, or add up the entries\.$"
    )
    with pytest.raises(ValueError, match=words):
        complex_step_gradient(lambda t: t**2, np.array([1.0, -2.0]))
    with pytest.raises(TypeError, match="x must be a real floating-point array, got int64"):
        complex_step_gradient(lambda t: t**2, np.array([1, 2]))
    with pytest.raises(TypeError, match="x must be a real floating-point array, got complex128"):
        complex_step_gradient(lambda t: t**2, np.array([1j]))
    with pytest.raises(TypeError, match="x must be a real floating-point array, got list. Convert"):
        complex_step_gradient(lambda t: t**2, [1.0])
    with pytest.raises(ValueError, match="^x must not be empty"):
        complex_step_jacobian(lambda t: t**2, np.zeros((0, 3)))


def test_a_complex_step_takes_float32_and_answers_in_double_precision():
    gradient = complex_step_gradient(lambda t: (t**3).sum(), np.array([2.0], np.float32))
    assert gradient.dtype == np.float64
    assert gradient == pytest.approx([12.0], rel=1e-15)


def test_the_step_of_a_complex_step_is_the_one_asked_for():
    seen = []
    for differentiate in (complex_step_gradient, complex_step_jacobian):
        differentiate(lambda t: seen.append(t.copy()) or t.sum(), np.array([3.0]), step=1e-7)
        with pytest.raises(ValueError, match="^step must be .* greater than 0, got 0"):
            differentiate(lambda t: t.sum(), np.array([3.0]), step=0)
    assert np.array_equal(seen, [[3 + 1e-7j], [3 + 1e-7j]])
