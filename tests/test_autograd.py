"""The tensor engine, against finite differences, complex steps, and the hand-written network."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mlpbook import autograd
from mlpbook.autograd import (
    Tensor,
    adjoints,
    cross_entropy,
    graph,
    maximum,
    no_grad,
    record,
    topological_order,
    unbroadcast,
    zero_grad,
)
from mlpbook.checks.gradient_check import numerical_gradient
from mlpbook.scratch.layers import Linear, Tanh
from mlpbook.scratch.losses import CrossEntropyLoss, MSELoss
from mlpbook.scratch.network import MLP
from mlpbook.scratch.optimizers import SGD, Adam
from mlpbook.shared.initializers import he_normal


def leaf(data):
    return Tensor(data, requires_grad=True)


def check(f, *arrays, tolerance=1e-7):
    """Compare f's vector-Jacobian products with central differences, for a random seed."""
    arrays = [np.array(a, dtype=float) for a in arrays]
    tensors = [leaf(a) for a in arrays]
    out = f(*tensors)
    seed = np.random.default_rng(5).standard_normal(out.shape)
    out.backward(seed)
    for tensor, array in zip(tensors, arrays, strict=True):
        assert tensor.data is array
        assert tensor.grad.shape == array.shape
        numerical = numerical_gradient(lambda: float((f(*tensors).data * seed).sum()), array)
        np.testing.assert_allclose(tensor.grad, numerical, rtol=tolerance, atol=tolerance)


rng = np.random.default_rng(11)
A = rng.uniform(0.3, 2.0, (3, 4)) * np.where(rng.random((3, 4)) < 0.5, 1, -1)
B = rng.uniform(0.3, 2.0, (3, 4)) * np.where(rng.random((3, 4)) < 0.5, 1, -1)
T3 = rng.standard_normal((2, 3, 4))
M = rng.standard_normal((4, 5))
POSITIVE = rng.uniform(0.2, 3.0, (3, 4))
MASK = np.arange(12).reshape(3, 4) % 3 == 0

OPERATIONS = {
    "add": (lambda a, b: a + b, A, B),
    "add a number": (lambda a: a + 2, A),
    "number add": (lambda a: 2 + a, A),
    "array add": (lambda a: B + a, A),
    "subtract": (lambda a, b: a - b, A, B),
    "number subtract": (lambda a: 2 - a, A),
    "array subtract": (lambda a: B - a, A),
    "multiply": (lambda a, b: a * b, A, B),
    "array multiply": (lambda a: B * a, A),
    "mask": (lambda a: a * MASK, A),
    "divide": (lambda a, b: a / b, A, B),
    "number divide": (lambda a: 3 / a, A),
    "array divide": (lambda a: B / a, A),
    "negate": (lambda a: -a, A),
    "square": (lambda a: a**2, A),
    "cube": (lambda a: a**3, A),
    "reciprocal": (lambda a: a**-1, A),
    "root": (lambda a: a**0.5, POSITIVE),
    "first power": (lambda a: a**1, A),
    "zeroth power": (lambda a: a**0, A),
    "matrix matrix": (lambda a, b: a @ b, A, M),
    "matrix vector": (lambda a, b: a @ b, A, M[:, 0]),
    "vector matrix": (lambda a, b: a @ b, A[0], M),
    "vector vector": (lambda a, b: a @ b, A[0], M[:, 0]),
    "stack matrix": (lambda a, b: a @ b, T3, M),
    "stack vector": (lambda a, b: a @ b, T3, M[:, 0]),
    "vector stack": (lambda a, b: a @ b, T3[0, :, 0], T3),
    "stack stack": (lambda a, b: a @ b, T3[:, None], T3.swapaxes(1, 2)),
    "array matrix": (lambda b: A @ b, M),
    "matrix array": (lambda a: a @ M, A),
    "exp": (lambda a: a.exp(), A),
    "log": (lambda a: a.log(), POSITIVE),
    "tanh": (lambda a: a.tanh(), A),
    "sigmoid": (lambda a: a.sigmoid(), 3 * A),
    "relu": (lambda a: a.relu(), A),
    "relu by mask": (lambda a: a * (a > 0), A),
    "maximum": (lambda a, b: maximum(a, b), A, B),
    "maximum with a number": (lambda a: maximum(0, a), A),
    "maximum with an array": (lambda a: maximum(B, a), A),
    "maximum, broadcast": (lambda a, b: maximum(a, b), A, B[0]),
    "sum": (lambda a: a.sum(), T3),
    "sum along an axis": (lambda a: a.sum(1), T3),
    "sum along the last axis": (lambda a: a.sum(-1), T3),
    "sum along two axes": (lambda a: a.sum((0, 2)), T3),
    "sum, axes kept": (lambda a: a.sum(1, keepdims=True), T3),
    "mean": (lambda a: a.mean(), T3),
    "mean along an axis": (lambda a: a.mean(0), T3),
    "mean, axes kept": (lambda a: a.mean((1, 2), keepdims=True), T3),
    "max": (lambda a: a.max(), T3),
    "max along an axis": (lambda a: a.max(1), T3),
    "max along two axes": (lambda a: a.max((0, -1)), T3),
    "max, axes kept": (lambda a: a.max(-1, keepdims=True), T3),
    "logsumexp": (lambda a: a.logsumexp(), A),
    "logsumexp of columns": (lambda a: a.logsumexp(0), A),
    "logsumexp, axis kept": (lambda a: a.logsumexp(1, keepdims=True), T3),
    "log_softmax": (lambda a: a.log_softmax(), A),
    "log_softmax of columns": (lambda a: a.log_softmax(0), A),
    "reshape": (lambda a: a.reshape(4, -1), T3),
    "reshape with a tuple": (lambda a: a.reshape((6, 4)), T3),
    "transpose": (lambda a: a.T, T3),
    "transpose by axes": (lambda a: a.transpose(2, 0, 1), T3),
    "transpose by negative axes": (lambda a: a.transpose(0, -1, 1), T3),
    "index": (lambda a: a[1], T3),
    "slice": (lambda a: a[:, ::2, -1], T3),
    "new axis": (lambda a: a[None, ..., None], A),
    "repeated indices": (lambda a: a[[0, 2, 0, 0]], A),
    "gather": (lambda a: a[np.arange(3), [1, 1, 0]], A),
    "Boolean index": (lambda a: a[MASK], A),
    "cross-entropy": (lambda a: cross_entropy(a, [3, 0, 0]), A),
    "a network": (lambda a, b: ((a @ b).tanh() ** 2).mean(), A, M),
}


