"""The equations of the chapter "One neuron", each by a second route."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
import torch

from mlpbook.chapters.one_neuron import (
    logistic_descent,
    logistic_gradient,
    logistic_loss,
    perceptron,
    signed_distance,
)
from mlpbook.scratch.activations import sigmoid


def neuron(rng, n_in=4):
    """Return weights (n_in,) and a bias."""
    return rng.standard_normal(n_in), float(rng.standard_normal())


def boundary_basis(w):
    """Return rows (n_in - 1, n_in) that span the directions orthogonal to w, from an SVD."""
    return np.linalg.svd(w[None, :])[2][1:]


def boundary_points(w, b, rng, n=7):
    """Return points (n, n_in) of the boundary: each solves for one coordinate, given the others."""
    points = rng.standard_normal((n, len(w)))
    j = int(np.argmax(np.abs(w)))
    points[:, j] = 0
    points[:, j] = -(points @ w + b) / w[j]
    return points


def labeled(rng, n_samples=30, n_in=3):
    """Return random samples and labels, and parameters that do not fit them."""
    X, y = rng.standard_normal((n_samples, n_in)), rng.integers(0, 2, n_samples)
    return X, y, *neuron(rng, n_in)


def extended(X):
    """Return rows (x, 1)."""
    return np.column_stack([X, np.ones(len(X))])


def separable(rng):
    """Return at most 100 samples, their labels, and a unit vector (w, b) that separates them."""
    n_in, gap = int(rng.integers(2, 11)), 10 ** rng.uniform(-2, -0.3)
    v = rng.standard_normal(n_in + 1)
    v /= np.linalg.norm(v)
    X = rng.standard_normal((400, n_in))
    score = extended(X) @ v
    keep = np.flatnonzero(np.abs(score) > gap)[:100]
    return X[keep], (score[keep] > 0).astype(np.int64), v


@pytest.mark.equation("eq-neuron-complement", tolerance=1e-15)
def test_the_sigmoid_of_the_negative_is_the_complement(agree):
    """σ(−t) from the package against 1 − σ(t) from the half-angle tangent, (1 − tanh(t/2))/2."""
    t = np.linspace(-30, 30, 601)
    agree(sigmoid(-t), (1 - np.tanh(t / 2)) / 2)


@pytest.mark.equation("eq-neuron-threshold", tolerance=1e-12)
def test_a_threshold_on_the_probability_is_a_threshold_on_the_score(agree, rng):
    """Which samples exceed the threshold, by probability and by score; and σ at the log-odds."""
    X, _, w, b = labeled(rng, n_samples=500)
    for tau in (0.05, 0.3, 0.5, 0.9, 0.99):
        log_odds = np.log(tau / (1 - tau))
        s = X @ w + b
        assert ((sigmoid(s) > tau) == (s > log_odds)).all()
        agree(sigmoid(np.array([log_odds])), np.array([tau]))


def test_an_activation_that_is_not_increasing_can_have_two_boundaries():
    """t² with w = (1, 1) tells XOR's classes apart, so "increasing" is needed."""
    corners = np.array([[-1, -1], [1, 1], [-1, 1], [1, -1]])
    assert (((corners @ [1, 1]) ** 2 < 2) == [False, False, True, True]).all()


@pytest.mark.equation("eq-neuron-normal", tolerance=1e-12)
def test_the_weights_are_orthogonal_to_every_difference_of_boundary_points(agree, rng):
    """wᵀ(x − x′) for pairs of boundary points, found by solving for a coordinate, against 0."""
    w, b = neuron(rng, 5)
    points = boundary_points(w, b, rng)
    differences = points[:, None, :] - points[None, :, :]
    agree(differences @ w, np.zeros((len(points), len(points))))
    # and every orthogonal vector is such a difference
    steps = rng.standard_normal((6, 4)) @ boundary_basis(w)
    agree((points[0] + steps) @ w + b, np.zeros(6))


