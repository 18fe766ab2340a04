"""The equations of the chapter on what networks can represent."""

import math
from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import linprog

from mlpbook.chapters import representation as ap
from mlpbook.scratch.layers import Sigmoid
from mlpbook.scratch.network import MLP


def random_smooth(rng, *, degree=6):
    """Return a random trigonometric sum on [-1, 1], its slope's and its curvature's bounds."""
    a, w = rng.normal(size=degree), rng.uniform(1, 6, degree)
    shift = rng.uniform(0, 6, degree)

    def f(x):
        return np.sin(np.multiply.outer(x, w) + shift) @ a

    return f, np.abs(a) @ w, np.abs(a) @ w**2


def interpolant(f, n, low=-1.0, high=1.0):
    knots = np.linspace(low, high, n + 1)
    return ap.relu_interpolant(knots, f(knots))


def sup_error(f, network, n_points=4001, low=-1.0, high=1.0):
    x = np.linspace(low, high, n_points)
    return np.abs(network(x[:, None])[:, 0] - f(x)).max()


@pytest.mark.equation("eq-representation-universal", tolerance=0.0)
def test_every_random_target_and_precision_gets_a_network_of_every_kind(agree, rng):
    """For random f and ε in turn, widths from the proofs: no error exceeds ε (excess 0)."""
    excess = []
    for epsilon in (0.5, 0.1):
        f, slope, _ = random_smooth(rng)
        n = math.ceil(2 * slope / epsilon)  # ω(2/n) ≤ 2 slope / n
        excess.append(max(0.0, sup_error(f, interpolant(f, n)) - epsilon))
        n = 2 * n
        knots = np.linspace(-1, 1, n + 1)
        stairs = ap.staircase(knots, f(knots), steepness=n * math.log(n))
        excess.append(max(0.0, sup_error(f, stairs) - epsilon))
    agree(excess, np.zeros(4))


def test_a_step_stays_half_its_height_away_from_every_continuous_network(rng):
    """Continuity of f is needed: no network comes closer than 1/2 to a unit step."""
    for _ in range(20):
        network = ap.random_network(32, Sigmoid, slope=1000.0, rng=rng)
        x = np.linspace(-1, 1, 200)[:, None]
        fitted = ap.fit_readout(network, x, (x > 0).astype(float))
        left, right = fitted([[0.0], [1e-12]]).ravel()
        assert max(abs(left - 0), abs(right - 1)) >= 0.5 - 1e-5


@pytest.mark.equation("eq-representation-interpolant", tolerance=1e-12)
def test_interpolant_is_the_broken_line_through_the_points(agree, rng):
    """The sum of hinges against NumPy's piecewise linear interpolation."""
    for n in (1, 2, 7, 30):
        knots = np.cumsum(rng.uniform(0.1, 1, n + 1)) - 2
        values = rng.normal(size=n + 1)
        x = rng.uniform(knots[0], knots[-1], 200)
        network = ap.relu_interpolant(knots, values)
        assert len(network.parameters()[1]) == n
        agree(network(x[:, None])[:, 0], np.interp(x, knots, values))


@pytest.mark.equation("eq-representation-modulus", tolerance=1e-12)
def test_interpolation_error_is_at_most_the_modulus_of_continuity(agree, rng):
    """The largest error of random targets against ω(h); for the root, √h/4 exactly."""
    for n in (3, 10, 50):
        f, slope, _ = random_smooth(rng)
        h = 2 / n
        x = np.linspace(-1, 1, 2001)
        distance = np.abs(x[:, None] - x)
        values = f(x)
        modulus = np.abs(values[:, None] - values)[distance <= h + 1e-12].max()
        assert sup_error(f, interpolant(f, n), 2001) <= modulus + 1e-12
        assert modulus <= slope * h

    def root(x):
        return np.sqrt(np.abs(x))

    for n in (4, 16, 64):
        h = 2 / n  # the worst point is h/4 from the kink
        error = abs(interpolant(root, n)([[h / 4]])[0, 0] - math.sqrt(h / 4))
        agree(error, math.sqrt(h) / 4)
        assert sup_error(root, interpolant(root, n), 64 * n + 1) <= error + 1e-12 <= math.sqrt(h)


@pytest.mark.equation("eq-representation-curvature", tolerance=1e-9)
def test_interpolation_error_is_at_most_an_eighth_of_curvature_times_h_squared(agree, rng):
    """Random smooth targets against the bound; the parabola attains it."""
    for n in (2, 8, 32):
        f, _, curvature = random_smooth(rng)
        assert sup_error(f, interpolant(f, n)) <= (2 / n) ** 2 * curvature / 8 + 1e-12
        agree(sup_error(np.square, interpolant(np.square, n), 16 * n + 1), (2 / n) ** 2 * 2 / 8)