@pytest.mark.parametrize("case", OPERATIONS)
def test_adjoints_are_finite_differences(case):
    check(*OPERATIONS[case])


TENSORS_ONLY = ("exp", "log", "tanh", "sigmoid", "relu", "maximum", "cross-entropy", "a network")


@pytest.mark.parametrize("case", [c for c in OPERATIONS if not c.startswith(TENSORS_ONLY)])
def test_values_are_those_of_numpy(case):
    """The same expression on arrays gives the same bytes."""
    f, *arrays = OPERATIONS[case]
    np.testing.assert_array_equal(f(*[leaf(a) for a in arrays]).data, np.asarray(f(*arrays)))


def test_maximum_has_numpys_values():
    np.testing.assert_array_equal(maximum(leaf(A), B).data, np.maximum(A, B))
    np.testing.assert_array_equal(maximum(0, leaf(A)).data, np.maximum(0, A))


@pytest.mark.parametrize(
    ("method", "function"),
    [("exp", np.exp), ("log", np.log), ("tanh", np.tanh), ("relu", lambda x: np.maximum(x, 0))],
)
def test_functions_have_numpys_values(method, function):
    np.testing.assert_array_equal(getattr(Tensor(POSITIVE), method)().data, function(POSITIVE))


def test_relu_and_sigmoid_and_logsumexp_by_hand():
    assert Tensor([-2.0, 0.0, 3.0]).relu().data.tolist() == [0, 0, 3]
    np.testing.assert_allclose(Tensor([0.0, np.log(3)]).sigmoid().data, [0.5, 0.75], rtol=1e-15)
    np.testing.assert_allclose(Tensor(np.log([1.0, 2.0, 5.0])).logsumexp().item(), np.log(8))
    np.testing.assert_allclose(
        Tensor(np.log([[1.0, 3.0]])).log_softmax().data, np.log([[0.25, 0.75]]), rtol=1e-14
    )
    np.testing.assert_allclose(
        Tensor(np.log([[1.0], [3.0]])).log_softmax(0).data, np.log([[0.25], [0.75]]), rtol=1e-14
    )


