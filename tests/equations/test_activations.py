"""The equations of the chapter on activation functions, each by a second route."""

import mpmath
import numpy as np
import pytest
import torch
from scipy import integrate, stats

from mlpbook.scratch import activations as act
from mlpbook.scratch.layers import GELU, ReLU, Sigmoid, Tanh
from mlpbook.scratch.losses import CrossEntropyLoss, MSELoss
from mlpbook.scratch.network import MLP
from mlpbook.scratch.optimizers import SGD
from mlpbook.scratch.training import fit
from mlpbook.shared.initializers import normal

mpmath.mp.dps = 50

# either side of zero, small and large, but where float64 can hold every result
POINTS = np.concatenate([-np.logspace(2.5, -12, 40), [0.0], np.logspace(-12, 2.5, 40)])


def exact(f, x):
    """Values of an mpmath function at the very numbers that the floats hold."""
    return np.array([float(f(mpmath.mpf(float(v)))) for v in np.atleast_1d(x)])


def slope(f, x):
    """Derivative by a central difference in 50 digits, of step 1e-20."""
    h = mpmath.mpf(10) ** -20
    return exact(lambda v: (f(v + h) - f(v - h)) / (2 * h), x)


def logistic(v):
    return 1 / (1 + mpmath.exp(-v))


def chain_rule(expression, c):
    """Value and derivative of an expression of ReLUs at 0, by dual numbers with relu'(0) = c."""

    def relu(dual):
        value, derivative = dual
        return max(value, 0.0), derivative * (c if value == 0 else float(value > 0))

    return expression((0.0, 1.0), relu)


def times(factor, dual):
    return factor * dual[0], factor * dual[1]


def plus(left, right):
    return left[0] + right[0], left[1] + right[1]


def identity_in_disguise(x, relu):
    return plus(relu(x), times(-1, relu(times(-1, x))))


def zero_in_disguise(x, relu):
    return plus(relu(relu(x)), times(-1, relu(x)))


@pytest.mark.equation("eq-activations-diagonal", tolerance=1e-8)
@pytest.mark.parametrize("layer", [Sigmoid(), Tanh(), ReLU(), GELU()])
def test_the_backward_pass_is_the_transposed_jacobian(layer, agree, rng):
    """The layer's backward pass against a full Jacobian by central differences, transposed."""
    z, h = rng.standard_normal(6), 1e-6
    columns = [
        (layer.forward(z + h * e) - layer.forward(z - h * e)) / (2 * h) for e in np.eye(len(z))
    ]
    J = np.stack(columns, axis=1)
    assert (J[~np.eye(len(z), dtype=bool)] == 0).all()
    da = rng.standard_normal(6)
    layer.forward(z)
    agree(layer.backward(da), J.T @ da)


@pytest.mark.equation("eq-activations-softmax-jacobian", tolerance=1e-14)
def test_softmax_has_a_full_jacobian(agree, rng):
    """The formula against PyTorch's Jacobian of softmax; no entry is zero."""
    z = rng.standard_normal(5)
    J = torch.autograd.functional.jacobian(
        lambda v: torch.softmax(v, dim=0), torch.from_numpy(z)
    ).numpy()
    p = np.exp(z) / np.exp(z).sum()
    agree(p[:, None] * (np.eye(5) - p), J)
    assert (J != 0).all()


@pytest.mark.equation("eq-activations-sigmoid-prime", tolerance=1e-14)
def test_the_slope_of_sigmoid_is_a_product_of_two_sigmoids(agree):
    """Both products against a difference quotient of the logistic function in 50 digits."""
    x = np.linspace(-30, 30, 61)
    expected = slope(logistic, x)
    agree(act.sigmoid(x) * act.sigmoid(-x), expected)
    agree(act.sigmoid(x) * (1 - act.sigmoid(x)), expected)


@pytest.mark.equation("eq-activations-sigmoid-bound", tolerance=1e-15)
def test_the_slope_of_sigmoid_is_a_quarter_at_most(agree):
    """The completed square against the slope in 50 digits; positive, and at most a quarter."""
    x = np.linspace(-30, 30, 61)
    expected = slope(logistic, x)
    agree(0.25 - (act.sigmoid(x) - 0.5) ** 2, expected)
    assert (expected > 0).all()
    assert expected.max() == expected[30] == 0.25
    assert np.delete(expected, 30).max() < 0.25
    # a steeper sigmoid is a counterexample: the bound is about slope one in the exponent
    assert slope(lambda v: logistic(2 * v), [0.0])[0] == 0.5


