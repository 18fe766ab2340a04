"""The equations of "Evaluation", each by a second route."""

import itertools
import math

import numpy as np
import pytest
from scipy import integrate, optimize, stats

from mlpbook.chapters.evaluation import expected_best, mcnemar
from mlpbook.checks.evaluation import wilson_interval


@pytest.mark.equation("eq-evaluation-variance", tolerance=1e-12)
def test_mean_and_variance_of_an_error_rate(agree):
    """Both moments against sums over the binomial distribution."""
    n, p = 23, 0.13
    k = np.arange(n + 1)
    weight = stats.binom.pmf(k, n, p)
    agree(weight @ (k / n), p)
    agree(weight @ (k / n - p) ** 2, p * (1 - p) / n)


@pytest.mark.equation("eq-evaluation-wilson", tolerance=1e-10)
def test_wilsons_ends_solve_the_inequality(agree):
    """The printed roots against numerical roots of the inequality, and against the library."""
    z = stats.norm.ppf(0.975)
    for k, n in ((3, 40), (160, 10_000), (39, 40)):
        p = k / n

        def excess(x, p=p, n=n):
            return abs(p - x) - z * math.sqrt(x * (1 - x) / n)

        low = optimize.brentq(excess, 1e-12, p, xtol=1e-15)
        high = optimize.brentq(excess, p, 1 - 1e-12, xtol=1e-15)
        root = z * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
        for sign, end, own in ((-1, low, 0), (1, high, 1)):
            printed = (p + z**2 / (2 * n) + sign * root) / (1 + z**2 / n)
            agree(printed, end)
            agree(wilson_interval(k, n)[own], end)


@pytest.mark.equation("eq-evaluation-unpaired", tolerance=1e-12)
def test_variance_of_a_difference_of_independent_rates(agree):
    """The printed sum against a double sum over both binomial distributions."""
    n, a, b = 12, 0.2, 0.35
    k = np.arange(n + 1)
    weight = np.outer(stats.binom.pmf(k, n, a), stats.binom.pmf(k, n, b))
    difference = (k[:, None] - k) / n
    mean = (weight * difference).sum()
    agree((weight * (difference - mean) ** 2).sum(), (a * (1 - a) + b * (1 - b)) / n)


@pytest.mark.equation("eq-evaluation-paired", tolerance=1e-12)
def test_variance_of_a_difference_on_the_same_images(agree):
    """The printed variance against a sum over the trinomial distribution of (b, c)."""
    n, beta, gamma = 9, 0.25, 0.1
    total, mean, second = 0.0, 0.0, 0.0
    for b in range(n + 1):
        for c in range(n + 1 - b):
            ways = math.factorial(n) // (
                math.factorial(b) * math.factorial(c) * math.factorial(n - b - c)
            )
            weight = ways * beta**b * gamma**c * (1 - beta - gamma) ** (n - b - c)
            total, mean = total + weight, mean + weight * (b - c) / n
            second += weight * ((b - c) / n) ** 2
    agree(total, 1.0)
    agree(second - mean**2, (beta + gamma - (beta - gamma) ** 2) / n)


@pytest.mark.equation("eq-evaluation-mcnemar", tolerance=1e-12)
def test_p_value_counts_the_splits_at_least_as_uneven(agree):
    """The printed sum against counting all outcomes of b + c fair coins."""
    for b, c in ((3, 1), (5, 0), (4, 4), (2, 6)):
        outcomes = list(itertools.product((0, 1), repeat=b + c))
        uneven = [o for o in outcomes if abs(2 * sum(o) - (b + c)) >= abs(b - c)]
        tail = sum(math.comb(b + c, k) for k in range(min(b, c) + 1)) * 2.0 ** -(b + c)
        agree(min(1, 2 * tail), len(uneven) / len(outcomes))
        agree(mcnemar(b, c), len(uneven) / len(outcomes))


@pytest.mark.equation("eq-evaluation-total", tolerance=1e-12)
def test_total_variance_over_networks_and_images(agree):
    """The printed sum against the variance of the mixture of binomial distributions."""
    n, rates, share = 15, np.array([0.1, 0.2, 0.5]), np.array([0.5, 0.3, 0.2])
    k = np.arange(n + 1) / n
    mixture = share @ np.array([stats.binom.pmf(np.arange(n + 1), n, p) for p in rates])
    variance = mixture @ k**2 - (mixture @ k) ** 2
    between = share @ rates**2 - (share @ rates) ** 2
    agree(between + share @ (rates * (1 - rates)) / n, variance)


