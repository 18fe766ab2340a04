"""The equations of the chapter "From fixed to learned features", each by a second route."""

import itertools
import math

import numpy as np
import pytest
from scipy.integrate import dblquad
from scipy.optimize import linprog
from scipy.stats import binom

from mlpbook.chapters.features import (
    RandomFeatures,
    exponents,
    kernel_ridge,
    monomials,
    ridge_readout,
    separable_labelings,
)


def separates(V, y):
    """Whether some theta gives rows V (N, P) of class 1 positive, of class 0 negative scores."""
    signed = (2 * y - 1)[:, None] * V
    result = linprog(np.zeros(V.shape[1]), -signed, -np.ones(len(y)), bounds=(None, None))
    assert result.status in (0, 2)
    return result.status == 0


def count_separable(V):
    """Return how many labelings of the rows of V (N, P) are separable, by trying them all."""
    labelings = itertools.product([0, 1], repeat=len(V))
    return sum(separates(V, np.array(labels)) for labels in labelings)


def task(rng, n_samples=30, n_features=5, n_out=3):
    """Return features that are far from centered, and targets likewise."""
    Psi = rng.standard_normal((n_samples, n_features)) * [1, 2, 0.5, 1, 3][:n_features] + 4
    return Psi, rng.standard_normal((n_samples, n_out)) - 2


@pytest.mark.equation("eq-features-averages", tolerance=1e-12)
def test_classes_whose_averages_meet_have_equal_average_scores_and_no_separating_line(agree, rng):
    """The two weighted sums of random affine scores; and a linear program finds no separation."""
    for _ in range(20):
        alpha, beta = rng.dirichlet(np.ones(4)), rng.dirichlet(np.ones(3))
        X0, X1 = rng.standard_normal((4, 3)), rng.standard_normal((3, 3))
        X1 += alpha @ X0 - beta @ X1  # now both averages are alpha @ X0
        w, b = rng.standard_normal(3), rng.standard_normal()
        agree(
            sum(a * (w @ x + b) for a, x in zip(alpha, X0, strict=True)),
            sum(a * (w @ x + b) for a, x in zip(beta, X1, strict=True)),
        )
        X = np.column_stack([np.vstack([X0, X1]), np.ones(7)])
        assert not separates(X, np.repeat([0, 1], [4, 3]))


def test_classes_whose_averages_cannot_meet_are_separable(rng):
    """Points left and right of a hyperplane: the theorem's hypothesis fails, and so its claim."""
    X = rng.uniform(0.1, 1, size=(8, 3)) * np.repeat([[-1], [1]], 4, axis=0)
    assert separates(np.column_stack([X, np.ones(8)]), np.repeat([0, 1], 4))


@pytest.mark.equation("eq-features-xor", tolerance=0)
def test_the_product_feature_scores_plus_and_minus_one_on_the_corners(agree):
    """The weights (0, 0, −1) on (x₁, x₂, x₁x₂), against the exclusive or of the sign bits."""
    for x1, x2 in itertools.product([-1, 1], repeat=2):
        score = np.array([0, 0, -1]) @ [x1, x2, x1 * x2] + 0
        agree(score, 2 * ((x1 < 0) ^ (x2 < 0)) - 1)


@pytest.mark.equation("eq-features-circle", tolerance=1e-12)
def test_a_cut_of_the_bowl_is_a_sphere(agree, rng):
    """Both sides at random points, and the score at points of the predicted sphere against 0."""
    for n_in in (2, 3, 5):
        u, c = rng.standard_normal(n_in), -0.7
        b = 2.0
        squared_radius = sum(v**2 for v in u) / (4 * c**2) - b / c
        center = -u / (2 * c)
        x = rng.standard_normal((50, n_in))
        agree(
            x @ u + c * (x**2).sum(axis=1) + b,
            c * (np.linalg.norm(x - center, axis=1) ** 2 - squared_radius),
        )
        on_sphere = center + np.sqrt(squared_radius) * x / np.linalg.norm(x, axis=1, keepdims=True)
        agree(on_sphere @ u + c * (on_sphere**2).sum(axis=1) + b, np.zeros(50))