@pytest.mark.equation("eq-activations-tanh-sigmoid", tolerance=1e-15)
def test_tanh_is_a_shifted_and_scaled_sigmoid(agree):
    """NumPy's tanh against twice the sigmoid at twice the argument, less one."""
    agree(np.tanh(POINTS), 2 * act.sigmoid(2 * POINTS) - 1)


@pytest.mark.equation("eq-activations-tanh-prime", tolerance=1e-14)
def test_the_slope_of_tanh_in_three_forms(agree):
    """All three forms against a difference quotient of tanh in 50 digits."""
    x = np.linspace(-30, 30, 61)
    expected = slope(mpmath.tanh, x)
    agree(1 - np.tanh(x) ** 2, expected)
    agree(1 / np.cosh(x) ** 2, expected)
    agree(4 * act.sigmoid_prime(2 * x), expected)
    assert expected.min() > 0
    assert expected.max() == 1


@pytest.mark.equation("eq-activations-relu", tolerance=0)
def test_relu_in_three_forms(agree, rng):
    """Maximum, product with the indicator, and half of x plus its magnitude, bit for bit."""
    x = np.concatenate([rng.standard_normal(100), [0.0, -1e300, 1e300]])
    agree(act.relu(x), x * (x > 0))
    agree(act.relu(x), (x + np.abs(x)) / 2)


@pytest.mark.equation("eq-activations-relu-prime", tolerance=1e-9)
def test_the_slope_of_relu_is_the_indicator_and_zero_at_zero(agree, rng):
    """relu_prime against central differences away from zero, and against PyTorch everywhere."""
    x = rng.standard_normal(50)
    x = x[np.abs(x) > 1e-3]
    h = 1e-6
    agree(act.relu_prime(x), (act.relu(x + h) - act.relu(x - h)) / (2 * h))
    with_zero = torch.from_numpy(np.append(x, [0.0, -0.0])).requires_grad_()
    torch.relu(with_zero).sum().backward()
    agree(act.relu_prime(np.append(x, [0.0, -0.0])), with_zero.grad.numpy())


@pytest.mark.equation("eq-activations-cancellation", tolerance=1e-12)
def test_cancellation_is_amplified_by_one_over_tanh(agree, rng):
    """The bound in exact arithmetic on random perturbations; equality for the worst signs."""
    eps = mpmath.mpf(2) ** -52
    for x in (1e-12, 1e-5, 0.3, 2.0, 30.0, -1e-3):
        v = mpmath.mpf(x)
        truth = mpmath.exp(v) - mpmath.exp(-v)

        def error(plus, minus, v=v, truth=truth):
            perturbed = mpmath.exp(v) * (1 + plus) - mpmath.exp(-v) * (1 + minus)
            return abs((perturbed - truth) / truth)

        bound = eps / abs(mpmath.tanh(v))
        for _ in range(50):
            deltas = [mpmath.mpf(d) * eps for d in rng.uniform(-1, 1, 2)]
            assert error(*deltas) <= bound
        agree(float(error(eps, -eps) / eps * abs(mpmath.tanh(v))), 1.0)


def test_the_naive_tanh_loses_as_many_digits_as_predicted():
    """Within a few roundings of the bound, and above a hundredth of it somewhere."""
    x = np.logspace(-12, -1, 200)
    naive = (np.exp(x) - np.exp(-x)) / (np.exp(x) + np.exp(-x))
    error = np.abs(naive / np.tanh(x) - 1)
    bound = 2.0**-52 / np.tanh(x)
    assert (error <= bound + 2.0**-50).all()
    assert (error / bound).max() > 0.1


@pytest.mark.equation("eq-activations-stable-sigmoid", tolerance=1e-15)
def test_the_stable_sigmoid_and_its_slope_at_any_input(agree):
    """Both branches against 50 digits, relative to the exact value, from -316 to 316."""
    value, derivative = exact(logistic, POINTS), exact(lambda v: logistic(v) * logistic(-v), POINTS)
    agree(act.sigmoid(POINTS) / value, np.ones(len(POINTS)))
    agree(act.sigmoid_prime(POINTS) / derivative, np.ones(len(POINTS)))


