"""The equations of floating-point arithmetic, against exact fractions and toy formats."""

import math
import struct
from fractions import Fraction
from itertools import product

import mpmath
import numpy as np
import pytest

U32, U64 = Fraction(1, 2**24), Fraction(1, 2**53)
TOY_P, TOY_LOW, TOY_HIGH = 4, -5, 4  # a format small enough to try every pair of its numbers


def toy_numbers():
    """All finite numbers of the toy format, as fractions, in order."""
    positive = {
        m * Fraction(2) ** (e - TOY_P + 1)
        for e in range(TOY_LOW, TOY_HIGH + 1)
        for m in range(2**TOY_P)
    }
    return sorted(positive | {-x for x in positive})


TOY = toy_numbers()


def toy_round(x):
    """The nearest number of the toy format, by looking at all of them."""
    return min(TOY, key=lambda number: abs(number - x))


def floats(rng, n, dtype=np.float32):
    """Random numbers of many magnitudes and both signs."""
    return (rng.standard_normal(n) * 2.0 ** rng.integers(-20, 20, n)).astype(dtype)


def exact(x):
    """A float as the fraction that it is."""
    return Fraction(float(x))


@pytest.mark.equation("eq-float-range", tolerance=0)
def test_the_extremes_of_a_format_follow_from_precision_and_exponents(agree):
    """The formulas against the bit patterns of float64 and float32, read as numbers."""
    for p, e_max, float_code, int_code in ((53, 1023, "d", "Q"), (24, 127, "f", "I")):

        def number(bits, float_code=float_code, int_code=int_code):
            return Fraction(struct.unpack(float_code, struct.pack(int_code, bits))[0])

        infinite = (2 * e_max + 1) << (p - 1)  # all ones in the exponent, zeros behind
        e_min = 1 - e_max
        formulas = (
            (2 - Fraction(2) ** (1 - p)) * Fraction(2) ** e_max,
            Fraction(2) ** e_min,
            Fraction(2) ** (e_min - p + 1),
        )
        patterns = (number(infinite - 1), number(1 << (p - 1)), number(1))
        assert formulas == patterns
        agree([float(f) for f in formulas], [float(f) for f in patterns])
    assert TOY[-1] == (2 - Fraction(2) ** (1 - TOY_P)) * 2**TOY_HIGH
    assert min(x for x in TOY if x > 0) == Fraction(2) ** (TOY_LOW - TOY_P + 1)


@pytest.mark.equation("eq-float-rounding")
def test_rounding_changes_a_number_by_at_most_the_unit_roundoff(rng):
    """Fractions through a toy format by exhaustive search, and through float32; subnormals fail."""
    u = Fraction(1, 2**TOY_P)
    worst = Fraction(0)
    for x in (Fraction(k, 997) for k in range(40, 28000, 61)):
        error = abs(toy_round(x) / x - 1)
        assert error <= u
        worst = max(worst, error)
    assert worst > u * Fraction(9, 10)
    for x in rng.standard_normal(500):
        assert abs(exact(np.float32(x)) / Fraction(x) - 1) <= U32
    x = Fraction(5, 3) * Fraction(2) ** (TOY_LOW - TOY_P + 1)  # subnormal: no such bound
    assert abs(toy_round(x) / x - 1) > u


@pytest.mark.equation("eq-float-model")
def test_each_operation_is_the_exact_one_rounded_once(rng):
    """float32 and float64 results against exact fractions; the root against its square."""
    for dtype, u in ((np.float32, U32), (np.float64, U64)):
        for a, b in zip(floats(rng, 300, dtype), floats(rng, 300, dtype), strict=True):
            x, y = exact(a), exact(b)
            for computed, true in ((a + b, x + y), (a - b, x - y), (a * b, x * y), (a / b, x / y)):
                assert computed.dtype == dtype
                assert abs(exact(computed) - true) <= u * abs(true)
            root = exact(np.sqrt(abs(a)))  # within (1 ± u): compare squares
            assert ((1 - u) * root) ** 2 <= abs(x) <= ((1 + 2 * u) * root) ** 2
    with np.errstate(over="ignore"):  # the hypothesis: no overflow
        assert np.isinf(np.float32(3e38) + np.float32(3e38))


