"""The equations of the chapter on initialization: exact expectations over all networks of signs."""

import itertools
from fractions import Fraction
from math import comb

import numpy as np
import pytest
import torch
from scipy import integrate, optimize, stats
from torch import nn

from mlpbook.chapters.initialization import (
    gain,
    gaussian_mean,
    profile,
    relu_correlation,
    scaled_normal,
)
from mlpbook.scratch import activations as act
from mlpbook.scratch.layers import ReLU, Tanh
from mlpbook.scratch.losses import CrossEntropyLoss
from mlpbook.scratch.network import MLP
from mlpbook.scratch.optimizers import Adam
from mlpbook.shared.initializers import he_normal

SIZES = (2, 2, 2, 1)
SIGMA = (0.7, 0.9, 0.8)
TAU = (0.31, 0.17, 0.23)
X = np.array([0.4, -1.1])


def sign_networks(sizes=SIZES, sigma=SIGMA, tau=TAU):
    """All [(W_1, b_1), ...] with entries +-sigma_l and +-tau_l; the first axis counts networks."""
    pairs = list(itertools.pairwise(sizes))
    n_signs = sum((n + 1) * m for n, m in pairs)
    signs = np.array(list(itertools.product((1.0, -1.0), repeat=n_signs)))
    layers, start = [], 0
    for (n, m), s, t in zip(pairs, sigma, tau, strict=True):
        W = s * signs[:, start : start + m * n].reshape(-1, m, n)
        b = t * signs[:, start + m * n : start + m * n + m]
        layers.append((W, b))
        start += (n + 1) * m
    return layers


def forward(layers, x=X, f=act.relu):
    """Pre-activations z_1, ..., z_L of all networks, each (networks, n_l)."""
    Z, a = [], np.broadcast_to(x, (len(layers[0][0]), len(x)))
    for W, b in layers:
        Z.append(np.einsum("smn,sn->sm", W, a) + b)
        a = f(Z[-1])
    return Z


def backward(layers, Z, u, f_prime=act.relu_prime):
    """Adjoints delta_1, ..., delta_L of all networks, each (networks, n_l)."""
    deltas = [np.broadcast_to(u, Z[-1].shape)]
    for (W, _), z in zip(layers[:0:-1], Z[-2::-1], strict=True):
        deltas.insert(0, np.einsum("sm,smn->sn", deltas[0], W) * f_prime(z))
    return deltas


def power(array):
    """The mean square over networks and units."""
    return np.mean(array**2)


@pytest.mark.equation("eq-initialization-layer", tolerance=1e-13)
def test_second_moment_of_a_random_layer(agree, rng):
    """The formula against the mean over all draws of a skewed three-weight unit, one by one."""
    a, tau = rng.standard_normal(3), 0.3
    values, chances = (2.0, -1.0), (1 / 3, 2 / 3)  # mean 0, variance 2, not symmetric
    total = 0.0
    for choice in itertools.product((0, 1), repeat=4):
        w = np.array([values[i] for i in choice[:3]])
        b = tau * values[choice[3]]
        total += np.prod([chances[i] for i in choice]) * (w @ a + b) ** 2
    agree(total, 2 * (a**2).sum() + 2 * tau**2)
    # weights whose mean is not zero do not obey it
    draws = np.array(list(itertools.product((0.0, 2.0), repeat=3)))  # variance 1, mean 1
    assert abs(np.mean((draws @ a) ** 2) - (a**2).sum()) > 0.1


@pytest.mark.equation("eq-initialization-forward", tolerance=1e-13)
@pytest.mark.parametrize("f", [np.tanh, act.gelu, act.sigmoid])
def test_forward_power_needs_the_second_moment_of_one_unit(f, agree):
    """Power of each layer against one unit of the layer before, over all networks of signs."""
    Z = forward(sign_networks(), f=f)
    for k in (1, 2):
        c = SIZES[k] * SIGMA[k] ** 2
        agree(power(Z[k]), c * np.mean(f(Z[k - 1][:, 0]) ** 2) + TAU[k] ** 2)


@pytest.mark.equation("eq-initialization-half", tolerance=1e-9)
@pytest.mark.parametrize("law", [stats.norm(), stats.laplace(), stats.uniform(-3, 6)])
def test_relu_halves_the_power_of_a_symmetric_number(law, agree):
    """The integral of relu squared against half of the variance, for three distributions."""
    top = law.support()[1]
    half, _ = integrate.quad(lambda z: z**2 * law.pdf(z), 0, top, epsabs=1e-12)
    agree(half, law.var() / 2)
    skewed = stats.expon(-1)  # mean 0, but not symmetric
    part, _ = integrate.quad(lambda z: z**2 * skewed.pdf(z), 0, np.inf)
    assert abs(part - skewed.var() / 2) > 0.1


