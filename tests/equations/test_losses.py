"""The equations of the chapter on losses, each against an independent route."""

import math
from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
import torch
from scipy import integrate, optimize, special, stats

from mlpbook.scratch.losses import CrossEntropyLoss, MSELoss, log_softmax, logsumexp, softmax
from mlpbook.scratch.network import MLP
from mlpbook.scratch.optimizers import SGD


def exact_softmax(z):
    """Return probabilities and log-sum-exp in 60 decimal digits, whatever the logits."""
    with localcontext(prec=60):
        terms = [Decimal(float(v)).exp() for v in z]
        total = sum(terms)
        return [float(t / total) for t in terms], float(total.ln())


def distribution(rng, n):
    """Return n positive numbers that add up to one."""
    return rng.dirichlet(np.ones(n))


@pytest.mark.equation("eq-losses-gaussian", tolerance=1e-12)
def test_half_squared_error_over_the_variance_is_the_gaussian_log_likelihood(agree, rng):
    """The formula against SciPy's multivariate normal density."""
    for n_out in (1, 2, 5):
        y_hat, y, variance = (
            rng.standard_normal(n_out),
            rng.standard_normal(n_out),
            rng.uniform(0.1, 3),
        )
        density = stats.multivariate_normal(y_hat, variance * np.eye(n_out))
        formula = ((y_hat - y) ** 2).sum() / 2 / variance
        formula += n_out / 2 * math.log(2 * math.pi * variance)
        agree(formula, -density.logpdf(y))


@pytest.mark.equation("eq-losses-gaussian", tolerance=1e-6)
def test_the_noise_does_not_move_the_minimiser(agree, rng):
    """Least-squares weights against the minimiser of SciPy's log-densities, for three variances."""
    X, y = rng.standard_normal((30, 2)), rng.standard_normal(30)
    least_squares = np.linalg.lstsq(X, y, rcond=None)[0]
    for std in (0.3, 1.0, 4.0):

        def nll(w, std=std):
            return -stats.norm.logpdf(y, X @ w, std).mean()

        found = optimize.minimize(nll, np.zeros(2), method="BFGS", options={"gtol": 1e-9})
        agree(found.x, least_squares)


@pytest.mark.equation("eq-losses-noise-variance", tolerance=1e-7)
def test_the_mean_squared_error_maximises_the_likelihood_of_the_variance(agree, rng):
    """MSELoss against the variance that minimises SciPy's negative log-likelihood."""
    y_hat, y = rng.standard_normal((7, 3)), 2 * rng.standard_normal((7, 3))

    def nll(log_variance):
        return -stats.norm.logpdf(y, y_hat, math.exp(log_variance / 2)).sum()

    found = optimize.minimize_scalar(nll, bracket=(-1, 1), tol=1e-12)
    agree(MSELoss()(y_hat, y), math.exp(found.x))


def test_the_likelihood_is_unbounded_when_the_fit_is_exact():
    y = np.array([1.0, 2.0, -1.0])
    nll = [-stats.norm.logpdf(y, y, std).sum() for std in 10.0 ** -np.arange(0, 300, 50)]
    assert (np.diff(nll) < -100).all()


@pytest.mark.equation("eq-losses-laplace", tolerance=1e-12)
def test_absolute_error_over_the_scale_is_the_laplace_log_likelihood(agree, rng):
    """The formula against SciPy's Laplace density."""
    y_hat, y, scale = rng.standard_normal(9), rng.standard_normal(9), rng.uniform(0.1, 3, 9)
    agree(np.abs(y_hat - y) / scale + np.log(2 * scale), -stats.laplace.logpdf(y, y_hat, scale))


def test_mean_and_median_minimise_squared_and_absolute_error(rng):
    y = rng.standard_normal(11)
    grid = np.sort(np.append(np.linspace(-4, 4, 2001), np.median(y)))
    squared = ((grid[:, None] - y) ** 2).sum(axis=1)
    absolute = np.abs(grid[:, None] - y).sum(axis=1)
    assert grid[squared.argmin()] == pytest.approx(y.mean(), abs=4e-3)  # the grid's spacing
    assert grid[absolute.argmin()] == np.median(y)