@pytest.mark.equation("eq-features-ellipse", tolerance=1e-10)
def test_completing_the_square_gives_center_and_semi_axes(agree, rng):
    """Index sums of the quadratic against the centered form; zero at the ends of the semi-axes."""
    n_in = 3
    for _ in range(20):
        half = rng.standard_normal((n_in, n_in))
        Q, q, b = half + half.T, rng.standard_normal(n_in), rng.standard_normal()
        if np.abs(np.linalg.eigvalsh(Q)).min() < 0.1:
            continue
        mu = -np.linalg.solve(Q, q) / 2
        rho = mu @ Q @ mu - b

        def score(x, Q=Q, q=q, b=b):
            square = sum(Q[i, j] * x[i] * x[j] for i in range(n_in) for j in range(n_in))
            return square + sum(q[i] * x[i] for i in range(n_in)) + b

        x = rng.standard_normal(n_in)
        agree(score(x), (x - mu) @ Q @ (x - mu) - rho)
        eigenvalues, directions = np.linalg.eigh(Q)
        for eigenvalue, direction in zip(eigenvalues, directions.T, strict=True):
            if rho / eigenvalue > 0:
                agree(score(mu + np.sqrt(rho / eigenvalue) * direction), 0.0)


@pytest.mark.equation("eq-features-monomials", tolerance=0)
def test_the_number_of_monomials_is_a_binomial_coefficient(agree):
    """Exponent vectors of sum at most d, counted one by one, against the formula."""
    for n_in, degree in itertools.product(range(1, 5), range(1, 5)):
        vectors = itertools.product(range(degree + 1), repeat=n_in)
        counted = sum(sum(a) <= degree for a in vectors)
        agree(counted, math.comb(n_in + degree, degree))
        agree(len(exponents(n_in, degree)) + 1, counted)


@pytest.mark.equation("eq-features-cover", tolerance=0)
def test_covers_count_agrees_with_a_linear_program_on_every_labeling(agree, rng):
    """The formula against trying all 2^N labelings of random points, with an intercept."""
    for n_samples, n_features in [(4, 1), (5, 2), (6, 2), (7, 2), (6, 3), (4, 5)]:
        Psi = rng.standard_normal((n_samples, n_features))
        counted = count_separable(np.column_stack([Psi, np.ones(n_samples)]))
        agree(separable_labelings(n_samples, n_features + 1), counted)


def test_points_that_are_not_in_general_position_have_fewer_separable_labelings():
    """Four points on a line in the plane: 8 labelings, not 14, so the hypothesis is needed."""
    line = np.column_stack([np.arange(4.0), np.arange(4.0), np.ones(4)])
    assert count_separable(line) == 8 < separable_labelings(4, 3)


def test_the_count_holds_in_feature_space_and_conics_separate_all_labelings_of_six_points(rng):
    Psi = monomials(rng.standard_normal((6, 2)), 2)
    assert count_separable(np.column_stack([Psi, np.ones(6)])) == 64


@pytest.mark.equation("eq-features-cover-recursion", tolerance=0)
def test_covers_recursion_holds_for_counts_by_linear_programming(agree, rng):
    """S(N + 1, P) against S(N, P) + S(N, P − 1), each counted on its own random points."""

    def count(n, p):
        return count_separable(rng.standard_normal((n, p)))

    for n, p in [(2, 2), (4, 2), (4, 3), (5, 3), (3, 4)]:
        agree(count(n + 1, p), count(n, p) + count(n, p - 1))


@pytest.mark.equation("eq-features-capacity", tolerance=1e-12)
def test_the_share_of_separable_labelings_is_a_binomial_probability(agree):
    """Cover's count over 2^N against scipy's binomial distribution; a half at N = 2 P."""
    for n, p in itertools.product([1, 2, 5, 20, 60], [1, 2, 7, 30]):
        agree(separable_labelings(n, p) / 2**n, binom.cdf(p - 1, n - 1, 0.5) if n > 1 else 1.0)
        agree(separable_labelings(2 * p, p) / 2 ** (2 * p), 0.5)


