"""The equations of the chapter on the book's own autograd, each against an independent route."""

import itertools

import numpy as np
import pytest
import torch

from mlpbook.autograd import Tensor, adjoints, topological_order, unbroadcast

# A random program of single numbers: (operation, arguments), inputs first.
N_INPUTS, N_NUMBERS = 3, 11


def draw_program(rng):
    """Return operations on earlier numbers, some of which are used often, or twice in one place."""
    program = [("input", ())] * N_INPUTS
    for i in range(N_INPUTS, N_NUMBERS):
        kind = rng.choice(["+", "-", "*", "tanh"])
        low = max(0, i - 4)
        program.append((kind, tuple(rng.integers(low, i, 1 if kind == "tanh" else 2).tolist())))
    return program


def values_of(program, inputs, free=None, value=None):
    """Run the program, real or complex; number `free`, if given, is treated as an input."""
    v = []
    for i, (kind, args) in enumerate(program):
        a = [v[j] for j in args]
        result = {
            "input": lambda: inputs[i],  # noqa: B023
            "+": lambda: a[0] + a[1],  # noqa: B023
            "-": lambda: a[0] - a[1],  # noqa: B023
            "*": lambda: a[0] * a[1],  # noqa: B023
            "tanh": lambda: np.tanh(a[0]),  # noqa: B023
        }[kind]()
        v.append(value if i == free else result)
    return v


def edges_of(program, v):
    """Return edges (from, to, local derivative), one an argument place."""
    edges = []
    for i, (kind, args) in enumerate(program):
        local = {
            "input": lambda: (),
            "+": lambda: (1.0, 1.0),
            "-": lambda: (1.0, -1.0),
            "*": lambda: (v[args[1]], v[args[0]]),  # noqa: B023
            "tanh": lambda: (1 / np.cosh(v[args[0]]) ** 2,),  # noqa: B023
        }[kind]()
        edges += [(j, i, d) for j, d in zip(args, local, strict=True)]
    return edges


def all_derivatives(program, inputs):
    """J[m, j], the derivative of number m by number j, by complex steps."""
    v = values_of(program, inputs)
    J = np.zeros((len(v), len(v)))
    for j in range(len(v)):
        moved = values_of(program, inputs, free=j, value=v[j] + 1e-30j)
        J[:, j] = np.imag(moved) / 1e-30
    return J


def path_sums(edges, start, n):
    """Sum over all paths from `start` of their products, by walking each path."""
    total, paths = np.zeros(n), [(start, 1.0)]
    while paths:
        node, product = paths.pop()
        total[node] += product
        paths += [(i, product * d) for j, i, d in edges if j == node]
    return total


def local_matrix(edges, n):
    L = np.zeros((n, n))
    for j, i, d in edges:
        L[i, j] += d
    return L


@pytest.mark.equation("eq-autograd-paths", tolerance=1e-12)
def test_the_derivative_is_the_sum_over_all_paths(agree, rng):
    """Products along all paths, enumerated, against complex steps, in random programs."""
    for _ in range(20):
        program, inputs = draw_program(rng), rng.uniform(-1, 1, N_INPUTS)
        edges = edges_of(program, values_of(program, inputs))
        J = all_derivatives(program, inputs)
        for j in range(N_NUMBERS):
            agree(path_sums(edges, j, N_NUMBERS), J[:, j])


def test_the_path_sum_needs_differentiability():
    """relu(x) - relu(-x) is x, whose derivative is 1; the path sum with relu'(0) = 0 is 0."""
    x = Tensor(0.0, requires_grad=True)
    (x.relu() - (-x).relu()).backward()
    assert x.grad == 0
    twin = torch.zeros(1, requires_grad=True)
    (torch.relu(twin) - torch.relu(-twin)).backward()
    assert twin.grad.item() == 0


@pytest.mark.equation("eq-autograd-visits", tolerance=0)
def test_the_walk_over_a_doubling_chain_makes_so_many_visits(agree):
    """The recursion's visits, counted, against the geometric sum and its closed form."""

    def visits(tensor):
        return 1 + sum(visits(x) for x, _ in tensor.edges)

    for n in range(10):
        y = Tensor(1.0, requires_grad=True)
        for _ in range(n):
            y = y + y
        agree(visits(y), 2 ** (n + 1) - 1)
        agree(sum(2**k for k in range(n + 1)), 2 ** (n + 1) - 1)
        assert len(topological_order(y)) == n + 1


