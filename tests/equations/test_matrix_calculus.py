"""The equations of the chapter on matrix calculus, each against an independent route."""

import operator
from collections import Counter
from functools import reduce
from itertools import pairwise

import numpy as np
import pytest
import torch

from mlpbook.chapters import matrix_calculus
from mlpbook.chapters.counting import counted
from mlpbook.checks.gradient_check import complex_step_gradient, complex_step_jacobian
from mlpbook.scratch.layers import Linear, Tanh
from mlpbook.scratch.network import MLP

N, N_IN, N_OUT = 5, 4, 3


def draw(rng, *shapes):
    return [rng.standard_normal(shape) for shape in shapes]


def contract(dV, J):
    """The adjoint times the explicit Jacobian, a sum over all indices of the output."""
    return np.tensordot(dV, J, axes=np.ndim(dV))


def inner(A, B):
    """The inner product by a loop over single entries."""
    return sum(A[index] * B[index] for index in np.ndindex(A.shape))


def jvp(f, u, tangent):
    """The slope of f along a tangent, by one complex step."""
    return f(u + 1e-30j * tangent).imag / 1e-30


@pytest.mark.equation("eq-calculus-counterexample", tolerance=1e-9)
def test_slopes_exist_in_all_directions_and_no_linear_map_gives_them(agree, rng):
    """Homogeneity, and slopes along the axes and the diagonal from difference quotients."""

    def f(s, t):
        return s**2 * t / (s**2 + t**2) if s or t else 0.0

    for s, t in rng.standard_normal((20, 2)):
        for c in (-2.0, 0.3, 1e-5):
            agree(f(c * s, c * t), c * f(s, t))
        assert abs(f(s, t)) <= abs(t)
    h = 1e-7
    agree([(f(h, 0) - f(0, 0)) / h, (f(0, h) - f(0, 0)) / h], [0.0, 0.0])
    agree((f(h, h) - f(0, 0)) / h, 0.5)  # a linear map would give 0 + 0


def test_continuous_partial_derivatives_make_the_remainder_vanish_and_the_rest_does_not(rng):
    """The theorem's conclusion for a smooth function; its failure for the counterexample."""

    def remainder(f, J, u, h):
        return np.abs(f(u + h) - f(u) - J @ h).max() / np.linalg.norm(h)

    W, u, d = draw(rng, (N_OUT, N_IN), (N_IN,), (N_IN,))
    J = complex_step_jacobian(lambda v: np.tanh(W @ v), u)
    ratios = [remainder(lambda v: np.tanh(W @ v), J, u, t * d) for t in (1e-2, 1e-4)]
    assert ratios[1] < 0.02 * ratios[0]

    def rough(v):
        return np.atleast_1d(v[0] ** 2 * v[1] / max(v @ v, 1e-300))

    zero, J = np.zeros(2), np.zeros((1, 2))
    for t in (1e-2, 1e-6):
        assert remainder(rough, J, zero, t * np.ones(2)) > 0.3


@pytest.mark.equation("eq-calculus-chain", tolerance=1e-13)
def test_jacobian_of_a_composition_is_the_product_and_the_sum_over_ways(agree, rng):
    """The product, and the sum over middle entries, against the Jacobian of the composition."""
    W1, W2, u = draw(rng, (5, 3), (2, 5), (3,))

    def f(u):
        return np.tanh(W1 @ u) * u.sum()

    def g(v):
        return np.exp(0.3 * (W2 @ v))

    J_vu, J_wv = complex_step_jacobian(f, u), complex_step_jacobian(g, f(u))
    J_wu = complex_step_jacobian(lambda u: g(f(u)), u)
    agree(J_wv @ J_vu, J_wu)
    ways = [[sum(J_wv[k, i] * J_vu[i, j] for i in range(5)) for j in range(3)] for k in range(2)]
    agree(np.array(ways), J_wu)


@pytest.mark.equation("eq-calculus-tensor", tolerance=1e-14)
def test_the_four_index_derivative_of_a_linear_layer_is_made_of_copies(agree, rng):
    """Every one of the entries against complex steps in single weights."""
    A, W, b = draw(rng, (N, N_IN), (N_OUT, N_IN), (N_OUT,))
    left = np.zeros((N, N_OUT, N_OUT, N_IN))
    for i, k, p, q in np.ndindex(left.shape):
        left[i, k, p, q] = A[i, q] if k == p else 0.0
    agree(left, complex_step_jacobian(lambda v: A @ v.T + b, W))