@pytest.mark.parametrize(
    ("method", "function"),
    [
        ("exp", np.exp),
        ("log", np.log),
        ("tanh", np.tanh),
        ("sigmoid", lambda z: 1 / (1 + np.exp(-z))),
        ("logsumexp", lambda z: np.log(np.exp(z).sum())),
    ],
)
def test_analytic_functions_agree_with_the_complex_step(method, function):
    x = np.linspace(0.1, 2.0, 7)
    tensor = leaf(x)
    getattr(tensor, method)().sum().backward()
    for k in range(7):
        moved = x.astype(complex)
        moved[k] += 1e-30j
        assert tensor.grad[k] == pytest.approx(np.sum(function(moved)).imag / 1e-30, rel=1e-14)


# Broadcasting.


@settings(max_examples=150, deadline=None)
@given(hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=4, max_side=3))
def test_unbroadcast_is_the_adjoint_of_broadcasting(shapes):
    """<Y, broadcast(x)> = <unbroadcast(Y), x>, in whole numbers, for every pattern."""
    draw = np.random.default_rng(1)
    for shape in shapes.input_shapes:
        x = draw.integers(-9, 9, shape).astype(float)
        Y = draw.integers(-9, 9, shapes.result_shape).astype(float)
        back = unbroadcast(Y, shape)
        assert back.shape == shape
        assert (Y * np.broadcast_to(x, Y.shape)).sum() == (back * x).sum()


@settings(max_examples=100, deadline=None)
@given(
    hnp.mutually_broadcastable_shapes(num_shapes=2, min_side=0, max_dims=3, max_side=3),
    st.sampled_from(["+", "-", "*", "/", "maximum"]),
)
def test_every_pattern_of_broadcasting_in_every_operation(shapes, name):
    """The adjoint of a product a·b, and its like, by explicit loops over the result's entries."""
    draw = np.random.default_rng(2)
    a, b = (draw.uniform(0.5, 2.0, s) for s in shapes.input_shapes)
    f = {
        "+": lambda a, b: a + b,
        "-": lambda a, b: a - b,
        "*": lambda a, b: a * b,
        "/": lambda a, b: a / b,
        "maximum": maximum,
    }[name]
    partials = {
        "+": lambda a, b: (1.0, 1.0),
        "-": lambda a, b: (1.0, -1.0),
        "*": lambda a, b: (b, a),
        "/": lambda a, b: (1 / b, -a / b**2),
        "maximum": lambda a, b: (float(a > b), float(b > a)),
    }[name]
    ta, tb = leaf(a), leaf(b)
    out = f(ta, tb)
    assert out.shape == shapes.result_shape
    seed = draw.uniform(-1, 1, out.shape)
    out.backward(seed)
    index_a = np.broadcast_to(np.arange(a.size).reshape(a.shape), out.shape)
    index_b = np.broadcast_to(np.arange(b.size).reshape(b.shape), out.shape)
    da, db = np.zeros(a.size), np.zeros(b.size)
    for k in np.ndindex(out.shape):
        pa, pb = partials(a.flat[index_a[k]], b.flat[index_b[k]])
        da[index_a[k]] += seed[k] * pa
        db[index_b[k]] += seed[k] * pb
    np.testing.assert_allclose(ta.grad, da.reshape(a.shape), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(tb.grad, db.reshape(b.shape), rtol=1e-12, atol=1e-12)


def test_unbroadcast_returns_the_array_itself_if_nothing_was_broadcast():
    Y = np.ones((2, 3))
    assert unbroadcast(Y, (2, 3)) is Y


# Kinks and ties.


def test_relu_has_slope_one_above_zero_and_zero_at_it():
    x = leaf([-0.5, -0.0, 0.0, 1e-9, 0.5, 2.0])
    x.relu().sum().backward()
    assert x.grad.tolist() == [0, 0, 0, 1, 1, 1]


def test_ties_share_the_adjoint():
    x = leaf([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]])
    x.max(1).sum().backward()
    np.testing.assert_allclose(x.grad, [[0, 0.5, 0.5], [1 / 3, 1 / 3, 1 / 3]])
    a, b = leaf([1.0, 2.0, 3.0]), leaf([2.0, 2.0, 2.0])
    maximum(a, b).sum().backward()
    assert a.grad.tolist() == [0, 0.5, 1]
    assert b.grad.tolist() == [1, 0.5, 0]


def test_a_number_may_come_first_in_maximum():
    x = leaf([-1.0, 2.0])
    assert maximum(0, x).data.tolist() == [0, 2]
    assert maximum(x, np.array([5.0, 1.0])).data.tolist() == [5, 2]