@pytest.mark.equation("eq-activations-stable-tanh-prime", tolerance=1e-15)
def test_the_stable_slope_of_tanh_at_any_input(agree):
    """The formula in exp(-2|x|) against 1/cosh² in 50 digits, relative to the exact value."""
    agree(
        act.tanh_prime(POINTS) / exact(lambda v: mpmath.sech(v) ** 2, POINTS), np.ones(len(POINTS))
    )
    assert 1 - np.tanh(20.0) ** 2 == 0 < act.tanh_prime(np.array([20.0]))[0]


@pytest.mark.equation("eq-activations-log-sigmoid", tolerance=1e-15)
def test_the_logarithm_of_sigmoid_is_minus_softplus(agree):
    """Softplus against the logarithm in 50 digits, relative to the exact value, -800 to 700."""
    x = np.append(POINTS, [-800.0, -710.0, 40.0, 700.0])
    expected = exact(lambda v: -mpmath.log1p(mpmath.exp(-v)), x)
    agree(-act.softplus(-x) / expected, np.ones(len(x)))
    agree(act.log_sigmoid(x) / expected, np.ones(len(x)))
    near = np.linspace(-30, 30, 61)  # where the logarithm itself is safe
    agree(act.log_sigmoid(near), exact(lambda v: mpmath.log(logistic(v)), near))
    with np.errstate(over="ignore", divide="ignore"):
        assert np.log(1 / (1 + np.exp(np.float64(710)))) == -np.inf


@pytest.mark.equation("eq-activations-softplus", tolerance=1e-15)
def test_softplus_with_the_larger_term_pulled_out(agree):
    """The safe form against log(1 + exp(x)) in 50 digits, relative to the exact value."""
    expected = exact(lambda v: mpmath.log1p(mpmath.exp(v)), POINTS)
    safe = np.maximum(POINTS, 0) + np.log1p(np.exp(-np.abs(POINTS)))
    agree(safe / expected, np.ones(len(POINTS)))
    agree(act.softplus(POINTS) / expected, np.ones(len(POINTS)))


@pytest.mark.equation("eq-activations-clarke", tolerance=1e-12)
def test_the_subdifferential_of_relu_is_the_unit_interval(agree, rng):
    """Slopes of secants near each point, and the subgradient inequality tried for many slopes."""
    for x, expected in ((-0.7, (0, 0)), (0.0, (0, 1)), (0.7, (1, 1))):
        near = x + 1e-3 * rng.uniform(-1, 1, 200)  # points where ReLU is differentiable
        slopes = (act.relu(near + 1e-9) - act.relu(near)) / 1e-9
        agree([slopes.min().round(6), slopes.max().round(6)], [float(e) for e in expected])
    y = np.concatenate([rng.standard_normal(200), [-1e-6, 1e-6]])
    for g in np.linspace(-0.5, 1.5, 41):
        assert (act.relu(y) >= g * y).all() == (0 <= g <= 1)


@pytest.mark.equation("eq-activations-identity", tolerance=0)
def test_two_relus_make_the_identity(agree, rng):
    """The difference of two ReLUs against x, bit for bit, and PyTorch's slope 0 at 0."""
    x = np.append(rng.standard_normal(100), 0.0)
    agree(act.relu(x) - act.relu(-x), x)
    zero = torch.zeros(1, requires_grad=True)
    (torch.relu(zero) - torch.relu(-zero)).sum().backward()
    assert zero.grad.item() == 0


@pytest.mark.equation("eq-activations-twice-c", tolerance=0)
def test_the_chain_rule_gives_twice_c_for_the_identity(agree):
    """Dual numbers with relu'(0) = c against 2c; right for c = 1/2 only."""
    for c in (-1.0, 0.0, 0.25, 0.5, 1.0, 3.0):
        value, derivative = chain_rule(identity_in_disguise, c)
        agree(derivative, 2 * c)
        assert value == 0
        assert (derivative == 1) == (c == 0.5)


