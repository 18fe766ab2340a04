"""The equations of the refresher of calculus and linear algebra, each by a second route."""

import math
from collections import Counter
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.optimize import minimize, minimize_scalar
from scipy.special import ndtr


def integers(rng, *shape):
    """Whole numbers from -9 to 9 as Python's own, so that nothing is rounded."""
    return rng.integers(-9, 10, size=shape).astype(object)


def joint(rng, n_x=4, n_y=3):
    """Return the values of two dependent variables with their probabilities, as fractions."""
    counts = rng.integers(1, 10, size=(n_x, n_y))
    xs, ys = (rng.choice(np.arange(-9, 10), n, replace=False) for n in (n_x, n_y))
    total = int(counts.sum())
    return [
        (int(xs[i]), int(ys[j]), Fraction(int(counts[i, j]), total))
        for i, j in product(range(n_x), range(n_y))
    ]


def mean(table, f):
    """The expectation of f(x, y), term by term."""
    return sum((p * f(x, y) for x, y, p in table), Fraction(0))


def distribution(table, f):
    """The distribution of f(x, y) itself: its values and their probabilities."""
    found = Counter()
    for x, y, p in table:
        found[f(x, y)] += p
    return found


def variance(found):
    """The mean square distance of two independent draws, halved: no mean is formed."""
    return sum(p * q * (s - t) ** 2 for s, p in found.items() for t, q in found.items()) / 2


@pytest.mark.equation("eq-refresher-sums", tolerance=0)
def test_finite_sums_may_be_exchanged_and_a_product_of_sums_is_a_double_sum(agree, rng):
    """Row sums against column sums, and the product of two sums against all pairs; integers."""
    a, b = integers(rng, 4, 6), integers(rng, 5)
    by_rows = by_columns = 0
    for i in range(4):
        by_rows += sum(a[i].tolist())
    for j in range(6):
        by_columns += sum(a[:, j].tolist())
    agree(by_rows, by_columns)
    agree(sum(a[0]) * sum(b), sum(s * t for s, t in product(a[0], b)))


@pytest.mark.equation("eq-refresher-geometric", tolerance=1e-12)
def test_the_geometric_sum_is_its_closed_form(agree):
    """Powers added up in exact fractions against the quotient; and a long sum against its limit."""
    for q in (Fraction(9, 10), Fraction(-2, 3), Fraction(5, 2)):
        for n in (0, 1, 7):
            assert sum((q**k for k in range(n)), Fraction(0)) == (1 - q**n) / (1 - q)
    agree(math.fsum(0.9**k for k in range(400)), 10.0)


@pytest.mark.equation("eq-refresher-square", tolerance=0)
def test_the_square_of_a_sum_unfolds(agree, rng):
    """The sum's entries squared against three separate sums, in integers."""
    x, y = integers(rng, 2, 7)
    left = sum((s + t) ** 2 for s, t in zip(x, y, strict=True))
    agree(left, sum(x * x) + 2 * sum(x * y) + sum(y * y))


@pytest.mark.equation("eq-refresher-cauchy", tolerance=0)
def test_cauchy_schwarz_holds_with_equality_for_multiples_only(agree, rng):
    """Both sides squared, in integers; the gap against the sum of all 2 by 2 minors squared."""
    for _ in range(50):
        x, y = integers(rng, 2, 4)
        gap = sum(x * x) * sum(y * y) - sum(x * y) ** 2
        minors = sum((x[i] * y[j] - x[j] * y[i]) ** 2 for i in range(4) for j in range(i))
        agree(gap, minors)  # Lagrange's identity: a sum of squares, 0 for multiples only
        assert sum(x * x) * sum(9 * x * x) == sum(-3 * x * x) ** 2