def test_zeroth_power_has_slope_zero_everywhere():
    x = leaf([0.0, 2.0])
    y = x**0
    y.sum().backward()
    assert y.data.tolist() == [1, 1]
    assert x.grad.tolist() == [0, 0]


def test_comparisons_give_constants():
    x = leaf([1.0, 2.0, 3.0])
    assert (x > 2).tolist() == [False, False, True]
    assert (x >= 2).tolist() == [False, True, True]
    assert (x < 2).tolist() == [True, False, False]
    assert (x <= 2).tolist() == [True, True, False]
    assert (np.array([2.0, 2.0, 2.0]) < x).tolist() == [False, False, True]
    assert (x > Tensor([0.0, 5.0, 0.0])).tolist() == [True, False, True]
    assert isinstance(x > 0, np.ndarray)


# The range of floating point.


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_extreme_inputs_stay_finite_and_keep_their_dtype(dtype):
    x = leaf(np.array([-1e4, -100, -1, 0, 1, 100, 1e4], dtype=dtype))
    for y in (x.tanh(), x.sigmoid(), x.logsumexp(), x.log_softmax(), x.relu()):
        x.grad = None
        y.sum().backward()
        assert y.dtype == x.grad.dtype == dtype
        assert np.isfinite(y.data).all()
        assert np.isfinite(x.grad).all()


def test_sigmoid_and_tanh_keep_digits_far_out():
    """sigmoid'(x) = e^-|x| and tanh'(x) = 4 e^-2|x|, up to factors that are 1 in floating point."""
    x = leaf([-50.0, 50.0])
    x.sigmoid().sum().backward()
    np.testing.assert_allclose(x.grad, np.exp(-50.0), rtol=1e-12)
    x.grad = None
    x.tanh().sum().backward()
    np.testing.assert_allclose(x.grad, 4 * np.exp(-100.0), rtol=1e-12)


def test_sigmoid_is_symmetric():
    """sigmoid(x) + sigmoid(-x) = 1, also for small x."""
    x = np.array([0.0, 0.01, 0.5, 0.99, 1.0, 3.0, 40.0])
    y = Tensor(x).sigmoid().data
    np.testing.assert_allclose(y, (1 + np.tanh(x / 2)) / 2, rtol=1e-15)
    np.testing.assert_allclose(y + Tensor(-x).sigmoid().data, 1, rtol=1e-15)


def test_large_logits_lose_no_digits():
    """Shifting all logits by 2^30 changes nothing, in exact arithmetic and here."""
    z = np.array([[0.5, -1.25, 2.0]])
    np.testing.assert_array_equal(
        Tensor(z + 2.0**30).log_softmax().data, Tensor(z).log_softmax().data
    )


def test_each_row_has_its_own_shift():
    """Rows a thousand apart: with the largest of all for a shift, the lower row would be log 0."""
    z = np.array([[1000.0, 1000.0], [-1000.0, -1000.0]])
    np.testing.assert_allclose(Tensor(z).logsumexp().data, [1000 + np.log(2), -1000 + np.log(2)])
    np.testing.assert_allclose(Tensor(z).log_softmax().data, -np.log(2) * np.ones((2, 2)))
    np.testing.assert_allclose(Tensor(z.T).log_softmax(0).data, -np.log(2) * np.ones((2, 2)))


def test_a_result_has_the_dtype_of_its_inputs_whatever_the_operation_computed():
    x = leaf(np.ones(2, dtype=np.float32))
    assert record(np.ones(2), "wide", (x, lambda dY: dY)).dtype == np.float32


FLOAT32 = {
    "add": lambda x: x + 0.1,
    "subtract": lambda x: 0.1 - x,
    "multiply": lambda x: np.float64(0.1) * x,
    "divide": lambda x: 1 / x,
    "power": lambda x: x ** np.float64(1.5),
    "zeroth power": lambda x: x**0,
    "mask": lambda x: x * (x > 1.0),
    "integers": lambda x: x * np.arange(3),
    "mean": lambda x: x.mean(),
    "maximum": lambda x: maximum(x, 0.5),
    "sigmoid": lambda x: x.sum().sigmoid(),
    "relu": lambda x: x.sum().relu(),
    "number": lambda x: x.sum() ** 2 / 3,
    "max": lambda x: x.max() * 2,
    "cross-entropy": lambda x: cross_entropy(x.reshape(1, 3), [1]),
}


@pytest.mark.parametrize("case", FLOAT32)
def test_float32_is_kept(case):
    x = leaf(np.array([0.5, 1.5, 2.5], dtype=np.float32))
    y = FLOAT32[case](x)
    assert y.dtype == np.float32
    y.sum().backward()
    assert x.grad.dtype == np.float32