@pytest.mark.equation("eq-losses-bernoulli", tolerance=1e-12)
def test_binary_cross_entropy_is_the_bernoulli_log_likelihood(agree, rng):
    """The formula against SciPy's Bernoulli probabilities."""
    p, y = rng.uniform(size=20), rng.integers(0, 2, 20)
    agree(-y * np.log(p) - (1 - y) * np.log(1 - p), -stats.bernoulli.logpmf(y, p))


@pytest.mark.equation("eq-losses-categorical", tolerance=1e-12)
def test_cross_entropy_is_the_categorical_log_likelihood(agree, rng):
    """The one-hot sum against SciPy's multinomial distribution of a single draw."""
    p = distribution(rng, 5)
    for label in range(5):
        e = np.eye(5)[label]
        agree(-(e * np.log(p)).sum(), -stats.multinomial.logpmf(e, 1, p))
        agree(-math.log(p[label]), -stats.multinomial.logpmf(e, 1, p))


@pytest.mark.equation("eq-losses-map", tolerance=1e-10)
def test_the_penalised_loss_differs_from_the_log_posterior_by_a_constant(agree, rng):
    """Differences of the objective against differences of SciPy's log-likelihood and log-prior."""
    X, y, tau, n = rng.standard_normal((12, 3)), rng.integers(0, 2, 12), 0.7, 12

    def log_posterior(w, b):  # biases have a flat prior
        likelihood = stats.bernoulli.logpmf(y, special.expit(X @ w + b)).sum()
        return likelihood + stats.norm.logpdf(w, 0, tau).sum()

    def objective(w, b):
        z = X @ w + b
        return np.logaddexp(0, np.where(y == 1, -z, z)).mean() + 1 / (n * tau**2) / 2 * (w**2).sum()

    points = [(rng.standard_normal(3), rng.standard_normal()) for _ in range(4)]
    values = np.array([objective(*point) for point in points])
    posterior = np.array([log_posterior(*point) for point in points])
    agree(values - values[0], -(posterior - posterior[0]) / n)


@pytest.mark.equation("eq-losses-ridge", tolerance=1e-9)
def test_the_ridge_solution_is_the_mean_of_the_gaussian_posterior(agree, rng):
    """The minimiser with penalty against conditioning the joint Gaussian of weights and targets."""
    X, y, sigma, tau = rng.standard_normal((9, 4)), rng.standard_normal(9), 0.6, 1.7
    penalty = sigma**2 / (len(X) * tau**2)
    ridge = np.linalg.solve(X.T @ X / len(X) + penalty * np.eye(4), X.T @ y / len(X))
    covariance_of_targets = tau**2 * X @ X.T + sigma**2 * np.eye(9)
    agree(ridge, tau**2 * X.T @ np.linalg.solve(covariance_of_targets, y))


@pytest.mark.equation("eq-losses-decomposition", tolerance=1e-12)
def test_cross_entropy_is_entropy_plus_divergence(agree, rng):
    """The sum over classes against SciPy's entropy and relative entropy."""
    for _ in range(5):
        q, p = distribution(rng, 6), distribution(rng, 6)
        agree(-(q * np.log(p)).sum(), stats.entropy(q) + special.rel_entr(q, p).sum())
    q = np.array([0.5, 0.5, 0.0])  # 0 log 0 = 0
    p = distribution(rng, 3)
    agree(-(q[:2] * np.log(p[:2])).sum(), stats.entropy(q) + special.rel_entr(q, p).sum())