@pytest.mark.equation("eq-refresher-triangle")
def test_a_detour_is_never_shorter(rng):
    """Lengths of random sums; equality for one direction, and strictly less for opposite ones."""
    for _ in range(200):
        x, y = rng.standard_normal((2, 3))
        assert math.hypot(*(x + y)) <= math.hypot(*x) + math.hypot(*y)
    assert math.hypot(3 + 6, 4 + 8) == math.hypot(3, 4) + math.hypot(6, 8)
    assert math.hypot(3 - 6, 4 - 8) < math.hypot(3, 4) + math.hypot(6, 8)


@pytest.mark.equation("eq-refresher-projection", tolerance=1e-6)
def test_the_nearest_multiple_of_a_unit_vector_is_the_projection(agree, rng):
    """The square completed in exact fractions; and a numerical search for the nearest point."""
    u = np.array([Fraction(2, 3), Fraction(-1, 3), Fraction(2, 3)])
    x = integers(rng, 3)
    foot = (u @ x) * u
    for t in (Fraction(-5, 7), Fraction(0), Fraction(11, 2)):
        away = x - t * u
        assert away @ away == (t - u @ x) ** 2 + (x - foot) @ (x - foot)
    found = minimize_scalar(lambda t: float(sum((x - Fraction(t) * u) ** 2)))
    agree(found.x, float(u @ x))


@pytest.mark.equation("eq-refresher-product", tolerance=0)
def test_four_ways_to_multiply_matrices_are_one(agree, rng):
    """Columns, rows and outer products against the triple loop over entries, in integers."""
    A, B = integers(rng, 2, 3), integers(rng, 3, 4)
    entries = np.zeros((2, 4), object)
    for i, j, k in product(range(2), range(4), range(3)):
        entries[i, j] += A[i, k] * B[k, j]
    agree(np.column_stack([A @ B[:, j] for j in range(4)]), entries)
    agree(np.vstack([A[i] @ B for i in range(2)]), entries)
    agree(sum(np.outer(A[:, k], B[k]) for k in range(3)), entries)


@pytest.mark.equation("eq-refresher-transpose", tolerance=0)
def test_a_transpose_reverses_products_and_changes_sides(agree, rng):
    """Both identities against sums over single entries, in integers."""
    A, B, x, y = integers(rng, 2, 3), integers(rng, 3, 4), integers(rng, 3), integers(rng, 2)
    by_entries = [[sum(A[i, k] * B[k, j] for k in range(3)) for i in range(2)] for j in range(4)]
    agree(B.T @ A.T, by_entries)
    bilinear = sum(y[i] * A[i, k] * x[k] for i in range(2) for k in range(3))
    agree((A @ x) @ y, bilinear)
    agree(x @ (A.T @ y), bilinear)


@pytest.mark.equation("eq-refresher-trace", tolerance=1e-14)
def test_the_trace_gives_the_inner_product_and_does_not_mind_the_order(agree, rng):
    """Traces of products against sums over entries; the norm against that of the long vector."""
    A, B = integers(rng, 3, 4), integers(rng, 3, 4)
    by_entries = sum(A[i, j] * B[i, j] for i, j in np.ndindex(3, 4))
    agree(np.trace(A.T @ B), by_entries)
    agree(np.trace(B @ A.T), by_entries)
    agree(np.linalg.norm(A.astype(float), "fro"), math.hypot(*A.ravel().tolist()))


@pytest.mark.equation("eq-refresher-rank")
def test_a_product_has_no_more_rank_than_its_factors(rng):
    """Ranks by elimination in exact fractions; every rank up to the bound occurs, down to 0."""

    def rank(A):
        rows, found = [[Fraction(int(a)) for a in row] for row in A], 0
        for column in range(len(rows[0])):
            pivot = next((r for r in range(found, len(rows)) if rows[r][column]), None)
            if pivot is None:
                continue
            rows[found], rows[pivot] = rows[pivot], rows[found]
            for r in range(found + 1, len(rows)):
                q = rows[r][column] / rows[found][column]
                rows[r] = [s - q * t for s, t in zip(rows[r], rows[found], strict=True)]
            found += 1
        return found

    seen = set()
    for _ in range(60):
        r, s = rng.integers(1, 5, size=2)
        A = integers(rng, 4, r) @ integers(rng, r, 4)
        B = integers(rng, 4, s) @ integers(rng, s, 4)
        assert rank(A) == rank(A.T)
        assert rank(A @ B) <= min(rank(A), rank(B))
        seen.add(rank(A @ B))
    assert seen == {1, 2, 3, 4}
    A, B = np.diag([1, 0]), np.diag([0, 1])
    assert rank(A @ B) == 0 < min(rank(A), rank(B))