def test_an_adjoint_has_the_dtype_of_its_variable():
    x = leaf(np.ones(3, dtype=np.float32))
    y = x * np.ones(3)  # a float64 array promotes, as in NumPy
    assert y.dtype == np.float64
    y.sum().backward()
    assert x.grad.dtype == np.float32


def test_the_seed_takes_the_outputs_dtype():
    x = leaf(np.ones(3, dtype=np.float32))
    y = x * 2
    assert adjoints(y, np.ones(3))[y].dtype == np.float32


def test_reductions_drop_their_axes_unless_told_otherwise():
    x = leaf(np.ones((2, 3, 4)))
    for reduce in (x.sum, x.mean, x.max):
        assert reduce().shape == ()
        assert reduce(1).shape == (2, 4)
        assert reduce((0, 2)).shape == (3,)
        assert reduce(1, keepdims=True).shape == (2, 1, 4)
    assert x.logsumexp().shape == (2, 3)
    assert x.logsumexp(0).shape == (3, 4)
    assert x.logsumexp(1, keepdims=True).shape == (2, 1, 4)
    assert x.log_softmax().shape == (2, 3, 4)
    x = leaf(np.ones((1, 3, 1)))  # axes of one entry stay, unless they are the ones
    for reduce in (x.sum, x.mean, x.max, x.logsumexp):
        assert reduce(1).shape == (1, 1)
        assert reduce(0).shape == (3, 1)


def test_integers_and_booleans_become_float64():
    assert Tensor([1, 2]).dtype == Tensor([True]).dtype == Tensor(3).dtype == np.float64


def test_data_is_shared_not_copied():
    data = np.ones(3)
    assert Tensor(data).data is data


# The graph.


def test_adjoints_of_all_uses_are_added():
    """d/dx (x·x + 3x + x·x·x) = 2x + 3 + 3x² = 19 at 2."""
    x = leaf(2.0)
    (x * x + 3 * x + x * x * x).backward()
    assert x.grad == 19


def test_a_node_waits_for_all_its_users():
    """y = x², z = y·y + y: z' = (2y + 1)·2x = 38 at 3... by hand (2·9 + 1)·6 = 114."""
    x = leaf(3.0)
    y = x * x
    z = y * y + y
    bar = adjoints(z)
    assert bar[y] == 19
    assert bar[x] == 114
    assert bar[z] == 1


def test_a_chain_of_shared_nodes_takes_linear_time():
    """x + x, doubled 200 times: 2^200 paths, 201 tensors."""
    x = leaf(1.0)
    y = x
    for _ in range(200):
        y = y + y
    assert len(topological_order(y)) == 201
    y.backward()
    assert x.grad == 2.0**200


def test_ten_thousand_operations_in_a_row_need_no_recursion():
    x = leaf(1.0)
    y = x
    for _ in range(10_000):
        y = y * 1.0 + 0.0
    y.backward()
    assert x.grad == 1
    assert len(topological_order(y)) == 20_001
    del y  # taking the chain apart must not recurse either


def test_every_tensor_comes_once_and_after_its_inputs():
    draw = np.random.default_rng(3)
    for _ in range(20):
        pool = [leaf(1.0) for _ in range(3)]
        for _ in range(30):
            a, b = draw.integers(0, len(pool), 2)
            pool.append(pool[a] + pool[b])
        order = topological_order(pool[-1])
        place = {tensor: k for k, tensor in enumerate(order)}
        assert len(place) == len(order)
        assert order[-1] is pool[-1]
        assert all(place[x] < place[t] for t in order for x, _ in t.edges)


def test_backward_adds_to_what_is_there():
    x = leaf([1.0, 2.0])
    for _ in range(3):
        (x * x).sum().backward()
    assert x.grad.tolist() == [6, 12]
    zero_grad([x])
    assert x.grad is None


def test_the_same_graph_can_be_used_twice():
    x = leaf([1.0, 2.0])
    y = x * x
    loss = y.sum()
    loss.backward()
    loss.backward()
    (y * y).sum().backward()
    assert x.grad.tolist() == [2 + 2 + 4, 4 + 4 + 32]


def test_leaves_do_not_share_their_gradients():
    a, b = leaf([1.0]), leaf([1.0])
    (a + b).backward()
    a.grad[0] = 7
    assert b.grad.tolist() == [1]
    c = leaf(np.ones(3))
    c.sum().backward()
    c.grad[0] = 7  # not a read-only view of the seed
    seed = np.ones(1)
    (a + 0).backward(seed)
    a.grad += 1
    assert seed.tolist() == [1]