@pytest.mark.equation("eq-calculus-trace", tolerance=1e-13)
def test_inner_product_is_a_trace(agree, rng):
    """The sum over entries against the trace of the product, and the Frobenius norm."""
    A, B = draw(rng, (4, 3), (4, 3))
    agree(inner(A, B), np.trace(A.T @ B))
    agree(np.linalg.norm(A) ** 2, inner(A, A))


@pytest.mark.equation("eq-calculus-move", tolerance=1e-13)
def test_factors_move_across_the_inner_product_transposed(agree, rng):
    """All forms of the inner product against one another, by sums over single entries."""
    A, B, C = draw(rng, (4, 3), (4, 5), (5, 3))
    agree(inner(A, B @ C), inner(B.T @ A, C))
    agree(inner(A, B @ C), inner(A @ C.T, B))
    A, B, C = draw(rng, (4, 3), (3, 4), (4, 3))
    agree(inner(A, B.T), inner(A.T, B))
    agree(inner(A, A * C), inner(A * A, C))
    agree(inner(A, B.T * C), inner(A * B.T, C))
    P, Q = draw(rng, (4, 3), (3, 4))
    agree(np.trace(P @ Q), np.trace(Q @ P))


@pytest.mark.equation("eq-calculus-rules", tolerance=1e-13)
def test_rules_for_differentials_agree_with_complex_steps(agree, rng):
    """Each rule against the complex step along random increments of both arguments."""
    A, dA, B, dB, E, dE = draw(rng, (4, 3), (4, 3), (3, 4), (3, 4), (4, 3), (4, 3))
    h = 1e-30j
    agree(dA @ B + A @ dB, ((A + h * dA) @ (B + h * dB)).imag / 1e-30)
    agree(dA * E + A * dE, ((A + h * dA) * (E + h * dE)).imag / 1e-30)
    agree(dA.T, jvp(lambda v: v.T, A, dA))
    agree(np.trace(dA @ B), jvp(lambda v: np.trace(v @ B), A, dA))
    agree((1 - np.tanh(A) ** 2) * dA, jvp(np.tanh, A, dA))


@pytest.mark.equation("eq-calculus-identification", tolerance=1e-13)
def test_partial_derivatives_in_the_shape_of_the_variable_represent_the_differential(agree, rng):
    """The inner product with all partial derivatives against the slope along an increment."""
    U, dU, B = draw(rng, (4, 3), (4, 3), (3, 4))

    def objective(U):
        return np.exp(0.1 * np.trace(U @ B)) + (np.tanh(U) ** 2).sum()

    G = complex_step_gradient(objective, U)
    assert G.shape == U.shape
    agree(inner(G, dU), jvp(objective, U, dU))


@pytest.mark.equation("eq-calculus-trace-gradients", tolerance=1e-12)
def test_gradients_by_differentials_agree_with_complex_steps(agree, rng):
    """The four gradients against complex steps in every entry."""
    A, U = draw(rng, (4, 3), (4, 3))
    agree(A, complex_step_gradient(lambda v: np.trace(A.T @ v), U))
    A = rng.standard_normal((4, 4))
    agree((A + A.T) @ U, complex_step_gradient(lambda v: np.trace(v.T @ A @ v), U))
    agree(U, complex_step_gradient(lambda v: (v**2).sum() / 2, U))
    X, W, Y = draw(rng, (N, N_IN), (N_OUT, N_IN), (N, N_OUT))
    agree(
        (X @ W.T - Y).T @ X / N,
        complex_step_gradient(lambda v: ((X @ v.T - Y) ** 2).sum() / (2 * N), W),
    )


