"""The equations of the chapter on optimization, each against an independent route."""

import math
from itertools import product

import numpy as np
import pytest
import torch
from scipy import linalg, optimize

from mlpbook.scratch.optimizers import SGD, Adam, AdamW, RMSProp
from mlpbook.scratch.schedules import cosine


def positive_definite(rng, n, low, high):
    """Return a symmetric matrix with eigenvalues from low to high, both included."""
    Q = np.linalg.qr(rng.standard_normal((n, n)))[0]
    values = np.concatenate([[low, high], rng.uniform(low, high, n - 2)])
    return Q @ np.diag(values) @ Q.T


@pytest.mark.equation("eq-optimization-descent", tolerance=1e-11)
def test_steps_of_descent_on_a_quadratic_are_powers_of_one_matrix(agree, rng):
    """The closed form against PyTorch's SGD on the quadratic, after 1 and 30 steps."""
    H, target = positive_definite(rng, 4, 0.3, 5.0), rng.standard_normal(4)
    for t in (1, 30):
        start, eta = rng.standard_normal(4), 0.3
        theta = torch.tensor(start, requires_grad=True)
        optimizer = torch.optim.SGD([theta], lr=eta)
        for _ in range(t):
            optimizer.zero_grad()
            error = theta - torch.tensor(target)
            (0.5 * error @ torch.tensor(H) @ error).backward()
            optimizer.step()
        power = np.linalg.matrix_power(np.eye(4) - eta * H, t)
        agree(theta.detach().numpy() - target, power @ (start - target))


def slowest(eta, H):
    """Return the spectral radius of a step of gradient descent."""
    return np.abs(np.linalg.eigvals(np.eye(len(H)) - eta * H)).max()


@pytest.mark.equation("eq-optimization-stability")
def test_descent_converges_exactly_below_two_over_the_largest_curvature(rng):
    """Spectral radii on both sides of both ends; a flat direction needs no limit."""
    for n in (2, 5):
        H = positive_definite(rng, n, 0.2, rng.uniform(1, 9))
        limit = 2 / np.linalg.eigvalsh(H)[-1]
        assert slowest(limit * 0.999, H) < 1 < slowest(limit * 1.001, H)
        assert slowest(1e-6, H) < 1 < slowest(-1e-6, H)
    saddle = np.diag([1.0, -0.1])  # positive curvatures are needed: here no rate converges
    assert all(slowest(eta, saddle) > 1 for eta in np.linspace(0.01, 3, 50))


@pytest.mark.equation("eq-optimization-best-rate", tolerance=1e-6)
def test_best_rate_of_descent(agree, rng):
    """The formula against a numerical search over rates."""
    for low, high in ((1.0, 1.0), (0.5, 3.0), (1.0, 100.0)):
        H = positive_definite(rng, 4, low, high)
        found = optimize.minimize_scalar(
            slowest, bounds=(1e-3, 2 / high), args=(H,), method="bounded", options={"xatol": 1e-10}
        )
        kappa = high / low
        agree(found.fun, (kappa - 1) / (kappa + 1))
        agree(slowest(2 / (low + high), H), (kappa - 1) / (kappa + 1))


@pytest.mark.equation("eq-optimization-lemma", tolerance=1e-12)
def test_descent_lemma_bounds_every_step_and_is_sharp(agree, rng):
    """The bound on random steps of a wavy function; a bowl's steepest direction attains it."""
    A = rng.standard_normal((5, 3))  # J = sum of sines of A theta, not convex
    steepest = np.linalg.norm(A, 2) ** 2  # no curvature exceeds it in magnitude

    def value(theta):
        return np.sin(A @ theta).sum()

    for _ in range(200):
        theta = 3 * rng.standard_normal(3)
        g = A.T @ np.cos(A @ theta)
        for eta in (0.1 / steepest, 1 / steepest, 1.9 / steepest, 5 / steepest):
            bound = value(theta) - eta * (1 - eta * steepest / 2) * (g @ g)
            assert value(theta - eta * g) <= bound + 1e-12
            assert eta > 2 / steepest or bound < value(theta)  # below the limit it descends
    H, eta = positive_definite(rng, 4, 0.3, 5.0), 0.37
    theta = np.linalg.eigh(H)[1][:, -1] * 2.0
    g = H @ theta
    after = (theta - eta * g) @ H @ (theta - eta * g) / 2
    agree(after, theta @ H @ theta / 2 - eta * (1 - eta * 5.0 / 2) * (g @ g))