@pytest.mark.equation("eq-neuron-distance", tolerance=1e-12)
def test_signed_distance_is_the_distance_to_the_nearest_boundary_point(agree, rng):
    """The formula against the distance to the nearest boundary point, found by least squares."""
    w, b = neuron(rng, 5)
    origin, basis = boundary_points(w, b, rng, n=1)[0], boundary_basis(w)
    X = 3 * rng.standard_normal((20, 5))
    r = signed_distance(X, w, b)
    for x, r_x in zip(X, r, strict=True):
        coefficients = np.linalg.lstsq(basis.T, x - origin, rcond=None)[0]
        agree(abs(r_x), np.linalg.norm(x - (origin + coefficients @ basis)))
    assert (np.sign(r) == np.sign(X @ w + b)).all()


@pytest.mark.equation("eq-neuron-projection", tolerance=1e-12)
def test_the_projection_is_the_nearest_boundary_point(agree, rng):
    """The formula for P(x) against the boundary point that least squares finds."""
    w, b = neuron(rng, 5)
    origin, basis = boundary_points(w, b, rng, n=1)[0], boundary_basis(w)
    X = 3 * rng.standard_normal((20, 5))
    P = X - signed_distance(X, w, b)[:, None] * w / np.linalg.norm(w)
    nearest = origin + (X - origin) @ basis.T @ basis  # orthonormal rows: the normal equations
    agree(P, nearest)


@pytest.mark.equation("eq-neuron-pythagoras", tolerance=1e-12)
def test_no_boundary_point_is_nearer_than_the_projection(agree, rng):
    """Both sides of Pythagoras' identity, for random points and random boundary points."""
    w, b = neuron(rng)
    others = boundary_points(w, b, rng, n=50)
    x = 2 * rng.standard_normal(4)
    P = x - signed_distance(x[None], w, b) * w / np.linalg.norm(w)
    direct = ((x - others) ** 2).sum(axis=1)
    agree(direct, ((x - P) ** 2).sum() + ((P - others) ** 2).sum(axis=1))
    assert (direct >= signed_distance(x[None], w, b) ** 2).all()


@pytest.mark.equation("eq-neuron-origin", tolerance=1e-12)
def test_the_boundary_passes_the_origin_at_its_coordinate_along_the_weights(agree, rng):
    """The foot of the origin against the minimum-norm solution of wᵀx = −b; and w=(3,4), b=5."""
    for n_in in (1, 2, 3, 10):
        w, b = neuron(rng, n_in)
        foot = -b / np.linalg.norm(w) * w / np.linalg.norm(w)
        agree(foot, np.linalg.pinv(w[None]) @ [-b])
        agree(np.linalg.norm(foot), abs(b) / np.linalg.norm(w))
    # S8, in fractions: the coordinate is -1, the foot (-3/5, -4/5), the distance 1
    foot = [Fraction(-5, 25) * c for c in (3, 4)]
    assert sum(c * f for c, f in zip((3, 4), foot, strict=True)) + 5 == 0
    assert sum(f * f for f in foot) == 1
    agree(signed_distance([[0.0, 0.0]], [3.0, 4.0], 5.0), [1.0])


@pytest.mark.equation("eq-neuron-confidence", tolerance=1e-12)
def test_the_length_of_the_weights_is_the_confidence_at_a_distance(agree, rng):
    """σ(wᵀx + b) against σ(‖w‖ r), with the distance from projected points."""
    X, _, w, b = labeled(rng)
    norm = np.sqrt(sum(c * c for c in w))
    feet = X - np.outer(X @ w + b, w) / norm**2
    r = np.sign(X @ w + b) * np.linalg.norm(X - feet, axis=1)
    agree(1 / (1 + np.exp(-(X @ w + b))), sigmoid(norm * r))


@pytest.mark.equation("eq-neuron-xor", tolerance=1e-12)
def test_opposite_corners_have_equal_sums_of_scores(agree, rng):
    """The two sums of scores of opposite corners, and 2b, for random neurons."""
    corners = np.array([[-1.0, -1.0], [1.0, 1.0], [-1.0, 1.0], [1.0, -1.0]])
    for _ in range(20):
        w, b = neuron(rng, 2)
        s = [float(np.dot(w, corner)) + b for corner in corners]
        agree(s[0] + s[1], s[2] + s[3])
        agree(s[0] + s[1], 2 * b)
        assert not (s[0] < 0 and s[1] < 0 and s[2] > 0 and s[3] > 0)