@pytest.mark.equation("eq-calculus-reversal", tolerance=1e-12)
def test_adjoints_of_a_composition_run_in_reverse(agree, rng):
    """Maps of matrices and their adjoints: both sides of the definition, for the composition."""
    P, Q, R, U, V = draw(rng, (4, 3), (5, 2), (4, 5), (3, 5), (2, 4))

    def first(U):  # (3, 5) -> (4, 5)
        return R * (P @ U)

    def second(V):  # (4, 5) -> (2, 4)
        return (V @ Q).T

    def first_adjoint(V):
        return P.T @ (R * V)

    def second_adjoint(V):
        return V.T @ Q.T

    agree(inner(V, second(first(U))), inner(first_adjoint(second_adjoint(V)), U))
    J = complex_step_jacobian(lambda u: second(first(u)), U)
    agree(contract(V, J), first_adjoint(second_adjoint(V)))


@pytest.mark.equation("eq-calculus-vjp", tolerance=1e-12)
def test_adjoint_of_the_input_is_the_transposed_jacobian_times_that_of_the_output(agree, rng):
    """The product with the explicit Jacobian against complex steps of the composed objective."""
    W, u, c = draw(rng, (N_OUT, N_IN), (N_IN,), (N_OUT,))

    def f(u):
        return np.tanh(W @ u) * np.exp(u[0])

    def objective(v):
        return (c * v**2).sum() + v[0] * v[1]

    v_bar = complex_step_gradient(objective, f(u))
    J = complex_step_jacobian(f, u)
    agree(J.T @ v_bar, complex_step_gradient(lambda u: objective(f(u)), u))


@pytest.mark.equation("eq-calculus-dot-test", tolerance=1e-12)
def test_tangents_forward_and_adjoints_backward_have_one_inner_product(agree, rng):
    """VJPs of a linear layer and of softmax against JVPs by complex steps."""
    A, W, dA, dW, dZ = draw(rng, (N, N_IN), (N_OUT, N_IN), (N, N_IN), (N_OUT, N_IN), (N, N_OUT))
    A_bar, W_bar, _ = matrix_calculus.linear(dZ, A, W)
    Z_dot = ((A + 1e-30j * dA) @ (W + 1e-30j * dW).T).imag / 1e-30
    agree(inner(dZ, Z_dot), inner(A_bar, dA) + inner(W_bar, dW))

    def softmax(Z):
        return np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)

    tangent = rng.standard_normal(A.shape)
    by_adjoint = inner(matrix_calculus.softmax(dA, softmax(A)), tangent)
    agree(inner(dA, jvp(softmax, A, tangent)), by_adjoint)


@pytest.mark.equation("eq-calculus-fanout", tolerance=1e-12)
def test_adjoints_add_up_where_values_fan_out(agree, rng):
    """The sum over two uses against PyTorch's autograd, and against complex steps."""
    U, C = draw(rng, (3, 3), (3, 3))
    V_bar = C  # the objective is <C, U U^T> + sum(tanh(U) ** 2): three uses of U
    left, right = matrix_calculus.matmul(V_bar, U, U.T)
    by_hand = left + right.T + matrix_calculus.elementwise(2 * np.tanh(U), 1 - np.tanh(U) ** 2)
    leaf = torch.tensor(U, requires_grad=True)
    ((torch.tensor(C) * (leaf @ leaf.T)).sum() + (torch.tanh(leaf) ** 2).sum()).backward()
    agree(by_hand, leaf.grad.numpy())
    agree(
        by_hand,
        complex_step_gradient(lambda u: (C * (u @ u.T)).sum() + (np.tanh(u) ** 2).sum(), U),
    )


def linear_by_sums(dZ, A, W):
    """The index form, by loops over single numbers."""
    dW, dA, db = np.zeros(W.shape), np.zeros(A.shape), np.zeros(len(W))
    for i, k in np.ndindex(dZ.shape):
        db[k] += dZ[i, k]
        for q in range(A.shape[1]):
            dW[k, q] += dZ[i, k] * A[i, q]
            dA[i, q] += dZ[i, k] * W[k, q]
    return dA, dW, db


@pytest.mark.equation("eq-calculus-linear-index", tolerance=1e-13)
def test_index_form_of_the_linear_layer_agrees_with_the_explicit_tensors(agree, rng):
    """The sums over single numbers against contractions with Jacobians by complex steps."""
    A, W, b, dZ = draw(rng, (N, N_IN), (N_OUT, N_IN), (N_OUT,), (N, N_OUT))
    dA, dW, db = linear_by_sums(dZ, A, W)
    agree(dA, contract(dZ, complex_step_jacobian(lambda v: v @ W.T + b, A)))
    agree(dW, contract(dZ, complex_step_jacobian(lambda v: A @ v.T + b, W)))
    agree(db, contract(dZ, complex_step_jacobian(lambda v: A @ W.T + v, b)))