def test_curvature_bound_needs_a_second_derivative():
    """For |x| with a knot missing at 0, the error is of the order h and not h²."""
    ratios = [sup_error(np.abs, interpolant(np.abs, n), 64 * n + 1) / (2 / n) for n in (5, 51, 501)]
    np.testing.assert_allclose(ratios, 0.5, rtol=1e-6)


@pytest.mark.equation("eq-representation-staircase", tolerance=1e-9)
@pytest.mark.equation("eq-representation-steps", tolerance=1e-9)
def test_staircase_stays_within_its_multiple_of_the_modulus(agree, rng):
    """The network against the printed sum, and its error against 2 ω(h) and (2 + B) ω(h)."""
    for n in (4, 16, 64):
        f, slope, _ = random_smooth(rng)
        h, k = 2 / n, n * math.log(n)  # k = 2 ln n / h
        knots = np.linspace(-1, 1, n + 1)
        middles = (knots[1:] + knots[:-1]) / 2
        x = np.linspace(-1, 1, 3001)
        stairs = ap.staircase(knots, f(knots), steepness=k)(x[:, None])[:, 0]
        by_hand = np.full_like(x, f(-1.0))
        for i in range(n):
            by_hand += (f(knots[i + 1]) - f(knots[i])) / (1 + np.exp(-k * (x - middles[i])))
        agree(stairs, by_hand)
        modulus = slope * h
        assert np.abs(stairs - f(x)).max() <= 2 * modulus

        # an activation that overshoots (B = 2), jumps, and is not monotone
        t = k * np.subtract.outer(x, middles)
        wild = np.where(np.abs(t) < k * h / 2, 2 * np.sin(40 * t), (t > 0) * 1.0)
        steps = f(-1.0) + wild @ np.diff(f(knots))
        assert np.abs(steps - f(x)).max() <= (2 + 2) * modulus


def test_a_flat_staircase_breaks_the_bound():
    """The steepness is needed: with k = 1 the units cannot follow sin 6x."""
    knots = np.linspace(-1, 1, 65)
    stairs = ap.staircase(knots, np.sin(6 * knots), steepness=1.0)
    assert sup_error(lambda x: np.sin(6 * x), stairs) > 2 * 6 * 2 / 64


@pytest.mark.equation("eq-representation-monomial", tolerance=1e-6)
def test_differences_of_a_smooth_activation_become_a_power(agree):
    """n-th difference of the sigmoid in the weight against xⁿ, in 80 decimal digits."""
    derivatives = {  # of s = σ(b), by hand
        1: lambda s: s * (1 - s),
        2: lambda s: s * (1 - s) * (1 - 2 * s),
        3: lambda s: s * (1 - s) * (1 - 6 * s + 6 * s**2),
    }
    with localcontext() as context:
        context.prec = 80
        b, epsilon = Decimal("0.7"), Decimal("1e-5")

        def sigma(t):
            return 1 / (1 + (-t).exp())

        for n, derivative in derivatives.items():
            for x in (Decimal("-1.5"), Decimal("0.3"), Decimal("1")):
                total = sum(
                    (-1) ** (n - j)
                    * math.comb(n, j)
                    * sigma((j - Decimal(n) / 2) * epsilon * x + b)
                    for j in range(n + 1)
                )
                agree(float(total / (epsilon**n * derivative(sigma(b)))), float(x**n))


def test_differences_of_a_polynomial_activation_do_not_become_a_power():
    """The hypothesis is needed: the third difference of t² is zero, whatever the weight."""
    for epsilon, b in product((1, Fraction(1, 7)), (0, 3)):
        terms = [
            (-1) ** (3 - j) * math.comb(3, j) * ((j - Fraction(3, 2)) * epsilon + b) ** 2
            for j in range(4)
        ]
        assert sum(terms) == 0


@pytest.mark.equation("eq-representation-product", tolerance=1e-12)
@pytest.mark.equation("eq-representation-saddle", tolerance=1e-12)
def test_product_of_two_inputs_from_hinges_has_an_error_of_at_most_one_over_n_squared(agree, rng):
    """The identity on random points, and np.interp in place of the network against the bound."""
    x = rng.uniform(-1, 1, (5000, 2))
    plus, minus = x.sum(axis=1), x[:, 0] - x[:, 1]
    agree((plus**2 - minus**2) / 4, x.prod(axis=1))
    for n in (1, 2, 5, 20):
        knots = np.linspace(-2, 2, n + 1)
        approximate = (np.interp(plus, knots, knots**2) - np.interp(minus, knots, knots**2)) / 4
        assert np.abs(approximate - x.prod(axis=1)).max() <= 1 / n**2 + 1e-12