@pytest.mark.equation("eq-initialization-relu-forward", tolerance=1e-13)
def test_power_recursion_of_relu_is_exact_at_width_two(agree):
    """The recursion against the mean over all 32,768 networks of signs of widths 2, 2, 2, 1."""
    Z = forward(sign_networks())
    agree(power(Z[0]), SIGMA[0] ** 2 * (X**2).sum() + TAU[0] ** 2)
    for k in (1, 2):
        agree(power(Z[k]), SIZES[k] * SIGMA[k] ** 2 * power(Z[k - 1]) / 2 + TAU[k] ** 2)


def test_power_recursion_needs_symmetry():
    """Skewed weights of mean zero and the same variance do not obey the recursion of ReLU."""
    values = np.array([2.0, -1.0]) * SIGMA[0] / np.sqrt(2)
    draws = np.array(list(itertools.product((0, 1), repeat=2)))
    chances = np.array([1 / 3, 2 / 3])[draws].prod(axis=1)
    z = values[draws] @ X
    assert chances @ z**2 == pytest.approx(SIGMA[0] ** 2 * (X**2).sum())
    assert abs(chances @ act.relu(z) ** 2 / (chances @ z**2) - 0.5) > 0.1


@pytest.mark.equation("eq-initialization-backward", tolerance=1e-13)
def test_backward_recursion_of_relu_is_exact_at_width_two(agree):
    """The recursion against the mean over all 32,768 networks, and for every unit by itself."""
    layers = sign_networks()
    deltas = backward(layers, forward(layers), np.array([1.3]))
    for k in (0, 1):  # adjoints of layers 1 and 2
        predicted = SIZES[k + 2] * SIGMA[k + 1] ** 2 * power(deltas[k + 1]) / 2
        agree(power(deltas[k]), predicted)
        agree(np.mean(deltas[k] ** 2, axis=0), np.full(SIZES[k + 1], predicted))


def test_backward_recursion_needs_relu_and_a_fixed_adjoint():
    """For tanh, or with an adjoint made from the output, slopes and weights are dependent."""
    layers = sign_networks()
    Z = forward(layers, f=np.tanh)
    slope = np.mean(act.tanh_prime(Z[1]) ** 2)
    deltas = backward(layers, Z, np.array([1.0]), act.tanh_prime)
    assert power(deltas[1]) == pytest.approx(SIGMA[2] ** 2 * slope)  # the last layer is linear
    predicted = 2 * SIGMA[1] ** 2 * np.mean(act.tanh_prime(Z[0]) ** 2) * power(deltas[1])
    assert abs(power(deltas[0]) / predicted - 1) > 1e-3
    Z = forward(layers)
    deltas = backward(layers, Z, Z[-1])  # the squared error with target 0
    assert abs(power(deltas[1]) / (SIGMA[2] ** 2 * power(deltas[2]) / 2) - 1) > 0.1


@pytest.mark.equation("eq-initialization-norm", tolerance=1e-13)
def test_the_adjoints_norm_has_the_factor_of_the_way_forward(agree):
    """Mean squared norms over all networks of widths 2, 3, 1, 2, against half of c."""
    sizes = (2, 3, 1, 2)
    layers = sign_networks(sizes)
    deltas = backward(layers, forward(layers), np.array([0.4, -1.3]))
    norms = [np.mean((delta**2).sum(axis=1)) for delta in deltas]
    for k in (0, 1):
        c = sizes[k + 1] * SIGMA[k + 1] ** 2
        agree(norms[k], c * norms[k + 1] / 2)


@pytest.mark.equation("eq-initialization-weight-gradient", tolerance=1e-13)
def test_the_gradient_of_the_weights_is_exact_at_small_widths(agree):
    """The product against the mean of the outer products over all networks of signs."""
    sizes, u = (2, 3, 1, 2), np.array([0.4, -1.3])
    layers = sign_networks(sizes)
    Z = forward(layers)
    deltas = backward(layers, Z, u)
    A = [np.broadcast_to(X, (len(Z[0]), 2)), *(act.relu(z) for z in Z)]
    c = [n * s**2 for n, s in zip(sizes, SIGMA, strict=False)]
    for k in (0, 1, 2):  # layers 1, 2, 3
        outer = np.einsum("si,sj->sij", deltas[k], A[k])
        measured = np.mean((outer**2).sum(axis=(1, 2)))
        inputs = np.mean((A[k] ** 2).sum(axis=1))
        agree(measured, inputs * (u @ u) * np.prod([c[m] / 2 for m in range(k + 1, 3)]))


