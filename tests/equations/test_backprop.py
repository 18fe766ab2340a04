"""The equations of the chapter on backpropagation, each against an independent route."""

import itertools
from collections import Counter
from fractions import Fraction
from typing import ClassVar

import numpy as np
import pytest
import torch

from mlpbook.scratch.layers import ELU, GELU, Activation, Linear, ReLU, SiLU, Softplus, Tanh
from mlpbook.scratch.losses import CrossEntropyLoss, MSELoss
from mlpbook.scratch.network import MLP

N, SIZES = 6, [3, 5, 4, 6, 2]  # all different, so that no transposition can hide
STEP = 1e-30


def draw(rng, sizes=SIZES, n_samples=N):
    """Return weights, biases, inputs and targets."""
    W = [rng.standard_normal((m, n)) / np.sqrt(n) for n, m in itertools.pairwise(sizes)]
    b = [rng.standard_normal(m) for m in sizes[1:]]
    return W, b, rng.standard_normal((n_samples, sizes[0])), rng.integers(0, sizes[-1], n_samples)


def forward(W, b, x):
    """Return [a_0, ..., a_{L-1}] and [z_1, ..., z_L] of one sample; real or complex."""
    a, z = [x], []
    for layer, (weights, bias) in enumerate(zip(W, b, strict=True), start=1):
        z.append(weights @ a[-1] + bias)
        if layer < len(W):
            a.append(np.tanh(z[-1]))
    return a, z


def cross_entropy(z, y):
    """The loss of one sample; real or complex."""
    shift = z.real.max()
    return shift + np.log(np.exp(z - shift).sum()) - z[y]


def sample_loss(W, b, x, y):
    return cross_entropy(forward(W, b, x)[1][-1], y)


def objective(W, b, X, Y, decay):
    """The mean of the samples' losses and the penalty, one sample after another."""
    data = sum(sample_loss(W, b, x, y) for x, y in zip(X, Y, strict=True)) / len(X)
    return data + decay / 2 * sum((weights**2).sum() for weights in W)


def complex_gradient(f, arrays, k):
    """Gradient of f(arrays) by the k-th array, entry by entry, by complex steps."""
    gradient = np.empty_like(arrays[k])
    for index in np.ndindex(gradient.shape):
        moved = arrays[k].astype(complex)
        moved[index] += 1j * STEP
        gradient[index] = f([*arrays[:k], moved, *arrays[k + 1 :]]).imag / STEP
    return gradient


def softmax(z):
    e = np.exp(z - z.max())
    return e / e.sum()


def one_sample_deltas(W, b, x, y):
    """The recursion of the theorem, as written there for one column."""
    a, z = forward(W, b, x)
    delta = softmax(z[-1]) - np.eye(len(z[-1]))[y]
    deltas = [delta]
    for layer in range(len(W) - 1, 0, -1):
        delta = (W[layer].T @ delta) * (1 - np.tanh(z[layer - 1]) ** 2)
        deltas.insert(0, delta)
    return a, z, deltas


def batch_adjoints(W, b, X, Y, decay):
    """The recursion of the theorem, as written there for a batch."""
    A, Z = [X], []
    for layer in range(len(W)):
        Z.append(A[-1] @ W[layer].T + np.outer(np.ones(len(X)), b[layer]))
        A.append(np.tanh(Z[-1]))
    D = (np.array([softmax(z) for z in Z[-1]]) - np.eye(len(b[-1]))[Y]) / len(X)
    deltas = [D]
    for layer in range(len(W) - 1, 0, -1):
        D = (D @ W[layer]) * (1 - np.tanh(Z[layer - 1]) ** 2)
        deltas.insert(0, D)
    dW = [D.T @ A[k] + decay * W[k] for k, D in enumerate(deltas)]
    db = [D.T @ np.ones(len(X)) for D in deltas]
    return A, Z, deltas, dW, db