def test_gradients_are_arrays_even_of_numbers():
    x = leaf(2.0)
    for _ in range(2):
        (x * x + x).backward()
        assert isinstance(x.grad, np.ndarray)
    assert all(isinstance(v, np.ndarray) for v in adjoints(x * x + x).values())


def test_only_leaves_that_ask_get_a_gradient():
    x, c = leaf([1.0]), Tensor([2.0])
    y = x * c
    z = y.exp()
    z.backward()
    assert x.grad is not None
    assert c.grad is None
    assert y.grad is None
    assert not c.requires_grad
    assert y.requires_grad
    assert [t for t, _ in y.edges] == [x]


def test_constants_leave_no_history():
    y = Tensor([1.0]) + Tensor([2.0])
    assert not y.requires_grad
    assert y.edges == ()


def test_a_leaf_is_its_own_output():
    x = leaf(3.0)
    x.backward()
    assert x.grad == 1


def test_an_array_of_one_entry_needs_no_seed():
    x = leaf([[2.0]])
    (x * x).backward()
    assert x.grad.tolist() == [[4]]


def test_the_seed_weights_the_outputs():
    x = leaf([1.0, 2.0, 3.0])
    (x * x).backward([1, 0, 10])
    assert x.grad.tolist() == [2, 0, 60]


def test_no_grad_records_nothing_and_ends():
    x = leaf([1.0])
    with no_grad():
        with no_grad():
            pass
        y = x * 2
    assert not y.requires_grad
    assert y.edges == ()
    assert y.operation == ""
    assert (x * 2).requires_grad


def test_no_grad_ends_after_an_error():
    x = leaf([1.0])
    with pytest.raises(ZeroDivisionError), no_grad():
        raise ZeroDivisionError
    assert (x * 2).requires_grad


def test_detach_cuts_the_graph_and_shares_the_data():
    """x · detach(x) has derivative x, not 2x."""
    x = leaf([3.0])
    cut = x.detach()
    assert cut.data is x.data
    assert not cut.requires_grad
    (x * cut).backward()
    assert x.grad.tolist() == [3]


def test_a_new_operation_takes_one_call():
    x = leaf([0.5, -0.5])
    y = record(np.logaddexp(0, x.data), "softplus", (x, lambda dY: dY / (1 + np.exp(-x.data))))
    y.sum().backward()
    np.testing.assert_allclose(x.grad, 1 / (1 + np.exp([-0.5, 0.5])))
    assert y.operation == "softplus"


# What arrays are to one another.


def test_arrays_on_the_left_leave_the_operation_to_the_tensor():
    x = leaf([1.0, 2.0])
    for y in (np.ones(2) + x, np.ones(2) * x, np.ones(2) - x, np.ones(2) / x, np.eye(2) @ x):
        assert isinstance(y, Tensor)
        assert y.shape == (2,)
    assert isinstance(np.float64(2) * x, Tensor)
    assert isinstance(np.float32(2) + x, Tensor)


def test_a_tensor_says_what_it_is():
    x = leaf([[1.0, 2.0]])
    assert (x.shape, x.ndim, x.size, len(x), x.dtype) == ((1, 2), 2, 2, 1, np.float64)
    assert repr(x) == "Tensor([[1. 2.]], requires_grad=True)"
    assert repr(x * 2) == "Tensor([[2. 4.]], from ×)"
    assert repr(Tensor(1.0)) == "Tensor(1.0)"
    assert x.sum().item() == 3.0
    assert type(x.sum().item()) is float
    assert [row.data.tolist() for row in x] == [[1, 2]]


OPERATION_NAMES = {
    "+": lambda x: x + 1,
    "−": lambda x: x - 1,
    "×": lambda x: x * 1,
    "/": lambda x: x / 1,
    "neg": lambda x: -x,
    "**2": lambda x: x**2,
    "**0.5": lambda x: x**0.5,
    "**0": lambda x: x**0,
    "@": lambda x: x @ x,
    "exp": lambda x: x.exp(),
    "log": lambda x: x.log(),
    "tanh": lambda x: x.tanh(),
    "sigmoid": lambda x: x.sigmoid(),
    "relu": lambda x: x.relu(),
    "sum": lambda x: x.sum(),
    "max": lambda x: x.max(),
    "maximum": lambda x: maximum(x, 1),
    "logsumexp": lambda x: x.logsumexp(),
    "log_softmax": lambda x: x.log_softmax(),
    "reshape": lambda x: x.reshape(4),
    "T": lambda x: x.T,
    "[ ]": lambda x: x[0],
}