@pytest.mark.equation("eq-refresher-spectral", tolerance=1e-12)
def test_a_symmetric_matrix_is_a_sum_of_its_eigenvectors(agree, rng):
    """The sum against the matrix; and a shear, not symmetric, with one eigenvector only."""
    A = rng.standard_normal((5, 5))
    A = A + A.T
    values, Q = np.linalg.eigh(A)
    agree(sum(value * np.outer(q, q) for value, q in zip(values, Q.T, strict=True)), A)
    agree(Q.T @ Q, np.eye(5))
    shear = np.array([[1, 1], [0, 1]])  # (shear - I) v = 0 only for multiples of (1, 0)
    assert np.linalg.matrix_rank(shear - np.eye(2)) == 1


@pytest.mark.equation("eq-refresher-rayleigh", tolerance=1e-7)
def test_a_quadratic_form_lies_between_the_extreme_eigenvalues(agree, rng):
    """The eigenvalues against minimum and maximum of the form found by a numerical search."""
    A = rng.standard_normal((4, 4))
    A = A + A.T
    values = np.linalg.eigvalsh(A)
    for _ in range(100):
        x = rng.standard_normal(4)
        assert values[0] * (x @ x) - 1e-12 <= x @ A @ x <= values[-1] * (x @ x) + 1e-12
    for sign, value in ((1, values[0]), (-1, values[-1])):
        start = rng.standard_normal(4)
        found = minimize(lambda x, s: s * (x @ A @ x) / (x @ x), start, args=(sign,), tol=1e-12)
        agree(sign * found.fun, value)


@pytest.mark.equation("eq-refresher-svd", tolerance=1e-9)
def test_the_proof_builds_a_singular_value_decomposition(agree, rng):
    """Vectors made as in the proof, from the eigenvectors of AᵀA, against the matrix."""
    A = rng.standard_normal((5, 2)) @ rng.standard_normal((2, 4))
    values, V = np.linalg.eigh(A.T @ A)
    sigma, V = np.sqrt(values[::-1][:2]), V[:, ::-1][:, :2]
    U = A @ V / sigma
    agree(U.T @ U, np.eye(2))
    agree(sum(s * np.outer(u, v) for s, u, v in zip(sigma, U.T, V.T, strict=True)), A)
    assert np.all(values[:2] < 1e-12 * values[-1])


@pytest.mark.equation("eq-refresher-operator-norm", tolerance=1e-7)
def test_the_largest_singular_value_is_the_largest_stretch(agree, rng):
    """A numerical search for the most stretched vector; squares of entries against σ²."""
    for rank in (1, 2, 4):
        A = rng.standard_normal((6, rank)) @ rng.standard_normal((rank, 4))
        sigma = np.linalg.svd(A, compute_uv=False)
        best = max(
            -minimize(
                lambda x, A: -math.hypot(*(A @ x)) / math.hypot(*x),
                rng.standard_normal(4),
                args=(A,),
                tol=1e-12,
            ).fun
            for _ in range(3)
        )
        agree(best, sigma[0])
        agree(math.hypot(*A.ravel()) ** 2, np.sum(sigma**2))
        assert sigma[0] <= math.hypot(*A.ravel()) * (1 + 1e-14)
        assert math.hypot(*A.ravel()) <= math.sqrt(rank) * sigma[0] * (1 + 1e-14)
    agree(math.hypot(*np.eye(3).ravel()), math.sqrt(3) * 1.0)  # the last bound, attained


