"""The equations of the chapter on the two-layer network, each against an independent route."""

import numpy as np
import pytest
import torch

from mlpbook.chapters.two_layer import (
    Parameters,
    descend,
    forward,
    gradients,
    initialize,
    objective,
)
from mlpbook.chapters.two_layer_threshold import prove_below, threshold_lower, threshold_upper

N, D, H, D_OUT = 7, 3, 5, 2


def draw(rng, n_out=D_OUT):
    """Return a network with random biases, and a batch whose pre-activations keep off the kink."""
    while True:
        params = initialize(D, H, n_out, rng=rng)
        params = params._replace(b1=rng.standard_normal(H), b2=rng.standard_normal(n_out))
        X, Y = rng.standard_normal((N, D)), rng.standard_normal((N, n_out))
        if np.abs(X @ params.W1.T + params.b1).min() > 1e-2:
            return params, X, Y


def output(params, x):
    """The network for one sample, by sums over single numbers; real or complex."""
    W1, b1, W2, b2 = params
    z = [sum(W1[k, j] * x[j] for j in range(len(x))) + b1[k] for k in range(len(b1))]
    a = [value if value.real > 0 else 0 * value for value in z]
    return np.array([sum(W2[p, k] * a[k] for k in range(len(a))) + b2[p] for p in range(len(b2))])


def total(params, X, Y, decay):
    """The objective, by sums over single numbers; real or complex."""
    value = 0.0
    for x, y in zip(X, Y, strict=True):
        y_hat = output(params, x)
        value = value + sum((y_hat[p] - y[p]) ** 2 for p in range(len(y))) / 2
    squares = sum(w**2 for W in (params.W1, params.W2) for w in W.ravel())
    return value / len(X) + decay / 2 * squares


def complex_gradients(params, X, Y, decay=0.0):
    """Gradients of the objective, entry by entry, by complex steps."""
    result = []
    for name, theta in zip(params._fields, params, strict=True):
        gradient = np.empty_like(theta)
        for index in np.ndindex(theta.shape):
            moved = theta.astype(complex)
            moved[index] += 1e-30j
            value = total(params._replace(**{name: moved}), X, Y, decay)
            gradient[index] = value.imag / 1e-30
        result.append(gradient)
    return Parameters(*result)


def jacobian(f, v, step=1e-30):
    """Jacobian of f at v, numerator layout, by complex steps."""
    columns = []
    for j in range(len(v)):
        moved = v.astype(complex)
        moved[j] += step * 1j
        columns.append(np.atleast_1d(f(moved)).imag / step)
    return np.stack(columns, axis=1)


def relu(z):
    return np.where(z.real > 0, z, 0)


@pytest.mark.equation("eq-twolayer-forward", tolerance=1e-14)
def test_batch_rows_are_the_single_samples(agree, rng):
    """The batch form against the network computed for each sample by sums over single numbers."""
    params, X, _ = draw(rng)
    Y_hat, (Z, A) = forward(params, X)
    assert Z.shape == A.shape == (N, H)
    agree(Y_hat, np.array([output(params, x) for x in X]))


@pytest.mark.equation("eq-twolayer-chain", tolerance=1e-13)
def test_rates_multiply_along_paths_and_add_up_over_them(agree, rng):
    """The sum over paths, entry by entry, against complex steps in the hidden weights."""
    params, X, Y = draw(rng)
    W1, b1, W2, _ = params
    for x, y in zip(X, Y, strict=True):
        z, y_hat = W1 @ x + b1, output(params, x)
        left = np.zeros((H, D))
        for k, j in np.ndindex(H, D):
            paths = sum((y_hat[p] - y[p]) * W2[p, k] for p in range(D_OUT))
            left[k, j] = paths * x[j] if z[k] > 0 else 0.0
        agree(left, complex_gradients(params, x[np.newaxis], y[np.newaxis]).W1)


def test_a_unit_on_its_kink_sends_nothing_back():
    """The convention at 0: the book's gradient and PyTorch's, where a pre-activation is 0."""
    params = Parameters(np.ones((1, 1)), np.zeros(1), np.ones((1, 1)), np.zeros(1))
    assert gradients(params, [[0.0]], [[1.0]]).b1 == 0
    kink = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    torch.relu(kink).backward()
    assert kink.grad == 0