@pytest.mark.parametrize("name", OPERATION_NAMES)
def test_operations_carry_their_names(name):
    assert OPERATION_NAMES[name](leaf(np.ones((2, 2)))).operation == name


def test_graph_names_what_it_is_told_and_numbers_the_rest():
    w, b = leaf([1.0, 2.0]), leaf(0.5)
    z = w * w + b
    drawing = graph(z.sum(), {"w": w, "z": z})
    assert drawing.nodes == {"w": "w", "v2": "×", "v3": "v3", "z": "z", "v5": "sum"}
    assert drawing.edges == [
        ("w", "v2", "(2,)"),
        ("w", "v2", "(2,)"),
        ("v2", "z", "(2,)"),
        ("v3", "z", "()"),
        ("z", "v5", "(2,)"),
    ]
    assert drawing.tensors["w"] is w
    assert drawing.tensors["z"] is z
    assert graph(z).nodes.keys() == graph(z).tensors.keys()


def test_graph_goes_into_the_diagram():
    pytest.importorskip("matplotlib")
    from bookkit.figures.plots import flow_diagram

    w = leaf([1.0, 2.0])
    drawing = graph((w * w).exp().sum(), {"w": w})
    flow_diagram(drawing.nodes, drawing.edges, parameters={"w"})


# Errors say what was expected, what came, what to do.


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: (leaf([1.0, 2.0]) * 2).backward(),
            ValueError,
            r"single number, got shape \(2,\)\. Sum it, or pass the adjoint to start from\.$",
        ),
        (
            lambda: leaf([1.0, 2.0]).backward([1.0]),
            ValueError,
            r"shape \(2,\), got \(1,\)\. Pass one number an entry\.$",
        ),
        (
            lambda: Tensor(1.0).backward(),
            ValueError,
            "^backward needs a tensor made from leaves with requires_grad=True, got one without "
            r"any. Set it on the parameters, and compute outside no_grad\(\)\.$",
        ),
        (lambda: leaf(1.0).detach().backward(), ValueError, "Set it on the parameters"),
        (
            lambda: leaf(2.0) ** leaf(3.0),
            TypeError,
            "^the exponent of a Tensor must be a number, got Tensor. "
            r"For a positive base, x\*\*y is \(y \* x.log\(\)\).exp\(\).$",
        ),
        (lambda: leaf(2.0) ** np.ones(2), TypeError, "number, got ndarray"),
        (lambda: 2.0 ** leaf(3.0), TypeError, "unsupported operand"),
        (lambda: np.exp(leaf(1.0)), TypeError, "does not support ufuncs"),
        (
            lambda: np.asarray(leaf(1.0)),
            TypeError,
            "^expected an array, got a Tensor, whose history NumPy would lose. Take its .data, or "
            r"the tensor's own method: x.exp\(\) in place of np.exp\(x\).$",
        ),
        (
            lambda: np.sum(leaf([1.0])),
            TypeError,
            "^np.sum needs arrays, got a Tensor. Take its .data.$",
        ),
        (
            lambda: Tensor(leaf(1.0)),
            TypeError,
            r"^data must be an array, got a Tensor. Use it as it is, or detach\(\) it.$",
        ),
        (
            lambda: Tensor([1j]),
            TypeError,
            "^data must be an array of real numbers, got dtype complex128. "
            "Convert it to float64 first.$",
        ),
        (lambda: Tensor(["a"]), TypeError, "real numbers, got dtype"),
        (lambda: Tensor([None]), TypeError, "real numbers, got dtype object"),
        (lambda: leaf(1.0) + None, TypeError, "real numbers"),
        (lambda: leaf(1.0) + 1j, TypeError, "real numbers"),
        (lambda: maximum(1.0, np.ones(2)), TypeError, "^maximum needs a Tensor, got none.*np.max"),
        (lambda: leaf([1.0, 2.0]).item(), ValueError, "size 1"),
        (
            lambda: cross_entropy(leaf([1.0, 2.0]), [0]),
            ValueError,
            r"^logits must have shape \(n_samples, n_classes\), got \(2,\)\. "
            r"Did you pass a single sample, or the labels\?$",
        ),
        (lambda: cross_entropy(leaf([[1.0, 2.0]]), [2]), ValueError, "labels from 0 to 1"),
        (lambda: cross_entropy(leaf([[1.0, 2.0]]), [-1]), ValueError, "labels from 0 to 1"),
        (lambda: cross_entropy(leaf([[1.0, 2.0]]), [0, 1]), ValueError, "1 labels, got 2"),
        (lambda: cross_entropy(leaf([[1.0, 2.0]]), [0.5]), TypeError, "integer labels"),
        (lambda: leaf(np.ones((2, 3))) @ np.ones((2, 3)), ValueError, "matmul"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=f"(?s){message}"):
        call()