@pytest.mark.equation("eq-float-sterbenz")
def test_the_difference_of_near_numbers_is_exact(rng):
    """All pairs of a toy format, and float32 with fractions; farther apart it can fail."""
    members = set(TOY)
    for x, y in product((t for t in TOY if t >= 0), repeat=2):
        if y / 2 <= x <= 2 * y:
            assert x - y in members
    for y, ratio in zip(np.abs(floats(rng, 300)), rng.uniform(0.51, 1.99, 300), strict=True):
        x = np.float32(y * ratio)
        assert exact(x - y) == exact(x) - exact(y)
    assert any(x - y not in members for x, y in product(TOY, repeat=2) if 0 < 2 * y < x)


@pytest.mark.equation("eq-float-underflow")
def test_tiny_products_have_an_absolute_error_of_half_the_smallest_number(rng):
    """float32 products near the bottom against fractions; sums down there are exact."""
    floor, normal = Fraction(2) ** (-126 - 24), Fraction(2) ** -126
    relative_failed = False
    for _ in range(500):
        a, b = (np.float32(rng.uniform(1, 2) * 2.0 ** rng.integers(-72, -60)) for _ in range(2))
        true, error = exact(a) * exact(b), abs(exact(a * b) - exact(a) * exact(b))
        assert error <= (U32 * true if true >= normal else floor)
        relative_failed |= error > U32 * true
        c, d = (np.float32(rng.uniform(-1, 1) * 2.0**-128) for _ in range(2))
        assert exact(c + d) == exact(c) + exact(d)
    assert relative_failed
    tiny = np.float32(2.0**-126)
    assert np.nextafter(tiny, np.float32(1)) - tiny > 0  # different, so the difference is not 0


@pytest.mark.equation("eq-float-cancellation", tolerance=0)
def test_a_subtraction_magnifies_its_operands_errors_by_its_condition_number(agree, rng):
    """Random perturbations in exact fractions; the extreme ones attain the bound."""
    size = Fraction(1, 1000)
    for _ in range(100):
        a, b = (Fraction(int(k), 97) for k in rng.choice(np.arange(-900, 900), 2, replace=False))
        bound = size * (abs(a) + abs(b)) / abs(a - b)
        for d1, d2 in rng.integers(-1000, 1001, (20, 2)).tolist():
            moved = a * (1 + size * Fraction(d1, 1000)) - b * (1 + size * Fraction(d2, 1000))
            assert abs(moved - (a - b)) / abs(a - b) <= bound
        if a * b >= 0:
            attained = abs(a * (1 + size) - b * (1 - size) - (a - b)) / abs(a - b)
            assert attained == bound
            agree(attained, bound)


@pytest.mark.equation("eq-float-condition", tolerance=1e-6)
def test_the_condition_number_is_the_ratio_of_relative_changes(agree):
    """Tiny relative changes in 50-digit arithmetic, against the derivative by hand."""
    cases = (
        (mpmath.log, lambda x: 1 / abs(math.log(x)), (0.3, 1.0001, 50.0)),
        (mpmath.exp, abs, (-20.0, 1e-3, 8.0)),
        (mpmath.tan, lambda x: abs(x / (math.sin(x) * math.cos(x))), (0.1, 1.57)),
    )
    with mpmath.workdps(50):
        for f, kappa, places in cases:
            for x in places:
                delta = mpmath.mpf(10) ** -20
                moved = abs(f(x + x * delta) / f(mpmath.mpf(x)) - 1) / delta
                agree(float(moved), kappa(x))