def test_at_zero_weights_only_the_last_bias_moves(rng):
    """The trap of a start at zero: the gradients of W1, b1 and W2 vanish there."""
    zero = Parameters(np.zeros((H, D)), np.zeros(H), np.zeros((D_OUT, H)), np.ones(D_OUT))
    grads = gradients(zero, rng.standard_normal((N, D)), rng.standard_normal((N, D_OUT)))
    assert not any(grad.any() for grad in (grads.W1, grads.b1, grads.W2))
    assert grads.b2.all()


@pytest.mark.equation("eq-twolayer-vjp", tolerance=1e-12)
def test_the_pass_of_one_sample_agrees_with_complex_steps(agree, rng):
    """The four gradients of one sample's loss against complex steps in every parameter."""
    params, X, Y = draw(rng)
    W1, b1, W2, b2 = params
    for x, y in zip(X, Y, strict=True):
        z = W1 @ x + b1
        a = np.maximum(z, 0)
        d2 = W2 @ a + b2 - y
        d1 = (W2.T @ d2) * (z > 0)
        left = Parameters(np.outer(d1, x), d1, np.outer(d2, a), d2)
        right = complex_gradients(params, x[np.newaxis], y[np.newaxis])
        for g, h in zip(left, right, strict=True):
            agree(g, h)


@pytest.mark.equation("eq-twolayer-outer-sum", tolerance=1e-14)
def test_mean_of_outer_products_is_one_matrix_product(agree, rng):
    """The matrix product against the sum of outer products, one sample at a time."""
    deltas, X = rng.standard_normal((N, H)), rng.standard_normal((N, D))
    by_sum = np.zeros((H, D))
    for i in range(N):
        for k in range(H):
            for j in range(D):
                by_sum[k, j] += deltas[i, k] * X[i, j] / N
    agree((deltas / N).T @ X, by_sum)
    agree((deltas / N).T @ np.ones(N), deltas.mean(axis=0))


@pytest.mark.equation("eq-twolayer-penalty", tolerance=1e-14)
def test_gradient_of_the_penalty_is_proportional_to_the_weights(agree, rng):
    """The multiple of the weights against complex steps of the sum of squares."""
    W, decay = rng.standard_normal(H * D), 0.7
    agree(decay * W[np.newaxis], jacobian(lambda v: decay / 2 * (v**2).sum(), W))


@pytest.mark.equation("eq-twolayer-backward", tolerance=1e-12)
@pytest.mark.parametrize("decay", [0.0, 0.5])
def test_batch_gradients_agree_with_complex_steps(agree, rng, decay):
    """All gradients of the batch against complex steps of the objective as a sum of numbers."""
    params, X, Y = draw(rng)
    left = gradients(params, X, Y, weight_decay=decay)
    for g, h in zip(left, complex_gradients(params, X, Y, decay), strict=True):
        assert g.shape == h.shape
        agree(g, h)


@pytest.mark.equation("eq-twolayer-backward", tolerance=1e-12)
@pytest.mark.parametrize("n_out", [1, 3])
def test_batch_gradients_agree_with_autograd(agree, rng, n_out):
    """All gradients of the batch against PyTorch's autograd, in float64."""
    params, X, Y = draw(rng, n_out)
    W1, b1, W2, b2 = theta = [torch.tensor(p, requires_grad=True) for p in params]
    Y_hat = torch.relu(torch.tensor(X) @ W1.T + b1) @ W2.T + b2
    loss = 0.5 * ((Y_hat - torch.tensor(Y)) ** 2).sum(dim=1).mean()
    (loss + 0.5 * 0.3 * ((W1**2).sum() + (W2**2).sum())).backward()
    left = gradients(params, X, Y, weight_decay=0.3)
    for g, h in zip(left, theta, strict=True):
        agree(g, h.grad.numpy())