@pytest.mark.equation("eq-representation-alternation", tolerance=1e-6)
def test_too_few_zeros_force_the_distance_of_the_alternation(agree, rng):
    """The best polynomial, by linear programming, at an alternating target's points: error δ."""
    for degree in (0, 1, 2, 4):
        t = np.sort(rng.uniform(-1, 1, degree + 2))  # n = degree + 1 gaps
        delta, c = rng.uniform(0.5, 2), rng.normal()
        f = c + delta * (-1.0) ** np.arange(degree + 2)
        agree(best_polynomial_error(t, f, degree), delta)
        assert best_polynomial_error(t, f, degree + 1) < 1e-6  # one degree more: no error at all
    f = np.array([1.0, -1.0, 1.0, -1.0, 1.0])  # n = 4 at equal distances
    for _ in range(200):
        network = ap.random_network(2, rng=rng)  # at most 3 pieces
        x = np.linspace(-1, 1, 5)[:, None]
        fitted = ap.fit_readout(network, x, f[:, None])
        assert np.abs(fitted(x)[:, 0] - f).max() >= 1 - 1e-9
    assert sup_error_at(ap.relu_interpolant(x[:, 0], f), x, f) < 1e-12  # four pieces: no error


def sup_error_at(network, x, y):
    return np.abs(network(x)[:, 0] - y).max()


def best_polynomial_error(t, f, degree):
    """Return the smallest largest error of a polynomial at the points, by linear programming."""
    V = np.polynomial.chebyshev.chebvander(t, degree)
    ones = np.ones((len(t), 1))
    result = linprog(
        np.eye(degree + 2)[-1],
        A_ub=np.block([[V, -ones], [-V, -ones]]),
        b_ub=np.concatenate([f, -f]),
        bounds=[(None, None)] * (degree + 1) + [(0, None)],
    )
    return result.fun


@pytest.mark.equation("eq-representation-distance", tolerance=1e-6)
def test_annihilating_weights_give_the_distance_from_polynomials(agree, rng):
    """The quotient against the best polynomial at the same points, by linear programming."""
    for degree in (0, 1, 2, 3, 5):
        t, f = np.sort(rng.uniform(-1, 1, degree + 2)), rng.normal(size=degree + 2)
        agree(ap.polynomial_distance_bound(t, f), best_polynomial_error(t, f, degree))
    x = np.linspace(-1, 1, 401)
    turns = np.array([-1, -0.72, -0.25, 0.25, 0.72])
    bound = ap.polynomial_distance_bound(turns, np.sin(6 * turns))
    assert 0.999 * best_polynomial_error(x, np.sin(6 * x), 3) <= bound
    assert bound <= best_polynomial_error(x, np.sin(6 * x), 3) + 1e-4


@pytest.mark.equation("eq-representation-horner", tolerance=1e-12)
def test_squares_multiply_and_carry(agree, rng):
    """Both identities on random numbers, and the network of squares against Horner's rule."""
    x, p = rng.normal(size=(2, 100))
    agree(((x + p) ** 2 - (x - p) ** 2) / 4, x * p)
    agree(((x + 1) ** 2 - (x - 1) ** 2) / 4, x)
    for degree in (1, 2, 5):
        c = rng.normal(size=degree + 1)
        t = rng.uniform(-1, 1, 50)
        agree(ap.square_network(c)(t[:, None])[:, 0], np.polynomial.polynomial.polyval(t, c))


def tent(x):
    return 2 * x if x <= Fraction(1, 2) else 2 - 2 * x


@pytest.mark.equation("eq-representation-tent", tolerance=0.0)
def test_tent_map_is_two_hinges(agree):
    """The two ReLU units against the case distinction, at dyadic points."""
    x = [Fraction(j, 64) for j in range(65)]
    agree(ap.sawtooth(1)(np.array(x, dtype=float)[:, None])[:, 0], [float(tent(t)) for t in x])


@pytest.mark.equation("eq-representation-sawtooth", tolerance=0.0)
def test_composed_tents_are_the_sawtooth(agree):
    """Network, tent map applied k times in fractions, and the formula: equal without rounding."""
    for k in (1, 2, 3, 6, 10):
        x = [Fraction(j, 2 ** (k + 2)) for j in range(2 ** (k + 2) + 1)]
        composed = x
        for _ in range(k):
            composed = [tent(t) for t in composed]
        formula = []
        for t in x:
            j = min(int(t * 2**k), 2**k - 1)
            formula.append(2**k * t - j if j % 2 == 0 else j + 1 - 2**k * t)
        assert composed == formula
        agree(ap.sawtooth(k)(np.array(x, dtype=float)[:, None])[:, 0], [float(t) for t in formula])
        assert len(ap.linear_pieces(ap.sawtooth(k), 0, 1)[0]) - 1 == 2**k