@pytest.mark.equation("eq-refresher-submultiplicative")
def test_norms_of_products_are_bounded_and_the_bound_can_be_loose(rng):
    """Random vectors and matrices by singular values; two projections whose product is 0."""
    for _ in range(100):
        A, B, x = rng.standard_normal((4, 3)), rng.standard_normal((3, 5)), rng.standard_normal(3)
        largest, other = np.linalg.norm(A, 2), np.linalg.norm(B, 2)
        assert math.hypot(*(A @ x)) <= largest * math.hypot(*x) * (1 + 1e-14)
        assert np.linalg.norm(A @ B, 2) <= largest * other * (1 + 1e-14)
    assert np.linalg.norm(np.diag([1.0, 0.0]) @ np.diag([0.0, 1.0]), 2) == 0


@pytest.mark.equation("eq-refresher-least-squares", tolerance=1e-12)
def test_residuals_of_the_best_fit_are_orthogonal_and_all_others_are_longer(agree, rng):
    """LAPACK's solution, also for dependent columns, against Pythagoras at random weights."""
    X = rng.standard_normal((9, 3))
    for columns in (X, np.column_stack([X, X[:, 0] - 2 * X[:, 1]])):
        y = rng.standard_normal(9)
        best = np.linalg.lstsq(columns, y, rcond=None)[0]
        agree(columns.T @ (columns @ best - y), np.zeros(columns.shape[1]))
        for _ in range(10):
            w = rng.standard_normal(columns.shape[1])
            agree(
                math.hypot(*(columns @ w - y)) ** 2,
                math.hypot(*(columns @ best - y)) ** 2 + math.hypot(*(columns @ (w - best))) ** 2,
            )


def bowl(x):
    """A function of three variables, for real and complex numbers and for PyTorch alike."""
    return x[0] ** 2 * x[1] + (x[1] * x[2] + x[0]) ** 3 / 5 - x[2]


def bowl_gradient(x):
    """Its gradient by hand."""
    inner = 3 * (x[1] * x[2] + x[0]) ** 2 / 5
    return np.array([2 * x[0] * x[1] + inner, x[0] ** 2 + inner * x[2], inner * x[1] - 1])


@pytest.mark.equation("eq-refresher-chain", tolerance=1e-13)
def test_the_chain_rule_adds_up_all_ways(agree):
    """The sum of products against one complex step through the composition."""
    t = 0.7

    def path(t):
        return np.array([np.sin(t), t**2 - 1, np.exp(-t)])

    slope = np.array([np.cos(t), 2 * t, -np.exp(-t)])
    by_step = bowl(path(t + 1e-30j)).imag / 1e-30
    agree(sum(a * b for a, b in zip(bowl_gradient(path(t)), slope, strict=True)), by_step)


@pytest.mark.equation("eq-refresher-directional", tolerance=1e-13)
def test_the_slope_along_a_direction_is_largest_along_the_gradient(agree, rng):
    """PyTorch's gradient times a direction against a complex step; all directions bounded."""
    x = rng.standard_normal(3)
    leaf = torch.tensor(x, requires_grad=True)
    bowl(leaf).backward()
    gradient = leaf.grad.numpy()
    steepest = gradient / math.hypot(*gradient)
    for d in [*rng.standard_normal((50, 3)), steepest]:
        d = d / math.hypot(*d)
        slope = bowl(x + 1e-30j * d).imag / 1e-30
        agree(slope, gradient @ d)
        assert abs(slope) <= math.hypot(*gradient) * (1 + 1e-14)
    agree(bowl(x + 1e-30j * steepest).imag / 1e-30, math.hypot(*gradient))