@pytest.mark.equation("eq-losses-gibbs", tolerance=1e-12)
def test_the_divergence_is_never_negative_and_zero_only_at_the_truth(agree, rng):
    """Random pairs of distributions; and numbers that do not add up to one, where it fails."""
    for _ in range(200):
        q, p = distribution(rng, 4), distribution(rng, 4)
        assert special.rel_entr(q, p).sum() > 0
        assert special.rel_entr(q, q).sum() == 0
    q = distribution(rng, 4)
    agree(special.rel_entr(q, 2 * q).sum(), -math.log(2))  # 2q is no distribution
    assert special.rel_entr(np.array([0.5, 0.5]), np.array([1.0, 0.0])).sum() == np.inf


JOINT = {  # P(x, y), exactly
    (0, 0): Fraction(1, 8),
    (0, 1): Fraction(1, 4),
    (0, 2): Fraction(1, 8),
    (1, 0): Fraction(1, 3),
    (1, 2): Fraction(1, 6),
}


def conditional(x):
    """Return P(x) and P(y | x) for y = 0, 1, 2."""
    row = [JOINT.get((x, y), Fraction(0)) for y in range(3)]
    return sum(row), [value / sum(row) for value in row]


@pytest.mark.equation("eq-losses-mean", tolerance=0)
def test_squared_error_splits_into_distance_to_the_conditional_mean_and_noise(agree):
    """Both sides in exact fractions over a finite joint distribution, for several functions."""
    assert sum(JOINT.values()) == 1
    target = [Fraction(-2), Fraction(1), Fraction(5)]
    mean = [sum(q * t for q, t in zip(conditional(x)[1], target, strict=True)) for x in (0, 1)]
    noise = sum(w * (mean[x] - target[y]) ** 2 for (x, y), w in JOINT.items())
    for f in ([Fraction(0), Fraction(0)], [Fraction(1, 3), Fraction(7)], mean):
        left = sum(w * (f[x] - target[y]) ** 2 for (x, y), w in JOINT.items())
        distance = sum(conditional(x)[0] * (f[x] - mean[x]) ** 2 for x in (0, 1))
        agree(left, distance + noise)
        assert left >= noise
        assert (left == noise) == (f == mean)


@pytest.mark.equation("eq-losses-proper", tolerance=1e-12)
def test_expected_cross_entropy_splits_into_divergence_and_conditional_entropy(agree, rng):
    """The sum over all pairs (x, y) against SciPy's divergence and entropy, input by input."""
    truth = [np.array(conditional(x)[1], float) for x in (0, 1)]
    weight = [float(conditional(x)[0]) for x in (0, 1)]
    floor = sum(w * stats.entropy(q) for w, q in zip(weight, truth, strict=True))
    for _ in range(20):
        p = [distribution(rng, 3) for _ in range(2)]
        left = -sum(float(w) * math.log(p[x][y]) for (x, y), w in JOINT.items())
        gaps = [special.rel_entr(truth[x], p[x]).sum() for x in (0, 1)]
        agree(left, weight[0] * gaps[0] + weight[1] * gaps[1] + floor)
        assert left > floor


@pytest.mark.equation("eq-losses-softmax", tolerance=1e-12)
def test_softmax_ignores_a_shift_and_undoes_a_logarithm(agree, rng):
    """Shifted logits against the softmax of 60 digits; and the softmax of log-probabilities."""
    for c in (-700.0, 0.0, 3.5, 900.0):
        z = rng.standard_normal(5)
        agree(softmax((z + c)[None])[0], exact_softmax(z + c)[0])
        agree(softmax((z + c)[None])[0], exact_softmax(z)[0])
    p = distribution(rng, 5)
    agree(exact_softmax(np.log(p))[0], p)


def test_equal_probabilities_come_from_logits_that_differ_by_a_shift(rng):
    z = rng.standard_normal(5)
    p = np.array(exact_softmax(z)[0])
    assert np.ptp(np.log(p) - z) < 1e-14
    other = z.copy()
    other[0] += 0.1  # no shift
    assert np.abs(np.array(exact_softmax(other)[0]) - p).max() > 1e-3


def test_softmax_of_zero_and_z_is_the_sigmoid(rng):
    z = rng.standard_normal(7)
    assert softmax(np.column_stack([0 * z, z]))[:, 1] == pytest.approx(special.expit(z), abs=1e-15)