@pytest.mark.equation("eq-backprop-sample", tolerance=1e-13)
def test_recursion_for_one_sample_is_the_derivative_of_its_loss(agree, rng):
    """The recursion against complex steps of the sample's loss, in every weight, bias and input."""
    W, b, X, Y = draw(rng)
    x, y = X[0], int(Y[0])
    a, _, deltas = one_sample_deltas(W, b, x, y)
    for k in range(len(W)):
        by_steps = complex_gradient(lambda V: sample_loss(V, b, x, y), W, k)
        agree(np.outer(deltas[k], a[k]), by_steps)
        agree(deltas[k], complex_gradient(lambda c: sample_loss(W, c, x, y), b, k))
    agree(W[0].T @ deltas[0], complex_gradient(lambda v: sample_loss(W, b, v[0], y), [x], 0))


@pytest.mark.equation("eq-backprop-sample", tolerance=1e-13)
def test_deltas_are_the_gradients_of_the_tails(agree, rng):
    """Each delta against complex steps of the tail that begins at its pre-activations."""
    W, b, X, Y = draw(rng)
    y = int(Y[0])
    _, z, deltas = one_sample_deltas(W, b, X[0], y)

    def tail(layer, v):
        for k in range(layer, len(W)):
            v = W[k] @ np.tanh(v) + b[k]
        return cross_entropy(v, y)

    for layer in range(1, len(W) + 1):
        agree(
            deltas[layer - 1],
            complex_gradient(lambda v, k=layer: tail(k, v[0]), [z[layer - 1]], 0),
        )


@pytest.mark.equation("eq-backprop-sample", tolerance=1e-15)
def test_recursion_may_fail_where_a_pre_activation_meets_the_kink(agree):
    """The recursion on ReLU's kink against the one-sided derivatives: it needs its hypothesis."""
    # f(b) = relu(b) - relu(-b) = b, squared error with target -1: the loss is (b + 1)^2 / 2.
    w_in, w_out = np.array([1.0, -1.0]), np.array([1.0, -1.0])

    def loss(t):
        return (w_out @ np.maximum(w_in * t, 0) + 1) ** 2 / 2

    h = 2.0**-20
    sides = [(loss(h) - loss(0.0)) / h, (loss(0.0) - loss(-h)) / h]
    assert np.allclose(sides, 1, atol=1e-6)  # differentiable, with derivative 1
    delta = (w_out * 1.0) * (np.zeros(2) > 0)  # relu'(0) = 0
    agree(w_in @ delta, 0.0)  # and yet the recursion says 0


@pytest.mark.equation("eq-backprop-batch", tolerance=1e-13)
@pytest.mark.parametrize("sizes", [[3, 2], [3, 5, 2], SIZES])
def test_recursion_for_a_batch_is_the_derivative_of_the_objective(agree, rng, sizes):
    """The matrix recursion against complex steps of the objective, for one layer, two and four."""
    W, b, X, Y = draw(rng, sizes)
    *_, dW, db = batch_adjoints(W, b, X, Y, 0.3)
    for k in range(len(W)):
        agree(dW[k], complex_gradient(lambda V: objective(V, b, X, Y, 0.3), W, k))
        agree(db[k], complex_gradient(lambda c: objective(W, c, X, Y, 0.3), b, k))


@pytest.mark.equation("eq-backprop-batch", tolerance=1e-12)
def test_recursion_for_a_batch_agrees_with_pytorch(agree, rng):
    """The matrix recursion against PyTorch's autograd: all adjoints, the pre-activations' too."""
    W, b, X, Y = draw(rng)
    _, _, deltas, dW, db = batch_adjoints(W, b, X, Y, 0.3)
    V, c = ([torch.tensor(array, requires_grad=True) for array in arrays] for arrays in (W, b))
    A, Z = torch.tensor(X), []
    for k in range(len(W)):
        Z.append(A @ V[k].T + c[k])
        Z[-1].retain_grad()
        A = torch.tanh(Z[-1])
    penalty = sum((v**2).sum() for v in V)
    loss = torch.nn.functional.cross_entropy(Z[-1], torch.tensor(Y)) + 0.15 * penalty
    loss.backward()
    for k in range(len(W)):
        agree(deltas[k], Z[k].grad.numpy())
        agree(dW[k], V[k].grad.numpy())
        agree(db[k], c[k].grad.numpy())