def random_tree(rng, terms):
    """Add terms in a random order with random brackets: the sum, and each term's depth at most."""
    parts = [(x, 0) for x in terms]
    while len(parts) > 1:
        (a, i), (b, j) = (parts.pop(int(rng.integers(len(parts)))) for _ in range(2))
        parts.append((a + b, max(i, j) + 1))
    return parts[0]


@pytest.mark.equation("eq-float-sum")
@pytest.mark.equation("eq-float-gamma")
def test_the_error_of_a_sum_is_bounded_by_the_depth_of_its_brackets(rng):
    """float32 sums in random order with random brackets against fractions; products likewise."""
    for n in (2, 10, 60):
        for _ in range(30):
            terms = floats(rng, n)
            computed, depth = random_tree(rng, terms)
            gamma = depth * U32 / (1 - depth * U32)
            error = abs(exact(computed) - sum(map(exact, terms)))
            assert error <= gamma * sum(abs(exact(x)) for x in terms)
    # No bound relative to the sum itself: the terms may cancel.
    a, b = np.float32(1), np.float32(1e-9)
    assert (a + b) - a == 0 != b
    u = Fraction(1, 100)
    for k in (1, 5, 60):
        gamma = k * u / (1 - k * u)
        for _ in range(20):
            signs = rng.choice([-1, 1], k).tolist()
            assert abs(math.prod(1 + s * u for s in signs) - 1) <= gamma
        assert k * u < (1 + u) ** k - 1 <= gamma or k == 1  # k u alone would not do


@pytest.mark.equation("eq-float-two-sum")
def test_two_subtractions_find_the_error_of_an_addition(rng):
    """float32 pairs of many magnitudes against exact fractions; in the wrong order it fails."""
    failed = 0
    for a, b in zip(floats(rng, 500), floats(rng, 500), strict=True):
        large, small = (a, b) if abs(a) >= abs(b) else (b, a)
        total = large + small
        assert exact(total) + exact(small - (total - large)) == exact(large) + exact(small)
        failed += exact(total) + exact(large - (total - small)) != exact(large) + exact(small)
    assert failed > 0


@pytest.mark.equation("eq-float-kahan")
def test_kahans_error_hardly_depends_on_the_number_of_terms(rng):
    """float32 sums of up to 3000 terms, with signs, against fractions; one by one is worse."""
    for n in (10, 300, 3000):
        terms = rng.standard_normal(n).astype(np.float32) + np.float32(0.2)
        total, lost, plain = np.float32(0), np.float32(0), np.float32(0)
        for x in terms:
            corrected = x + lost
            larger = total + corrected
            lost = corrected - (larger - total)
            total = larger
            plain = plain + x
        true, scale = sum(map(exact, terms)), sum(abs(exact(x)) for x in terms)
        assert abs(exact(total) - true) <= (2 * U32 + 4 * n * U32**2) * scale
    assert abs(exact(plain) - true) > 2 * abs(exact(total) - true)


@pytest.mark.equation("eq-float-trajectory", tolerance=1e-12)
def test_errors_of_a_trajectory_grow_at_most_geometrically(agree, rng):
    """Descent on a quadratic with random errors in each step; downward curvature attains it."""
    eta, beta, rho = 0.1, 3.0, 1e-3
    for curvature in (-beta, beta):
        clean = noisy = 1.0
        distance = 0.0
        for t in range(1, 41):
            clean -= eta * curvature * clean
            noisy -= eta * curvature * noisy + rho * rng.uniform(-1, 1)
            following = abs(noisy - clean)
            assert following <= (1 + eta * beta) * distance + rho + 1e-12
            distance = following
            assert distance <= rho * ((1 + eta * beta) ** t - 1) / (eta * beta) + 1e-12
    worst = 0.0
    for _ in range(40):
        worst = worst + eta * beta * worst + rho
    agree(worst, rho * ((1 + eta * beta) ** 40 - 1) / (eta * beta))