@pytest.mark.equation("eq-evaluation-seeds", tolerance=1e-12)
def test_variance_over_seeds_on_one_test_set(agree, rng):
    """The printed sum against a mean over all test sets of the variance over all networks."""
    misread = np.array([[1, 0, 0, 1], [0, 1, 0, 1], [0, 0, 0, 1]])  # networks, kinds of images
    seed, image, n = rng.dirichlet(np.ones(3)), rng.dirichlet(np.ones(4)), 3
    mean = 0.0
    for drawn in itertools.product(range(4), repeat=n):
        rates = misread[:, drawn].mean(axis=1)
        mean += np.prod(image[list(drawn)]) * (seed @ rates**2 - (seed @ rates) ** 2)
    pi, rho = misread @ image, seed @ misread
    between = seed @ pi**2 - (seed @ pi) ** 2
    agree((1 - 1 / n) * between + image @ (rho * (1 - rho)) / n, mean)
    assert abs(between - mean) > 1e-3  # the spread over seeds is not the spread of true rates


@pytest.mark.equation("eq-evaluation-optimism", tolerance=1e-9)
def test_the_minimum_of_normal_candidates_lies_within_the_bounds(agree):
    """Quadrature for independent normals, at several m; and a case that needs the hypothesis."""
    mu, sigma = 3.0, 0.7
    for m in (2, 5, 20, 1000):

        def density(x, m=m):
            z = (x - mu) / sigma
            return x * m * stats.norm.pdf(z) / sigma * stats.norm.sf(z) ** (m - 1)

        low, high = mu - 9 * sigma, mu + 9 * sigma
        mean = integrate.quad(density, low, high, limit=400, epsabs=1e-12)[0]
        assert mu - sigma * math.sqrt(2 * math.log(m)) <= mean <= mu
    # the mean minimum of two normals is known: mu - sigma / sqrt(pi)
    two = integrate.quad(
        lambda x: 2 * x * stats.norm.pdf(x, mu, sigma) * stats.norm.sf(x, mu, sigma),
        mu - 9 * sigma, mu + 9 * sigma, epsabs=1e-12,
    )[0]  # fmt: skip
    agree(two, mu - sigma / math.sqrt(math.pi))
    # Without the hypothesis the bound fails: one heavy tail downward, variance 1 as well.
    rare, m = 1e-4, 10_000  # -1/sqrt(rare) with probability rare, about 0 otherwise
    depth = math.sqrt((1 - rare) / rare)
    least = -depth * (1 - (1 - rare) ** m) + math.sqrt(rare / (1 - rare)) * (1 - rare) ** m
    assert least < -math.sqrt(2 * math.log(m))


@pytest.mark.equation("eq-evaluation-best", tolerance=1e-12)
def test_mean_of_the_smallest_of_a_subset(agree, rng):
    """The printed sum against the mean over all subsets, and the library."""
    values = np.sort(rng.standard_normal(7))
    for m in range(1, 8):
        subsets = [min(s) for s in itertools.combinations(values, m)]
        shares = [math.comb(6 - i, m - 1) / math.comb(7, m) for i in range(7 - m + 1)]
        agree(np.dot(values[: len(shares)], shares), np.mean(subsets))
        agree(expected_best(values, m), np.mean(subsets))


@pytest.mark.equation("eq-evaluation-random", tolerance=1e-12)
def test_probability_that_one_of_m_draws_is_good(agree):
    """One minus the binomial probability of no success; 59 draws reach 95 percent."""
    for q, m in ((0.05, 59), (0.3, 4)):
        agree(1 - (1 - q) ** m, stats.binom.sf(0, m, q))
    assert stats.binom.sf(0, 58, 0.05) < 0.95 <= stats.binom.sf(0, 59, 0.05)


@pytest.mark.equation("eq-evaluation-brier", tolerance=1e-12)
def test_expected_brier_score_is_a_squared_distance_and_a_constant(agree, rng):
    """The sum over classes against the printed right side; larger for every other p."""
    for _ in range(20):
        p, q = rng.dirichlet(np.ones(4), size=2)
        unit = np.eye(4)
        expected = sum(q[k] * np.sum((p - unit[k]) ** 2) for k in range(4))
        agree(expected, np.sum((p - q) ** 2) + 1 - np.sum(q**2))
        assert expected > sum(q[k] * np.sum((q - unit[k]) ** 2) for k in range(4))
