"""The threshold of weight decay: bounds from both sides, and what they refuse."""

import numpy as np
import pytest

from mlpbook.scratch.threshold import prove_below, threshold_lower, threshold_upper


def covariance(X, y, u, b):
    return float(((y - y.mean())[:, 0] * np.maximum(X @ u + b, 0)).mean())


def test_lower_bound_is_attained_by_the_unit_that_comes_with_it(rng):
    X, y = rng.standard_normal((30, 4)) + 3, rng.standard_normal((30, 1))
    low, u, b = threshold_lower(X, y, rng=rng)
    assert np.linalg.norm(u) == pytest.approx(1, rel=1e-12)
    assert abs(covariance(X, y, u, b)) == pytest.approx(low, rel=1e-10)


def test_search_finds_the_exact_threshold_on_a_line(rng):
    for _ in range(20):
        X, y = rng.standard_normal((9, 1)), rng.standard_normal((9, 1))
        exact = max(
            abs(covariance(X, y, np.array([u]), -u * x)) for u in (1.0, -1.0) for x in X[:, 0]
        )
        assert threshold_lower(X, y, rng=rng)[0] == pytest.approx(exact, rel=1e-12)


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
    assert not certificate.proven
    assert certificate.n_cells > 20


def test_wrong_arguments_are_refused(rng):
    X, y = rng.standard_normal((5, 2)), rng.standard_normal((5, 1))
    with pytest.raises(ValueError, match=r"y must have shape \(5, 1\), got \(5,\)"):
        threshold_upper(X, y[:, 0])
    with pytest.raises(ValueError, match=r"y must have shape \(5, 1\), got \(4, 1\)"):
        prove_below(X, y[:4], 1.0)
    with pytest.raises(ValueError, match="bound must be a finite number greater than 0"):
        prove_below(X, y, 0.0)
    with pytest.raises(TypeError, match="rng must be a numpy.random.Generator"):
        threshold_lower(X, y, rng=0)