@pytest.mark.equation("eq-losses-lse-shift", tolerance=1e-12)
def test_log_sum_exp_moves_with_its_argument(agree, rng):
    """logsumexp of shifted logits against the shift plus the value from 60 digits."""
    z = rng.standard_normal(6)
    for c in (-1e4, -3.0, 0.5, 1e4):
        agree(logsumexp((z + c)[None])[0], c + exact_softmax(z)[1])
        agree(exact_softmax(z)[1], c + exact_softmax(z - c)[1])


@pytest.mark.equation("eq-losses-lse-bounds", tolerance=1e-12)
def test_log_sum_exp_lies_between_the_maximum_and_the_maximum_plus_log_c(agree, rng):
    """Random logits, both bounds; and the cases of equality, one class and equal logits."""
    for n in (2, 3, 10):
        for _ in range(50):
            z = 3 * rng.standard_normal(n)
            value = exact_softmax(z)[1]
            assert z.max() < value < z.max() + math.log(n)
        agree(exact_softmax(np.full(n, 1.7))[1], 1.7 + math.log(n))
    agree(exact_softmax([-0.3])[1], -0.3)


def complex_lse(z):
    """Log-sum-exp of a few logits of moderate size; real or complex."""
    return np.log(sum(np.exp(v) for v in z))


@pytest.mark.equation("eq-losses-hessian", tolerance=1e-9)
def test_gradient_and_hessian_of_log_sum_exp(agree, rng):
    """softmax and diag(p) - pp' against complex steps of LSE and central differences of those."""

    def gradient(z):
        return np.array([complex_lse(z + 1e-30j * e).imag / 1e-30 for e in np.eye(len(z))])

    z, h = rng.standard_normal(5), 1e-5
    p = softmax(z[None])[0]
    agree(p, gradient(z))
    columns = [(gradient(z + h * e) - gradient(z - h * e)) / (2 * h) for e in np.eye(5)]
    agree(np.diag(p) - np.outer(p, p), np.array(columns).T)
    jacobian = torch.autograd.functional.jacobian(lambda t: torch.softmax(t, 0), torch.tensor(z))
    agree(np.diag(p) - np.outer(p, p), jacobian.numpy())


@pytest.mark.equation("eq-losses-variance", tolerance=1e-12)
def test_the_hessian_is_a_variance_between_zero_and_half_the_norm(agree, rng):
    """The quadratic form against the variance as mean squared deviation; bounds; eigenvalues."""
    for n in (2, 3, 8):
        p, v = distribution(rng, n), rng.standard_normal(n)
        hessian = np.diag(p) - np.outer(p, p)
        mean = sum(p[k] * v[k] for k in range(n))
        variance = sum(p[k] * (v[k] - mean) ** 2 for k in range(n))
        agree(v @ hessian @ v, variance)
        assert 0 < variance <= v @ v / 2
        values = np.linalg.eigvalsh(hessian)
        agree(values[0], 0.0)
        assert values[1] > 1e-6
        assert values[-1] <= 0.5
        agree(hessian @ np.ones(n), np.zeros(n))
    half = np.array([0.5, 0.5, 0.0])  # one half is reached, at the edge of the simplex
    agree(np.linalg.eigvalsh(np.diag(half) - np.outer(half, half))[-1], 0.5)


@pytest.mark.equation("eq-losses-gradient", tolerance=1e-12)
def test_the_gradient_of_cross_entropy_is_prediction_minus_target(agree, rng):
    """p - e_y against complex steps of LSE(z) - z_y."""
    z = rng.standard_normal(6)
    for label in range(6):
        steps = []
        for e in np.eye(6):
            moved = z + 1e-30j * e
            steps.append((complex_lse(moved) - moved[label]).imag / 1e-30)
        agree(np.array(exact_softmax(z)[0]) - np.eye(6)[label], steps)