@pytest.mark.equation("eq-backprop-batch", tolerance=1e-13)
@pytest.mark.parametrize("activation", [Tanh, ReLU, GELU, ELU])
def test_modules_compute_the_sum_of_the_samples(agree, rng, activation):
    """The library's network for a batch against the mean over batches of one sample each."""
    model = MLP(SIZES, activation, rng=rng)
    X, Y, loss_fn = rng.standard_normal((N, 3)), rng.integers(0, 2, N), CrossEntropyLoss()

    def gradient(rows):
        loss_fn(model(X[rows]), Y[rows])
        model.backward(loss_fn.backward())
        return np.concatenate([g.ravel() for g in model.gradients()])

    agree(gradient(slice(None)), np.mean([gradient([i]) for i in range(N)], axis=0))


@pytest.mark.equation("eq-backprop-index", tolerance=1e-13)
def test_index_sums_are_the_matrix_products(agree, rng):
    """The sums over single numbers against the explicit Jacobians of all the batch's numbers."""
    W, b, X, Y = draw(rng)
    A, Z, deltas, dW, db = batch_adjoints(W, b, X, Y, 0.3)
    for layer in range(1, len(W)):
        n, m = W[layer].shape[1], W[layer].shape[0]
        for i in range(N):
            for k in range(n):
                value = sum(
                    deltas[layer][i, j] * W[layer][j, k] / np.cosh(Z[layer - 1][i, k]) ** 2
                    for j in range(m)
                )
                agree(value, deltas[layer - 1][i, k])
        # the Jacobian of vec(Z_{l+1}) by vec(Z_l), formed in full: (N m, N n)
        slope = np.diag(1 / np.cosh(Z[layer - 1].ravel()) ** 2)
        jacobian = np.kron(np.eye(N), W[layer]) @ slope
        agree(jacobian.T @ deltas[layer].ravel(), deltas[layer - 1].ravel())
    for layer in range(len(W)):
        for j, k in np.ndindex(W[layer].shape):
            value = sum(deltas[layer][i, j] * A[layer][i, k] for i in range(N))
            agree(value + 0.3 * W[layer][j, k], dW[layer][j, k])
        for j in range(len(b[layer])):
            agree(sum(deltas[layer][i, j] for i in range(N)), db[layer][j])


@pytest.mark.equation("eq-backprop-top", tolerance=1e-14)
def test_first_line_is_the_derivative_of_each_loss(agree, rng):
    """Both formulas against PyTorch's autograd, and against the losses of the library."""
    Z, Y, y = rng.standard_normal((5, 3)), rng.standard_normal((5, 3)), rng.integers(0, 3, 5)
    P = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)
    cases = [
        (2 / (5 * 3) * (Z - Y), torch.nn.functional.mse_loss, MSELoss(), Y),
        ((P - np.eye(3)[y]) / 5, torch.nn.functional.cross_entropy, CrossEntropyLoss(), y),
    ]
    for formula, function, loss_fn, target in cases:
        leaf = torch.tensor(Z, requires_grad=True)
        function(leaf, torch.tensor(target)).backward()
        agree(formula, leaf.grad.numpy())
        loss_fn(Z, target)
        agree(formula, loss_fn.backward())


@pytest.mark.equation("eq-backprop-batch", tolerance=1e-13)
def test_modules_compute_the_recursion(agree, rng):
    """The library's network against the matrix recursion, written out for its parameters."""
    W, b, X, Y = draw(rng)
    *_, dW, db = batch_adjoints(W, b, X, Y, 0.0)
    model, loss_fn = MLP(SIZES, Tanh, rng=rng), CrossEntropyLoss()
    for own, given in zip(
        model.parameters(), itertools.chain(*zip(W, b, strict=True)), strict=True
    ):
        own[...] = given
    loss_fn(model(X), Y)
    model.backward(loss_fn.backward())
    for own, right in zip(
        model.gradients(), itertools.chain(*zip(dW, db, strict=True)), strict=True
    ):
        agree(own, right)


def kept_bytes(model):
    """Bytes of what a forward pass left in the layers, each block of memory once."""
    blocks = {}
    for layer in model.layers:
        parameters = {id(p) for p in [*layer.parameters(), *layer.gradients()]}
        for value in vars(layer).values():
            if isinstance(value, np.ndarray) and id(value) not in parameters:
                blocks[value.__array_interface__["data"][0]] = value.nbytes
    return sum(blocks.values())