@pytest.mark.equation("eq-activations-c-squared", tolerance=0)
def test_the_chain_rule_gives_c_squared_less_c_for_zero(agree):
    """Dual numbers with relu'(0) = c against c(c - 1); right for c = 0 and c = 1 only."""
    for c in (-1.0, 0.0, 0.25, 0.5, 1.0, 3.0):
        value, derivative = chain_rule(zero_in_disguise, c)
        agree(derivative, c * (c - 1))
        assert value == 0
        assert (derivative == 0) == (c in (0, 1))


@pytest.mark.equation("eq-activations-softplus-prime", tolerance=1e-14)
def test_the_slope_of_softplus_is_sigmoid(agree):
    """Sigmoid against a difference quotient of softplus in 50 digits."""
    x = np.linspace(-30, 30, 61)
    agree(act.sigmoid(x), slope(lambda v: mpmath.log1p(mpmath.exp(v)), x))


@pytest.mark.equation("eq-activations-elu-prime", tolerance=1e-14)
def test_the_slope_of_elu_is_the_exponential_below_zero(agree):
    """Both forms against a difference quotient in 50 digits; at 0 both one-sided slopes are 1."""
    x = np.linspace(-30, 30, 61)
    x = x[x != 0]
    expected = slope(lambda v: v if v > 0 else mpmath.expm1(v), x)
    agree(act.elu_prime(x), expected)
    agree(np.where(x > 0, 1.0, act.elu(x) + 1), expected)
    agree(act.elu_prime(np.array([0.0, 1e-300])), [1.0, 1.0])


@pytest.mark.equation("eq-activations-silu-prime", tolerance=1e-14)
def test_the_slope_of_silu_in_two_forms(agree):
    """Both forms against a difference quotient of x times sigmoid in 50 digits."""
    x = np.linspace(-30, 30, 61)
    expected = slope(lambda v: v * logistic(v), x)
    agree(act.silu_prime(x), expected)
    agree(act.sigmoid(x) * (1 + x * act.sigmoid(-x)), expected)


@pytest.mark.equation("eq-activations-gelu-prime", tolerance=1e-14)
def test_the_slope_of_gelu(agree):
    """The formula against a difference quotient of x times the normal distribution function."""
    x = np.linspace(-10, 10, 41)
    agree(act.gelu_prime(x), slope(lambda v: v * mpmath.ncdf(v), x))


@pytest.mark.equation("eq-activations-gelu-second", tolerance=1e-14)
def test_the_second_derivative_of_gelu(agree):
    """The formula against a second difference in 50 digits; it changes sign at the root of 2."""
    x = np.linspace(-6, 6, 25)
    h = mpmath.mpf(10) ** -15

    def gelu(v):
        return v * mpmath.ncdf(v)

    expected = exact(lambda v: (gelu(v + h) - 2 * gelu(v) + gelu(v - h)) / h**2, x)
    agree((2 - x**2) * stats.norm.pdf(x), expected)
    root = np.sqrt(2)
    assert (
        act.gelu_prime(np.array([root]))[0]
        > act.gelu_prime(np.array([root - 0.01, root + 0.01])).max()
    )


NOISE = {
    "normal": (stats.norm, act.gelu),
    "logistic": (stats.logistic, act.silu),
}


@pytest.mark.equation("eq-activations-gate", tolerance=1e-9)
@pytest.mark.parametrize("name", NOISE)
def test_a_gate_with_a_random_threshold_is_x_times_its_distribution(name, agree):
    """The expectation by quadrature against GELU and SiLU."""
    noise, activation = NOISE[name]
    for x in (-3.0, -0.5, 0.0, 1.7):
        expectation, _ = integrate.quad(lambda z, x=x: x * noise.pdf(z), -60, x, points=[-5.0, 0.0])
        agree(expectation, float(activation(np.array(x))))


@pytest.mark.equation("eq-activations-blur", tolerance=1e-8)
@pytest.mark.parametrize("name", NOISE)
def test_relu_of_a_noisy_input_is_the_integral_of_the_distribution(name, agree):
    """The expectation by quadrature against the integral; for logistic noise also softplus."""
    noise, _ = NOISE[name]
    for x in (-3.0, -0.5, 0.0, 1.7):
        mean, _ = integrate.quad(
            lambda z, x=x: max(x + z, 0.0) * noise.pdf(z), -60, 60, points=[-x, 0], limit=200
        )
        area, _ = integrate.quad(noise.cdf, -60, x, points=[-5.0])
        agree(mean, area)
        if name == "logistic":
            agree(mean, float(act.softplus(np.array(x))))


