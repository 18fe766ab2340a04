"""One neuron: the perceptron algorithm and logistic descent."""

import math
import warnings

import numpy as np
import pytest

from mlpbook.chapters.one_neuron import (
    logistic_descent,
    logistic_gradient,
    logistic_loss,
    perceptron,
    signed_distance,
)

CORNERS = np.array([[-1.0, -1.0], [1.0, 1.0], [-1.0, 1.0], [1.0, -1.0]])
XOR = np.array([0, 0, 1, 1])


def separable(rng, n_in=3, gap=0.1):
    """Return data that a random unit vector (w, b) separates with a margin of at least gap."""
    v = rng.standard_normal(n_in + 1)
    v /= np.linalg.norm(v)
    X = rng.standard_normal((80, n_in))
    score = X @ v[:-1] + v[-1]
    keep = np.abs(score) > gap
    return X[keep], (score[keep] > 0).astype(np.int64)


# Signed distance.


def test_signed_distance_of_a_hand_computed_example():
    # w = (3, 4), b = 5, |w| = 5: at (-2, 1) the score is -6 + 4 + 5 = 3
    assert signed_distance([[-2.0, 1.0], [0.0, 0.0]], [3.0, 4.0], 5.0).tolist() == [0.6, 1.0]


def test_signed_distance_ignores_a_common_positive_factor_and_obeys_a_sign(rng):
    X, w, b = rng.standard_normal((9, 4)), rng.standard_normal(4), 0.3
    np.testing.assert_allclose(signed_distance(X, 7 * w, 7 * b), signed_distance(X, w, b))
    np.testing.assert_allclose(signed_distance(X, -w, -b), -signed_distance(X, w, b))


def test_signed_distance_refuses_a_zero_normal_vector():
    words = r"^w must not be zero, got zeros only\. A hyperplane needs a normal vector\.$"
    with pytest.raises(ValueError, match=words):
        signed_distance([[1.0, 2.0]], [0.0, 0.0], 1.0)


def test_signed_distance_says_which_shape_it_needs():
    with pytest.raises(ValueError, match=r"^X must have shape \(n_samples, 2\), got \(1, 3\)"):
        signed_distance([[1.0, 2.0, 3.0]], [1.0, 1.0], 0.0)
    with pytest.raises(ValueError, match=r"w must have shape \(D,\), got \(1, 2\)"):
        signed_distance([[1.0, 2.0]], [[1.0, 1.0]], 0.0)


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_every_argument_that_is_not_finite_is_named(wrong):
    X, y = [[1.0, wrong]], [0]
    for call in (
        lambda: signed_distance(X, [1.0, 1.0], 0.0),
        lambda: perceptron(X, y, max_epochs=1),
        lambda: logistic_descent(X, y, lr=1.0, steps=1),
    ):
        with pytest.raises(ValueError, match=r"^X must be finite, got 1 NaN .* \(0, 1\)"):
            call()
    start = [1.0, wrong], 0.0
    for call in (
        lambda: signed_distance([[1.0, 2.0]], *start),
        lambda: logistic_descent([[1.0, 2.0]], y, lr=1.0, steps=1, start=start),
    ):
        with pytest.raises(ValueError, match="^w must be finite"):
            call()
    start = [1.0, 1.0], wrong
    for call in (
        lambda: signed_distance([[1.0, 2.0]], *start),
        lambda: logistic_descent([[1.0, 2.0]], y, lr=1.0, steps=1, start=start),
    ):
        with pytest.raises(ValueError, match="^b must be a finite number"):
            call()


# The perceptron.


def test_perceptron_makes_the_mistakes_of_a_hand_computed_run():
    # (2, 0), class 1: score 0, a mistake; w = (2, 0), b = 1.
    # (0, 2), class 0: score 1 > 0, a mistake; w = (2, -2), b = 0.
    # second pass: scores 4 and -4, no mistake.
    result = perceptron([[2, 0], [0, 2]], [1, 0], max_epochs=9)
    assert result.w.tolist() == [2, -2]
    assert result.b == 0
    assert result.mistakes.tolist() == [0, 1]
    assert result.mistakes_per_epoch.tolist() == [2, 0]
    assert result.converged