@pytest.mark.equation("eq-backprop-memory", tolerance=0)
@pytest.mark.parametrize(("activation", "c"), [(ReLU, 1), (Tanh, 1), (GELU, 2), (SiLU, 2)])
@pytest.mark.parametrize("sizes", [[3, 2], [7, 5, 2], [7, 6, 5, 4, 3]])
def test_layers_hold_as_many_bytes_as_stated(agree, rng, activation, c, sizes):
    """The formula against the bytes of the distinct blocks of memory that the layers hold."""
    for dtype, size in ((np.float32, 4), (np.float64, 8)):
        model = MLP(sizes, activation, rng=rng, dtype=dtype)
        model(rng.standard_normal((N, sizes[0])).astype(dtype))
        agree(kept_bytes(model), size * N * (sizes[0] + c * sum(sizes[1:-1])))


class Tally(float):
    """A number that counts the multiplications it takes part in."""

    count: ClassVar[Counter[str]] = Counter()

    def __mul__(self, other):
        Tally.count["*"] += 1
        return Tally(float(self) * float(other))

    def __add__(self, other):
        return Tally(float(self) + float(other))

    __radd__ = __add__


def tallied(array):
    return [[Tally(v) for v in row] for row in array]


def multiplications(left, right):
    """Multiply two matrices by the textbook and return the product and the count."""
    Tally.count.clear()
    columns = list(zip(*right, strict=True))
    product = [[sum(map(Tally.__mul__, row, column)) for column in columns] for row in left]
    return product, Tally.count["*"]


@pytest.mark.equation("eq-backprop-cost", tolerance=0)
@pytest.mark.parametrize("sizes", [[3, 2], [7, 5, 2], [4, 4, 4, 4], SIZES])
def test_products_cost_as_many_multiplications_as_stated(agree, rng, sizes):
    """The formulas against a count of every single multiplication in all the products."""
    W, _, X, _ = draw(rng, sizes)
    A, there, back = [tallied(X)], 0, 0
    for weights in W:
        product, count = multiplications(A[-1], tallied(weights.T))
        A.append(product)
        there += count
    D = tallied(np.ones((N, sizes[-1])))
    for layer in range(len(W) - 1, -1, -1):
        _, count = multiplications(list(zip(*D, strict=True)), A[layer])
        back += count
        if layer > 0:
            D, count = multiplications(D, tallied(W[layer]))
            back += count
    M = sum(n * m for n, m in itertools.pairwise(sizes))
    agree(there, N * M)
    agree(back, N * (2 * M - sizes[0] * sizes[1]))


@pytest.mark.equation("eq-backprop-module", tolerance=1e-9)
@pytest.mark.parametrize("activation", [None, Tanh, GELU, Softplus, SiLU])
def test_backward_is_the_derivative_of_a_random_projection(agree, rng, activation):
    """What backward returns against central differences along a random direction."""
    layer = Linear(3, 4, rng=rng) if activation is None else activation()
    X, V = rng.standard_normal((2, N, 3))
    G = rng.standard_normal(layer.forward(X).shape)
    h = 1e-5
    values = [float((G * layer.forward(X + t * V)).sum()) for t in (-h, h)]
    layer.forward(X)
    agree((values[1] - values[0]) / (2 * h), float((layer.backward(G) * V).sum()))


@pytest.mark.equation("eq-backprop-module", tolerance=1e-14)
def test_backward_applies_the_transposed_jacobian(agree, rng):
    """What backward returns against a Jacobian formed in full by PyTorch."""
    layer = Activation(np.sin, np.cos)
    X, G = rng.standard_normal((2, 4, 3))
    layer.forward(X)
    jacobian = torch.autograd.functional.jacobian(torch.sin, torch.tensor(X)).reshape(12, 12)
    agree(layer.backward(G).ravel(), jacobian.numpy().T @ G.ravel())


def moved_objective(rng):
    """Return the right gradient of an objective, and the objective along any direction."""
    W, b, X, Y = draw(rng)
    *_, dW, db = batch_adjoints(W, b, X, Y, 0.3)
    theta = W + b

    def value(direction, t):
        moved = [p + t * d for p, d in zip(theta, direction, strict=True)]
        return objective(moved[: len(W)], moved[len(W) :], X, Y, 0.3)

    return dW + db, value