def test_without_biases_all_layers_of_one_width_get_gradients_of_one_size():
    """Mean squares of the weights' gradients over 4,000 networks, within a tenth."""
    n, c, squares = 8, 1.3, []
    for seed in range(4000):
        rng = np.random.default_rng(seed)
        model = MLP([n] * 5, rng=rng, initializer=scaled_normal(c))
        squares.append(profile(model, np.ones((1, n)), np.full((1, n), n**-0.5)).weights)
    expected = n * (c / 2) ** 3 / n**2  # |x|^2 |u|^2 (c/2)^(L-1), per entry
    np.testing.assert_allclose(np.mean(squares, axis=0), expected, rtol=0.1)


@pytest.mark.equation("eq-initialization-he", tolerance=1e-12)
def test_he_keeps_the_power_forward(agree):
    """The variance at which power is kept, found by a root search over all networks of signs."""

    def change(variance):
        layers = sign_networks(sigma=(0.7, np.sqrt(variance), 0.8), tau=(0.3, 0, 0))
        Z = forward(layers)
        return power(Z[1]) - power(Z[0])

    agree(optimize.brentq(change, 0.1, 3, xtol=1e-15), 2 / SIZES[1])


@pytest.mark.equation("eq-initialization-he-backward", tolerance=1e-12)
def test_fan_out_keeps_the_power_backward(agree):
    """The variance at which the adjoint's power is kept, by a root search; widths 2, 1, 3, 1."""
    sizes = (2, 1, 3, 1)

    def change(variance):
        layers = sign_networks(sizes, (0.7, np.sqrt(variance), 0.8))
        deltas = backward(layers, forward(layers), np.array([1.3]))
        return power(deltas[0]) - power(deltas[1])

    agree(optimize.brentq(change, 0.1, 3, xtol=1e-15), 2 / sizes[2])


@pytest.mark.equation("eq-initialization-glorot", tolerance=1e-12)
@pytest.mark.parametrize(("n_in", "n_out"), [(3, 2), (1, 4), (3, 3)])
def test_glorot_makes_the_mean_of_both_factors_one(n_in, n_out, agree):
    """The variance at which a linear layer's two factors average to 1, over all draws of signs."""
    signs = np.array(list(itertools.product((1.0, -1.0), repeat=n_in * n_out)))
    a, u = np.linspace(1, 2, n_in), np.linspace(-1, 2, n_out)

    def mean_factor(variance):
        W = np.sqrt(variance) * signs.reshape(-1, n_out, n_in)
        onward = power(W @ a) / power(a)
        back = power(np.swapaxes(W, 1, 2) @ u) / power(u)
        return (onward + back) / 2

    agree(optimize.brentq(lambda v: mean_factor(v) - 1, 1e-3, 9, xtol=1e-15), 2 / (n_in + n_out))


@pytest.mark.equation("eq-initialization-leaky", tolerance=1e-12)
@pytest.mark.parametrize("alpha", [0.01, 0.2, np.sqrt(5)])
def test_leaky_relu_keeps_a_known_share(alpha, agree):
    """The integral over a normal density against the formula, and PyTorch's gain squared."""
    share = gaussian_mean(lambda x: act.leaky_relu(x, alpha) ** 2)
    agree(share, (1 + alpha**2) / 2)
    agree(nn.init.calculate_gain("leaky_relu", float(alpha)) ** 2, 1 / share)


@pytest.mark.equation("eq-initialization-uniform", tolerance=1e-12)
def test_variance_of_a_uniform_number(agree):
    """The integral, by quadrature, against SciPy's variance and the closed form."""
    beta = 0.7
    integral, _ = integrate.quad(lambda w: w**2 / (2 * beta), -beta, beta)
    agree(integral, beta**2 / 3)
    agree(stats.uniform(-beta, 2 * beta).var(), beta**2 / 3)


@pytest.mark.equation("eq-initialization-default", tolerance=1e-12)
def test_variance_of_nn_linears_weights(agree):
    """What PyTorch's own gain makes of the square root of 5; drawn weights are within 1 %."""
    n_in = 400
    std = nn.init.calculate_gain("leaky_relu", 5**0.5) / n_in**0.5
    agree(std**2, 1 / (3 * n_in))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        weight = nn.Linear(n_in, 1000).weight.detach().double().numpy()
    assert weight.var() * 3 * n_in == pytest.approx(1, rel=0.01)
    assert 0.999 < np.abs(weight).max() * n_in**0.5 <= 1 + 1e-6  # float32


