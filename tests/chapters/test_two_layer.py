"""The two-layer network: worked by hand, as the tutorial runs it, and at its edges."""

import re
from collections import Counter

import numpy as np
import pytest

from mlpbook.chapters import two_layer
from mlpbook.chapters.two_layer import (
    Parameters,
    descend,
    forward,
    gradients,
    initialize,
    objective,
)
from mlpbook.checks.gradient_check import numerical_gradient
from mlpbook.scratch.losses import MSELoss
from mlpbook.scratch.network import MLP
from mlpbook.scratch.optimizers import SGD
from mlpbook.shared import initializers


def small(rng, n_out=2):
    params = initialize(3, 5, n_out, rng=rng)
    params = params._replace(b1=rng.standard_normal(5), b2=rng.standard_normal(n_out))
    return params, rng.standard_normal((7, 3)), rng.standard_normal((7, n_out))


def test_forward_objective_and_gradients_by_hand():
    # One sample x = (1, 2), two units, one output.
    params = Parameters(
        W1=np.array([[1.0, 1.0], [1.0, -1.0]]),
        b1=np.array([0.0, 0.5]),
        W2=np.array([[2.0, 3.0]]),
        b2=np.array([-1.0]),
    )
    X, Y = np.array([[1.0, 2.0]]), np.array([[4.0]])
    # z = (3, -0.5), a = (3, 0), y_hat = 6 - 1 = 5, residual 1.
    Y_hat, (Z, A) = forward(params, X)
    np.testing.assert_array_equal(Z, [[3.0, -0.5]])
    np.testing.assert_array_equal(A, [[3.0, 0.0]])
    np.testing.assert_array_equal(Y_hat, [[5.0]])
    # data 1/2; penalty 0.1/2 (1+1+1+1 + 4+9) = 0.85
    terms = objective(params, X, Y, weight_decay=0.1)
    assert terms.data == 0.5
    assert terms.penalty == pytest.approx(0.85, rel=1e-15)
    assert terms.total == terms.data + terms.penalty
    assert objective(params, X, Y) == (0.5, 0, 0.5)
    # dZ = (2, 0): the second unit is asleep.
    grads = gradients(params, X, Y, weight_decay=0.1)
    np.testing.assert_allclose(grads.W1, [[2.1, 4.1], [0.1, -0.1]], rtol=1e-15)
    np.testing.assert_array_equal(grads.b1, [2.0, 0.0])
    np.testing.assert_allclose(grads.W2, [[3.2, 0.3]], rtol=1e-15)
    np.testing.assert_array_equal(grads.b2, [1.0])


def test_a_unit_on_its_kink_passes_no_gradient():
    params = Parameters(np.ones((1, 1)), -np.ones(1), np.ones((1, 1)), np.zeros(1))
    grads = gradients(params, np.ones((1, 1)), np.ones((1, 1)))
    assert grads.W1 == grads.b1 == 0


@pytest.mark.parametrize("weight_decay", [0.0, 0.3])
def test_gradients_agree_with_central_differences(rng, weight_decay):
    params, X, Y = small(rng)
    for theta, gradient in zip(
        params, gradients(params, X, Y, weight_decay=weight_decay), strict=True
    ):
        numerical = numerical_gradient(
            lambda: objective(params, X, Y, weight_decay=weight_decay).total, theta
        )
        np.testing.assert_allclose(gradient, numerical, rtol=1e-7, atol=1e-9)


def test_gradients_are_those_of_the_modular_network(rng):
    params, X, Y = small(rng)
    model, loss = MLP([3, 5, 2], rng=rng), MSELoss()
    for theta, value in zip(model.parameters(), params, strict=True):
        theta[...] = value
    loss(model(X), Y)
    model.backward(loss.backward())
    for mine, theirs in zip(gradients(params, X, Y), model.gradients(), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12)  # D_out = 2: the factor is 1


def test_descent_is_the_optimizer_on_the_modular_network(rng):
    params, X, Y = small(rng)
    end = descend(params, X, Y, lr=0.05, n_steps=100).params
    model, loss = MLP([3, 5, 2], rng=rng), MSELoss()
    for theta, value in zip(model.parameters(), params, strict=True):
        theta[...] = value
    optimizer = SGD(model.parameters(), lr=0.05)
    for _ in range(100):
        loss(model(X), Y)
        model.backward(loss.backward())
        optimizer.step(model.gradients())
    for mine, theirs in zip(end, model.parameters(), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-9)