@pytest.mark.equation("eq-losses-batch-gradient", tolerance=1e-12)
def test_the_adjoint_of_a_batch_carries_one_over_n(agree, rng):
    """(P - E)/N and CrossEntropyLoss.backward against PyTorch's autograd."""
    Z, y = 3 * rng.standard_normal((5, 4)), rng.integers(0, 4, 5)
    leaf = torch.tensor(Z, requires_grad=True)
    torch.nn.functional.cross_entropy(leaf, torch.tensor(y)).backward()
    P = np.array([exact_softmax(z)[0] for z in Z])
    agree((P - np.eye(4)[y]) / 5, leaf.grad.numpy())
    loss = CrossEntropyLoss()
    loss(Z, y)
    agree(loss.backward(), leaf.grad.numpy())
    agree(loss.backward().sum(axis=1), np.zeros(5))


@pytest.mark.equation("eq-losses-bce", tolerance=1e-12)
def test_binary_cross_entropy_from_logits(agree, rng):
    """Both stable forms against 400 decimal digits; the derivative against complex steps."""
    for z, y in product((-800.0, -40.0, -0.3, 0.0, 2.0, 40.0, 800.0), (0.0, 0.25, 1.0)):
        with localcontext(prec=400):
            p = 1 / (1 + Decimal(-z).exp())
            exact = -Decimal(y) * p.ln() - (1 - Decimal(y)) * (1 - p).ln()
        agree(max(z, 0) - y * z + math.log1p(math.exp(-abs(z))), float(exact))
        agree(np.logaddexp(0, z) - y * z, float(exact))
    for z, y in zip(rng.standard_normal(5), rng.uniform(size=5), strict=True):
        moved = z + 1e-30j
        value = -y * np.log(1 / (1 + np.exp(-moved))) - (1 - y) * np.log(1 / (1 + np.exp(moved)))
        agree(special.expit(z) - y, value.imag / 1e-30)


@pytest.mark.equation("eq-losses-slopes", tolerance=1e-12)
def test_slopes_of_both_losses_along_the_margin(agree):
    """The formulas against complex steps; and the largest pull of squared error, 4/27."""
    m = np.linspace(-6, 6, 25)
    moved = m + 1e-30j
    agree(-special.expit(-m), np.log(1 + np.exp(-moved)).imag / 1e-30)
    halved_square = (1 / (1 + np.exp(moved))) ** 2 / 2
    agree(-special.expit(m) * special.expit(-m) ** 2, halved_square.imag / 1e-30)
    fine = np.linspace(-3, 3, 60_001)
    agree(round((special.expit(fine) * special.expit(-fine) ** 2).max(), 8), round(4 / 27, 8))


@pytest.mark.equation("eq-losses-escape", tolerance=1e-6)
@pytest.mark.parametrize("a", [0.5, 1.0, 3.0, 6.0])
def test_time_to_leave_the_wrong_side(agree, a):
    """The closed forms against the flow of the margin, integrated until it crosses zero."""

    def crossing(pull):
        def boundary(_, m):
            return m[0]

        boundary.terminal = True
        flow = integrate.solve_ivp(
            lambda _, m: pull(m), (0, 1e5), [-a], events=boundary, rtol=1e-10, atol=1e-12
        )
        return flow.t_events[0][0]

    agree(a + 1 - math.exp(-a), crossing(lambda m: special.expit(-m)))
    slow = math.exp(a) + 3 * a + 2.5 - 3 * math.exp(-a) - math.exp(-2 * a) / 2
    agree(slow, crossing(lambda m: special.expit(m) * special.expit(-m) ** 2))


@pytest.mark.equation("eq-losses-margin", tolerance=1e-12)
def test_cross_entropy_lies_between_two_functions_of_the_margin(agree, rng):
    """Random logits; equality below for two classes, above where all rivals are equal."""
    for _ in range(100):
        z, label = 3 * rng.standard_normal(5), int(rng.integers(5))
        margin = z[label] - np.delete(z, label).max()
        loss = exact_softmax(z)[1] - z[label]
        low, high = np.log1p(np.exp(-margin)), np.log1p(4 * np.exp(-margin))
        assert low < loss < high
    z = np.array([0.4, -1.1])
    agree(exact_softmax(z)[1] - z[0], math.log1p(math.exp(-1.5)))
    z = np.array([0.4, -1.1, -1.1, -1.1])
    agree(exact_softmax(z)[1] - z[0], math.log1p(3 * math.exp(-1.5)))