@pytest.mark.equation("eq-representation-pieces", tolerance=0.0)
def test_no_network_has_more_pieces_than_the_product_of_widths_plus_one(agree, rng):
    """Exact counts of random networks against the bound; one hidden layer attains it."""
    for sizes in ([1, 5, 1], [1, 3, 3, 1], [1, 2, 2, 2, 1], [1, 6, 2, 1]):
        bound = math.prod(n + 1 for n in sizes[1:-1])
        for _ in range(10):
            network = MLP(sizes, rng=rng)
            for b in network.parameters()[1::2]:
                b[...] = rng.normal(size=b.shape)
            knots, _ = ap.linear_pieces(network, -100, 100)
            assert len(knots) - 1 <= bound
    for n in (1, 4, 9):
        network = ap.fit_readout(ap.random_network(n, rng=rng), [[0.0]], [[0.0]])
        network.parameters()[2][...] = 1.0
        agree(len(ap.linear_pieces(network, -2, 2)[0]) - 1, n + 1)


@pytest.mark.equation("eq-representation-separation", tolerance=1e-9)
def test_too_few_units_in_one_layer_are_no_better_than_a_constant(agree, rng):
    """Best outputs of random hidden layers, by linear programming: never below 1/2."""
    for k, n_draws in ((2, 40), (3, 20), (4, 5)):
        x, y = np.linspace(0, 1, 2**k + 1), np.arange(2**k + 1) % 2 * 1.0
        for _ in range(n_draws):
            n = 2**k - 2
            kinks, sign = rng.uniform(0, 1, n), rng.choice([-1, 1], n)
            A = np.column_stack(
                [np.maximum(sign * np.subtract.outer(x, kinks), 0), np.ones(len(x))]
            )
            ones = np.ones((len(x), 1))
            best = linprog(
                np.eye(n + 2)[-1],
                A_ub=np.block([[A, -ones], [-A, -ones]]),
                b_ub=np.concatenate([y, -y]),
                bounds=[(None, None)] * (n + 1) + [(0, None)],
            )
            agree(best.fun, 0.5)  # the constant 1/2 attains it, nothing beats it
        full = ap.relu_interpolant(x, y)  # 2^k units: no error
        assert np.abs(full(x[:, None])[:, 0] - y).max() < 1e-12


@pytest.mark.equation("eq-representation-mean", tolerance=1e-6)
def test_mean_error_of_shallow_networks_stays_above_the_bound(agree, rng):
    """Mean errors of fitted shallow networks against the bound; integrals against quadrature."""
    for k in (4, 5, 6):
        x = (np.arange(2 ** (k + 6)) + 0.5) / 2 ** (k + 6)
        y = ap.sawtooth(k)(x[:, None])
        for n in (1, 2 ** (k - 2) - 2, 2 ** (k - 1)):
            for _ in range(5):
                kinks = rng.uniform(0, 1, n)
                network = ap.network_from_weights(
                    [(np.ones((n, 1)), -kinks), (np.zeros((1, n)), [0])]
                )
                fitted = ap.fit_readout(network, x[:, None], y)
                mean = np.abs(fitted(x[:, None]) - y).mean()
                assert mean >= 1 / 8 - (n + 2) / (4 * 2**k) - 1e-9
    # a constant's mean error is 1/4: the quantity in a wrong cell's integral, 2^-k / 4 each
    cells = quad(lambda t: abs(float(tent(t)) - 0.5), 0, 1, points=[0.25, 0.5, 0.75])[0]
    agree(cells, 0.25)


@pytest.mark.equation("eq-representation-decomposition", tolerance=1e-12)
def test_excess_risk_splits_into_three_terms(agree, rng):
    """The sum of the three differences against the excess risk, with risks by exact sums."""
    x = np.linspace(-1, 1, 201)[:, None]
    f = np.sin(6 * x)
    noise = np.array([-0.3, 0.3])  # two equally likely values: risks are exact sums

    def risk(g):
        return np.mean([np.mean((g - f - e) ** 2) for e in noise])

    network = ap.random_network(6, rng=rng)
    sample = rng.integers(0, len(x), 30)
    y = f[sample] + rng.choice(noise, (30, 1))
    best = ap.fit_readout(network, x, f)(x)
    empirical = ap.fit_readout(network, x[sample], y)(x)
    trained = 0.5 * empirical
    approximation = risk(best) - risk(f)
    estimation = risk(empirical) - risk(best)
    optimisation = risk(trained) - risk(empirical)
    agree(approximation + estimation + optimisation, np.mean((trained - f) ** 2))
    assert approximation >= 0
    assert estimation >= 0
