"""The equations of "The tutorial in an hour", each by a second route."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.stats import binom, norm

from bookkit.scripts import load_script


@pytest.mark.equation("eq-hour-floor", tolerance=1e-7)
def test_expected_squared_error_is_noise_variance_plus_squared_distance(agree):
    """The expectation over the noise, integrated numerically, for some errors of a prediction."""
    sigma = 0.2
    for distance in (0.0, 0.1, -1.3):

        def integrand(noise, distance=distance):
            return (distance - noise) ** 2 * norm.pdf(noise, scale=sigma)

        agree(quad(integrand, -10 * sigma, 10 * sigma, epsabs=1e-12)[0], sigma**2 + distance**2)


@pytest.mark.equation("eq-hour-floor", tolerance=1e-7)
def test_the_printed_sum_holds_for_a_sample_only_up_to_the_mixed_term(agree, rng):
    """For finite data the mixed term is left over, and makes up the difference exactly."""
    script = load_script("mlp_numpy")
    X, y = script.make_data(1000, rng)
    p = script.initialize(5, rng)
    y_hat, noise = script.forward(p, X)[0], y - script.truth(X)
    error = y_hat - script.truth(X)
    mixed = -2 * np.mean(error * noise)
    agree(np.mean((y_hat - y) ** 2), np.mean(noise**2) + np.mean(error**2) + mixed)


@pytest.mark.equation("eq-hour-interval", tolerance=5e-3)
def test_the_inequality_holds_with_probability_95_percent(agree):
    """The probability of the inequality, summed over the exact binomial distribution."""
    z, n = 1.96, 10_000
    for share in (0.5, 0.9, 0.975):
        s = np.arange(n + 1) / n
        holds = (s - share) ** 2 <= z**2 * share * (1 - share) / n
        agree(binom.pmf(np.arange(n + 1)[holds], n, share).sum(), 0.95)


@pytest.mark.equation("eq-hour-wilson", tolerance=1e-9)
def test_the_interval_ends_where_the_inequality_is_an_equality(agree):
    """The closed form in the script, against a root search in the inequality."""
    wilson = load_script("mlp_pytorch").wilson
    z = 1.96
    for n_right, n in ((5, 50), (97, 100), (9748, 10_000)):
        s = n_right / n
        low, high = wilson(n_right, n, z)

        def gap(q, s=s, n=n):
            return abs(s - q) - z * np.sqrt(q * (1 - q) / n)

        agree(low, brentq(gap, 1e-12, s - 1e-12, xtol=1e-15))
        agree(high, brentq(gap, s + 1e-12, 1 - 1e-12, xtol=1e-15))