def as_tensors(program, inputs):
    """Run the program on the engine's tensors; constants do not occur."""
    v = []
    for i, (kind, args) in enumerate(program):
        a = [v[j] for j in args]
        if kind == "input":
            v.append(Tensor(inputs[i], requires_grad=True))
        else:
            f = {"+": Tensor.__add__, "-": Tensor.__sub__, "*": Tensor.__mul__}
            v.append(a[0].tanh() if kind == "tanh" else f[kind](*a))
    return v


@pytest.mark.equation("eq-autograd-adjoint", tolerance=1e-12)
def test_adjoints_are_derivatives_of_the_output_by_every_number(agree, rng):
    """The engine's adjoints of all numbers, and the recurrence, against complex steps."""
    for _ in range(20):
        program, inputs = draw_program(rng), rng.uniform(-1, 1, N_INPUTS)
        row = all_derivatives(program, inputs)[-1]
        tensors = as_tensors(program, inputs)
        bar = adjoints(tensors[-1])
        agree([float(bar.get(t, np.zeros(()))) for t in tensors], row)
        by_recurrence = np.zeros(N_NUMBERS)
        by_recurrence[-1] = 1
        edges = edges_of(program, values_of(program, inputs))
        for j in reversed(range(N_NUMBERS - 1)):
            by_recurrence[j] = sum(d * by_recurrence[i] for k, i, d in edges if k == j)
        agree(by_recurrence, row)


def test_only_users_before_inputs_gives_the_derivative():
    """y = u + u², u = w² at w = 2: of all orders, those with y, s, u in this order give 36."""
    edges = {"y": [("u", 1), ("s", 1)], "s": [("u", 4), ("u", 4)], "u": [("w", 2), ("w", 2)]}
    for order in itertools.permutations("ysuw"):
        bar = dict.fromkeys("ysuw", 0.0) | {"y": 1.0}
        for node in order:
            for x, d in edges.get(node, []):
                bar[x] += d * bar[node]
        assert (bar["w"] == 36) == ("".join(order).replace("w", "") == "ysu")  # w passes nothing on


@pytest.mark.equation("eq-autograd-inverse", tolerance=1e-11)
def test_all_derivatives_are_the_inverse_of_one_less_the_local_ones(agree, rng):
    """The inverse and the sum of powers against complex steps, in random programs."""
    for _ in range(20):
        program, inputs = draw_program(rng), rng.uniform(-1, 1, N_INPUTS)
        L = local_matrix(edges_of(program, values_of(program, inputs)), N_NUMBERS)
        J = all_derivatives(program, inputs)
        assert np.array_equal(L, np.tril(L, -1))
        agree(np.linalg.inv(np.eye(N_NUMBERS) - L), J)
        powers = [np.linalg.matrix_power(L, k) for k in range(N_NUMBERS)]
        agree(sum(powers), J)
        assert not np.linalg.matrix_power(L, N_NUMBERS).any()


@pytest.mark.equation("eq-autograd-reverse", tolerance=1e-11)
def test_reverse_mode_solves_a_triangular_system(agree, rng):
    """The engine's adjoints put into the system, and its solution, against the unit vector."""
    for _ in range(20):
        program, inputs = draw_program(rng), rng.uniform(-1, 1, N_INPUTS)
        L = local_matrix(edges_of(program, values_of(program, inputs)), N_NUMBERS)
        tensors = as_tensors(program, inputs)
        bar = adjoints(tensors[-1])
        row = np.array([float(bar.get(t, np.zeros(()))) for t in tensors])
        e_y = np.eye(N_NUMBERS)[-1]
        agree((np.eye(N_NUMBERS) - L.T) @ row, e_y)
        agree(np.linalg.solve(np.eye(N_NUMBERS) - L.T, e_y), row)


