"""The equations of the chapter on normalization and depth, each against an independent route."""

import math
from itertools import product

import numpy as np
import pytest
import torch
from scipy import integrate, stats

from mlpbook.scratch.layers import Linear, ReLU, Residual
from mlpbook.scratch.normalization import BatchNorm, LayerNorm

EPS = 0.03  # large, so that it counts


def standardize(x, eps=EPS):
    """Normalize the last axis, by the definition; x may be complex."""
    centred = x - x.mean(axis=-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + eps)


def complex_jacobian(f, x, h=1e-30):
    """Return the Jacobian, outputs in rows, by complex steps."""
    return np.array([f(x + 1j * h * e).imag / h for e in np.eye(len(x))]).T


@pytest.mark.equation("eq-normalization-moments", tolerance=1e-12)
def test_normalized_numbers_have_mean_zero_and_nearly_variance_one(agree, rng):
    """Mean and mean square against the formula, with NumPy's own variance."""
    for n in (1, 2, 7):
        x = rng.uniform(-3, 9, n)
        x_hat = standardize(x)
        agree(x_hat.mean(), 0.0)
        agree(np.mean(x_hat**2), np.var(x) / (np.var(x) + EPS))


@pytest.mark.equation("eq-normalization-jacobian", tolerance=1e-12)
def test_jacobian_of_normalization_against_complex_steps(agree, rng):
    """The formula, entry by entry, against complex-step derivatives of the definition."""
    for n in (1, 2, 5):
        x = rng.standard_normal(n)
        s, x_hat = math.sqrt(np.var(x) + EPS), standardize(x)
        formula = [
            [((i == j) - 1 / n - x_hat[i] * x_hat[j] / n) / s for i in range(n)] for j in range(n)
        ]
        agree(formula, complex_jacobian(standardize, x))


@pytest.mark.equation("eq-normalization-spectrum", tolerance=1e-12)
def test_the_jacobian_deletes_two_directions(agree, rng):
    """Complex-step Jacobian times the three kinds of vectors against the formula."""
    n = 6
    x = rng.standard_normal(n)
    J, s, x_hat = complex_jacobian(standardize, x), math.sqrt(np.var(x) + EPS), standardize(x)
    agree(J, J.T)
    agree(J @ np.ones(n), np.zeros(n))
    agree(J @ x_hat, EPS / s**3 * x_hat)
    plane = np.linalg.qr(np.column_stack([np.ones(n), x_hat, rng.standard_normal((n, n - 2))]))[0]
    for u in plane.T[2:]:
        agree(J @ u, u / s)
    assert not np.allclose(J @ x_hat, 0)  # with an epsilon, not quite deleted


@pytest.mark.equation("eq-normalization-vjp", tolerance=1e-12)
def test_adjoint_of_normalization_against_the_complex_jacobian(agree, rng):
    """The formula against the transposed complex-step Jacobian times the adjoint."""
    for n in (2, 5):
        x, adjoint = rng.standard_normal((2, n))
        s, x_hat = math.sqrt(np.var(x) + EPS), standardize(x)
        formula = [
            (adjoint[i] - sum(adjoint) / n - x_hat[i] * sum(adjoint * x_hat) / n) / s
            for i in range(n)
        ]
        agree(formula, complex_jacobian(standardize, x).T @ adjoint)


def torch_adjoints(layer, X, adjoint, scale, shift):
    """Return PyTorch's output and its adjoints of input, scale and shift."""
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(scale))
        layer.bias.copy_(torch.tensor(shift))
    X = torch.tensor(X, requires_grad=True)
    Y = layer(X)
    Y.backward(torch.tensor(adjoint))
    return [t.detach().numpy() for t in (Y, X.grad, layer.weight.grad, layer.bias.grad)]


def batch_example(rng):
    """Return X (7, 4), an adjoint of its shape, scale and shift (4,)."""
    return (*rng.standard_normal((2, 7, 4)), *rng.standard_normal((2, 4)))


@pytest.mark.equation("eq-normalization-batch-parameters", tolerance=1e-12)
def test_adjoints_of_scale_and_shift_against_pytorch(agree, rng):
    """Sums over the batch against PyTorch's BatchNorm1d and this book's layer."""
    X, adjoint, scale, shift = batch_example(rng)
    norm = torch.nn.BatchNorm1d(4, eps=EPS, dtype=torch.float64)
    _, _, d_scale, d_shift = torch_adjoints(norm, X, adjoint, scale, shift)
    X_hat = standardize(X.T).T
    agree([sum(adjoint[i, k] for i in range(7)) for k in range(4)], d_shift)
    agree([sum(adjoint[i, k] * X_hat[i, k] for i in range(7)) for k in range(4)], d_scale)
    ours = BatchNorm(4, eps=EPS)
    ours.scale[...], ours.shift[...] = scale, shift
    ours.forward(X)
    ours.backward(adjoint)
    agree(np.stack([ours.dscale, ours.dshift]), np.stack([d_scale, d_shift]))