@pytest.mark.equation("eq-initialization-default-recursion", tolerance=1e-13)
def test_recursion_of_the_default_with_biases(agree):
    """The recursion against all networks of signs that have the default's variances."""
    spread = [(1 / (3 * n)) ** 0.5 for n in SIZES[:-1]]
    Z = forward(sign_networks(sigma=spread, tau=spread))
    for k in (1, 2):
        agree(power(Z[k]), power(Z[k - 1]) / 6 + 1 / (3 * SIZES[k]))


def test_recursion_of_the_default_holds_for_nn_linear():
    """Mean power of 400 networks of PyTorch's layers, within four standard errors."""
    x, powers = torch.linspace(-1, 2, 20), []
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        for _ in range(400):
            z1 = nn.Linear(20, 8)(x)
            z2 = nn.Linear(8, 8)(torch.relu(z1))
            powers.append([z1.square().mean().item(), z2.square().mean().item()])
    first, second = np.mean(powers, axis=0)
    expected = x.square().sum().item() / 60 + 1 / 60
    errors = np.std(powers, axis=0) / 20
    assert abs(first - expected) < 4 * errors[0]
    assert abs(second - (expected / 6 + 1 / 24)) < 4 * errors[1]


@pytest.mark.equation("eq-initialization-default-floor", tolerance=1e-13)
@pytest.mark.parametrize("start", [0.0, 100.0])
def test_the_default_tends_to_its_floor(start, agree):
    """Sixty steps of the recursion, from nothing and from a large power."""
    q, n = start, 32
    for _ in range(60):
        q = q / 6 + 1 / (3 * n)
    agree(q, 2 / (5 * n))


@pytest.mark.equation("eq-initialization-length-map", tolerance=0.05)
@pytest.mark.parametrize("f", [np.tanh, act.gelu, act.sigmoid])
def test_a_wide_network_follows_the_length_map(f, agree, rng):
    """Mean power after three layers of 300 units, 200 networks, against the map by quadrature."""
    n, tau, q, powers = 300, 0.2, 1.44, []
    c = gain(f) ** 2
    for _ in range(200):
        z = rng.standard_normal(n)
        z *= np.sqrt(q / power(z))
        for _ in range(3):
            W = np.sqrt(c / n) * rng.standard_normal((n, n))
            z = W @ f(z) + tau * rng.standard_normal(n)
        powers.append(power(z))
    for _ in range(3):
        q = c * gaussian_mean(lambda x, q=q: f(np.sqrt(q) * x) ** 2) + tau**2
    agree(np.mean(powers), q)  # a standard error of 1 to 2 %
    assert abs(q - 1.44) > 0.05  # the map has moved


@pytest.mark.equation("eq-initialization-gain", tolerance=1e-11)
@pytest.mark.parametrize("f", [act.relu, act.gelu, act.elu, np.tanh, act.sigmoid])
def test_gain_keeps_the_power_of_a_normal_signal(f, agree):
    """Gain from Gauss-Legendre nodes against SciPy's adaptive integral over the whole line."""

    def integrand(x):
        return f(np.array([x]))[0] ** 2 * stats.norm.pdf(x)

    integral, _ = integrate.quad(integrand, -12, 12, points=[0], epsabs=1e-13)
    agree(gain(f), integral**-0.5)


@pytest.mark.equation("eq-initialization-mean-field-backward", tolerance=0.05)
@pytest.mark.parametrize(("f", "f_prime"), [(np.tanh, act.tanh_prime), (act.gelu, act.gelu_prime)])
def test_a_wide_network_sends_its_adjoint_back_as_predicted(f, f_prime, agree, rng):
    """Power of the adjoint three layers back, 200 networks of 300 units, against the product."""
    n, c, powers = 300, gain(f) ** 2, []  # pre-activations keep the power 1
    for _ in range(200):
        z, delta = rng.standard_normal((2, n))
        Z, layers = [z / np.sqrt(power(z))], []
        for _ in range(3):
            layers.append(np.sqrt(c / n) * rng.standard_normal((n, n)))
            Z.append(layers[-1] @ f(Z[-1]))
        delta /= np.sqrt(power(delta))
        for W, z in zip(layers[::-1], Z[-2::-1], strict=True):
            delta = (W.T @ delta) * f_prime(z)
        powers.append(power(delta))
    predicted = (c * gaussian_mean(lambda x: f_prime(x) ** 2)) ** 3
    agree(np.mean(powers), predicted)
    assert predicted > 1.2