def inner(p, q):
    """Return the sum of the products of all entries of two lists of arrays."""
    return sum((a * b).sum() for a, b in zip(p, q, strict=True))


@pytest.mark.equation("eq-backprop-direction", tolerance=1e-8)
def test_difference_along_a_random_direction_is_an_inner_product(agree, rng):
    """The quotient against the inner product with the recursion's gradient; of second order."""
    right, value = moved_objective(rng)
    v = [rng.standard_normal(q.shape) for q in right]

    def quotient(h):
        return (value(v, h) - value(v, -h)) / (2 * h)

    agree(quotient(1e-5), inner(right, v))
    errors = [abs(quotient(h) - inner(right, v)) for h in (4e-3, 2e-3)]
    assert 3.5 < errors[0] / errors[1] < 4.5  # of second order in h
    forgotten = [np.zeros_like(right[0]), *right[1:]]  # the step check passes it
    assert abs(quotient(1e-5) - inner(forgotten, v)) > 1e-3


@pytest.mark.equation("eq-backprop-step", tolerance=1e-7)
def test_a_small_step_does_what_the_gradient_says(agree, rng):
    """The quotient against the projection on the right gradient: 1 for it, and for parts of it."""
    right, value = moved_objective(rng)

    def quotient(g, eta):
        return (value(g, -eta) - value(g, eta)) / (-2 * eta * inner(g, g))

    agree(quotient(right, 1e-5), 1.0)
    wrong = [rng.standard_normal(q.shape) for q in right]
    agree(quotient(wrong, 1e-5), inner(right, wrong) / inner(wrong, wrong))
    errors = [abs(quotient(right, eta) - 1) for eta in (4e-2, 2e-2)]
    assert 3.5 < errors[0] / errors[1] < 4.5  # of second order in eta
    for forgotten in ({0}, {4, 5, 6, 7}, {0, 1, 2, 4, 5, 6}):  # a layer, all biases, all but one
        part = [np.zeros_like(q) if k in forgotten else q for k, q in enumerate(right)]
        agree(quotient(part, 1e-5), 1.0)  # an orthogonal projection: the blind spot


@pytest.mark.equation("eq-backprop-shared", tolerance=1e-13)
def test_shared_weights_receive_the_sum_of_their_copies(agree, rng):
    """The sum over copies against a complex step of the network with one shared matrix."""
    n, y = 4, 1
    W, b, x = rng.standard_normal((n, n)) / 2, rng.standard_normal(n), rng.standard_normal(n)
    a, _, deltas = one_sample_deltas([W] * 3, [b] * 3, x, y)
    copies = [np.outer(delta, a[k]) for k, delta in enumerate(deltas)]
    shared = complex_gradient(lambda V: sample_loss([V[0]] * 3, [b] * 3, x, y), [W], 0)
    agree(sum(copies), shared)
    assert all(np.abs(copy - shared).max() > 1e-3 for copy in copies)  # no copy alone is right


def sample_gradients(rng, n_samples=7):
    """Gradients of the samples, and a function for those of a batch, from the library."""
    model, loss_fn = MLP([2, 4, 3], Tanh, rng=rng), CrossEntropyLoss()
    X, Y = rng.standard_normal((n_samples, 2)), rng.integers(0, 3, n_samples)

    def gradient(rows):
        rows = list(rows)
        loss_fn(model(X[rows]), Y[rows])
        model.backward(loss_fn.backward())
        return np.concatenate([g.ravel() for g in model.gradients()])

    return np.array([gradient([i]) for i in range(n_samples)]), gradient


@pytest.mark.equation("eq-backprop-unbiased", tolerance=1e-14)
@pytest.mark.parametrize("size", [1, 2, 5, 7])
def test_mean_over_all_mini_batches_is_the_full_gradient(agree, rng, size):
    """The mean of the network's gradients over every batch against that of the whole set."""
    _, gradient = sample_gradients(rng)
    drawn = [gradient(batch) for batch in itertools.combinations(range(7), size)]
    agree(np.mean(drawn, axis=0), gradient(range(7)))