def test_perceptron_separates_separable_data(rng):
    X, y = separable(rng)
    result = perceptron(X, y, max_epochs=10_000)
    assert result.converged
    assert ((2 * y - 1) * (X @ result.w + result.b) > 0).all()


def test_perceptron_weights_are_the_signed_sum_of_its_mistakes(rng):
    X, y = separable(rng)
    result = perceptron(X, y, max_epochs=10_000)
    sign = (2 * y - 1)[result.mistakes]
    np.testing.assert_allclose(result.w, sign @ X[result.mistakes], atol=1e-12)
    assert result.b == sign.sum()
    assert result.mistakes_per_epoch.sum() == len(result.mistakes)


def test_perceptron_on_xor_returns_to_zero_after_every_pass():
    result = perceptron(CORNERS, XOR, max_epochs=7)
    assert not result.converged
    assert result.mistakes.tolist() == [0, 1, 2, 3] * 7
    assert (result.w == 0).all()
    assert result.b == 0


def test_perceptron_that_runs_out_of_passes_has_not_converged():
    # the run computed by hand above needs a second pass to see that it is done
    assert not perceptron([[2, 0], [0, 2]], [1, 0], max_epochs=1).converged


def test_perceptron_counts_a_zero_score_as_a_mistake_for_either_class():
    for label in (0, 1):
        assert perceptron([[0.0]], [label], max_epochs=5).mistakes.tolist() == [0]


def test_perceptron_keeps_the_dtype_and_its_arguments(rng):
    X, y = separable(rng)
    X32 = X.astype(np.float32)
    before = X32.copy(), y.copy()
    assert perceptron(X32, y, max_epochs=50).w.dtype == np.float32
    np.testing.assert_array_equal(X32, before[0])
    np.testing.assert_array_equal(y, before[1])


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([1, -1], "y must hold labels from 0 to 1, got -1 at index 1"),
        ([0, 2], "y must hold labels from 0 to 1, got 2 at index 1"),
        ([0], "y must hold 2 labels, got 1"),
    ],
)
def test_labels_are_zero_and_one(y, message):
    with pytest.raises(ValueError, match=message):
        perceptron(np.eye(2), y, max_epochs=1)
    with pytest.raises(ValueError, match=message):
        logistic_descent(np.eye(2), y, lr=1.0, steps=1)


def test_perceptron_needs_a_pass():
    with pytest.raises(ValueError, match="max_epochs must be an integer of at least 1, got 0"):
        perceptron(np.eye(2), [0, 1], max_epochs=0)


# Logistic regression.


def test_logistic_loss_at_zero_is_log_two(rng):
    X, y = separable(rng)
    assert logistic_loss(np.zeros(3), 0.0, X, y) == pytest.approx(math.log(2), rel=1e-15)


def test_logistic_loss_keeps_its_digits_where_the_sigmoid_rounds_to_one():
    # softplus(-50) = log(1 + e^-50) = e^-50 to all digits, and e^-800 underflows without a warning
    X, y = np.array([[1.0], [-1.0]]), np.array([1, 0])
    assert logistic_loss(np.array([50.0]), 0.0, X, y) == pytest.approx(math.exp(-50), rel=1e-14)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert logistic_loss(np.array([800.0]), 0.0, X, y) == 0
        assert logistic_loss(np.array([-800.0]), 0.0, X, y) == 800


def test_loss_refuses_a_column_of_labels(rng):
    X, y = separable(rng)
    with pytest.raises(ValueError, match="y must have the shape of the scores"):
        logistic_loss(np.zeros(3), 0.0, X, y[:, None])