def along_a_line(rng):
    """Return f(t), and f'(0), f''(0), f'''(0) exactly, for a smooth stretch of a random line."""
    params, X, Y = draw(rng)
    V = Parameters(*(1e-2 * rng.standard_normal(p.shape) for p in params))
    Z = X @ params.W1.T + params.b1
    mask = Z > 0
    assert np.abs(Z / (X @ V.W1.T + V.b1)).min() > 0.2  # no unit switches for |t| < 0.2

    def f(t):
        return total(Parameters(*(p + t * v for p, v in zip(params, V, strict=True))), X, Y, 0.1)

    # The residuals are R0 + t R1 + t^2 R2.
    A0, A1 = Z * mask, (X @ V.W1.T + V.b1) * mask
    R0 = A0 @ params.W2.T + params.b2 - Y
    R1, R2 = A1 @ params.W2.T + A0 @ V.W2.T + V.b2, A1 @ V.W2.T
    inner = sum((p * v).sum() for p, v in ((params.W1, V.W1), (params.W2, V.W2)))
    squares = (V.W1**2).sum() + (V.W2**2).sum()
    f1 = (R0 * R1).sum() / N + 0.1 * inner
    f2 = ((R1**2).sum() + 2 * (R0 * R2).sum()) / N + 0.1 * squares
    f3 = 6 * (R1 * R2).sum() / N
    return f, f1, f2, f3


@pytest.mark.equation("eq-twolayer-forward-difference", tolerance=1e-6)
def test_forward_difference_errs_by_half_the_second_derivative(agree, rng):
    """The error over h, as h shrinks, against half the exact second derivative."""
    f, f1, f2, _ = along_a_line(rng)
    h = 1e-4
    agree(((f(h) - f(0.0)) / h - f1) / h, f2 / 2)


@pytest.mark.equation("eq-twolayer-central-difference", tolerance=1e-7)
def test_central_difference_errs_by_a_sixth_of_the_third_derivative(agree, rng):
    """The error over the square of h against a sixth of the exact third derivative."""
    f, f1, _, f3 = along_a_line(rng)
    h = 1e-2
    agree(((f(h) - f(-h)) / (2 * h) - f1) / h**2, f3 / 6)


@pytest.mark.equation("eq-twolayer-complex-step", tolerance=1e-7)
def test_complex_step_errs_by_minus_a_sixth_of_the_third_derivative(agree, rng):
    """The error over the square of h, and the exact derivative where h is tiny."""
    f, f1, _, f3 = along_a_line(rng)
    h = 1e-2
    agree((f(1j * h).imag / h - f1) / h**2, -f3 / 6)
    agree(f(1e-200j).imag / 1e-200, f1)


@pytest.mark.equation("eq-twolayer-metric", tolerance=1e-14)
@pytest.mark.parametrize("n_out", [1, 3])
def test_mean_square_is_two_over_d_out_times_the_data_term(agree, rng, n_out):
    """NumPy's mean of all squared residuals against the data term by sums over samples."""
    params, X, Y = draw(rng, n_out)
    mean_square = np.mean((forward(params, X)[0] - Y) ** 2)
    agree(mean_square, 2 / n_out * total(params, X, Y, 0.0))
    agree(mean_square, 2 / n_out * objective(params, X, Y).data)


def covariance(X, Y, u, b):
    """Rho of the chapter, by a sum over samples."""
    R = Y - Y.mean(axis=0)
    return sum(r * max(u @ x + b, 0.0) for r, x in zip(R, X, strict=True)) / len(X)


@pytest.mark.equation("eq-twolayer-gap", tolerance=1e-12)
def test_gap_to_the_constant_splits_into_offset_variance_and_units(agree, rng):
    """The identity against the difference of the two objectives, for random networks."""
    for decay in (0.0, 0.4):
        params, X, Y = draw(rng)
        constant = sum(((y - Y.mean(axis=0)) ** 2).sum() for y in Y) / (2 * N)
        left = total(params, X, Y, decay) - constant
        Y_hat = np.array([output(params, x) for x in X])
        mean = Y_hat.mean(axis=0)
        right = ((mean - Y.mean(axis=0)) ** 2).sum() / 2 + ((Y_hat - mean) ** 2).sum() / (2 * N)
        for w, v, b in zip(params.W1, params.W2.T, params.b1, strict=True):
            right += decay / 2 * (w @ w + v @ v) - v @ covariance(X, Y, w, b)
        agree(left, right)