def companion(product_, beta):
    """Return M for a rate times a curvature, and a momentum."""
    return np.array([[1 + beta - product_, -beta], [1, 0]])


def magnitude(product_, beta):
    """Return the largest magnitude of an eigenvalue of M."""
    return np.abs(np.linalg.eigvals(companion(product_, beta))).max()


@pytest.mark.equation("eq-optimization-momentum", tolerance=1e-12)
def test_momentum_on_a_quadratic_is_a_matrix(agree, rng):
    """Powers of M against the book's and PyTorch's SGD with momentum in one dimension."""
    eta, beta, lam, e_0 = 0.2, 0.85, 1.7, 3.0
    theta, ours = torch.tensor([e_0], dtype=torch.float64, requires_grad=True), np.array([e_0])
    theirs = torch.optim.SGD([theta], lr=eta, momentum=beta)
    optimizer = SGD([ours], lr=eta, momentum=beta)
    errors = [e_0]
    for _ in range(12):
        theirs.zero_grad()
        (0.5 * lam * theta**2).sum().backward()
        theirs.step()
        optimizer.step([lam * ours])
        errors.append(theta.item())
        agree(ours[0], errors[-1])
    state = np.array([errors[1], errors[0]])
    for t in range(1, 12):
        state = companion(eta * lam, beta) @ state
        agree(state, np.array([errors[t + 1], errors[t]]))


@pytest.mark.equation("eq-optimization-momentum-stability")
def test_momentum_is_stable_exactly_below_its_limit():
    """Eigenvalues of M just inside and outside both ends, for many momenta."""
    for beta in np.linspace(0, 0.99, 34):
        limit = 2 * (1 + beta)
        assert magnitude(limit * 0.9999, beta) < 1 < magnitude(limit * 1.0001, beta)
        assert magnitude(1e-5, beta) < 1 < magnitude(-1e-5, beta)
        for inside in ((1 - math.sqrt(beta)) ** 2, 1 + beta, (1 + math.sqrt(beta)) ** 2):
            if 0 < inside < limit:
                assert math.isclose(magnitude(inside, beta), math.sqrt(beta), abs_tol=1e-6)
    assert magnitude(2.0, 1.0) > 1 - 1e-9  # momentum 1 never forgets


@pytest.mark.equation("eq-optimization-momentum-best", tolerance=1e-6)
def test_best_momentum_turns_the_condition_number_into_its_root(agree, rng):
    """The rate of the formula against eigenvalues, and against a numerical search."""
    for low, high in ((1.0, 4.0), (0.5, 50.0)):
        kappa = high / low
        pace = (math.sqrt(kappa) - 1) / (math.sqrt(kappa) + 1)
        eta = 4 / (math.sqrt(high) + math.sqrt(low)) ** 2
        for lam in np.linspace(low, high, 9):
            agree(magnitude(eta * lam, pace**2), pace)

        def worst(x, low=low, high=high):
            eta, beta = x
            if not 0 <= beta < 1:
                return 2.0
            return max(magnitude(eta * low, beta), magnitude(eta * high, beta))

        found = optimize.differential_evolution(
            worst, [(1e-3, 4 / high), (0.0, 0.99)], seed=1, tol=1e-12, maxiter=400
        )
        assert found.fun > pace - 1e-6


@pytest.mark.equation("eq-optimization-nesterov", tolerance=1e-12)
def test_nesterov_steps_along_gradient_plus_momentum_times_velocity(agree, rng):
    """The recurrence, step by step, against PyTorch's SGD with nesterov=True."""
    eta, beta = 0.07, 0.8
    theta, v = rng.standard_normal(5), np.zeros(5)
    twin = torch.tensor(theta, requires_grad=True)
    optimizer = torch.optim.SGD([twin], lr=eta, momentum=beta, nesterov=True)
    for g in rng.standard_normal((9, 5)):
        twin.grad = torch.tensor(g)
        optimizer.step()
        v = beta * v + g
        theta = theta - eta * (g + beta * v)
        agree(theta, twin.detach().numpy())