def test_descent_equals_the_tutorial_loop():
    """The tutorial's lines, with the mask as a Boolean, give the same 250 losses."""
    rng = np.random.default_rng(0)
    N, D_in, H, D_out = 64, 10, 100, 1
    X, y = rng.standard_normal((N, D_in)), rng.standard_normal((N, D_out))
    W1, b1 = 0.01 * rng.standard_normal((H, D_in)), 0.01 * rng.standard_normal(H) + 0.1
    W2, b2 = 0.01 * rng.standard_normal((D_out, H)), 0.01 * rng.standard_normal(D_out) + 0.1
    run = descend(Parameters(W1, b1, W2, b2), X, y, lr=1e-3, n_steps=250, weight_decay=0.5)
    W1, b1, W2, b2 = W1.copy(), b1.copy(), W2.copy(), b2.copy()
    losses = []
    for _ in range(250):
        Z = X.dot(W1.T) + b1
        A = np.maximum(Z, 0)
        Y_hat = A.dot(W2.T) + b2
        losses.append(np.mean((Y_hat - y) ** 2))
        d_Y_hat = (1.0 / N) * (Y_hat - y)
        d_W2 = d_Y_hat.T.dot(A)
        d_A = d_Y_hat.dot(W2)
        d_b2 = np.sum(d_Y_hat, axis=0)
        d_Z = d_A * (Z > 0)
        d_W1 = d_Z.T.dot(X)
        d_b1 = np.sum(d_Z, axis=0)
        d_W2 += 0.5 * W2
        d_W1 += 0.5 * W1
        W2 -= d_W2 * 1e-3
        b2 -= d_b2 * 1e-3
        W1 -= d_W1 * 1e-3
        b1 -= d_b1 * 1e-3
    np.testing.assert_allclose(2 * run.data[:-1], losses, rtol=1e-12)
    np.testing.assert_allclose(run.params.W1, W1, rtol=1e-12)


def test_zero_weights_never_move(rng):
    params = initialize(3, 5, 1, rng=rng, initializer=initializers.zeros)
    X, Y = rng.standard_normal((9, 3)), rng.standard_normal((9, 1))
    end = descend(params, X, Y, lr=0.1, n_steps=50).params
    assert not end.W1.any()
    assert not end.W2.any()
    assert not end.b1.any()
    assert end.b2.any()


def test_the_log_holds_the_objective_before_every_step_and_after_the_last(rng):
    params, X, Y = small(rng)
    run = descend(params, X, Y, lr=0.01, n_steps=3, weight_decay=0.2)
    for k in range(4):
        at = descend(params, X, Y, lr=0.01, n_steps=k, weight_decay=0.2).params if k else params
        terms = objective(at, X, Y, weight_decay=0.2)
        assert (run.data[k], run.penalty[k], run.total[k]) == tuple(terms)
    assert len(run.data) == 4


