"""The equations of "Generalization and regularization", each by a second route."""

import itertools

import numpy as np
import pytest
from scipy import optimize, special

from mlpbook.chapters.generalization import (
    LabelSmoothingLoss,
    average,
    descend,
    shrinkage_of_descent,
    shrinkage_of_ridge,
)


@pytest.mark.equation("eq-generalization-errors", tolerance=1e-12)
def test_three_errors_add_up(agree, rng):
    """Three risks of linear fits, computed in closed form, against the sum of the brackets."""
    # y = x1 + x2 + noise of variance 0.3, inputs standard normal; the class: multiples of x1
    X = rng.standard_normal((12, 2))
    y = X.sum(axis=1) + np.sqrt(0.3) * rng.standard_normal(12)

    def risk(w):
        return (w - 1) ** 2 + 1 + 0.3

    best, erm = 1.0, (X[:, 0] @ y) / (X[:, 0] @ X[:, 0])
    returned = 0.8 * erm
    assert risk(erm) >= risk(best)
    agree(
        risk(returned) - 0.3,
        (risk(best) - 0.3) + (risk(erm) - risk(best)) + (risk(returned) - risk(erm)),
    )


@pytest.mark.equation("eq-generalization-norm", tolerance=1e-9)
def test_every_other_solution_is_longer(agree, rng):
    """Pythagoras for random solutions, with the limit of the descent itself."""
    A, y = rng.standard_normal((3, 6)), rng.standard_normal(3)
    limit = descend(A, y, 1 / np.linalg.norm(A, 2) ** 2, 5000)
    np.testing.assert_allclose(A @ limit, y, atol=1e-9)
    nothing = np.linalg.svd(A)[2][3:]  # directions that A does not see
    for _ in range(5):
        other = limit + rng.standard_normal(3) @ nothing
        agree(other @ other, limit @ limit + (other - limit) @ (other - limit))


def test_a_rate_beyond_the_bound_does_not_converge(rng):
    A, y = rng.standard_normal((3, 6)), rng.standard_normal(3)
    with np.errstate(all="ignore"):
        w = descend(A, y, 2.1 / np.linalg.norm(A, 2) ** 2, 500)
    assert np.linalg.norm(A @ w - y) > 1e3


@pytest.mark.equation("eq-generalization-shrinkage", tolerance=1e-8)
def test_penalty_and_early_stopping_shrink_along_singular_vectors(agree, rng):
    """Both sums against a numerical minimizer and against the steps themselves."""
    A, y = rng.standard_normal((5, 3)), rng.standard_normal(5)
    U, s, Vt = np.linalg.svd(A, full_matrices=False)
    c = (U.T @ y) / s
    found = optimize.minimize(
        lambda w: np.sum((A @ w - y) ** 2) + 0.7 * np.sum(w**2), np.zeros(3), tol=1e-14
    ).x
    np.testing.assert_allclose(found, Vt.T @ (shrinkage_of_ridge(s, 0.7) * c), atol=1e-6)
    gradient = A.T @ (A @ (w := Vt.T @ (s**2 / (s**2 + 0.7) * c)) - y) + 0.7 * w
    agree(gradient, np.zeros(3))
    for t in (0, 1, 7):
        agree(descend(A, y, 0.02, t), Vt.T @ ((1 - (1 - 0.02 * s**2) ** t) * c))
        agree(shrinkage_of_descent(s, 0.02, t), 1 - (1 - 0.02 * s**2) ** t)


@pytest.mark.equation("eq-generalization-dropout", tolerance=1e-12)
def test_mean_and_variance_under_dropout(agree, rng):
    """Both moments against a sum over all masks."""
    w, a, p = rng.standard_normal(4), rng.standard_normal(4), 0.3
    mean = second = 0.0
    for mask in itertools.product((0, 1), repeat=4):
        weight = np.prod([1 - p if kept else p for kept in mask])
        value = np.sum(w * np.array(mask) / (1 - p) * a)
        mean, second = mean + weight * value, second + weight * value**2
    agree(mean, w @ a)
    agree(second - mean**2, p / (1 - p) * np.sum(w**2 * a**2))


@pytest.mark.equation("eq-generalization-ridge", tolerance=1e-12)
def test_dropout_of_inputs_is_a_ridge_penalty_on_average(agree, rng):
    """The expectation over all masks of a small matrix against the printed right side."""
    X, w, y, p = rng.standard_normal((2, 3)), rng.standard_normal(3), rng.standard_normal(2), 0.4
    expected = 0.0
    for mask in itertools.product((0, 1), repeat=6):
        weight = np.prod([1 - p if kept else p for kept in mask])
        dropped = X * np.reshape(mask, X.shape) / (1 - p)
        expected += weight * np.sum((dropped @ w - y) ** 2)
    penalty = p / (1 - p) * np.sum(w**2 * np.sum(X**2, axis=0))
    agree(expected, np.sum((X @ w - y) ** 2) + penalty)


@pytest.mark.equation("eq-generalization-smoothing", tolerance=1e-9)
def test_gradient_of_smoothed_cross_entropy(agree, rng):
    """Complex steps against p - q, and against the library; zero at p = q."""
    z, y, eps = rng.standard_normal(4), 2, 0.1
    q = np.full(4, eps / 4)
    q[y] += 1 - eps

    def loss(z):
        return -(q @ (z - np.log(np.exp(z).sum())))

    step = 1e-30
    gradient = [loss(z + 1j * step * e).imag / step for e in np.eye(4)]
    p = special.softmax(z)
    agree(np.array(gradient), p - q)
    loss_fn = LabelSmoothingLoss(eps)
    loss_fn(z[None], np.array([y]))
    agree(loss_fn.backward()[0], p - q)
    gap = np.log((1 - eps + eps / 4) / (eps / 4))
    agree(special.softmax(gap * np.eye(4)[y]), q)


@pytest.mark.equation("eq-generalization-ambiguity", tolerance=1e-12)
def test_an_ensembles_squared_error_is_the_mean_error_minus_disagreement(agree, rng):
    """Both sides for random predictions."""
    f, y = rng.standard_normal(6), rng.standard_normal()
    mean = f.mean()
    agree((mean - y) ** 2, np.mean((f - y) ** 2) - np.mean((f - mean) ** 2))


@pytest.mark.equation("eq-generalization-ensemble", tolerance=1e-12)
def test_an_ensembles_log_loss_is_at_most_the_mean_of_its_members(agree, rng):
    """Random probabilities; equality where all members agree."""
    for _ in range(20):
        p = rng.dirichlet(np.ones(3), size=5)[:, 0]
        assert -np.log(p.mean()) <= -np.log(p).mean() + 1e-15
    agree(-np.log(np.full(5, 0.3).mean()), -np.log(np.full(5, 0.3)).mean())


@pytest.mark.equation("eq-generalization-average", tolerance=1e-12)
def test_a_moving_average_unrolls_to_a_weighted_sum(agree, rng):
    """The recursion of the library against the printed sum."""
    rho, t = 0.8, 6
    theta = rng.standard_normal((t + 1, 3))
    slow = [theta[0].copy()]
    for k in range(1, t + 1):
        average(slow, [theta[k]], rho)
    weights = [(1 - rho) * rho ** (t - k) for k in range(1, t + 1)]
    agree(slow[0], rho**t * theta[0] + weights @ theta[1:])