@pytest.mark.equation("eq-neuron-novikoff", tolerance=1e-12)
def test_the_perceptron_keeps_novikoffs_bound(agree):
    """Mistakes on 100 random sets against the bound; equality where samples are orthogonal."""
    for seed in range(100):
        X, y, v = separable(np.random.default_rng(seed))
        sign, X_ext = 2 * y - 1, extended(X)
        margin, radius = (sign * (X_ext @ v)).min(), np.linalg.norm(X_ext, axis=1).max()
        result = perceptron(X, y, max_epochs=100_000)
        assert result.converged
        assert len(result.mistakes) <= (radius / margin) ** 2
        # the two inequalities of the proof, after every mistake
        theta = np.cumsum(sign[result.mistakes, None] * X_ext[result.mistakes], axis=0)
        k = np.arange(1, len(theta) + 1)
        assert (theta @ v >= k * margin * (1 - 1e-12)).all()
        assert ((theta**2).sum(axis=1) <= k * radius**2 * (1 + 1e-12)).all()
    # attained: (x, 1) orthogonal in four dimensions, entries ±1, so that the arithmetic is exact
    X = np.array([[1.0, 1.0, 1.0], [1.0, -1.0, -1.0], [-1.0, 1.0, -1.0], [-1.0, -1.0, 1.0]])
    for labels in np.ndindex(2, 2, 2, 2):
        sign = 2 * np.array(labels) - 1
        v = sign @ extended(X) / 4  # unit length: four orthogonal rows of length 2
        margin = (sign * (extended(X) @ v)).min()
        mistakes = perceptron(X, labels, max_epochs=9).mistakes
        agree(len(mistakes), (2 / margin) ** 2)


def test_novikoffs_bound_needs_its_hypotheses():
    """Without a margin the mistakes never end; without the appended one the number is wrong."""
    corners = np.array([[-1.0, -1.0], [1.0, 1.0], [-1.0, 1.0], [1.0, -1.0]])
    for epochs in (10, 100):
        run = perceptron(corners, [0, 0, 1, 1], max_epochs=epochs)
        assert len(run.mistakes) == 4 * epochs
    # 9 and 11 on a line: geometric margin 1, longest x is 11, "bound" 121, and more mistakes
    run = perceptron([[9.0], [11.0]], [0, 1], max_epochs=1000)
    assert run.converged
    assert len(run.mistakes) > 121
    # with the one appended: along (1, -10), margin 1 / sqrt(101), and radius sqrt(122)
    assert len(run.mistakes) <= 122 * 101


@pytest.mark.equation("eq-neuron-logistic-loss", tolerance=1e-12)
def test_the_logistic_loss_is_the_cross_entropy_of_its_probabilities(agree, rng):
    """The sum over probabilities, by loops, against the softplus form, and against PyTorch."""
    X, y, w, b = labeled(rng)
    total = 0.0
    for x, label in zip(X, y, strict=True):
        p = 1 / (1 + np.exp(-(w @ x + b)))
        total += -np.log(p) if label else -np.log(1 - p)
    agree(total / len(X), logistic_loss(w, b, X, y))
    scores, targets = torch.from_numpy(X @ w + b), torch.from_numpy(y).double()
    reference = torch.nn.functional.binary_cross_entropy_with_logits(scores, targets)
    agree(reference.item(), logistic_loss(w, b, X, y))