@pytest.mark.equation("eq-float-patterns", tolerance=1e-14)
def test_replacements_are_identities_and_keep_their_digits(agree):
    """Left sides in 400-digit arithmetic against NumPy's right sides in float64."""
    with mpmath.workdps(400):

        def sigma(x):
            return 1 / (1 + mpmath.exp(-mpmath.mpf(x)))

        def same(left, right):
            agree(float(mpmath.mpf(float(right)) / left), 1.0)  # relative, small values too

        for x in (-0.7, -1e-9, 1e-17, 3e-5, 40.0):
            same(mpmath.log(1 + mpmath.mpf(x)), np.log1p(x))
            same(mpmath.exp(mpmath.mpf(x)) - 1, np.expm1(x))
        for x in (-700.0, -3.0, 0.0, 0.5, 36.0, 700.0):
            same(1 - sigma(x), np.exp(-x) / (1 + np.exp(-x)) if x > 0 else 1 / (1 + np.exp(x)))
            same(mpmath.log(sigma(x)), min(x, 0) - np.log1p(np.exp(-abs(x))))
        z = np.array([1000.0, 999.0, -2000.0])
        true = mpmath.log(sum(mpmath.exp(mpmath.mpf(v)) for v in z))
        for c in (1000.0, 990.0):
            same(true, c + np.log(np.exp(z - c).sum()))
        a, b = 1e200, 3e199
        same(mpmath.sqrt(mpmath.mpf(a) ** 2 + mpmath.mpf(b) ** 2), np.hypot(a, b))
        a, b = 1 + 2.0**-30, 1.0
        same(mpmath.mpf(a) ** 2 - mpmath.mpf(b) ** 2, (a - b) * (a + b))
        same(1 - mpmath.cos(mpmath.mpf(1e-7)), 2 * np.sin(1e-7 / 2) ** 2)


@pytest.mark.equation("eq-float-difference-errors")
def test_differences_err_by_at_most_truncation_and_rounding():
    """sin and exp with values off by the worst amount, in 50 digits, for steps from 1e-9 to 1."""
    noise = mpmath.mpf(10) ** -12
    with mpmath.workdps(50):
        for f, slope, bound in (
            (mpmath.sin, mpmath.cos, mpmath.mpf(1)),
            (mpmath.exp, mpmath.exp, mpmath.exp(mpmath.mpf(2))),
        ):
            x = mpmath.mpf(1)
            for k in range(-9, 1):
                h = mpmath.mpf(10) ** k
                for sign in (-1, 1):
                    ahead, here, behind = f(x + h) + sign * noise, f(x) - sign * noise, f(x - h)
                    behind -= sign * noise
                    first = abs((ahead - here) / h - slope(x))
                    second = abs((ahead - behind) / (2 * h) - slope(x))
                    assert first <= bound / 2 * h + 2 * noise / h
                    assert second <= bound / 6 * h**2 + noise / h
        # Attained where f'' is constant: x² forward, rounding in the direction of truncation.
        h = mpmath.mpf(10) ** -6
        error = (((1 + h) ** 2 + noise) - (1 - noise)) / h - 2
        assert abs(error - (h + 2 * noise / h)) < mpmath.mpf(10) ** -40


@pytest.mark.equation("eq-float-optimal-step", tolerance=1e-6)
def test_the_best_steps_are_the_minima_of_the_two_bounds(agree):
    """Closed forms against a fine search over step widths, for several noises and derivatives."""
    for noise, M in product((1e-16, 1e-8), (0.3, 20.0)):
        h = np.geomspace(1e-10, 1, 2_000_001)
        first, second = M / 2 * h + 2 * noise / h, M / 6 * h**2 + noise / h
        agree(first.min() / (2 * math.sqrt(noise * M)), 1.0)
        agree(second.min() / (0.5 * (9 * noise**2 * M) ** (1 / 3)), 1.0)
        at = (2 * math.sqrt(noise / M), (3 * noise / M) ** (1 / 3))
        agree((M / 2 * at[0] + 2 * noise / at[0]) / first.min(), 1.0)
        agree((M / 6 * at[1] ** 2 + noise / at[1]) / second.min(), 1.0)