@pytest.mark.equation("eq-autograd-vjp", tolerance=1e-12)
def test_tensor_adjoints_are_transposed_jacobians_times_adjoints(agree, rng):
    """The engine against explicit Jacobians by complex steps, for a tensor with three uses."""
    x = rng.standard_normal((2, 3))
    A, c = rng.standard_normal((3, 3)), rng.standard_normal(3)
    uses = [
        (lambda v: v @ A, rng.standard_normal((2, 3))),
        (lambda v: v * c, rng.standard_normal((2, 3))),
        (lambda v: (v**2).sum(0), rng.standard_normal(3)),
    ]
    tensor = Tensor(x, requires_grad=True)
    total = np.zeros(6)
    for f, seed in uses:
        f(tensor).backward(seed)
        columns = []
        for k in range(6):
            moved = x.astype(complex)
            moved.flat[k] += 1e-30j
            columns.append(f(moved).imag.ravel() / 1e-30)
        total += np.stack(columns, axis=1).T @ seed.ravel()
    agree(tensor.grad.ravel(), total)


@pytest.mark.equation("eq-autograd-duality", tolerance=0)
def test_copying_and_summing_are_adjoint(agree, rng):
    """Both sides in whole numbers, for random maps of index sets and for broadcasting."""
    for _ in range(50):
        n, m = rng.integers(1, 9, 2)
        beta = rng.integers(0, n, m)
        x, y = rng.integers(-99, 99, n), rng.integers(-99, 99, m)
        summed = np.array([sum(y[k] for k in range(m) if beta[k] == i) for i in range(n)])
        agree(y @ x[beta], summed @ x)
    b, Y = rng.integers(-99, 99, 3), rng.integers(-99, 99, (4, 3))
    agree((Y * np.broadcast_to(b, Y.shape)).sum(), (unbroadcast(Y, (3,)) * b).sum())


@pytest.mark.equation("eq-autograd-unbroadcast", tolerance=0)
def test_the_adjoint_of_copying_is_summing(agree, rng):
    """The engine's rules for broadcasting, indices and sums against loops over index maps."""
    shape, result = (2, 1, 3), (4, 2, 5, 3)
    Y = rng.integers(-9, 9, result).astype(float)
    by_loop = np.zeros(shape)
    for k in np.ndindex(result):
        by_loop[k[1], 0, k[3]] += Y[k]  # beta forgets the new axis, and the stretched index
    agree(unbroadcast(Y, shape), by_loop)

    beta = rng.integers(0, 5, 20)
    x = Tensor(rng.standard_normal(5), requires_grad=True)
    seed = rng.integers(-9, 9, 20).astype(float)
    x[beta].backward(seed)
    agree(x.grad, np.array([seed[beta == i].sum() for i in range(5)]))

    z = Tensor(rng.standard_normal((4, 3)), requires_grad=True)
    z.sum(0).backward([1.0, 2.0, 3.0])  # the transpose: summing forward copies back
    agree(z.grad, np.array([[1.0, 2.0, 3.0]] * 4))


@pytest.mark.equation("eq-autograd-matmul", tolerance=1e-12)
def test_the_rules_of_the_matrix_product(agree, rng):
    """Both formulas, and the engine, against sums over single entries."""
    A, B, C = (rng.standard_normal(s) for s in ((2, 3), (3, 4), (2, 4)))
    dA, dB = np.zeros_like(A), np.zeros_like(B)
    for i, j, k in itertools.product(range(2), range(4), range(3)):  # C_ij += A_ik B_kj
        dA[i, k] += C[i, j] * B[k, j]
        dB[k, j] += C[i, j] * A[i, k]
    agree(C @ B.T, dA)
    agree(A.T @ C, dB)
    a, b = Tensor(A, requires_grad=True), Tensor(B, requires_grad=True)
    (a @ b).backward(C)
    agree(a.grad, dA)
    agree(b.grad, dB)


@pytest.mark.equation("eq-autograd-logsumexp", tolerance=1e-13)
def test_the_derivative_of_log_sum_exp_is_softmax(agree, rng):
    """The engine and the formula against complex steps."""
    z = rng.standard_normal(6)
    softmax = np.exp(z) / np.exp(z).sum()
    by_step = []
    for k in range(6):
        moved = z.astype(complex)
        moved[k] += 1e-30j
        by_step.append(np.log(np.exp(moved).sum()).imag / 1e-30)
    agree(softmax, by_step)
    tensor = Tensor(z, requires_grad=True)
    tensor.logsumexp().backward()
    agree(tensor.grad, by_step)