@pytest.mark.equation("eq-initialization-angle", tolerance=1e-9)
@pytest.mark.parametrize("rho", [-0.9, -0.3, 0.0, 0.5, 0.95])
def test_correlation_after_a_relu_layer(rho, agree):
    """The closed form against a numerical integral over two correlated normal numbers."""
    rest = np.sqrt(1 - rho**2)

    def given(z):  # E relu(rho z + rest xi), with xi standard normal
        return rho * z * stats.norm.cdf(rho * z / rest) + rest * stats.norm.pdf(rho * z / rest)

    mean, _ = integrate.quad(lambda z: z * given(z) * stats.norm.pdf(z), 0, 12, epsabs=1e-12)
    agree(2 * mean, relu_correlation(rho))
    assert relu_correlation(rho) > rho  # inputs become alike


@pytest.mark.equation("eq-initialization-twins", tolerance=1e-13)
@pytest.mark.parametrize("activation", [Tanh, ReLU])
def test_twins_have_equal_gradients_and_stay_equal(activation, agree, rng):
    """Gradients of two equal units, at every one of fifty steps of Adam on changing batches."""
    model = MLP([3, 5, 4, 2], activation, rng=rng)
    W1, b1, W2 = model.parameters()[:3]
    W1[1], b1[1], W2[:, 1] = W1[0], b1[0], W2[:, 0]
    loss_fn, optimizer = CrossEntropyLoss(), Adam(model.parameters(), 0.05)
    start = W1.copy()
    for _ in range(50):
        loss_fn(model(rng.standard_normal((6, 3))), rng.integers(0, 2, 6))
        model.backward(loss_fn.backward())
        dW1, db1, dW2 = model.gradients()[:3]
        agree(dW1[0], dW1[1])
        agree(db1[0], db1[1])
        agree(dW2[:, 0], dW2[:, 1])
        optimizer.step(model.gradients())
    agree(W1[0], W1[1])
    assert np.abs(W1 - start).max() > 0.1
    assert not np.allclose(W1[0], W1[2])


def test_units_with_other_outgoing_weights_part(rng):
    """Equal incoming weights alone are not enough to stay equal."""
    model = MLP([3, 5, 2], Tanh, rng=rng)
    W1 = model.parameters()[0]
    W1[1] = W1[0]
    loss_fn = CrossEntropyLoss()
    loss_fn(model(rng.standard_normal((6, 3))), rng.integers(0, 2, 6))
    model.backward(loss_fn.backward())
    dW1 = model.gradients()[0]
    assert np.abs(dW1[0] - dW1[1]).max() > 1e-3


@pytest.mark.equation("eq-initialization-fluctuation", tolerance=1e-12)
@pytest.mark.parametrize(("n", "depth"), [(4, 3), (64, 30)])
def test_fourth_moment_of_a_relu_networks_signal(n, depth, agree):
    """The power of 1 + 5/n against a sum over the number of active units, in exact fractions.

    Given K active units, the quotient R is 2/n times a chi-square number of K degrees of freedom,
    whose mean square is K (K + 2); K is binomial.
    """
    second = sum(Fraction(comb(n, k), 2**n) * k * (k + 2) for k in range(n + 1))
    agree(float((Fraction(4, n**2) * second) ** depth), (1 + 5 / n) ** depth)


def test_fluctuation_is_that_of_drawn_networks(rng):
    """Twenty thousand quotients of a layer of 16 units: mean 1, variance 5/16."""
    model = MLP([16, 16, 1], ReLU, rng=rng)
    quotients = []
    for _ in range(20_000):
        a = rng.standard_normal(16)
        W = he_normal(16, 16, rng=rng)
        quotients.append((act.relu(W @ a) ** 2).sum() / (a**2).sum())
    assert model.layers[0].W.shape == (16, 16)
    assert np.mean(quotients) == pytest.approx(1, abs=4 * (5 / 16 / 20_000) ** 0.5)
    assert np.var(quotients) == pytest.approx(5 / 16, rel=0.06)


def test_scaled_normal_has_the_factor_that_the_chapter_gives_it(rng):
    """Two is He's factor: the same generator draws the same weights."""
    one, two = (np.random.default_rng(3) for _ in range(2))
    np.testing.assert_allclose(scaled_normal(2)(4, 6, rng=one), he_normal(4, 6, rng=two))