@pytest.mark.equation("eq-losses-error-bound", tolerance=1e-12)
def test_the_loss_in_bits_bounds_the_error_rate(agree, rng):
    """Random classifiers, also on uninformative labels; and the case in which nothing is lost."""
    for scale in (0.1, 1.0, 5.0):
        Z, y = scale * rng.standard_normal((400, 3)), rng.integers(0, 3, 400)
        for boost in (0.0, 2.0, 10.0):
            Z_right = Z + boost * np.eye(3)[y]
            wrong = np.mean(Z_right.argmax(axis=1) != y)
            assert wrong <= CrossEntropyLoss()(Z_right, y) / math.log(2)
    tied = np.array([[0.0, 0.0, -800.0]] * 4)  # argmax says 0, the label is 1
    agree(CrossEntropyLoss()(tied, np.ones(4, dtype=int)) / math.log(2), 1.0)


@pytest.mark.equation("eq-losses-factor", tolerance=1e-10)
@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("c", [0.2, 2.0, 50.0])
def test_a_factor_in_the_loss_is_a_factor_in_the_learning_rate(agree, c, momentum):
    """Fifty steps with the factor against fifty with the other learning rate and penalty."""

    def descend(factor, lr, weight_decay):
        rng = np.random.default_rng(3)
        X, y = rng.standard_normal((20, 3)), rng.integers(0, 2, 20)
        model, loss = MLP([3, 5, 2], rng=rng), CrossEntropyLoss()
        optimizer = SGD(model.parameters(), lr=lr, momentum=momentum, weight_decay=weight_decay)
        for _ in range(50):
            loss(model(X), y)
            model.backward(factor * loss.backward())
            optimizer.step(model.gradients())
        return np.concatenate([p.ravel() for p in model.parameters()])

    with_factor = descend(c, 0.1 / c, 0.02 * c)
    agree(with_factor, descend(1.0, 0.1, 0.02))
    assert np.abs(with_factor - descend(c, 0.1 / c, 0.02)).max() > 1e-4  # the penalty too


def test_the_factors_of_the_table_are_those_of_pytorch(rng):
    y_hat, y = torch.tensor(rng.standard_normal((6, 3))), torch.tensor(rng.standard_normal((6, 3)))
    loss = ((y_hat - y) ** 2).sum().item() / 2 / 6
    F = torch.nn.functional
    assert F.mse_loss(y_hat, y).item() == pytest.approx(2 / 3 * loss)
    assert F.mse_loss(y_hat, y, reduction="sum").item() == pytest.approx(2 * 6 * loss)
    labels = torch.tensor([0, 1, 2, 0, 1, 2])
    total = F.cross_entropy(y_hat, labels, reduction="sum").item()
    assert total == pytest.approx(6 * F.cross_entropy(y_hat, labels).item())
    mine = -log_softmax(y_hat.numpy())[np.arange(6), labels.numpy()].sum()
    assert mine == pytest.approx(total)


def test_class_weights_in_pytorch_divide_by_the_sum_of_the_weights(rng):
    Z, y, w = torch.tensor(rng.standard_normal((5, 3))), torch.tensor([0, 1, 2, 2, 0]), [1, 5, 20]
    F = torch.nn.functional
    weights = torch.tensor(w, dtype=torch.float64)
    single = F.cross_entropy(Z, y, reduction="none").numpy()
    of_samples = np.array(w)[y.numpy()]
    value = F.cross_entropy(Z, y, weight=weights).item()
    assert value == pytest.approx((of_samples * single).sum() / of_samples.sum())