@pytest.mark.equation("eq-refresher-taylor")
def test_taylors_remainder_is_a_derivative_at_some_place_between():
    """The error of polynomials of exp and sin, solved for the derivative: a value between."""
    for h in (0.9, -0.6):
        for k in range(5):
            polynomial = sum(Fraction(h) ** j / math.factorial(j) for j in range(k + 1))
            implied = (math.exp(h) - float(polynomial)) * math.factorial(k + 1) / h ** (k + 1)
            assert 0 < math.log(implied) / h < 1  # the place tau of e^(tau h)
    # Two derivatives are needed for an error of order 2: |x|^(3/2) has one at 0.
    ratio = [abs(h) ** 1.5 / h**2 for h in (1e-2, 1e-4, 1e-6)]
    assert ratio[0] < ratio[1] < ratio[2]


@pytest.mark.equation("eq-refresher-taylor-many", tolerance=1e-9)
def test_taylors_theorem_in_several_variables_has_one_place_on_the_segment(agree, rng):
    """PyTorch's gradient and Hessian; the place on the segment by bisection, then both sides."""
    for _ in range(5):
        x, h = rng.standard_normal((2, 3))

        def form(tau, x=x, h=h):
            H = torch.autograd.functional.hessian(bowl, torch.tensor(x + tau * h))
            return h @ H.numpy() @ h

        needed = 2 * (bowl(x + h) - bowl(x) - bowl_gradient(x) @ h)
        grid = np.linspace(0, 1, 201)
        values = np.array([form(tau) - needed for tau in grid])
        crossing = int(np.flatnonzero(values[:-1] * values[1:] <= 0)[0])
        low, high = grid[crossing], grid[crossing + 1]
        for _ in range(50):
            middle = (low + high) / 2
            same = (form(middle) - needed) * (form(low) - needed) > 0
            low, high = (middle, high) if same else (low, middle)
        agree(bowl(x + h), bowl(x) + bowl_gradient(x) @ h + form(low) / 2)


@pytest.mark.equation("eq-refresher-descent", tolerance=1e-12)
def test_a_step_of_at_most_one_over_the_curvature_descends(agree, rng):
    """A logistic sum with its curvature bound: random steps; equality for a plain square."""
    A = rng.standard_normal((6, 3))
    beta = np.linalg.norm(A, 2) ** 2 / 4

    def f(x):
        return np.logaddexp(0, A @ x).sum()

    for _ in range(100):
        x, h = 2 * rng.standard_normal((2, 3))
        gradient = A.T @ (1 / (1 + np.exp(-A @ x)))
        assert f(x + h) <= f(x) + gradient @ h + beta / 2 * (h @ h)
        eta = rng.uniform(0, 1 / beta)
        assert f(x - eta * gradient) <= f(x) - eta / 2 * (gradient @ gradient)
    # f = beta x²/2: eta = 1/beta attains the bound; eta = 2.5/beta, not allowed, goes up.
    x, gradient = 3.0, beta * 3.0
    agree(beta / 2 * (x - gradient / beta) ** 2, beta / 2 * x**2 - gradient**2 / (2 * beta))
    assert abs(x - 2.5 / beta * gradient) > abs(x)


@pytest.mark.equation("eq-refresher-tangent")
@pytest.mark.equation("eq-refresher-curvature")
def test_chord_tangent_and_curvature_agree_on_what_is_convex(rng):
    """Three verdicts by random search for log-sum-exp, a saddle, and a cubic: always one answer."""

    def log_sum_exp(x):
        return torch.logsumexp(x, 0)

    def saddle(x):
        return x[0] ** 2 - x[1] ** 2 / 4 + x[2] ** 2

    def cubic(x):
        return (x**3).sum()

    for f, convex in ((log_sum_exp, True), (saddle, False), (cubic, False)):
        verdicts = np.ones(3, bool)
        for x, y, d in rng.standard_normal((200, 3, 3)):
            x, y, d = (torch.tensor(v) for v in (x, y, d))
            t = rng.uniform()
            verdicts[0] &= bool(f((1 - t) * x + t * y) <= (1 - t) * f(x) + t * f(y) + 1e-12)
            x.requires_grad_()
            (gradient,) = torch.autograd.grad(f(x), x)
            verdicts[1] &= bool(f(y) >= f(x) + gradient @ (y - x) - 1e-12)
        for x, d in rng.standard_normal((40, 2, 3)):
            H = torch.autograd.functional.hessian(f, torch.tensor(x)).numpy()
            verdicts[2] &= bool(d @ H @ d >= -1e-12)
        assert verdicts.tolist() == [convex] * 3