@pytest.mark.equation("eq-normalization-batch-backward", tolerance=1e-12)
def test_batch_normalization_backward_against_pytorch(agree, rng):
    """The formula, entry by entry, against PyTorch's BatchNorm1d and this book's layer."""
    X, adjoint, scale, shift = batch_example(rng)
    norm = torch.nn.BatchNorm1d(4, eps=EPS, dtype=torch.float64)
    Y, dX, d_scale, d_shift = torch_adjoints(norm, X, adjoint, scale, shift)
    X_hat, s = standardize(X.T).T, np.sqrt(X.var(axis=0) + EPS)
    formula = np.empty_like(X)
    for i, k in product(range(7), range(4)):
        formula[i, k] = adjoint[i, k] - d_shift[k] / 7 - X_hat[i, k] * d_scale[k] / 7
        formula[i, k] *= scale[k] / s[k]
    agree(formula, dX)
    ours = BatchNorm(4, eps=EPS)
    ours.scale[...], ours.shift[...] = scale, shift
    agree(ours.forward(X), Y)
    agree(ours.backward(adjoint), dX)


@pytest.mark.equation("eq-normalization-layer-backward", tolerance=1e-12)
def test_layer_normalization_backward_against_pytorch(agree, rng):
    """The formula, entry by entry, against PyTorch's LayerNorm and this book's layer."""
    X, adjoint, scale, shift = batch_example(rng)
    norm = torch.nn.LayerNorm(4, eps=EPS, dtype=torch.float64)
    Y, dX, _, _ = torch_adjoints(norm, X, adjoint, scale, shift)
    X_hat, s, G = standardize(X), np.sqrt(X.var(axis=1) + EPS), scale * adjoint
    formula = np.empty_like(X)
    for i, k in product(range(7), range(4)):
        along = sum(G[i, j] * X_hat[i, j] for j in range(4)) / 4
        formula[i, k] = (G[i, k] - sum(G[i]) / 4 - X_hat[i, k] * along) / s[i]
    agree(formula, dX)
    ours = LayerNorm(4, eps=EPS)
    ours.scale[...], ours.shift[...] = scale, shift
    agree(ours.forward(X), Y)
    agree(ours.backward(adjoint), dX)


@pytest.mark.equation("eq-normalization-running", tolerance=1e-12)
def test_running_average_is_a_weighted_sum_of_all_batches(agree, rng):
    """The closed form against PyTorch's running mean after eight batches."""
    alpha, batches = 0.3, rng.standard_normal((8, 5, 2))
    norm = torch.nn.BatchNorm1d(2, momentum=alpha, dtype=torch.float64)
    r_0 = rng.standard_normal(2)
    norm.running_mean.copy_(torch.tensor(r_0))
    for batch in batches:
        norm(torch.tensor(batch))
    t = len(batches)
    formula = (1 - alpha) ** t * r_0
    for k in range(1, t + 1):
        formula = formula + alpha * (1 - alpha) ** (t - k) * batches[k - 1].mean(axis=0)
    agree(formula, norm.running_mean.numpy())
    weights = [(1 - alpha) ** t, *(alpha * (1 - alpha) ** (t - k) for k in range(1, t + 1))]
    agree(sum(weights), 1.0)


def invariant(w):
    """A function of the direction of w alone; w may be complex."""
    u = w / np.sqrt(w @ w)
    return u[0] * u[1] + np.sin(3 * u[2])


def gradient(w, h=1e-30):
    """Return the gradient of `invariant` by complex steps."""
    return np.array([invariant(w + 1j * h * e).imag / h for e in np.eye(3)])


@pytest.mark.equation("eq-normalization-scale", tolerance=1e-12)
def test_the_gradient_of_a_scale_invariant_function_is_orthogonal_and_shrinks(agree, rng):
    """Complex-step gradients of an invariant function at w and at cw; a function that is not."""
    for c in (0.1, 1.0, 30.0):
        w = rng.standard_normal(3)
        agree(w @ gradient(w), 0.0)
        agree(gradient(c * w), gradient(w) / c)
    assert abs(w @ (2 * w)) > 0.1  # of the squared norm, which is not invariant


@pytest.mark.equation("eq-normalization-growth", tolerance=1e-12)
def test_descent_on_a_scale_invariant_function_lengthens_the_weights(agree, rng):
    """Squared norms before and after a step, for small and for huge rates."""
    for eta in (1e-3, 1.0, 50.0):
        w = rng.standard_normal(3)
        g = gradient(w)
        after = w - eta * g
        agree(after @ after, w @ w + eta**2 * (g @ g))
        assert after @ after > w @ w