@pytest.mark.equation("eq-optimization-noise", tolerance=1e-9)
def test_noise_floor_solves_the_lyapunov_equation(agree):
    """The formula against SciPy's solution of V = M V M^T + noise."""
    sigma, batch, lam = 1.3, 8, 0.7
    for beta in (0.0, 0.5, 0.9):
        for fraction in (0.01, 0.5, 0.97):
            eta = fraction * 2 * (1 + beta) / lam
            noise = np.diag([eta**2 * sigma**2 / batch, 0.0])
            V = linalg.solve_discrete_lyapunov(companion(eta * lam, beta), noise)
            formula = eta * sigma**2 / (batch * lam) * (1 + beta)
            formula /= (1 - beta) * (2 * (1 + beta) - eta * lam)
            agree(formula, V[0, 0])


@pytest.mark.equation("eq-optimization-rmsprop", tolerance=1e-12)
def test_rmsprop_recurrence_against_pytorch(agree, rng):
    """The recurrence, step by step, against torch.optim.RMSprop and the book's."""
    eta, alpha, eps = 0.03, 0.9, 1e-2
    theta, s = rng.standard_normal(4), np.zeros(4)
    twin, ours = torch.tensor(theta, requires_grad=True), theta.copy()
    theirs = torch.optim.RMSprop([twin], lr=eta, alpha=alpha, eps=eps)
    optimizer = RMSProp([ours], lr=eta, alpha=alpha, eps=eps)
    for g in rng.standard_normal((9, 4)):
        twin.grad = torch.tensor(g)
        theirs.step()
        optimizer.step([g])
        s = alpha * s + (1 - alpha) * g**2
        theta = theta - eta * g / (np.sqrt(s) + eps)
        agree(theta, twin.detach().numpy())
        agree(theta, ours)


def adam_by_hand(theta, gradients, eta, betas, eps, decay=0.0):
    """Yield moments and parameters of Adam after each step, from the printed recurrences."""
    m, v = np.zeros_like(theta), np.zeros_like(theta)
    for t, g in enumerate(gradients, start=1):
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g**2
        m_hat, v_hat = m / (1 - betas[0] ** t), v / (1 - betas[1] ** t)
        theta = (1 - eta * decay) * theta - eta * m_hat / (np.sqrt(v_hat) + eps)
        yield m, v, theta


@pytest.mark.equation("eq-optimization-adam-moments", tolerance=1e-12)
def test_adam_moments_against_pytorch(agree, rng):
    """Both running means, step by step, against the state of torch.optim.Adam."""
    theta, gradients = rng.standard_normal(3), rng.standard_normal((7, 3))
    twin = torch.tensor(theta, requires_grad=True)
    optimizer = torch.optim.Adam([twin], betas=(0.8, 0.95))
    for g, (m, v, _) in zip(
        gradients, adam_by_hand(theta, gradients, 1e-3, (0.8, 0.95), 1e-8), strict=True
    ):
        twin.grad = torch.tensor(g)
        optimizer.step()
        agree(m, optimizer.state[twin]["exp_avg"].numpy())
        agree(v, optimizer.state[twin]["exp_avg_sq"].numpy())


@pytest.mark.equation("eq-optimization-bias", tolerance=1e-12)
def test_weights_of_a_running_mean_add_up(agree):
    """The sum of the weights against the closed form, and against Adam fed with ones."""
    for beta, t in product((0.0, 0.5, 0.9, 0.999), (1, 2, 50)):
        total = (1 - beta) * sum(beta ** (t - k) for k in range(1, t + 1))
        agree(total, 1 - beta**t)
        optimizer = Adam([np.zeros(1)], betas=(beta, 0.9))
        for _ in range(t):
            optimizer.step([np.ones(1)])
        agree(optimizer.means[0][0], 1 - beta**t)


@pytest.mark.equation("eq-optimization-adam-step", tolerance=1e-12)
def test_adam_step_against_pytorch(agree, rng):
    """The recurrence, step by step, against torch.optim.Adam and the book's."""
    theta, gradients = rng.standard_normal(3), rng.standard_normal((9, 3))
    twin, ours = torch.tensor(theta, requires_grad=True), theta.copy()
    options = {"lr": 0.02, "betas": (0.8, 0.95), "eps": 1e-3}
    theirs, optimizer = torch.optim.Adam([twin], **options), Adam([ours], **options)
    for g, (_, _, by_hand) in zip(
        gradients, adam_by_hand(theta, gradients, 0.02, (0.8, 0.95), 1e-3), strict=True
    ):
        twin.grad = torch.tensor(g)
        theirs.step()
        optimizer.step([g])
        agree(by_hand, twin.detach().numpy())
        agree(by_hand, ours)