@pytest.mark.equation("eq-refresher-moments", tolerance=0)
def test_expectation_is_linear_and_a_variance_unfolds(agree, rng):
    """Exact fractions over a dependent joint distribution; variances from the sum's own law."""
    table = joint(rng)
    a, b, c = Fraction(3), Fraction(-2, 7), Fraction(5)
    of_sum = distribution(table, lambda x, y: a * x + b * y + c)
    of_x, of_y = distribution(table, lambda x, y: x), distribution(table, lambda x, y: y)
    mean_x, mean_y = mean(table, lambda x, y: x), mean(table, lambda x, y: y)
    covariance = mean(table, lambda x, y: (x - mean_x) * (y - mean_y))
    assert covariance != 0
    assert sum(p * v for v, p in of_sum.items()) == a * mean_x + b * mean_y + c
    assert variance(of_x) == mean(table, lambda x, y: x * x) - mean_x**2
    right = a**2 * variance(of_x) + 2 * a * b * covariance + b**2 * variance(of_y)
    assert variance(of_sum) == right
    agree(variance(of_sum), right)


@pytest.mark.equation("eq-refresher-independence")
def test_products_factor_for_independent_variables_and_the_converse_fails(rng):
    """Exact fractions: a product law, a dependent law, and x² beside a symmetric x."""
    table = joint(rng)
    of_x, of_y = distribution(table, lambda x, y: x), distribution(table, lambda x, y: y)
    independent = [(x, y, p * q) for (x, p), (y, q) in product(of_x.items(), of_y.items())]

    def both(law):
        together = mean(law, lambda x, y: (x**3 - x) * abs(y))
        apart = mean(law, lambda x, y: x**3 - x) * mean(law, lambda x, y: abs(y))
        return together, apart

    left, right = both(independent)
    assert left == right
    left, right = both(table)
    assert left != right
    third = Fraction(1, 3)
    law = [(x, x * x, third) for x in (-1, 0, 1)]
    assert mean(law, lambda x, y: x * y) == mean(law, lambda x, y: x) * mean(law, lambda x, y: y)
    assert mean(law, lambda x, y: x**2 * y) != third * 2 * third * 2


@pytest.mark.equation("eq-refresher-mean", tolerance=0)
def test_the_variance_of_a_mean_falls_with_the_number_of_samples(agree, rng):
    """All outcomes of up to four draws, in exact fractions, against the variance of one."""
    law = distribution(joint(rng), lambda x, y: x)
    for n in (1, 2, 4):
        outcomes = Counter()
        for draws in product(law.items(), repeat=n):
            outcomes[Fraction(sum(v for v, _ in draws), n)] += math.prod(p for _, p in draws)
        assert variance(outcomes) == variance(law) / n
        agree(variance(outcomes), variance(law) / n)
    copies = distribution([(v, v, p) for v, p in law.items()], lambda x, y: Fraction(x + y, 2))
    assert variance(copies) == variance(law)  # the same draw twice: not independent, no gain


@pytest.mark.equation("eq-refresher-chebyshev", tolerance=0)
def test_chebyshevs_inequality_holds_and_is_attained(agree, rng):
    """Exact fractions: random laws, the law that attains it, and the binomial for the mean."""
    for _ in range(20):
        law = distribution(joint(rng), lambda x, y: x)
        middle = sum(p * v for v, p in law.items())
        for t in (1, 3, 6):
            far = sum(p for v, p in law.items() if abs(v - middle) >= t)
            assert far <= variance(law) / t**2
    three = {-2: Fraction(1, 8), 0: Fraction(3, 4), 2: Fraction(1, 8)}
    agree(three[-2] + three[2], variance(three) / 2**2)
    for n in (10, 100, 1000):  # a fair coin: variance 1/4; t = 1/10
        far = sum(
            math.comb(n, k)
            for k in range(n + 1)
            if abs(Fraction(k, n) - Fraction(1, 2)) >= Fraction(1, 10)
        )
        assert Fraction(far, 2**n) <= Fraction(1, 4) / (n * Fraction(1, 100))