@pytest.mark.equation("eq-neuron-logistic-gradient", tolerance=1e-12)
def test_the_logistic_gradient_is_the_derivative_of_the_loss(agree, rng):
    """The matrix form against index sums, complex differences of the loss, and autograd."""
    X, y, w, b = labeled(rng)
    dw, db = logistic_gradient(w, b, X, y)

    sums = np.zeros(3)
    for x, label in zip(X, y, strict=True):
        for j in range(3):
            sums[j] += (1 / (1 + np.exp(-(w @ x + b))) - label) * x[j] / len(X)
    agree(dw, sums)

    theta, h = np.append(w, b).astype(complex), 1e-30
    for j, derivative in enumerate([*dw, db]):
        shifted = theta.copy()
        shifted[j] += 1j * h
        loss = np.log(1 + np.exp(-(2 * y - 1) * (extended(X) @ shifted))).mean()
        agree(derivative, loss.imag / h)

    wt = torch.tensor(w, requires_grad=True)
    bt = torch.tensor(b, dtype=torch.float64, requires_grad=True)
    loss_fn = torch.nn.BCEWithLogitsLoss()
    loss_fn(torch.from_numpy(X) @ wt + bt, torch.from_numpy(y).double()).backward()
    agree(dw, wt.grad.numpy())
    agree(db, bt.grad.item())


@pytest.mark.equation("eq-neuron-hessian", tolerance=1e-7)
def test_the_hessian_of_the_logistic_loss_has_no_negative_eigenvalue(agree, rng):
    """The matrix form against central differences of the gradient; eigenvalues; secants."""
    X, y, w, b = labeled(rng)
    theta, h = np.append(w, b), 1e-5

    def gradient(theta):
        return np.append(*logistic_gradient(theta[:-1], theta[-1], X, y))

    def loss(theta):
        return logistic_loss(theta[:-1], theta[-1], X, y)

    p = sigmoid(X @ w + b)
    hessian = extended(X).T @ np.diag(p * (1 - p)) @ extended(X) / len(X)
    differences = [(gradient(theta + h * e) - gradient(theta - h * e)) / (2 * h) for e in np.eye(4)]
    agree(hessian, np.array(differences))
    assert np.linalg.eigvalsh(hessian)[0] >= 0
    for _ in range(200):  # convexity itself: a chord lies above the graph
        left, right, t = *(5 * rng.standard_normal((2, 4))), rng.uniform()
        chord = (1 - t) * loss(left) + t * loss(right)
        assert loss((1 - t) * left + t * right) <= chord + 1e-12


@pytest.mark.equation("eq-neuron-scaling", tolerance=1e-12)
def test_scaling_a_separating_neuron_takes_the_loss_to_zero(agree):
    """0 < L(cw, cb) ≤ exp(−cm) on random separable sets; equality in the limit for one sample."""
    for seed in range(30):
        X, y, v = separable(np.random.default_rng(seed))
        m = ((2 * y - 1) * (extended(X) @ v)).min()
        losses = [logistic_loss(c * v[:-1], c * v[-1], X, y) for c in (1, 10, 100, 1000)]
        bounds = [np.exp(-c * m) for c in (1, 10, 100, 1000)]
        assert all(0 < loss <= bound for loss, bound in zip(losses, bounds, strict=True))
        assert all(late < early for early, late in pairwise(losses))
    # one sample with score 1: L(c) = log(1 + e^-c), which is e^-c up to a relative e^-c / 2
    one = logistic_loss(np.array([40.0]), 0.0, np.ones((1, 1)), np.array([1]))
    agree(one / np.exp(-40), 1.0)


def test_scaling_a_neuron_does_not_help_on_data_that_overlap():
    """On XOR the loss of a scaled neuron grows: separability is needed."""
    corners, y = (
        np.array([[-1.0, -1.0], [1.0, 1.0], [-1.0, 1.0], [1.0, -1.0]]),
        np.array([0, 0, 1, 1]),
    )
    losses = [logistic_loss(c * np.array([1.0, -0.5]), c * 0.2, corners, y) for c in (0, 1, 10)]
    assert losses[0] < losses[1] < losses[2]


def test_a_loss_below_log_two_over_n_certifies_every_sample(rng):
    """Whenever L < log(2)/N, no sample is wrong; the constant cannot be larger."""
    seen = 0
    for seed in range(30):
        X, y, v = separable(np.random.default_rng(seed))
        for c in (1, 10, 100, 1000):
            w, b = c * (v[:-1] + 0.02 * rng.standard_normal(len(v) - 1)), c * v[-1]
            if logistic_loss(w, b, X, y) < np.log(2) / len(X):
                seen += 1
                assert ((2 * y - 1) * (X @ w + b) > 0).all()
    assert seen > 20
    # one sample on the boundary, one far on its right side: the loss is log(2)/2 and one is wrong
    X, y = np.array([[0.0], [900.0]]), np.array([1, 1])
    assert logistic_loss(np.ones(1), 0.0, X, y) == np.log(2) / 2


