"""The threshold of weight decay: bounds from both sides, and what they refuse."""

import numpy as np
import pytest

from mlpbook.chapters import two_layer_threshold
from mlpbook.chapters.two_layer_threshold import (
    _bound_cells,
    prove_below,
    threshold_lower,
    threshold_upper,
)


def covariance(X, y, u, b):
    return float(((y - y.mean())[:, 0] * np.maximum(X @ u + b, 0)).mean())


def exact_on_a_line(X, y):
    """In one dimension u is 1 or -1, and the covariance bends, in b, at the samples only."""
    return max(abs(covariance(X, y, np.array([u]), -u * x)) for u in (1.0, -1.0) for x in X[:, 0])


def test_upper_bound_by_hand():
    # Covariance of the inputs: diag(2, 8)/4, so the largest eigenvalue is 2. The targets' mean is
    # 2 and their variance 1/2. c = (1 + 1, 0)/4. So (1/2 + sqrt(1/2) sqrt(2)) / 2.
    X, y = [[1, 0], [-1, 0], [0, 2], [0, -2]], [[3], [1], [2], [2]]
    assert threshold_upper(X, y) == pytest.approx(0.75, rel=1e-15)


def test_lower_bound_is_attained_by_the_unit_that_comes_with_it(rng):
    X, y = rng.standard_normal((30, 4)) + 3, rng.standard_normal((30, 1))
    low, u, b = threshold_lower(X, y, rng=rng)
    assert np.linalg.norm(u) == pytest.approx(1, rel=1e-12)
    assert abs(covariance(X, y, u, b)) == pytest.approx(low, rel=1e-10)


def test_search_finds_the_exact_threshold_on_a_line(rng):
    for _ in range(20):
        X, y = rng.standard_normal((9, 1)), rng.standard_normal((9, 1))
        assert threshold_lower(X, y, rng=rng)[0] == pytest.approx(exact_on_a_line(X, y), rel=1e-12)


@pytest.mark.parametrize("n_samples", [2, 3, 5, 8])
def test_what_is_true_on_a_line_is_proven_soon_and_what_is_false_is_not(n_samples, rng):
    for _ in range(5):
        X, y = rng.standard_normal((n_samples, 1)), rng.standard_normal((n_samples, 1))
        exact = exact_on_a_line(X, y)
        proven, n_cells = prove_below(X, y, 1.02 * exact)
        assert proven
        assert 24 <= n_cells <= 60  # 12 for each sign of the covariance, and few more
        proven, n_cells = prove_below(X, y, 0.98 * exact)
        assert proven is False
        assert 12 <= n_cells <= 200


@pytest.mark.parametrize(("n_samples", "n_in"), [(6, 2), (12, 2), (8, 3), (12, 4)])
def test_what_the_search_has_reached_is_never_proven_impossible(n_samples, n_in, rng):
    for _ in range(3):
        X, y = rng.standard_normal((n_samples, n_in)), rng.standard_normal((n_samples, 1))
        low = threshold_lower(X, y, rng=rng)[0]
        assert prove_below(X, y, 0.98 * low).proven is False
        assert prove_below(X, y, 1.02 * low, max_cells=200).proven


def random_cells(rng, n_cells=40, n_samples=7, n_in=2):
    """Inputs, weights of both signs, and cells, each with a unit that lies in it."""
    X, weights = rng.standard_normal((n_samples, n_in)), rng.standard_normal(n_samples)
    u = rng.standard_normal((n_cells, n_in))
    u /= np.linalg.norm(u, axis=1, keepdims=True)
    b = rng.uniform(-2, 2, n_cells)
    low, high = b - rng.exponential(0.5, n_cells), b + rng.exponential(0.5, n_cells)
    t = u @ X.T + b[:, None]
    signs = np.where(rng.random(t.shape) < 0.5, np.sign(t), 0).astype(np.int8)
    return X, weights, np.linalg.norm(X, axis=1), signs, low, high, t


def test_the_bound_of_a_cell_is_above_every_unit_in_it(rng):
    for _ in range(20):
        X, weights, reach, signs, low, high, t = random_cells(rng)
        value, split = _bound_cells(X, weights, reach, signs, low, high)
        assert (value >= np.maximum(t, 0) @ weights - 1e-12).all()
        rows = np.flatnonzero(split >= 0)
        assert len(rows) > 0
        assert (signs[rows, split[rows]] == 0).all()  # only what is open can be split
        assert (weights[split[rows]] > 0).all()  # and only chords are loose
        assert (value[split < 0] < np.inf).all()


def test_the_bound_of_a_cell_without_open_signs_is_at_most_that_of_a_linear_function(rng):
    # sum_i w_i (u x_i + b) over i of sign +: at most |sum w_i x_i| + max_b b sum w_i
    for _ in range(20):
        X, weights, reach, _, low, high, t = random_cells(rng)
        signs = np.sign(t).astype(np.int8)
        value, split = _bound_cells(X, weights, reach, signs, low, high)
        active = np.where(signs == 1, weights, 0)
        total = active.sum(axis=1)
        linear = np.linalg.norm(active @ X, axis=1) + np.maximum(low * total, high * total)
        assert (value <= linear + 0.02 * (1 + np.abs(linear))).all()
        assert (split == -1).all()
        assert (value >= np.maximum(t, 0) @ weights - 1e-12).all()


