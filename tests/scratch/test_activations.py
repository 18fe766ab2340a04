"""Activations against mpmath's arithmetic of 60 digits, and against PyTorch."""

import mpmath
import numpy as np
import pytest

from mlpbook.scratch import activations as act

mpmath.mp.dps = 60
phi = mpmath.ncdf

EXACT = {
    "identity": lambda x: x,
    "relu": lambda x: max(x, mpmath.mpf(0)),
    "leaky_relu": lambda x: x if x > 0 else mpmath.mpf(0.01) * x,
    "elu": lambda x: x if x > 0 else mpmath.expm1(x),
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "tanh": mpmath.tanh,
    "softplus": lambda x: mpmath.log1p(mpmath.exp(x)),
    "log_sigmoid": lambda x: -mpmath.log1p(mpmath.exp(-x)),
    "silu": lambda x: x / (1 + mpmath.exp(-x)),
    "gelu": lambda x: x * phi(x),
}
NAMES = list(EXACT)
WITH_DERIVATIVE = [name for name in NAMES if name != "log_sigmoid"]
FUNCTIONS = [*NAMES, *(f"{name}_prime" for name in WITH_DERIVATIVE)]
POINTS = np.array([-800.0, -30.0, -5.0, -1.0, -1e-8, 1e-8, 0.3, 1.0, 5.0, 18.5, 40.0, 800.0])
KINK = {"relu", "leaky_relu", "elu"}


def exact(name, x):
    """The function at the very number that the float holds."""
    return EXACT[name](mpmath.mpf(float(x)))


def exact_prime(name, x):
    return mpmath.diff(EXACT[name], mpmath.mpf(float(x)), h=mpmath.mpf(10) ** -25)


@pytest.mark.parametrize("name", NAMES)
def test_functions_are_accurate_from_minus_800_to_800(name):
    expected = np.array([float(exact(name, x)) for x in POINTS])
    # a tail like exp(-x*x/2) turns the rounding of its argument into x*x = 900 roundings
    assert getattr(act, name)(POINTS) == pytest.approx(expected, rel=1e-12, abs=1e-300)


@pytest.mark.parametrize("name", WITH_DERIVATIVE)
def test_derivatives_are_accurate_from_minus_800_to_800(name):
    expected = np.array([float(exact_prime(name, x)) for x in POINTS])
    assert getattr(act, f"{name}_prime")(POINTS) == pytest.approx(expected, rel=1e-12, abs=1e-22)


def test_at_a_kink_the_slope_is_the_left_one():
    zero = np.zeros(1)
    assert act.relu_prime(zero) == 0
    assert act.leaky_relu_prime(zero, 0.3) == 0.3
    assert act.elu_prime(zero, 2.0) == 2.0
    assert act.elu_prime(np.array([0.5]), 2.0) == 1.0


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_values_stay_finite_and_keep_their_dtype_at_any_input(name, dtype):
    x = np.array([[0.0, 1e-8, -1e-8, 89.0], [-89.0, 1e4, -1e4, 1e30]], dtype=dtype)
    y = getattr(act, name)(x)
    assert y.dtype == dtype
    assert y.shape == x.shape
    assert np.isfinite(y).all()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_integers_become_float64_and_inputs_stay_unchanged(name):
    x = np.array([-2, 0, 3])
    x.flags.writeable = False
    y = getattr(act, name)(x)
    assert y.dtype == np.float64
    assert y == pytest.approx(getattr(act, name)(x.astype(float)))


@pytest.mark.parametrize("name", sorted(KINK - {"elu"}))
def test_the_kink_takes_the_left_slope_as_pytorch_does(name):
    torch = pytest.importorskip("torch")
    x = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    getattr(torch.nn.functional, name)(x).sum().backward()
    assert getattr(act, f"{name}_prime")(np.zeros(1))[0] == x.grad.item()


def test_leaky_relu_and_elu_take_their_parameters():
    x = np.array([-1.0, 2.0])
    assert act.leaky_relu(x, 0.25).tolist() == [-0.25, 2.0]
    assert act.leaky_relu_prime(x, 0.25).tolist() == [0.25, 1.0]
    assert act.elu(x, 2.0) == pytest.approx([2 * (np.exp(-1) - 1), 2.0])
    assert act.elu_prime(x, 2.0) == pytest.approx([2 * np.exp(-1), 1.0])