@pytest.mark.equation("eq-calculus-linear", tolerance=1e-13)
def test_matrix_form_of_the_linear_layer_agrees_with_sums_and_autograd(agree, rng):
    """The matrix products against the index form by loops, and against PyTorch's Linear."""
    A, W, b, dZ = draw(rng, (N, N_IN), (N_OUT, N_IN), (N_OUT,), (N, N_OUT))
    products = dZ @ W, dZ.T @ A, dZ.T @ np.ones(N)
    for left, middle, right in zip(
        products, matrix_calculus.linear(dZ, A, W), linear_by_sums(dZ, A, W), strict=True
    ):
        agree(left, right)
        agree(middle, right)
    leaves = [torch.tensor(v, requires_grad=True) for v in (A, W, b)]
    torch.nn.functional.linear(*leaves).backward(torch.tensor(dZ))
    for left, leaf in zip(products, leaves, strict=True):
        agree(left, leaf.grad.numpy())


@pytest.mark.equation("eq-calculus-matmul", tolerance=1e-13)
def test_vjp_of_a_product_agrees_with_explicit_jacobians(agree, rng):
    """Both products against contractions with four-index Jacobians."""
    A, B, dC = draw(rng, (2, 3), (3, 5), (2, 5))
    agree(dC @ B.T, contract(dC, complex_step_jacobian(lambda v: v @ B, A)))
    agree(A.T @ dC, contract(dC, complex_step_jacobian(lambda v: A @ v, B)))


@pytest.mark.equation("eq-calculus-elementwise", tolerance=1e-13)
def test_vjp_entry_by_entry_agrees_with_explicit_jacobians(agree, rng):
    """Function and product entry by entry against contractions with diagonal Jacobians."""
    A, B, dB = draw(rng, (4, 3), (4, 3), (4, 3))
    agree(dB * np.cos(A), contract(dB, complex_step_jacobian(np.sin, A)))
    agree(dB * B, contract(dB, complex_step_jacobian(lambda v: v * B, A)))
    agree(dB * A, contract(dB, complex_step_jacobian(lambda v: A * v, B)))


@pytest.mark.equation("eq-calculus-gather", tolerance=1e-13)
def test_copies_send_their_adjoints_home(agree, rng):
    """The sum over preimages against autograd, for lookups, slices and rearrangements."""
    u = rng.standard_normal(12)
    grid = np.arange(12).reshape(3, 4)
    maps = [
        rng.integers(12, size=20),  # a lookup with repetitions
        grid.T.ravel(),  # the transpose
        grid[:, ::2].ravel(),  # a slice
        np.broadcast_to(np.arange(3)[:, None], (3, 5)).ravel(),  # broadcasting
    ]
    for index in maps:
        dv = rng.standard_normal(len(index))
        by_sums = np.array([sum(dv[i] for i in range(len(dv)) if index[i] == j) for j in range(12)])
        leaf = torch.tensor(u, requires_grad=True)
        leaf[torch.tensor(index)].backward(torch.tensor(dv))
        agree(by_sums, leaf.grad.numpy())
        agree(by_sums, matrix_calculus.gather(dv, index, 12))


@pytest.mark.equation("eq-calculus-broadcast", tolerance=1e-13)
def test_broadcasting_and_summation_are_adjoint(agree, rng):
    """The two inner products, by loops over single entries, and NumPy's broadcasting."""
    V, b = draw(rng, (N, N_IN), (N_IN,))
    agree(inner(V, np.outer(np.ones(N), b)), inner(V.T @ np.ones(N), b))
    agree(np.outer(np.ones(N), b), np.broadcast_to(b, V.shape))
    agree(matrix_calculus.broadcast(V, b.shape), V.T @ np.ones(N))