def test_a_sign_that_the_interval_decides_needs_no_split():
    # |x| <= 1 and b in [2, 3]: all t_i > 0, so the sum is linear: |w x| + 3 w; below -2: all 0
    X, weights = np.array([[1.0], [-1.0]]), np.array([0.5, 0.25])
    signs, ends = np.zeros((2, 2), np.int8), (np.array([2.0, -3.0]), np.array([3.0, -2.0]))
    value, split = _bound_cells(X, weights, np.ones(2), signs, *ends)
    assert split.tolist() == [-1, -1]
    assert value == pytest.approx([0.25 + 3 * 0.75, 0], abs=0.02)


def test_the_bound_of_an_open_cell_is_the_chords():
    # One sample x = 1 of weight 1, b in [-1, 1]: t in [-2, 2], the chord is t/2 + 1, at most 2.
    value, split = _bound_cells(
        np.ones((1, 1)),
        np.ones(1),
        np.ones(1),
        np.zeros((1, 1), np.int8),
        -np.ones(1),
        np.ones(1),
    )
    assert value == pytest.approx([2.0], abs=1e-12)
    assert split.tolist() == [0]


def test_the_descent_brings_bounds_close_to_the_best_units(rng):
    # a thin interval of b leaves little to the chords; the best unit comes from a fine grid
    X, weights = rng.standard_normal((5, 2)), rng.standard_normal(5)
    angles = np.linspace(0, 2 * np.pi, 4000)
    U = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    best = (np.maximum(U @ X.T + 0.3, 0) @ weights).max()
    top = U[(np.maximum(U @ X.T + 0.3, 0) @ weights).argmax()]
    signs = np.sign(X @ top + 0.3).astype(np.int8)[None]
    ends = np.array([0.3 - 1e-9]), np.array([0.3 + 1e-9])
    value, _ = _bound_cells(X, weights, np.linalg.norm(X, axis=1), signs, *ends)
    assert best - 1e-6 <= value[0] <= best + 1e-3


def test_search_beats_a_grid_in_the_plane(rng):
    X, y = rng.standard_normal((15, 2)), rng.standard_normal((15, 1))
    angles = np.linspace(0, 2 * np.pi, 2000, endpoint=False)
    U = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    on_grid = max(abs(covariance(X, y, u, -u @ x)) for u in U for x in X)
    low = threshold_lower(X, y, rng=rng)[0]
    assert on_grid - 1e-4 <= low <= threshold_upper(X, y)
    assert prove_below(X, y, 1.02 * low).proven  # so the search has found it, to 2 %
    assert not prove_below(X, y, 0.999 * low, max_cells=5000).proven


def test_bounds_do_not_depend_on_an_offset(rng):
    X, y = rng.standard_normal((20, 3)), rng.standard_normal((20, 1))
    assert threshold_upper(X + 5, y - 7) == pytest.approx(threshold_upper(X, y), rel=1e-12)
    found = prove_below(X + 5, y - 7, 0.5), prove_below(X, y, 0.5)
    assert found[0].proven == found[1].proven


def test_constant_targets_have_threshold_zero():
    X, y = np.arange(6.0).reshape(3, 2), np.ones((3, 1))
    assert threshold_upper(X, y) == 0
    assert threshold_lower(X, y, rng=np.random.default_rng(0))[0] == 0
    assert prove_below(X, y, 1e-6).proven


def test_running_out_of_cells_proves_nothing(rng):
    X, y = rng.standard_normal((30, 5)), rng.standard_normal((30, 1))
    low = threshold_lower(X, y, rng=rng)[0]
    certificate = prove_below(X, y, 1.001 * low, max_cells=20)
    assert certificate.proven is False
    assert certificate.n_cells > 20


def test_as_many_cells_as_are_needed_are_enough():
    X, y = [[-1.0], [1.0]], [[0.0], [2.0]]
    assert prove_below(X, y, 100.0) == (True, 24)  # 12 for each sign, none of them split
    assert prove_below(X, y, 100.0, max_cells=24).proven
    assert not prove_below(X, y, 100.0, max_cells=23).proven


def test_cells_may_be_bounded_a_few_at_a_time(rng, monkeypatch):
    X, y = rng.standard_normal((8, 3)), rng.standard_normal((8, 1))
    low = threshold_lower(X, y, rng=rng)[0]
    at_once = prove_below(X, y, 1.02 * low)
    assert at_once.proven
    for size in (5, 12):
        monkeypatch.setattr(two_layer_threshold, "_AT_ONCE", size)
        assert prove_below(X, y, 1.02 * low) == at_once


def test_wrong_arguments_are_refused(rng):
    X, y = rng.standard_normal((5, 2)), rng.standard_normal((5, 1))
    wrong = np.full((5, 2), np.nan)
    for call in (
        lambda: threshold_upper(wrong, y),
        lambda: threshold_lower(wrong, y, rng=rng),
        lambda: prove_below(wrong, y, 1.0),
    ):
        with pytest.raises(ValueError, match="^X must be finite"):
            call()
    for name in ("n_starts", "n_steps"):
        with pytest.raises(ValueError, match=f"^{name} must be an integer of at least 1, got 0"):
            threshold_lower(X, y, rng=rng, **{name: 0})
    with pytest.raises(ValueError, match="^max_cells must be an integer of at least 1, got 0"):
        prove_below(X, y, 1.0, max_cells=0)
    with pytest.raises(ValueError, match=r"y must have shape \(5, 1\), got \(5,\)"):
        threshold_upper(X, y[:, 0])
    with pytest.raises(ValueError, match=r"y must have shape \(5, 1\), got \(4, 1\)"):
        prove_below(X, y[:4], 1.0)
    with pytest.raises(ValueError, match="bound must be a finite number greater than 0"):
        prove_below(X, y, 0.0)
    with pytest.raises(TypeError, match="rng must be a numpy.random.Generator"):
        threshold_lower(X, y, rng=0)