@pytest.mark.equation("eq-autograd-log-softmax", tolerance=1e-13)
def test_the_rule_of_log_softmax(agree, rng):
    """The formula and the engine against the explicit Jacobian, from complex steps."""
    z, y_bar = rng.standard_normal((2, 5))
    columns = []
    for k in range(5):
        moved = z.astype(complex)
        moved[k] += 1e-30j
        columns.append((moved - np.log(np.exp(moved).sum())).imag / 1e-30)
    by_jacobian = np.stack(columns, axis=1).T @ y_bar
    agree(y_bar - y_bar.sum() * np.exp(z) / np.exp(z).sum(), by_jacobian)
    tensor = Tensor(z, requires_grad=True)
    tensor.log_softmax().backward(y_bar)
    agree(tensor.grad, by_jacobian)


class Counted:
    """A float that counts operations."""

    operations = 0

    def __init__(self, value):
        self.value = value

    def make(self, value):
        Counted.operations += 1
        return Counted(value)

    def __add__(self, other):
        return self.make(self.value + other.value)

    def __sub__(self, other):
        return self.make(self.value - other.value)

    def __mul__(self, other):
        return self.make(self.value * other.value)

    def __truediv__(self, other):
        return self.make(self.value / other.value)


ONE, MINUS = Counted(1.0), Counted(-1.0)


def apply(kind, a):
    """Return the value of an operation and its local derivatives, in counted numbers."""
    if kind in ("exp", "log", "tanh"):
        y = a[0].make(getattr(np, kind)(a[0].value))
        return y, {"exp": lambda: [y], "log": lambda: [ONE / a[0]], "tanh": lambda: [ONE - y * y]}[
            kind
        ]()
    if kind == "*":
        return a[0] * a[1], [a[1], a[0]]
    if kind == "/":
        return a[0] / a[1], []  # its rule is in the sweep
    return (a[0] + a[1], [ONE, ONE]) if kind == "+" else (a[0] - a[1], [ONE, MINUS])


@pytest.mark.equation("eq-autograd-cost")
@pytest.mark.parametrize("n_inputs", [1, 5, 40])
def test_value_and_gradient_cost_at_most_five_times_the_value(n_inputs, rng):
    """Operations counted in random programs of all seven kinds, with one input and with many."""
    n_operations = 60
    for _ in range(20):
        v, edges = [Counted(x) for x in rng.uniform(0.5, 1.5, n_inputs)], []
        Counted.operations = 0
        for _ in range(n_operations):
            kind = str(rng.choice(["+", "-", "*", "/", "exp", "log", "tanh"]))
            anything, an_input = int(rng.integers(0, len(v))), int(rng.integers(0, n_inputs))
            args = {"exp": [an_input], "log": [an_input], "tanh": [anything]}.get(
                kind, [anything, an_input]
            )
            y, local = apply(kind, [v[j] for j in args])
            edges.append((kind, args, local))
            v.append(y)
        bar = [Counted(0.0) for _ in v]
        bar[-1] = ONE
        for i in reversed(range(n_inputs, len(v))):
            kind, args, local = edges[i - n_inputs]
            if kind == "/":  # t = adjoint / b, added to a; t y, taken from b
                share = bar[i] / v[args[1]]
                bar[args[0]] = bar[args[0]] + share
                bar[args[1]] = bar[args[1]] - share * v[i]
                continue
            for j, d in zip(args, local, strict=True):
                bar[j] = bar[j] + bar[i] * d
        assert n_operations < Counted.operations <= 5 * n_operations


def test_the_factor_five_is_attained():
    """A chain of products: one operation forward; two edges with two operations each back."""
    x = Counted(1.5)
    Counted.operations = 0
    _, local = apply("*", [x, x])
    bar = Counted(0.0)
    for d in local:
        bar = bar + ONE * d
    assert Counted.operations == 5
    assert bar.value == 3.0