@pytest.mark.equation("eq-calculus-sums", tolerance=1e-13)
def test_adjoints_of_sum_and_mean_are_broadcast(agree, rng):
    """The three constant patterns against explicit Jacobians."""
    V, s = draw(rng, (N, N_IN), (N_IN,))
    ones = np.ones((N, N_IN))
    agree(0.7 * ones, contract(0.7, complex_step_jacobian(lambda v: v.sum(), V)))
    agree(0.7 / (N * N_IN) * ones, contract(0.7, complex_step_jacobian(np.mean, V)))
    agree(np.outer(np.ones(N), s), contract(s, complex_step_jacobian(lambda v: v.sum(axis=0), V)))


def softmax(z):
    return np.exp(z) / np.exp(z).sum()


@pytest.mark.equation("eq-calculus-softmax-jacobian", tolerance=1e-13)
def test_jacobian_of_softmax_and_differentials_agree_with_complex_steps(agree, rng):
    """The matrix and both differentials against complex steps."""
    z, dz = draw(rng, (6,), (6,))
    p = softmax(z)
    agree(np.diag(p) - np.outer(p, p), complex_step_jacobian(softmax, z))
    agree(dz - p @ dz * np.ones(6), jvp(lambda v: np.log(softmax(v)), z, dz))
    agree(p * dz - p * (p @ dz), jvp(softmax, z, dz))


@pytest.mark.equation("eq-calculus-softmax", tolerance=1e-13)
def test_vjps_of_the_softmax_family_agree_with_jacobians_and_autograd(agree, rng):
    """The three formulas against explicit Jacobians and against PyTorch."""
    z, v = draw(rng, (6,), (6,))
    p = softmax(z)
    forms = {
        torch.softmax: p * (v - p @ v),
        torch.log_softmax: v - v.sum() * p,
    }
    for function, by_hand in forms.items():
        leaf = torch.tensor(z, requires_grad=True)
        function(leaf, dim=0).backward(torch.tensor(v))
        agree(by_hand, leaf.grad.numpy())
    agree(forms[torch.softmax], v @ complex_step_jacobian(softmax, z))
    agree(forms[torch.log_softmax], v @ complex_step_jacobian(lambda t: np.log(softmax(t)), z))
    agree(0.7 * p, 0.7 * complex_step_jacobian(lambda t: np.log(np.exp(t).sum()), z))
    one_hot = np.eye(6)[2]
    leaf = torch.tensor(z, requires_grad=True)
    torch.nn.functional.cross_entropy(leaf, torch.tensor(2)).backward()
    agree(p - one_hot, leaf.grad.numpy())


@pytest.mark.equation("eq-calculus-chain-costs", tolerance=0)
def test_counted_multiplications_of_a_chain_are_those_of_the_formulas(agree, rng):
    """Both formulas against multiplications counted while random chains are multiplied."""
    for _ in range(30):
        sizes = [int(n) for n in rng.integers(1, 12, size=rng.integers(3, 8))]
        tally = Counter()
        chain = [
            counted(rng.standard_normal((n_out, n_in)), tally) for n_in, n_out in pairwise(sizes)
        ]
        forward = reduce(lambda done, J: J @ done, chain)
        costs = [tally["matmul"]]
        tally.clear()
        reverse = reduce(lambda done, J: done @ J, chain[::-1])
        costs.append(tally["matmul"])
        last = len(sizes) - 1
        formula = [
            sizes[0] * sum(sizes[k] * sizes[k - 1] for k in range(2, last + 1)),
            sizes[last] * sum(sizes[k] * sizes[k - 1] for k in range(1, last)),
        ]
        agree(costs, formula)
        assert np.allclose(np.asarray(forward), np.asarray(reverse), rtol=1e-9, atol=1e-9)


OPERATIONS = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}


def run(program, inputs):
    """Run a straight-line program; works for real and complex inputs."""
    values = list(inputs)
    for sign, i, j in program:
        a, b = values[i], values[j]
        values.append(OPERATIONS[sign](a, b))
    return values


def run_back(program, values, n):
    """The proof's backward pass; returns the gradient and its (multiplicative, all) operations."""
    adjoint, cost = [0.0] * len(values), [0, 0]
    adjoint[-1] = 1.0
    for k in reversed(range(len(program))):
        (sign, i, j), a = program[k], adjoint[n + k]
        vi, vj, vk = values[i], values[j], values[n + k]
        if sign in "+-":
            ways = (a, a if sign == "+" else -a)  # the sign makes a subtraction of the addition
        elif sign == "*":
            ways = (a * vj, a * vi)
        else:
            t = a / vj
            ways = (t, -(t * vk))
        cost[0] += 2 * (sign in "*/")
        cost[1] += 2 * (sign in "*/") + 2
        adjoint[i] += ways[0]
        adjoint[j] += ways[1]
    return adjoint[:n], cost


