"""The equation of the appendix on memory, noise and seeds, against exact fractions."""

from fractions import Fraction

import numpy as np
import pytest


@pytest.mark.equation("eq-deeper-backprop-split", tolerance=1e-15)
def test_variance_of_an_error_rate_is_the_luck_of_the_seed_plus_the_choice_of_images(agree, rng):
    """Both sides in exact fractions, and against a simulation of seeds and test sets."""
    p = [Fraction(int(k), 20) for k in rng.integers(0, 21, 9)]
    n, mean = len(p), sum(p) / len(p)
    luck = sum(q * (1 - q) for q in p) / n
    images = sum((q - mean) ** 2 for q in p) / n
    assert mean * (1 - mean) == luck + images
    agree(float(mean * (1 - mean) / n), float(luck / n + images / n))

    share = np.array([float(q) for q in p])
    draws = rng.integers(0, n, (200_000, n))  # test sets, drawn from these images
    errors = (rng.random(draws.shape) < share[draws]).mean(axis=1)
    assert abs(errors.var() / float(mean * (1 - mean) / n) - 1) < 0.02
    fixed = (rng.random((200_000, n)) < share).mean(axis=1)  # one test set, many seeds
    assert abs(fixed.var() / float(luck / n) - 1) < 0.02
