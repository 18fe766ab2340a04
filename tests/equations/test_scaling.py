"""The equations of "Scaling", each by a second route."""

import numpy as np
import pytest
import torch
from scipy import optimize

from mlpbook.chapters.scaling import all_reduce_time
from mlpbook.scratch.layers import Linear
from mlpbook.scratch.optimizers import Adam


@pytest.mark.equation("eq-scaling-step", tolerance=1e-6)
def test_adams_first_step_moves_preactivations_by_the_sum_of_sizes(agree, rng):
    """The printed sum against the library's layer and its first step of Adam."""
    layer = Linear(6, 4, rng=rng)
    a, delta = rng.standard_normal((1, 6)), rng.standard_normal((1, 4))
    before = layer.forward(a)
    layer.backward(delta)
    Adam([layer.W], 0.01, eps=1e-12).step([layer.dW])
    change = layer.forward(a) - before
    agree(change[0], -0.01 * np.sign(delta[0]) * np.abs(a).sum())


@pytest.mark.equation("eq-scaling-decrease", tolerance=1e-10)
def test_expected_decrease_on_a_quadratic(agree, rng):
    """The printed value against an average over a finite distribution of gradients."""
    A = rng.standard_normal((3, 3))
    H, theta, B, eta = A @ A.T, rng.standard_normal(3), 4, 0.05
    samples = rng.standard_normal((5, 3))
    samples -= samples.mean(axis=0)
    g = H @ theta
    covariance = samples.T @ samples / 5

    def loss(t):
        return 0.5 * t @ H @ t

    # gradients g + samples / sqrt(B), equally likely: mean g, covariance Sigma / B
    after = [loss(theta - eta * (g + s / np.sqrt(B))) for s in samples]
    printed = eta * g @ g - eta**2 / 2 * (g @ H @ g + np.trace(H @ covariance) / B)
    agree(loss(theta) - np.mean(after), printed)


@pytest.mark.equation("eq-scaling-critical", tolerance=1e-6)
def test_best_rate_and_gain_by_batch_size(agree, rng):
    """The printed rate and gain against a numerical maximum of the expected decrease."""
    A, g = rng.standard_normal((3, 3)), rng.standard_normal(3)
    H, S = A @ A.T, np.diag([1.0, 2.0, 0.5])
    curved, noise = g @ H @ g, np.trace(H @ S)
    critical, rate = noise / curved, g @ g / curved
    for B in (1, 10, 1000):

        def loss(eta, B=B):
            return -(eta * g @ g - eta**2 / 2 * (curved + noise / B))

        found = optimize.minimize_scalar(loss, bounds=(0, 2 * rate), method="bounded",
                                         options={"xatol": 1e-12})  # fmt: skip
        agree(found.x, rate / (1 + critical / B))
        agree(-found.fun, 0.5 * rate * (g @ g) / (1 + critical / B))


@pytest.mark.equation("eq-scaling-polynomial", tolerance=1e-12)
def test_an_odd_polynomial_acts_on_singular_values_alone(agree, rng):
    """The left side by products, the right side from a singular value decomposition."""
    X = rng.standard_normal((3, 5))
    a, b, c = 3.4445, -4.7750, 2.0315
    U, s, Vt = np.linalg.svd(X, full_matrices=False)
    left = a * X + b * (X @ X.T) @ X + c * (X @ X.T) @ (X @ X.T) @ X
    agree(left, U @ np.diag(a * s + b * s**3 + c * s**5) @ Vt)


@pytest.mark.equation("eq-scaling-average", tolerance=1e-12)
def test_weighted_gradients_of_unequal_shares_are_the_whole_batchs(agree, rng):
    """PyTorch's gradients of the shares against that of the whole batch; the plain mean fails."""
    W = torch.tensor(rng.standard_normal((4, 3)), requires_grad=True)
    X, y = torch.tensor(rng.standard_normal((7, 3))), torch.tensor(rng.integers(0, 4, 7))

    def gradient(rows):
        loss = torch.nn.functional.cross_entropy(X[rows] @ W.T, y[rows])
        return torch.autograd.grad(loss, W)[0].numpy()

    whole, parts = gradient(slice(0, 7)), [gradient(slice(0, 4)), gradient(slice(4, 7))]
    agree(4 / 7 * parts[0] + 3 / 7 * parts[1], whole)
    assert np.abs((parts[0] + parts[1]) / 2 - whole).max() > 1e-3


@pytest.mark.equation("eq-scaling-ring", tolerance=1e-12)
def test_a_ring_adds_up_in_so_many_rounds(agree, rng):
    """A ring simulated piece by piece: the sum is right, and its rounds give the printed time."""
    for p in (2, 3, 5):
        pieces = rng.standard_normal((p, p))  # process, piece
        total, held = pieces.sum(axis=0), pieces.copy()
        rounds = 0
        for t in range(p - 1):  # pass and add
            held_before = held.copy()
            for r in range(p):
                k = (r - t) % p
                held[(r + 1) % p, k] += held_before[r, k]
            rounds += 1
        for t in range(p - 1):  # pass the finished pieces on
            held_before = held.copy()
            for r in range(p):
                k = (r + 1 - t) % p
                held[(r + 1) % p, k] = held_before[r, k]
            rounds += 1
        agree(held, np.tile(total, (p, 1)))
        size, bandwidth, latency = 800.0, 50.0, 0.3
        time = rounds * (size / p / bandwidth + latency)
        agree(time, 2 * (p - 1) / p * size / bandwidth + 2 * (p - 1) * latency)
        agree(time, all_reduce_time(size, p, bandwidth=bandwidth, latency=latency))
