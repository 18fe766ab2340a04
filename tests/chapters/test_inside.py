"""Ablations, superposition, matched networks and the picture of the chapter *Inside*."""

import numpy as np
import pytest

from mlpbook.chapters.inside import (
    CASES,
    GATED_KINDS,
    GATED_RUNS,
    GATED_WIDTHS,
    MIX,
    china,
    interpolate,
    match_units,
    outputs_without,
    permute_units,
    psnr,
    superpose,
    unit_weights,
)
from mlpbook.scratch.network import MLP


@pytest.fixture
def pair():
    return [MLP([6, 8, 3], rng=np.random.default_rng(seed)) for seed in (0, 1)]


def test_removing_a_unit_is_setting_its_activation_to_its_mean(pair, rng):
    model, X = pair[0], rng.standard_normal((20, 6))
    hidden = model.activations(X)[1]
    for unit in range(8):
        fixed = hidden.copy()
        fixed[:, unit] = hidden[:, unit].mean()
        expected = fixed @ model.layers[-1].W.T + model.layers[-1].b
        np.testing.assert_allclose(
            outputs_without(model, hidden, np.eye(8)[unit]), expected, rtol=1e-12, atol=1e-12
        )


def test_removing_any_direction_leaves_no_variance_along_it(pair, rng):
    model, X = pair[0], rng.standard_normal((50, 6))
    direction = rng.standard_normal(8)
    direction /= np.linalg.norm(direction)
    model.layers[-1].W[...] = 0
    model.layers[-1].W[0] = direction  # the first output reads the direction
    assert np.ptp(model(X)[:, 0]) > 0.1
    hidden = model.activations(X)[1]
    assert np.ptp(outputs_without(model, hidden, direction)[:, 0]) < 1e-12


def test_a_permuted_network_is_the_same_function(pair, rng):
    X, order = rng.standard_normal((20, 6)), rng.permutation(8)
    twin = permute_units(pair[0], order)
    np.testing.assert_allclose(twin(X), pair[0](X), rtol=1e-12)
    assert (unit_weights(twin) == unit_weights(pair[0])[order]).all()
    assert (match_units(twin, pair[0]) == order).all()


def test_interpolation_ends_at_both_networks_and_moves_on_a_straight_line(pair):
    a, b = pair
    for t in MIX:
        mixed = interpolate(a, b, t).parameters()
        for p, q, m in zip(a.parameters(), b.parameters(), mixed, strict=True):
            np.testing.assert_allclose(m, p + t * (q - p), atol=1e-15)


def test_cases_and_places():
    assert MIX[0] == 0
    assert MIX[-1] == 1
    assert 0.5 in MIX
    assert len(set(CASES)) == len(CASES)


def test_four_rare_features_make_a_square_or_two_opposite_pairs(rng):
    W, b, losses = superpose(4, 2, probability=0.05, n_models=5, rng=rng, n_steps=1500)
    best = W[losses.argmin()]
    cosines = best.T @ best / np.outer(*[np.linalg.norm(best, axis=0)] * 2)
    np.testing.assert_allclose(np.sort(cosines, axis=1), [[-1, 0, 0, 1]] * 4, atol=0.08)
    assert b.shape == (5, 4)
    assert losses.min() < 1e-3


def test_the_toy_models_gradients_lead_downhill_to_zero_loss_when_everything_fits(rng):
    _, _, losses = superpose(2, 2, probability=0.5, n_models=3, rng=rng, n_steps=1500)
    assert losses.min() < 1e-5


def test_the_picture_has_the_colors_of_the_original():
    from sklearn.datasets import load_sample_image

    X, image = china(32)
    original = load_sample_image("china.jpg")[20:23, 130:133] / 255
    np.testing.assert_allclose(image[0, 0], original.mean(axis=(0, 1)))
    assert X[0, 1].tolist() == [0, 1 / 32]
    assert image.min() >= 0
    assert image.max() <= 1


def test_peak_signal_to_noise_ratio():
    assert psnr(np.full((2, 3), 0.51), np.full((2, 3), 0.5)) == pytest.approx(40)


def test_the_gated_blocks_have_equal_size():
    sizes = {kind: 2 * 64 * GATED_WIDTHS[kind] + GATED_WIDTHS[kind] + 64 for kind in GATED_KINDS}
    sizes["SwiGLU"] = 3 * 64 * GATED_WIDTHS["SwiGLU"]
    assert max(sizes.values()) < 1.003 * min(sizes.values())
    assert len(GATED_RUNS) == len(set(GATED_RUNS)) == 12