@pytest.mark.equation("eq-refresher-covariance", tolerance=1e-12)
def test_the_variance_of_a_weighted_sum_is_a_quadratic_form(agree, rng):
    """A finite law of three dependent variables: the sum's own variance against the form."""
    values, p = rng.standard_normal((12, 3)), rng.dirichlet(np.ones(12))
    centred = values - p @ values
    covariance = np.einsum("n,ni,nj->ij", p, centred, centred)
    for _ in range(10):
        a = rng.standard_normal(3)
        weighted = dict(zip((values @ a).tolist(), p.tolist(), strict=True))
        agree(variance(weighted), a @ covariance @ a)
        assert a @ covariance @ a >= 0


@pytest.mark.equation("eq-refresher-jensen")
def test_a_convex_function_of_the_mean_is_at_most_the_mean_of_the_function(rng):
    """Random finite laws and four convex functions; sin, not convex, breaks it."""
    functions = (np.exp, np.abs, np.square, lambda v: np.logaddexp(0, v))
    for f in functions:
        for _ in range(50):
            values, p = rng.standard_normal(6), rng.dirichlet(np.ones(6))
            assert f(p @ values) <= p @ f(values) + 1e-14
    assert math.sin(math.pi / 2) > (math.sin(0) + math.sin(math.pi)) / 2


@pytest.mark.equation("eq-refresher-normal-sum", tolerance=1e-9)
def test_a_weighted_sum_of_normals_is_normal(agree):
    """The distribution function by an integral over the first variable, against the claim."""
    a, c = (1.2, 0.7), -0.4

    def density(z):
        return math.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)

    for t in (-2.0, 0.1, 1.5):
        below = quad(lambda z, t=t: density(z) * ndtr((t - c - a[0] * z) / a[1]), -10, 10)[0]
        agree(below, ndtr((t - c) / math.hypot(*a)))


@pytest.mark.equation("eq-refresher-normal-moments", tolerance=1e-10)
def test_moments_of_the_standard_normal(agree):
    """Numerical integrals against the three values; relu keeps exactly half of the square."""

    def average(f):
        def integrand(z):
            return f(z) * math.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)

        return quad(integrand, -12, 0)[0] + quad(integrand, 0, 12)[0]

    agree(average(lambda z: 1.0), 1.0)
    agree(average(lambda z: z**2), 1.0)
    agree(average(abs), math.sqrt(2 / math.pi))
    agree(average(lambda z: max(z, 0) ** 2), 0.5)


@pytest.mark.equation("eq-refresher-power")
def test_power_iteration_approaches_the_largest_singular_value_from_below(rng):
    """Iterations on random matrices against the bound; a wrong start finds another value."""
    for _ in range(10):
        A, x = rng.standard_normal((5, 4)), rng.standard_normal(4)
        x /= math.hypot(*x)
        _, sigma, Vt = np.linalg.svd(A)
        tangent = 1 / (Vt[0] @ x) ** 2 - 1
        for t in range(10):
            error = 1 - (math.hypot(*(A @ x)) / sigma[0]) ** 2
            assert -1e-13 <= error <= (sigma[1] / sigma[0]) ** (4 * t) * tangent + 1e-13
            x = A.T @ (A @ x)
            x /= math.hypot(*x)
    A = np.diag([3.0, 2.0, 1.0])
    x = np.array([0.0, 1.0, 1.0]) / math.sqrt(2)  # orthogonal to v1: the hypothesis fails
    for _ in range(50):
        x = A.T @ (A @ x)
        x /= math.hypot(*x)
    assert abs(math.hypot(*(A @ x)) - 2) < 1e-12