@pytest.mark.equation("eq-neuron-rate", tolerance=1e-9)
def test_descent_takes_the_loss_to_zero_at_the_stated_rate(agree):
    """The bound on random separable sets, at the largest rate; the two inequalities it rests on."""
    for seed in range(10):
        X, y, v = separable(np.random.default_rng(seed))
        gamma = ((2 * y - 1) * (extended(X) @ v)).min()
        lr = 4 / (extended(X) ** 2).sum(axis=1).max()
        state, losses = (np.zeros(len(v) - 1), 0.0), []
        for t in range(1, 301):
            loss, (dw, db) = logistic_loss(*state, X, y), logistic_gradient(*state, X, y)
            state = logistic_descent(X, y, lr=lr, steps=1, start=state)
            losses.append(logistic_loss(*state, X, y))
            assert losses[-1] <= (1 + np.log(t) ** 2 / (2 * lr * gamma**2)) / t
            assert losses[-1] <= loss - lr / 2 * (dw @ dw + db**2) * (1 - 1e-9)
        for c in (0.1, 1, 10, 100):  # any point cv, before the best one is chosen
            reference = logistic_loss(c * v[:-1], c * v[-1], X, y)
            assert 2 * lr * 300 * (losses[-1] - reference) <= c**2
    # one sample with score w + b: both parameters are equal, and the loss is a scalar recursion
    X, y = np.ones((1, 1)), np.array([1])
    u = 0.0
    for _ in range(100):
        u += 2 * 1.0 / (1 + np.exp(u))  # lr = 1, once for w and once for b
    w, b = logistic_descent(X, y, lr=1.0, steps=100)
    agree(w[0] + b, u)
    assert logistic_loss(w, b, X, y) <= (1 + np.log(100) ** 2 / (2 * 1.0 * 2)) / 100


def test_descent_at_too_high_a_rate_can_raise_the_loss():
    """With a rate far above 4/R² the loss goes up and down: the bound on the rate is needed."""
    X, y = np.array([[10.0], [-10.0], [9.0]]), np.array([1, 0, 0])
    losses, state = [], (np.zeros(1), 0.0)
    for _ in range(5):
        losses.append(logistic_loss(*state, X, y))
        state = logistic_descent(X, y, lr=10.0, steps=1, start=state)
    assert (np.diff(losses) > 0).any()


@pytest.mark.equation("eq-neuron-max-margin", tolerance=0.05)
def test_descent_turns_to_the_largest_margin_and_grows_like_log_t(agree):
    """Growth of the norm per decade of steps, and the direction, against Soudry et al.'s limit."""
    # near the boundary: (0.5, 1.5) and (1.5, -0.5); the nearest point of their segment to the
    # origin is its midpoint q = (1, 0.5), so the limit is q / |q|^2 = (0.8, 0.4)
    V = np.array([[0.5, 1.5], [1.5, -0.5], [0.3, 3.0], [1.2, 4.0]])
    X, y, w_hat = np.vstack([V, -V]), np.repeat([1, 0], 4), np.array([0.8, 0.4])
    states = [logistic_descent(X, y, lr=0.5, steps=1000)]
    for steps in (9_000, 90_000):
        states.append(logistic_descent(X, y, lr=0.5, steps=steps, start=states[-1]))
    w = np.array([state[0] for state in states])
    norm = np.linalg.norm(w, axis=1)
    agree((norm[2] - norm[1]) / np.log(10), np.linalg.norm(w_hat))
    agree(w[2] / norm[2], w_hat / np.linalg.norm(w_hat))
    cosine = w @ w_hat / norm / np.linalg.norm(w_hat)
    assert (np.diff(cosine) > 0).all()
    # not the direction of the class means, where it starts
    mean = V.mean(axis=0)
    assert cosine[2] > w[2] @ mean / norm[2] / np.linalg.norm(mean)
