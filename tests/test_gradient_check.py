"""The checker itself: exact on polynomials, and loud about every planted bug."""

import numpy as np
import pytest

from mlpbook.gradient_check import GradientMismatch, check_gradients, numerical_gradient
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
        return dZ * (1 - self._X**2)  # the derivative at the output, fed with the input


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