def test_no_network_beats_the_constant_above_the_threshold_and_one_does_below(rng):
    """Both parts of the theorem on exactly known thresholds: D = 1, by trying every break."""
    for _ in range(20):
        X, y = rng.standard_normal((6, 1)), rng.standard_normal((6, 1))
        kappa, u, b = max(
            (float(np.abs(covariance(X, y, np.array([u]), -u * x))[0]), u, -u * x)
            for u in (1.0, -1.0)
            for x in X[:, 0]
        )
        constant = y.var() / 2
        for _ in range(50):  # part 1: random networks, and descent from them
            params = initialize(1, 4, 1, rng=rng)
            params = Parameters(*(rng.exponential() * p for p in params))
            params = params._replace(b1=rng.standard_normal(4), b2=rng.standard_normal(1))
            assert objective(params, X, y, weight_decay=kappa).total >= constant
        run = descend(params, X, y, lr=0.02, n_steps=200, weight_decay=kappa)
        assert run.total.min() >= constant - 1e-12
        s, e = 1e-2, np.sign(covariance(X, y, np.array([u]), b))  # part 2: the proof's unit
        unit = Parameters(np.array([[s * u]]), np.array([s * b]), s * e[:, np.newaxis], np.zeros(1))
        unit = unit._replace(b2=y.mean(axis=0) - forward(unit, X)[0].mean(axis=0))
        assert objective(unit, X, y, weight_decay=0.9 * kappa).total < constant


def test_from_any_network_the_objective_falls_along_a_path_to_the_constant(rng):
    """The corollary's path above the threshold; below it, from a better network, it rises."""
    X, y = np.array([[-1.0], [0.0], [1.0]]), np.array([[1.0], [0.0], [1.0]])  # kappa = 1/9

    def along(params, decay):
        """The objective on the path, for c from 1 to 0, and its end."""
        offset, values = forward(params, X)[0].mean(axis=0) - y.mean(axis=0), []
        for c in np.linspace(1, 0, 101):
            scaled = Parameters(*(np.sqrt(c) * p for p in params))
            mean = y.mean(axis=0) + np.sqrt(c) * offset  # where the mean prediction goes
            scaled = scaled._replace(b2=scaled.b2 + mean - forward(scaled, X)[0].mean(axis=0))
            values.append(objective(scaled, X, y, weight_decay=decay).total)
        return np.array(values)

    constant = y.var() / 2
    for decay in (1 / 9, 0.2):
        for _ in range(30):
            params = initialize(1, 4, 1, rng=rng)
            params = Parameters(*(rng.exponential() * p for p in params))
            params = params._replace(b1=rng.standard_normal(4), b2=rng.standard_normal(1))
            values = along(params, decay)
            start = objective(params, X, y, weight_decay=decay).total
            assert abs(values[0] - start) < 1e-12
            assert np.all(np.diff(values) < 0)
            assert abs(values[-1] - constant) < 1e-12
    W = np.array([[0.1]])
    unit = Parameters(W, np.zeros(1), W, np.array([2 / 3 - 1e-2 / 3]))
    values = along(unit, 0.1)  # u = 1, b = 0 attains kappa
    assert values[0] < constant
    assert values[-1] > values[0]


def test_the_theorem_needs_the_penalty_on_both_layers(rng):
    """Counterexample: with W2 alone penalised, a large W1 beats the constant at any decay."""
    X, y = np.array([[-1.0], [0.0], [1.0]]), np.array([[1.0], [0.0], [1.0]])  # kappa = 1/9
    decay = 10.0
    W1, W2 = np.array([[1e4], [-1e4]]), np.array([[1e-6, 1e-6]])
    params = Parameters(W1, np.zeros(2), W2, np.array([2 / 3 - 2e-2 / 3]))
    half_penalised = objective(params, X, y).data + decay / 2 * (W2**2).sum()
    assert half_penalised < y.var() / 2
    assert objective(params, X, y, weight_decay=decay).total > y.var() / 2