def stacked_least_squares(Psi, Y, penalty):
    """Minimise the same objective as one least-squares problem, with √λ rows for the penalty."""
    n, m = Psi.shape
    rows = np.vstack(
        [
            np.column_stack([Psi, np.ones(n)]) / np.sqrt(n),
            np.column_stack([np.sqrt(penalty) * np.eye(m), np.zeros(m)]),
        ]
    )
    targets = np.vstack([Y / np.sqrt(n), np.zeros((m, Y.shape[1]))])
    solution = np.linalg.lstsq(rows, targets, rcond=None)[0]
    return solution[:-1].T, solution[-1]


@pytest.mark.equation("eq-features-normal", tolerance=1e-10)
def test_the_normal_equations_give_the_weights_of_the_stacked_least_squares_problem(agree, rng):
    """Centred normal equations against one least-squares problem with a column of ones."""
    Psi, Y = task(rng)
    for penalty in (1e-3, 0.1, 10.0):
        W = stacked_least_squares(Psi, Y, penalty)[0]
        agree(ridge_readout(Psi, Y, penalty=penalty).W, W)
        centered, Y_centered = Psi - Psi.mean(axis=0), Y - Y.mean(axis=0)
        left = (centered.T @ centered / len(Psi) + penalty * np.eye(5)) @ W.T
        agree(left, centered.T @ Y_centered / len(Psi))


@pytest.mark.equation("eq-features-intercept", tolerance=1e-10)
def test_the_intercept_matches_the_means_and_the_residuals_sum_to_zero(agree, rng):
    """b = ȳ − W ψ̄ against the stacked least-squares problem; residual means against 0."""
    Psi, Y = task(rng)
    for penalty in (0.0, 0.1, 10.0):
        readout = ridge_readout(Psi, Y, penalty=penalty)
        W, b = stacked_least_squares(Psi, Y, penalty)
        agree(Y.mean(axis=0) - W @ Psi.mean(axis=0), b)
        agree(readout.b, b)
        agree((readout(Psi) - Y).mean(axis=0), np.zeros(3))


@pytest.mark.equation("eq-features-push-through", tolerance=1e-10)
def test_the_push_through_identity_holds_for_tall_and_wide_matrices(agree, rng):
    """Explicit inverses on both sides, of an m × m and of an N × N matrix."""
    for n, m in [(7, 3), (3, 7), (4, 4), (1, 5)]:
        Psi, c = rng.standard_normal((n, m)), rng.uniform(0.1, 2)
        agree(
            np.linalg.inv(Psi.T @ Psi + c * np.eye(m)) @ Psi.T,
            Psi.T @ np.linalg.inv(Psi @ Psi.T + c * np.eye(n)),
        )


@pytest.mark.equation("eq-features-kernel-ridge", tolerance=1e-9)
def test_the_kernel_readout_predicts_what_the_feature_readout_predicts(agree, rng):
    """Inner products against features, on new points; and α, b against a bordered system."""
    for n_samples in (4, 30):  # fewer and more samples than features
        Psi, Y = task(rng, n_samples)
        Psi_new = rng.standard_normal((6, 5)) + 4
        K = Psi @ Psi.T
        kernel = kernel_ridge(K, Y, penalty=0.05)
        agree(kernel(Psi_new @ Psi.T), ridge_readout(Psi, Y, penalty=0.05)(Psi_new))

        n, ones = n_samples, np.ones((n_samples, 1))
        bordered = np.block([[K + n * 0.05 * np.eye(n), ones], [ones.T, np.zeros((1, 1))]])
        solution = np.linalg.solve(bordered, np.vstack([Y, np.zeros((1, 3))]))
        agree(kernel.W.T, solution[:-1])
        agree(kernel.b, solution[-1])
        agree(kernel.W.sum(axis=1), np.zeros(3))