def test_nothing_changes_its_arguments(rng):
    params, X, Y = small(rng)
    before = [array.copy() for array in (*params, X, Y)]
    for array in (*params, X, Y):
        array.flags.writeable = False
    descend(params, X, Y, lr=0.1, n_steps=5, weight_decay=0.1)
    for array, copy in zip((*params, X, Y), before, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_float32_stays_float32(rng):
    params = initialize(3, 5, 2, rng=rng, dtype=np.float32)
    X = rng.standard_normal((7, 3)).astype(np.float32)
    Y = rng.standard_normal((7, 2)).astype(np.float32)
    assert forward(params, X)[0].dtype == np.float32
    end = descend(params, X, Y, lr=0.1, n_steps=2, weight_decay=0.1)
    assert {p.dtype for p in end.params} == {np.dtype(np.float32)}


def test_the_same_seed_gives_the_same_start():
    first, second = (initialize(3, 5, 2, rng=np.random.default_rng(4)) for _ in range(2))
    for p, q in zip(first, second, strict=True):
        np.testing.assert_array_equal(p, q)


@pytest.mark.parametrize(
    ("X", "Y", "message"),
    [
        (np.ones((7, 4)), np.ones((7, 2)), r"X must have shape \(n_samples, 3\), got \(7, 4\)"),
        (np.ones((7, 3)), np.ones(7), r"Y must have shape \(7, 2\), got \(7,\)"),
        (np.ones((7, 3)), np.ones((6, 2)), r"Y must have shape \(7, 2\), got \(6, 2\)"),
        (np.full((7, 3), np.nan), np.ones((7, 2)), "X must be finite"),
        (np.ones((7, 3)), np.full((7, 2), np.inf), "Y must be finite"),
        (np.ones((0, 3)), np.ones((0, 2)), "X must not be empty"),
    ],
)
def test_wrong_data_are_refused(rng, X, Y, message):
    params, *_ = small(rng)
    for function in (objective, gradients):
        with pytest.raises(ValueError, match=f"^{message}"):
            function(params, X, Y)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"lr": 0.0, "n_steps": 1}, ValueError, "lr must be a finite number greater than 0"),
        ({"lr": 0.1, "n_steps": 0}, ValueError, "n_steps must be an integer of at least 1"),
        ({"lr": 0.1, "n_steps": 1.5}, TypeError, "n_steps must be an integer"),
        ({"lr": 0.1, "n_steps": 1, "weight_decay": -1.0}, ValueError, "weight_decay must be"),
    ],
)
def test_wrong_options_are_refused(rng, options, error, message):
    params, X, Y = small(rng)
    with pytest.raises(error, match=message):
        descend(params, X, Y, **options)


def test_parameters_that_would_broadcast_are_refused(rng):
    params, X, Y = small(rng)
    for wrong in (
        params._replace(b1=params.b1[:, np.newaxis]),
        params._replace(b1=np.zeros(1)),
        params._replace(b2=np.zeros(())),
        params._replace(W1=params.W1.T),
        params._replace(W1=params.W1[0]),
        params._replace(W1=params.W1[np.newaxis]),
        params._replace(W2=params.W2[0]),
    ):
        with pytest.raises(ValueError, match=r"must have shapes \(H, D\), \(H,\)"):
            objective(wrong, X, Y)
    with pytest.raises(ValueError, match="^W1, b1, W2, b2 must have shapes") as caught:
        objective(params._replace(W2=params.W2[0]), X, Y)
    assert "got (5, 3), (5,), (5,), (2,). Draw them with initialize()." in str(caught.value)


def test_a_negative_penalty_is_refused(rng):
    params, X, Y = small(rng)
    for function in (objective, gradients):
        with pytest.raises(ValueError, match="^weight_decay must be a finite number at least 0"):
            function(params, X, Y, weight_decay=-0.1)


def test_divergence_names_step_loss_and_rate(rng):
    params, X, Y = small(rng)
    with pytest.raises(FloatingPointError, match="diverged") as caught:
        descend(params, X, Y, lr=1000.0, n_steps=200)
    words = str(caught.value)
    step = int(re.search(r"diverged at step (\d+)", words)[1])
    last = descend(params, X, Y, lr=1000.0, n_steps=step - 1).total[-1]  # one step less does not
    assert np.isfinite(last)
    assert words == (
        f"descent diverged at step {step}: the last finite "
        f"objective was {last:.4g}, the learning rate 1000. Use a smaller rate."
    )
    with pytest.raises(FloatingPointError, match="diverged"):
        descend(params, X, Y, lr=1000.0, n_steps=step)


def test_descent_checks_its_arguments_once_and_runs_forward_once_per_step(rng, monkeypatch):
    counts = Counter()

    def counted(name):
        real = getattr(two_layer, name)

        def call(*args, **options):
            counts[name] += 1
            return real(*args, **options)

        monkeypatch.setattr(two_layer, name, call)

    checks = [name for name in vars(two_layer) if name.startswith("check_")]
    for name in ("forward", "backward", *checks):
        counted(name)
    params, X, Y = small(rng)
    two_layer.descend(params, X, Y, lr=0.01, n_steps=100, weight_decay=0.1)
    assert counts["forward"] == 101
    assert counts["backward"] == 100
    assert sum(counts[name] for name in checks) == 5  # X, Y, weight_decay, lr, n_steps