@pytest.mark.equation("eq-backprop-unbiased", tolerance=1e-13)
def test_a_later_batch_of_a_shuffle_is_unbiased_only_without_its_past(agree, rng):
    """The second batch of every shuffle against the full gradient; given the first, it is not."""
    G, _ = sample_gradients(rng, 4)
    orders = list(itertools.permutations(range(4)))
    agree(np.mean([G[list(order[2:])].mean(axis=0) for order in orders], axis=0), G.mean(axis=0))
    given = [G[list(order[2:])].mean(axis=0) for order in orders if set(order[:2]) == {0, 1}]
    assert np.abs(np.mean(given, axis=0) - G.mean(axis=0)).max() > 1e-3


@pytest.mark.equation("eq-backprop-variance", tolerance=1e-13)
@pytest.mark.parametrize("size", [1, 2, 3, 6, 7])
def test_spread_over_all_mini_batches_is_as_stated(agree, rng, size):
    """The formula against the mean squared error over every batch of the network's gradients."""
    G, gradient = sample_gradients(rng)
    full = gradient(range(7))
    drawn = np.array([gradient(batch) for batch in itertools.combinations(range(7), size)])
    sigma2 = ((G - full) ** 2).sum() / 7
    agree(((drawn - full) ** 2).sum(axis=1).mean(), sigma2 / size * (7 - size) / 6)


@pytest.mark.equation("eq-backprop-variance", tolerance=0)
def test_spread_is_exact_in_fractions_and_larger_with_replacement(agree):
    """The formula in exact fractions over every batch; with replacement the last factor is 1."""
    g, size = [Fraction(v) for v in (3, -1, 4, 1, -5)], 2
    n, mean = len(g), Fraction(sum(g), 5)
    sigma2 = sum((v - mean) ** 2 for v in g) / n

    def spread(batches):
        errors = [(sum(g[i] for i in batch) / size - mean) ** 2 for batch in batches]
        return sum(errors) / len(errors)

    without = spread(list(itertools.combinations(range(n), size)))
    agree(float(without), float(sigma2 / size * Fraction(n - size, n - 1)))
    assert without == sigma2 / size * Fraction(n - size, n - 1)
    assert spread(list(itertools.product(range(n), repeat=size))) == sigma2 / size


@pytest.mark.equation("eq-backprop-epoch", tolerance=1e-14)
@pytest.mark.parametrize("size", [1, 2, 3, 4, 7, 9])
def test_batches_of_an_epoch_add_up_to_the_full_gradient(agree, rng, size):
    """The weighted sum over the batches of a shuffle against the gradient of the whole set."""
    _, gradient = sample_gradients(rng)
    order = rng.permutation(7)
    parts = [order[start : start + size] for start in range(0, 7, size)]
    full = gradient(range(7))
    agree(sum(len(part) / 7 * gradient(part) for part in parts), full)
    if 7 % size and size < 7:  # without the weights, a short batch spoils it
        assert np.abs(np.mean([gradient(part) for part in parts], axis=0) - full).max() > 1e-4


def chain_bound(W, z, delta, layer):
    bound = np.linalg.norm(delta)
    for k in range(layer, len(W)):
        bound *= np.linalg.svd(W[k], compute_uv=False)[0] * np.abs(1 / np.cosh(z[k - 1]) ** 2).max()
    return bound


@pytest.mark.equation("eq-backprop-bound", tolerance=1e-12)
def test_norm_of_delta_stays_below_the_product_of_norms(agree, rng):
    """The bound on random networks; with orthogonal weights and slope 1 it is attained."""
    for _ in range(50):
        W, b, X, Y = draw(rng)
        _, z, deltas = one_sample_deltas(W, b, X[0], int(Y[0]))
        for layer in range(1, len(W)):
            bound = chain_bound(W, z, deltas[-1], layer)
            assert np.linalg.norm(deltas[layer - 1]) <= bound * (1 + 1e-12)
    W = [np.linalg.qr(rng.standard_normal((4, 4)))[0] for _ in range(3)]
    zero = [np.zeros(4)] * 3  # tanh has slope 1 at 0
    _, z, deltas = one_sample_deltas(W, zero, np.zeros(4), 1)
    agree(np.linalg.norm(deltas[0]), chain_bound(W, z, deltas[-1], 1))
    _, z, deltas = one_sample_deltas([2 * w for w in W], zero, np.zeros(4), 1)
    assert np.linalg.norm(deltas[0]) > 3.9 * np.linalg.norm(deltas[-1])  # norms do not suffice