@pytest.mark.equation("eq-features-polynomial", tolerance=1e-12)
def test_the_polynomial_kernel_is_a_weighted_sum_over_all_monomials(agree, rng):
    """A power of one inner product against a sum over exponent vectors with multinomials."""
    gamma = 0.3
    for n_in, d in [(1, 4), (2, 3), (4, 2), (3, 5)]:
        x, z = rng.standard_normal((2, n_in))
        total = 0.0
        for a in itertools.product(range(d + 1), repeat=n_in):
            if sum(a) <= d:
                c = math.factorial(d) / math.factorial(d - sum(a))
                c /= math.prod(math.factorial(k) for k in a)
                total += c * gamma ** sum(a) * np.prod(x**a) * np.prod(z**a)
        agree((1 + gamma * (x @ z)) ** d, total)


@pytest.mark.equation("eq-features-parity", tolerance=1e-12)
def test_parity_is_orthogonal_to_every_polynomial_of_lower_degree(agree, rng):
    """The sum over all corners of parity times a random polynomial, against 0; degree D fails."""
    for n_bits in (3, 4):
        corners = np.array(list(itertools.product([-1.0, 1.0], repeat=n_bits)))
        chi = corners.prod(axis=1)
        Psi = np.column_stack([np.ones(len(corners)), monomials(corners, n_bits - 1)])
        s = Psi @ rng.standard_normal(Psi.shape[1])
        agree(chi @ s, 0.0)
        assert not separates(Psi, (chi > 0).astype(int))
        assert separates(monomials(corners, n_bits), (chi > 0).astype(int))


@pytest.mark.equation("eq-features-shrinkage", tolerance=1e-10)
def test_ridge_shrinks_each_singular_direction_by_its_own_factor(agree, rng):
    """Fitted values of the readout against a sum over singular vectors, one by one."""
    Psi, Y = task(rng)
    U, sigma, _ = np.linalg.svd(Psi - Psi.mean(axis=0), full_matrices=False)
    Y_centered = Y - Y.mean(axis=0)
    for penalty in (0.01, 1.0):
        fitted = sum(
            s**2 / (s**2 + len(Psi) * penalty) * np.outer(u, u) @ Y_centered
            for s, u in zip(sigma, U.T, strict=True)
        )
        readout = ridge_readout(Psi, Y, penalty=penalty)
        agree((Psi - Psi.mean(axis=0)) @ readout.W.T, fitted)


@pytest.mark.equation("eq-features-arccosine", tolerance=1e-7)
def test_the_kernel_of_random_relu_features_is_the_arc_cosine_kernel(agree):
    """The closed form against a double integral over the quadrant where both scores are > 0."""
    for theta, length, length_new in [(0.3, 1.0, 1.0), (1.2, 0.5, 2.0), (2.6, 1.5, 1.0)]:
        rho = np.cos(theta)

        def integrand(u, v, rho=rho):
            density = np.exp(-(u**2 - 2 * rho * u * v + v**2) / (2 * (1 - rho**2)))
            return u * v * density / (2 * np.pi * np.sqrt(1 - rho**2))

        integral = dblquad(integrand, 0, 9, 0, 9, epsabs=1e-10, epsrel=1e-10)[0]
        closed = (np.sin(theta) + (np.pi - theta) * np.cos(theta)) / (2 * np.pi)
        agree(length * length_new * closed, length * length_new * integral)


def test_random_features_approach_the_arc_cosine_kernel(rng):
    """100,000 units without biases in the plane, where weights are standard normal: 5 σ."""
    x = np.array([[1.0, 0.5], [-0.3, 1.2]])
    norms = np.linalg.norm(x, axis=1).prod()
    theta = np.arccos(x[0] @ x[1] / norms)
    closed = norms * (np.sin(theta) + (np.pi - theta) * np.cos(theta)) / (2 * np.pi)
    a, b = RandomFeatures(2, 100_000, rng=rng, bias_std=0.0)(x)
    assert abs(a @ b / 100_000 - closed) < 5 * (a * b).std() / np.sqrt(100_000)