@pytest.mark.equation("eq-calculus-cheap", tolerance=1e-9)
def test_value_and_gradient_of_random_programs_stay_within_three_and_five(agree, rng):
    """Gradients of random programs against complex steps, and operations against the bounds."""
    n, r, tried = 6, 25, 0
    while tried < 60:
        program = [
            (str(rng.choice(list("+-*/"))), int(rng.integers(k)), int(rng.integers(k)))
            for k in range(n, n + r)
        ]
        inputs = rng.uniform(0.5, 1.5, size=n)
        with np.errstate(all="ignore"):
            values = run(program, inputs)
        operands = [values[j] for sign, _, j in program if sign == "/"]
        if not all(np.isfinite(values)) or min(map(abs, [*operands, 1])) < 0.05:
            continue
        if max(map(abs, values)) > 1e3:
            continue
        gradient, (multiplicative, operations) = run_back(program, values, n)
        by_steps = complex_step_gradient(lambda u, p=program: run(p, u)[-1] + 0j, inputs)
        agree(np.array(gradient), by_steps)
        n_multiplicative = sum(sign in "*/" for sign, _, _ in program)
        assert n_multiplicative + multiplicative <= 3 * n_multiplicative
        assert r + operations <= 5 * r
        tried += 1


def test_many_outputs_have_no_cheap_jacobian(rng):
    """The hypothesis of one output is needed: 2n multiplications, n^2 different derivatives."""
    n = 30
    u, c = draw(rng, (n,), (n,))
    J = complex_step_jacobian(lambda v: c * (v * v).sum(), u)
    assert len(np.unique(J.round(9))) == n * n > 5 * (2 * n + n - 1)


@pytest.mark.equation("eq-calculus-mlp-cost", tolerance=0)
@pytest.mark.parametrize("sizes", [[7, 3], [7, 5, 3], [2, 9, 4, 6, 1]])
def test_counted_multiplications_of_a_network_are_those_of_the_formulas(agree, rng, sizes):
    """Both formulas against multiplications counted in the package's own layers."""
    tally, model = Counter(), MLP(sizes, Tanh, rng=rng)
    for layer in model.layers:
        if isinstance(layer, Linear):
            layer.W = counted(layer.W, tally)
    Y = model.forward(counted(rng.standard_normal((N, sizes[0])), tally))
    forward = tally["matmul"]
    model.backward(counted(np.ones(Y.shape), tally), input_gradient=False)
    total = sum(sizes[k] * sizes[k - 1] for k in range(1, len(sizes)))
    agree(
        [forward, tally["matmul"] - forward],
        [N * total, N * (2 * total - sizes[1] * sizes[0])],
    )


@pytest.mark.equation("eq-calculus-memory", tolerance=0)
@pytest.mark.parametrize("activation", [torch.nn.ReLU, torch.nn.Tanh])
def test_pytorch_keeps_the_inputs_of_the_linear_layers(agree, activation):
    """The sum over widths against the numbers that PyTorch's autograd saves for backward."""
    agree(saved_numbers(activation), N * sum([7, 5, 4]))


def saved_numbers(activation):
    """Numbers in the distinct tensors, parameters aside, that a forward pass of PyTorch saves."""
    sizes, modules = [7, 5, 4, 3], []
    for n_in, n_out in pairwise(sizes):
        modules += [torch.nn.Linear(n_in, n_out), activation()]
    model, saved = torch.nn.Sequential(*modules[:-1]), {}
    parameters = {p.data_ptr() for p in model.parameters()}

    def pack(tensor):
        if tensor.untyped_storage().data_ptr() not in parameters:
            saved[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        output = model(torch.ones(N, sizes[0]))
    assert output.shape == (N, 3)
    return sum(tensor.numel() for tensor in saved.values())


def test_an_activation_without_slope_from_its_value_keeps_more():
    """The hypothesis is needed: GELU saves its input as well."""
    assert saved_numbers(torch.nn.GELU) == N * (7 + 2 * 5 + 2 * 4)