@pytest.mark.equation("eq-normalization-effective", tolerance=1e-12)
def test_the_direction_moves_with_the_rate_over_the_squared_norm(agree, rng):
    """A step of the weights against a step of their direction with the effective rate."""
    w, eta = 4 * rng.standard_normal(3), 0.7
    norm = math.sqrt(w @ w)
    u = w / norm
    agree(w - eta * gradient(w), norm * (u - eta / norm**2 * gradient(u)))


@pytest.mark.equation("eq-normalization-residual", tolerance=1e-9)
def test_the_adjoint_of_a_residual_block_takes_both_ways(agree, rng):
    """Adjoint plus transposed numerical Jacobian of the branch against the layer's backward."""
    branch = [Linear(4, 5, rng=rng), ReLU(), Linear(5, 4, rng=rng)]
    x, adjoint = rng.standard_normal((2, 4))

    def F(x):
        for layer in branch:
            x = layer.forward(x)
        return x

    h = 1e-6  # the branch is linear between its kinks: differences are exact up to rounding
    J = np.array([(F((x + h * e)[None]) - F((x - h * e)[None]))[0] / (2 * h) for e in np.eye(4)]).T
    block = Residual(branch)
    agree(block.forward(x[None])[0], x + F(x[None])[0])
    agree(adjoint + J.T @ adjoint, block.backward(adjoint[None])[0])


@pytest.mark.equation("eq-normalization-residual-bounds")
def test_singular_values_of_a_residual_stack_stay_within_the_bounds(rng):
    """Random branches of norm c; both bounds are attained by J = c I and J = -c I."""
    for c, L in product((0.05, 0.4, 0.9), (1, 3, 8)):
        M = np.eye(4)
        for _ in range(L):
            J = rng.standard_normal((4, 4))
            M = (np.eye(4) + c * J / np.linalg.norm(J, 2)) @ M
        sigma = np.linalg.svd(M, compute_uv=False)
        assert (1 - c) ** L * (1 - 1e-12) <= sigma[-1] <= sigma[0] <= (1 + c) ** L * (1 + 1e-12)
        for sign in (1, -1):
            extreme = np.linalg.matrix_power((1 + sign * c) * np.eye(4), L)
            assert np.isclose(np.linalg.norm(extreme, 2), (1 + sign * c) ** L)
    J = -np.diag([1.0, 0.5])  # norm 1: the hypothesis c < 1 fails, and a direction is lost
    assert np.linalg.matrix_rank(np.eye(2) + J) == 1


def expected_square(x, g, normalize=lambda x: x):
    """Return E||x + V relu(U x)||^2 exactly, over all signs of Rademacher weights (n = 2)."""
    u, v = math.sqrt(2 / 2), math.sqrt(g / 2)
    signs = np.array(list(product((-1, 1), repeat=4))).reshape(-1, 2, 2)
    A = np.maximum(u * signs @ normalize(x), 0)  # (16, 2)
    Y = x + v * np.einsum("vij,uj->uvi", signs, A)
    return np.mean((Y**2).sum(axis=-1)), Y.reshape(-1, 2)


@pytest.mark.equation("eq-normalization-residual-growth", tolerance=1e-12)
def test_a_residual_block_multiplies_the_expected_square_by_one_plus_g(agree, rng):
    """The exact mean over all sign patterns of the weights, after one and two blocks."""
    for g in (0.0, 0.1, 2.0):
        x = rng.standard_normal(2)
        once, outputs = expected_square(x, g)
        agree(once / (x @ x), 1 + g)
        twice = np.mean([expected_square(y, g)[0] for y in outputs])
        agree(twice / (x @ x), (1 + g) ** 2)
    # without symmetry the half is not a half: weights of one sign, positive inputs
    a = np.maximum(np.array([[1.0, 1.0], [1.0, 1.0]]) @ [1.0, 1.0], 0)
    assert a @ a > 2 * 0.5 * 2 * 2


@pytest.mark.equation("eq-normalization-prenorm", tolerance=1e-12)
def test_a_normalized_branch_adds_a_term_instead_of_a_factor(agree, rng):
    """The exact mean over all sign patterns against the bound, attained without epsilon."""
    for g, eps in product((0.1, 2.0), (0.0, 0.5)):
        x = rng.standard_normal(2)
        square, _ = expected_square(x, g, lambda x, eps=eps: standardize(x, eps))
        assert square <= x @ x + g * 2 * (1 + 1e-12)
        if eps == 0:
            agree(square, x @ x + g * 2)


@pytest.mark.equation("eq-normalization-relu-variance", tolerance=1e-10)
def test_variance_of_a_rectified_normal(agree):
    """The formula against numerical integration of the normal density."""
    moments = [integrate.quad(lambda z, k=k: z**k * stats.norm.pdf(z), 0, 40)[0] for k in (1, 2)]
    variance = moments[1] - moments[0] ** 2
    agree(variance, 1 / 2 - 1 / (2 * math.pi))
    agree(variance, (math.pi - 1) / (2 * math.pi))