# Whole networks.


def forward(X, parameters, activation):
    """The forward pass, once, for NumPy arrays, tensors, and PyTorch's."""
    *hidden, (W, b) = zip(parameters[::2], parameters[1::2], strict=True)
    for V, c in hidden:
        X = activation(X @ V.T + c)
    return X @ W.T + b


def test_the_same_forward_code_runs_on_arrays_and_tensors():
    model = MLP([4, 6, 5, 3], Tanh, rng=np.random.default_rng(0))
    X = np.random.default_rng(1).standard_normal((7, 4))
    arrays = model.parameters()
    tensors = [leaf(p) for p in arrays]
    by_tensors = forward(X, tensors, Tensor.tanh)
    np.testing.assert_array_equal(by_tensors.data, forward(X, arrays, np.tanh))
    np.testing.assert_array_equal(by_tensors.data, model(X))


def test_the_scratch_layer_runs_on_tensors():
    layer = Linear(4, 3, rng=np.random.default_rng(0))
    X = np.random.default_rng(1).standard_normal((5, 4))
    Z = layer.forward(X)
    dZ = np.random.default_rng(2).standard_normal(Z.shape)
    dX = layer.backward(dZ)
    W, b, x = leaf(layer.W), leaf(layer.b), leaf(X)
    twin = Linear(4, 3, rng=np.random.default_rng(0))
    twin.W, twin.b = W, b
    out = twin.forward(x)
    np.testing.assert_array_equal(out.data, Z)
    out.backward(dZ)
    for ours, by_hand in ((W, layer.dW), (b, layer.db), (x, dX)):
        np.testing.assert_allclose(ours.grad, by_hand, rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize(
    ("optimizer_class", "options"),
    [(SGD, {"lr": 0.1, "momentum": 0.9}), (Adam, {"lr": 0.01})],
    ids=["SGD", "Adam"],
)
@pytest.mark.parametrize("task", ["classes", "values"])
def test_five_hundred_steps_are_those_of_the_hand_written_network(task, optimizer_class, options):
    """Losses agree to 1e-12 with mini-batches, weight decay and a changing learning rate."""
    draw = np.random.default_rng(0)
    X = draw.standard_normal((60, 2))
    y = draw.integers(0, 3, 60) if task == "classes" else draw.standard_normal((60, 3))
    by_hand = MLP([2, 10, 10, 3], Tanh, rng=draw, initializer=he_normal)
    loss_fn = CrossEntropyLoss() if task == "classes" else MSELoss()
    tensors = [leaf(p.copy()) for p in by_hand.parameters()]
    optimizers = [
        optimizer_class(parameters, weight_decay=1e-3, **options)
        for parameters in (by_hand.parameters(), [p.data for p in tensors])
    ]
    for step in range(500):
        batch = draw.permutation(60)[:16]
        for optimizer in optimizers:
            optimizer.lr = options["lr"] / (1 + step / 100)
        hand = loss_fn(by_hand(X[batch]), y[batch])
        by_hand.backward(loss_fn.backward())
        optimizers[0].step(by_hand.gradients())
        output = forward(X[batch], tensors, Tensor.tanh)
        if task == "classes":
            loss = cross_entropy(output, y[batch])
        else:
            loss = ((output - y[batch]) ** 2).mean()
        zero_grad(tensors)
        loss.backward()
        optimizers[1].step([p.grad for p in tensors])
        assert loss.item() == pytest.approx(hand, rel=1e-12)


def test_the_module_needs_numpy_alone():
    code = (
        "import sys, mlpbook.autograd;"
        "print([m for m in ('torch', 'matplotlib', 'sklearn', 'scipy') if m in sys.modules])"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(autograd.__file__).parents[1])}
    out = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, env=environment
    )
    assert out.stdout.strip() == "[]"


def test_all_public_names_are_there():
    assert all(hasattr(autograd, name) for name in autograd.__all__)