@pytest.mark.equation("eq-optimization-first-step", tolerance=1e-9)
def test_adams_first_step_is_the_rate_times_a_sign(agree, rng):
    """PyTorch's first step against the sign; then gradients times a constant, ten steps."""
    gradients = rng.standard_normal((10, 6))
    for c in (1.0, 1e-3, 1e4):
        theta = torch.zeros(6, dtype=torch.float64, requires_grad=True)
        optimizer = torch.optim.Adam([theta], lr=0.1, eps=1e-20)
        theta.grad = torch.tensor(c * gradients[0])
        optimizer.step()
        agree(theta.detach().numpy(), -0.1 * np.sign(gradients[0]))
        for g in gradients[1:]:
            theta.grad = torch.tensor(c * g)
            optimizer.step()
        expected = list(adam_by_hand(np.zeros(6), gradients, 0.1, (0.9, 0.999), 0.0))[-1][2]
        agree(theta.detach().numpy(), expected)


@pytest.mark.equation("eq-optimization-decay", tolerance=1e-12)
def test_penalty_and_decay_are_one_for_plain_descent(agree, rng):
    """PyTorch's SGD with weight decay against shrinking first; with Adam they differ."""
    eta, lam = 0.1, 0.3
    theta, g = rng.standard_normal((2, 5))
    twin = torch.tensor(theta, requires_grad=True)
    optimizer = torch.optim.SGD([twin], lr=eta, weight_decay=lam)
    twin.grad = torch.tensor(g)
    optimizer.step()
    agree((1 - eta * lam) * theta - eta * g, twin.detach().numpy())
    penalty, decay = theta.copy(), theta.copy()
    Adam([penalty], lr=eta, weight_decay=lam).step([g])
    AdamW([decay], lr=eta, weight_decay=lam).step([g])
    assert np.abs(penalty - decay).max() > 1e-3


@pytest.mark.equation("eq-optimization-adamw", tolerance=1e-12)
def test_adamw_against_pytorch(agree, rng):
    """The recurrence, step by step, against torch.optim.AdamW and the book's."""
    theta, gradients = rng.standard_normal(3), rng.standard_normal((9, 3))
    twin, ours = torch.tensor(theta, requires_grad=True), theta.copy()
    options = {"lr": 0.02, "betas": (0.8, 0.95), "eps": 1e-3, "weight_decay": 0.4}
    theirs, optimizer = torch.optim.AdamW([twin], **options), AdamW([ours], **options)
    for g, (_, _, by_hand) in zip(
        gradients, adam_by_hand(theta, gradients, 0.02, (0.8, 0.95), 1e-3, 0.4), strict=True
    ):
        twin.grad = torch.tensor(g)
        theirs.step()
        optimizer.step([g])
        agree(by_hand, twin.detach().numpy())
        agree(by_hand, ours)


@pytest.mark.equation("eq-optimization-cosine", tolerance=1e-12)
def test_cosine_schedule_against_pytorch(agree):
    """The formula against torch's CosineAnnealingLR and the book's schedule."""
    first, last, n = 0.4, 0.05, 12
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=first)
    theirs = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, n, eta_min=last)
    ours = cosine(first, n, final=last)
    for t in range(n + 1):
        formula = last + (first - last) / 2 * (1 + math.cos(math.pi * t / n))
        agree(formula, optimizer.param_groups[0]["lr"])
        agree(formula, ours(t))
        optimizer.step()
        theirs.step()


@pytest.mark.equation("eq-optimization-clip", tolerance=2e-6)
def test_clipping_keeps_the_direction_and_bounds_the_norm(agree, rng):
    """The formula against PyTorch's clip_grad_norm_, which adds 1e-6 to the norm."""
    for size, c in ((0.5, 1.0), (30.0, 1.0), (30.0, 7.0)):
        g = rng.standard_normal(6)
        g *= size / np.linalg.norm(g)
        formula = min(1, c / np.linalg.norm(g)) * g
        parameter = torch.zeros(6, dtype=torch.float64, requires_grad=True)
        parameter.grad = torch.tensor(g)
        torch.nn.utils.clip_grad_norm_(parameter, c)
        agree(formula, parameter.grad.numpy())