def test_the_blurred_relu_needs_symmetric_noise():
    """A shifted noise, always 1: the expectation relu(x + 1) is not the integral relu(x - 1)."""
    assert act.relu(np.array(0.5 + 1.0)) != act.relu(np.array(0.5 - 1.0))


def jacobian(model, x):
    """J from the first pre-activation to the output, a row of the identity at a time."""
    model(x[None])
    rows = []
    for e in np.eye(model.n_out):
        dZ = e[None]
        for layer in reversed(model.layers[1:]):
            dZ = layer.backward(dZ)
        rows.append(dZ[0])
    return np.array(rows)


@pytest.mark.equation("eq-activations-jacobian-bound", tolerance=1e-14)
def test_slopes_and_weights_bound_the_jacobian(agree, rng):
    """The bound on random networks; attained by a chain of units at slope kappa."""
    for activation, kappa in ((Sigmoid, 0.25), (Tanh, 1.0), (ReLU, 1.0)):
        for _ in range(20):
            model = MLP([3, 5, 4, 6, 2], activation, rng=rng, initializer=normal(1.0))
            J = jacobian(model, rng.standard_normal(3))
            product = np.prod([np.linalg.norm(W, 2) for W in model.parameters()[2::2]])
            assert np.linalg.norm(J, 2) <= kappa**3 * product * (1 + 1e-12)
    # width 1, all pre-activations 0: every slope of the sigmoid is 1/4
    chain = MLP([1, 1, 1, 1], Sigmoid, rng=rng)
    for W, b in zip(chain.parameters()[2::2], chain.parameters()[3::2], strict=True):
        b[...] = -W[0] * 0.5
    W2, W3 = chain.parameters()[2::2]
    agree(abs(jacobian(chain, np.zeros(1))[0, 0]), abs(W2[0, 0] * W3[0, 0]) / 16)
    # the slope's bound is needed: GELU's slope exceeds 1
    steep = MLP([1, 1, 1], GELU, rng=rng)
    steep.parameters()[0][...] = steep.parameters()[2][...] = 1
    assert jacobian(steep, np.array([np.sqrt(2)]))[0, 0] > 1


@pytest.mark.equation("eq-activations-dead", tolerance=0)
def test_dead_units_of_the_first_layer_get_no_gradient_and_stay(agree, rng):
    """The adjoints of a dead unit's weights against zero, and its weights after training."""
    X, y = rng.standard_normal((40, 3)), rng.integers(0, 2, 40)
    model = MLP([3, 6, 5, 2], rng=rng)
    W1, b1 = model.parameters()[:2]
    b1[2] = -20  # dead on all samples
    assert (model.activations(X)[1][:, 2] == 0).all()
    before = W1.copy(), b1.copy()
    for loss_fn, target in ((CrossEntropyLoss(), y), (MSELoss(), rng.standard_normal((40, 2)))):
        loss_fn(model(X), target)
        model.backward(loss_fn.backward())
        dW1, db1 = model.gradients()[:2]
        agree(dW1[2], np.zeros(3))
        agree(db1[2], 0.0)
        assert np.abs(dW1[0]).max() > 0
    fit(
        model,
        CrossEntropyLoss(),
        SGD(model.parameters(), 0.5),
        X,
        y,
        epochs=5,
        batch_size=8,
        rng=rng,
    )
    agree(W1[2], before[0][2])
    agree(b1[2], before[1][2])
    assert not np.array_equal(W1[0], before[0][0])


def test_a_dead_unit_of_the_second_layer_can_come_back():
    """The proposition is about the first layer only: units dead at the start, alive afterwards."""
    revived = 0
    for seed in range(10):
        rng = np.random.default_rng(seed)
        X = rng.standard_normal((60, 2))
        model = MLP([2, 20, 20, 2], rng=rng)
        born_dead = (model.activations(X)[2] == 0).all(axis=0)
        y = (X[:, 0] * X[:, 1] > 0).astype(int)
        fit(
            model,
            CrossEntropyLoss(),
            SGD(model.parameters(), 0.3),
            X,
            y,
            epochs=30,
            batch_size=20,
            rng=rng,
        )
        revived += (model.activations(X)[2][:, born_dead] > 0).any(axis=0).sum()
    assert revived > 0