@pytest.mark.equation("eq-twolayer-norms", tolerance=1e-12)
def test_two_norms_bracket_the_threshold(agree, rng):
    """The bounds against covariances of random and of searched units, several outputs included."""
    for n_out in (1, 2):
        X, Y = rng.standard_normal((12, 3)), rng.standard_normal((12, n_out))
        C = (Y - Y.mean(axis=0)).T @ X / 12
        u = np.linalg.svd(C)[2][0]
        all_active = covariance(X, Y, u, np.linalg.norm(X, axis=1).max())
        agree(np.linalg.norm(all_active), np.linalg.norm(C, ord=2))
        sigma_y = np.sqrt(Y.var(axis=0).sum())
        sigma_max = np.sqrt(np.linalg.eigvalsh(np.cov(X.T, bias=True)).max())
        upper = (np.linalg.norm(C, ord=2) + sigma_y * sigma_max) / 2
        if n_out == 1:
            agree(threshold_upper(X, Y), upper)
            assert np.linalg.norm(C) - 1e-12 <= threshold_lower(X, Y, rng=rng)[0] <= upper
        for _ in range(500):
            u = rng.standard_normal(3)
            rho = covariance(X, Y, u / np.linalg.norm(u), 2 * rng.standard_normal())
            assert np.linalg.norm(rho) <= upper


def test_branch_and_bound_is_right_on_both_sides_of_an_exact_threshold(rng):
    """The certificate against the exact threshold of data on a line."""
    for _ in range(10):
        X, y = rng.standard_normal((9, 1)), rng.standard_normal((9, 1))
        kappa = max(
            float(np.abs(covariance(X, y, np.array([u]), -u * x))[0])
            for u in (1.0, -1.0)
            for x in X[:, 0]
        )
        assert prove_below(X, y, 1.05 * kappa).proven
        assert not prove_below(X, y, 0.999 * kappa, max_cells=3000).proven


def a_cell(rng, X, b0, b1):
    """Draw known signs for some samples, and numbers g and d that the page's table allows."""
    y = rng.standard_normal((len(X), 1))
    c = (y - y.mean())[:, 0] / len(X)
    low, high = b0 - np.linalg.norm(X, axis=1), b1 + np.linalg.norm(X, axis=1)
    sign, g, d = rng.integers(-1, 2, len(X)), np.zeros(len(X)), np.zeros(len(X))
    for i in range(len(X)):
        if sign[i] == 1:
            g[i] = c[i] + rng.exponential()
        elif sign[i] == -1:
            g[i] = -rng.exponential()
        elif c[i] > 0:
            g[i] = c[i] * high[i] / (high[i] - low[i])
            d[i] = -low[i] * g[i]
        else:
            g[i] = rng.uniform(c[i], 0)
    return c, sign, g, d


@pytest.mark.equation("eq-twolayer-cell", tolerance=1e-12)
def test_linear_functions_above_the_terms_bound_a_cell(agree, rng):
    """The bound against all units of a grid that lie in the cell; equality where it is tight."""
    X = rng.standard_normal((6, 2))
    angles = np.linspace(0, 2 * np.pi, 400)
    U = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    n_inside = 0
    for _ in range(200):
        b0, b1 = np.sort(rng.uniform(-0.5, 0.5, 2))  # every t_i can have either sign
        c, sign, g, d = a_cell(rng, X, b0, b1)
        bound = np.linalg.norm(g @ X) + d.sum() + max(b0 * g.sum(), b1 * g.sum())
        for b in (b0, (b0 + b1) / 2, b1):
            T = U @ X.T + b
            inside = np.all((sign == 0) | (sign * T >= 0), axis=1)
            n_inside += inside.sum()
            assert np.all((np.maximum(T, 0) @ c)[inside] <= bound + 1e-12)
    assert n_inside > 1000
    c, b = np.array([0.3, -0.3]), 5.0  # all t_i are positive: g = c is exact, and b drops out
    X = np.array([[3.0, 0.0], [0.0, -1.0]])
    best = c @ X / np.linalg.norm(c @ X)
    agree(np.maximum(X @ best + b, 0) @ c, np.linalg.norm(c @ X))