def test_a_penalty_leaves_one_minimizer_on_separable_data(rng):
    # from two far starts, descent on the penalized loss arrives at the same place, where the
    # gradient vanishes; without the penalty the weights would grow (thm-neuron-no-minimiser)
    X, y = separable(rng)
    ends = []
    for w, b in [(np.array([9.0, -9.0, 4.0]), 5.0), (np.array([-3.0, 0.0, 8.0]), -6.0)]:
        for _ in range(4000):
            dw, db = logistic_gradient(w, b, X, y)
            w, b = w - 0.5 * (dw + 0.05 * w), b - 0.5 * db
        ends.append([*w, b])
        assert np.abs([*(dw + 0.05 * w), db]).max() < 1e-10
    np.testing.assert_allclose(ends[0], ends[1], atol=1e-8)


def test_one_step_of_descent_is_minus_lr_times_the_gradient(rng):
    X, y = separable(rng)
    start = rng.standard_normal(3), 0.4
    dw, db = logistic_gradient(*start, X, y)
    w, b = logistic_descent(X, y, lr=0.3, steps=1, start=start)
    np.testing.assert_allclose(w, start[0] - 0.3 * dw, rtol=1e-15)
    assert b == pytest.approx(start[1] - 0.3 * db, rel=1e-15)


def test_descent_in_two_parts_is_descent_in_one(rng):
    X, y = separable(rng)
    halfway = logistic_descent(X, y, lr=0.3, steps=20)
    w, b = logistic_descent(X, y, lr=0.3, steps=30, start=halfway)
    once = logistic_descent(X, y, lr=0.3, steps=50)
    assert (w == once[0]).all()
    assert b == once[1]


def test_descent_starts_at_zero_and_one_sample_is_enough():
    # s = 0, so ds = 1/2 - 1 = -1/2: w = 0 + 2 · 1/2 · (3, -1), b = 0 + 2 · 1/2
    w, b = logistic_descent([[3.0, -1.0]], [1], lr=2.0, steps=1)
    assert (w.tolist(), b) == ([3.0, -1.0], 1.0)


def test_descent_falls_in_every_step_below_the_rate_that_the_docstring_names(rng):
    X, y = separable(rng)
    X_ext = np.column_stack([X, np.ones(len(X))])
    lr = 7.9 / np.linalg.eigvalsh(X_ext.T @ X_ext / len(X))[-1]
    losses, state = [], (rng.standard_normal(3), -2.0)
    for _ in range(200):
        losses.append(logistic_loss(*state, X, y))
        state = logistic_descent(X, y, lr=lr, steps=1, start=state)
    assert (np.diff(losses) < 0).all()


def test_descent_finds_the_minimizer_of_overlapping_data(rng):
    # scipy-free reference: Newton's method on the same convex problem
    X = rng.standard_normal((60, 2))
    y = (X[:, 0] + 1.5 * rng.standard_normal(60) > 0).astype(np.int64)
    X_ext, theta = np.column_stack([X, np.ones(60)]), np.zeros(3)
    for _ in range(30):
        p = 1 / (1 + np.exp(-X_ext @ theta))
        hessian = X_ext.T @ (X_ext * (p * (1 - p))[:, None])
        theta -= np.linalg.solve(hessian, X_ext.T @ (p - y))
    w, b = logistic_descent(X, y, lr=2.0, steps=2000)
    np.testing.assert_allclose([*w, b], theta, rtol=1e-8)


def test_descent_keeps_float32(rng):
    X, y = separable(rng)
    for start in (None, (np.zeros(3), 0.0)):
        w, _ = logistic_descent(X.astype(np.float32), y, lr=0.1, steps=3, start=start)
        assert w.dtype == np.float32


def test_descent_checks_its_options(rng):
    X, y = separable(rng)
    with pytest.raises(ValueError, match="lr must be a finite number greater than 0, got 0"):
        logistic_descent(X, y, lr=0.0, steps=1)
    with pytest.raises(ValueError, match="steps must be an integer of at least 1"):
        logistic_descent(X, y, lr=0.1, steps=0)
    with pytest.raises(ValueError, match=r"w must have shape \(3,\), got \(2,\)"):
        logistic_descent(X, y, lr=0.1, steps=1, start=(np.zeros(2), 0.0))
