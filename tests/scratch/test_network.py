"""The network: shapes, counts, and gradients against finite differences."""

import contextlib
import copy
import pickle
import re
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mlpbook.checks.gradient_check import check_gradients, numerical_gradient
from mlpbook.scratch.layers import GELU, Dropout, Linear, ReLU, Residual, Sigmoid, Tanh
from mlpbook.scratch.losses import CrossEntropyLoss, MSELoss
from mlpbook.scratch.network import MLP, Sequential
from mlpbook.scratch.normalization import BatchNorm, LayerNorm
from mlpbook.scratch.optimizers import SGD
from mlpbook.shared.initializers import normal, zeros


def test_an_activation_stands_between_linear_layers_and_none_at_the_end(rng):
    kinds = [type(layer) for layer in MLP([4, 3, 2, 1], Tanh, rng=rng).layers]
    assert kinds == [Linear, Tanh, Linear, Tanh, Linear]


def test_the_tutorials_network_has_10_tensors_and_44458_parameters(rng):
    # 32*785 + 64*33 + 128*65 + 64*129 + 10*65 = 25120 + 2112 + 8320 + 8256 + 650
    model = MLP([784, 32, 64, 128, 64, 10], rng=rng)
    assert len(model.parameters()) == 10
    assert model.n_parameters == 44458


def test_forward_by_hand(rng):
    model = MLP([1, 2, 1], rng=rng)
    for p, value in zip(model.parameters(), ([[1], [-1]], [0, 1], [[2, 3]], [5]), strict=True):
        p[...] = value
    # x = 2: z = (2, -1), a = (2, 0), y = 4 + 5; x = -1: z = (-1, 2), a = (0, 2), y = 6 + 5
    assert model(np.array([[2.0], [-1.0]])).tolist() == [[9], [11]]
    A = model.activations(np.array([[2.0]]))
    assert [a.tolist() for a in A] == [[[2]], [[2, 0]], [[9]]]


def test_parameters_are_named_by_layer(rng):
    model = MLP([3, 2, 1], rng=rng)
    named = model.named_parameters()
    assert list(named) == ["W1", "b1", "W2", "b2"]
    assert named["W2"] is model.parameters()[2]
    assert (model.n_in, model.n_out) == (3, 1)


@pytest.mark.parametrize("activation", [ReLU, Tanh, Sigmoid, GELU])
@pytest.mark.parametrize("hidden", [[], [5], [5, 4, 3]])
def test_gradients_agree_with_finite_differences(activation, hidden, rng):
    model = MLP([4, *hidden, 3], activation, rng=rng)
    X, y = rng.standard_normal((6, 4)), rng.integers(3, size=6)
    assert check_gradients(model, CrossEntropyLoss(), X, y, tolerance=1e-5).worst > 0
    check_gradients(model, MSELoss(), X, rng.standard_normal((6, 3)), tolerance=1e-5)


def test_backward_returns_the_adjoint_of_the_input(rng):
    model = MLP([3, 4, 1], Tanh, rng=rng)
    X, h = rng.standard_normal((2, 3)), 1e-6
    model(X)
    dX = model.backward(np.ones((2, 1)))
    for i, j in np.ndindex(X.shape):
        E = np.zeros_like(X)
        E[i, j] = h
        difference = (model(X + E) - model(X - E)).sum() / (2 * h)
        assert dX[i, j] == pytest.approx(difference, abs=1e-8)


@pytest.mark.parametrize(
    "X",
    [
        pytest.param(np.arange(12, dtype=np.uint8).reshape(4, 3), id="uint8"),
        pytest.param(np.asfortranarray(np.arange(12.0).reshape(4, 3)), id="fortran"),
        pytest.param(np.arange(24.0).reshape(4, 6)[:, ::2] / 2, id="strided"),
        pytest.param(np.arange(12.0).reshape(4, 3).astype(np.float16), id="float16"),
    ],
)
def test_the_layout_and_type_of_the_input_change_nothing(X, rng):
    X.flags.writeable = False
    model = MLP([3, 5, 2], rng=rng)
    assert model(X) == pytest.approx(model(np.arange(12.0).reshape(4, 3)), rel=1e-12)


def test_bad_input_gets_an_error_that_names_the_cure(rng):
    model = MLP([3, 2], rng=rng)
    with pytest.raises(ValueError, match=r"got \(3, 4\). Did you pass X.T"):
        model(np.zeros((3, 4)))
    with pytest.raises(ValueError, match="finite"):
        model(np.full((1, 3), np.inf))
    with pytest.raises(ValueError, match="at least an input and an output width"):
        MLP([3], rng=rng)
    with pytest.raises(ValueError, match="at least 1, got 0"):
        MLP([3, 0, 1], rng=rng)


def test_one_seed_gives_one_network_and_leaves_the_global_state_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    a, b = (MLP([3, 4, 2], rng=np.random.default_rng(5), initializer=normal(1.0)) for _ in "ab")
    for p, q in zip(a.parameters(), b.parameters(), strict=True):
        assert np.array_equal(p, q)
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def three_layer_network(seed=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    options = {"rng": rng, "dtype": dtype}
    return Sequential(
        [
            Linear(4, 5, **options),
            BatchNorm(5, dtype=dtype),
            ReLU(),
            Residual(
                [Linear(5, 6, **options), Dropout(0.3, rng=rng), Tanh(), Linear(6, 5, **options)]
            ),
            LayerNorm(5, dtype=dtype),
            Linear(5, 3, **options),
        ]
    )


NAMES = ["W1", "b1", "scale1", "shift1", "W2", "b2", "W3", "b3", "scale2", "shift2", "W4", "b4"]


def flat(arrays):
    """All entries of a list of arrays as one new vector."""
    return np.concatenate([np.ravel(a) for a in arrays])


NETWORKS = [
    lambda: MLP([4, 5, 3], rng=np.random.default_rng(0)),
    three_layer_network,
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_widths_and_activations_of_a_deep_network(dtype):
    sizes = [4, 6, 5, 3, 2]
    model = MLP(sizes, rng=np.random.default_rng(0), dtype=dtype)
    A = model.activations(np.ones((7, 4)))
    assert [a.shape for a in A] == [(7, n) for n in sizes]
    assert {a.dtype for a in A} == {np.dtype(dtype)}
    assert (model.n_in, model.n_out) == (4, 2)
    for hidden in A[1:-1]:
        assert (hidden >= 0).all()
    assert np.array_equal(A[-1], model(np.ones((7, 4))))


def test_names_count_each_kind_of_parameter():
    model = three_layer_network()
    assert list(model.named_parameters()) == NAMES
    assert list(model.state_dict()) == [*NAMES, "running_mean1", "running_var1"]
    for p, q in zip(model.named_parameters().values(), model.parameters(), strict=True):
        assert p is q


def test_gradients_of_all_kinds_of_layers_together_agree_with_finite_differences(rng):
    model = three_layer_network()
    model.layers[3].layers[1].eval()  # dropout draws new entries in every pass
    X, y = rng.standard_normal((6, 4)), rng.integers(3, size=6)
    loss_fn = CrossEntropyLoss()
    loss_fn(model(X), y)
    model.backward(loss_fn.backward())
    by_hand = model.gradients()
    for p, g in zip(model.parameters(), by_hand, strict=True):
        numerical = numerical_gradient(lambda: loss_fn(model(X), y), p)
        assert g == pytest.approx(numerical, rel=1e-6, abs=1e-9)
    # batch normalization subtracts the mean, and with it any bias before it
    assert by_hand[1] == pytest.approx(0, abs=1e-15)
    model.eval()
    check_gradients(model, loss_fn, X, y, tolerance=1e-5)


@pytest.mark.parametrize("make", NETWORKS)
def test_without_the_input_gradient_the_parameters_gradients_are_the_same(make, rng):
    model, X, dY = make().eval(), rng.standard_normal((7, 4)), rng.standard_normal((7, 3))
    model(X)
    assert model.backward(dY).shape == X.shape
    expected = flat(model.gradients())
    model(-X)
    model.backward(dY, input_gradient=False)
    assert not np.array_equal(flat(model.gradients()), expected)
    model(X)
    model.backward(dY, input_gradient=False)
    assert np.array_equal(flat(model.gradients()), expected)


def test_a_first_layer_of_any_kind_gets_its_gradients(rng):
    model = Sequential([Residual([Linear(3, 3, rng=rng)]), Linear(3, 2, rng=rng)])
    X, dY = rng.standard_normal((7, 3)), rng.standard_normal((7, 2))
    model(X)
    model.backward(dY)
    expected = flat(model.gradients())
    model(-X)
    model.backward(dY, input_gradient=False)
    assert not np.array_equal(flat(model.gradients()), expected)
    model(X)
    model.backward(dY, input_gradient=False)
    assert np.array_equal(flat(model.gradients()), expected)


@pytest.mark.parametrize(
    "duplicate", [copy.deepcopy, lambda pair: pickle.loads(pickle.dumps(pair))]
)
@pytest.mark.parametrize("make", NETWORKS)
def test_a_copy_of_network_and_optimizer_trains_by_itself(make, duplicate, rng):
    model = make().eval()
    pair = model, SGD(model.parameters(), 0.1, momentum=0.9)
    X, dY = rng.standard_normal((7, 4)), rng.standard_normal((7, 3))

    def step(model, optimizer):
        model(X)
        model.backward(dY)
        optimizer.step(model.gradients())
        return model(X)

    step(*pair)
    before = flat(model.parameters())
    other = duplicate(pair)
    assert [*map(id, other[0].parameters())] == [*map(id, other[1].parameters)]
    ahead = step(*other), step(*other)
    assert np.array_equal(flat(model.parameters()), before)
    assert np.array_equal(step(*pair), ahead[0])
    assert np.array_equal(step(*pair), ahead[1])
    assert not np.array_equal(*ahead)


def test_an_array_or_a_layer_put_in_the_place_of_another_is_trained(rng):
    model = MLP([3, 4, 2], rng=rng)
    model.layers[0].W = np.ones((4, 3))
    model.layers[2] = Linear(4, 5, rng=rng)
    model.layers.append(Linear(5, 1, rng=rng))
    theta = model.parameters()
    assert theta[0].tolist() == np.ones((4, 3)).tolist()
    assert model.n_parameters == 16 + 25 + 6
    X = rng.standard_normal((6, 3))
    before = model(X)
    model.backward(np.ones((6, 1)))
    SGD(theta, 0.1).step(model.gradients())
    assert not np.array_equal(model(X), before)
    assert theta[0] is model.layers[0].W
    model.layers[0].W = np.zeros((4, 3))
    assert model.named_parameters()["W1"] is model.layers[0].W


def test_modes_reach_every_layer_and_return_the_network():
    model = three_layer_network()
    leaves = [*model.layers[:3], *model.layers[3].layers, *model.layers[4:]]
    assert all(leaf.training for leaf in leaves)
    assert model.eval() is model
    assert not any(leaf.training for leaf in leaves)
    assert model.train() is model
    assert all(leaf.training for leaf in leaves)
    assert model.layers[3].eval() is model.layers[3]
    assert [leaf.training for leaf in leaves] == [True] * 3 + [False] * 4 + [True] * 2
    assert model.layers[3].train().layers[0].training


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_layer_of_a_network_keeps_its_dtype(dtype, rng):
    model = three_layer_network(dtype=dtype)
    for _ in range(2):
        assert model(rng.standard_normal((7, 4))).dtype == dtype
        assert model.backward(np.ones((7, 3), dtype)).dtype == dtype
        assert {a.dtype for a in model.state_dict().values()} == {np.dtype(dtype)}
        assert {a.dtype for a in model.gradients()} == {np.dtype(dtype)}
        model.eval()


def test_set_parameters_is_all_or_nothing():
    model = MLP([2, 1], rng=np.random.default_rng(0))
    theta = model.parameters()
    model.set_parameters([np.array([[4, 5]], np.uint8), [6]])
    assert [p.tolist() for p in theta] == [[[4, 5]], [6]]
    for bad, message in [
        ([[[1, 2]]], "values must hold 2 arrays, got 1"),
        ([[[1], [2]], [3]], r"W1 must have shape \(1, 2\), got \(2, 1\)"),
        ([[[1, 2]], [np.inf]], "b1 must be finite"),
    ]:
        with pytest.raises(ValueError, match=message):
            model.set_parameters(bad)
    with pytest.raises(TypeError, match="real numbers"):
        model.set_parameters([[["a", "b"]], ["c"]])
    assert [p.tolist() for p in theta] == [[[4, 5]], [6]]


@pytest.mark.parametrize("name", ["model.npz", "model.without.ending"])
def test_a_saved_network_comes_back_to_the_bit(name, tmp_path, rng):
    a, b = three_layer_network(seed=0), three_layer_network(seed=1)
    X = rng.standard_normal((7, 4))
    a(X)  # moves the running statistics
    a.save(tmp_path / name)
    assert [f.name for f in tmp_path.iterdir()] == [name]
    b.load(tmp_path / name)
    assert np.array_equal(a.eval()(X), b.eval()(X))
    with np.load(tmp_path / name, allow_pickle=False) as arrays:
        assert list(arrays) == list(a.state_dict())
    narrow = three_layer_network(dtype=np.float32)
    narrow.load(str(tmp_path / name))
    assert {p.dtype for p in narrow.parameters()} == {np.dtype(np.float32)}
    assert narrow.eval()(X) == pytest.approx(a(X), abs=1e-5)


def test_a_state_is_a_snapshot():
    model = MLP([2, 1], rng=np.random.default_rng(0))
    state = model.state_dict()
    before = flat(model.parameters())
    model.parameters()[0][...] = 0
    model.load_state_dict(state)
    assert np.array_equal(flat(model.parameters()), before)


def test_a_file_of_another_network_is_refused_and_nothing_changes(tmp_path):
    model = three_layer_network()
    before = model.state_dict()
    path = tmp_path / "model.npz"

    def refused(message):
        with pytest.raises(ValueError, match=message):
            model.load(path)
        after = model.state_dict()
        assert all(np.array_equal(before[name], after[name]) for name in before)

    MLP([4, 5, 3], rng=np.random.default_rng(0)).save(path)
    refused(r"the state must have the names \['W1'.*got \['W1', 'b1', 'W2', 'b2'\]")
    np.savez(path, **{**before, "W4": np.zeros((3, 6))})
    refused(r"W4 must have shape \(3, 5\), got \(3, 6\)")
    np.savez(path, **{**before, "running_var1": np.full(5, np.inf)})
    refused("running_var1 must be finite")
    np.savez(path, **{**before, "W1": np.array([{}], dtype=object)})
    refused("cannot be read .*allow_pickle=False")
    for content in (b"", b"no such format", pickle.dumps(before)):
        path.write_bytes(content)
        refused("model.npz must be a file that save wrote")
    with open(path, "wb") as file:
        np.save(file, np.zeros(3))
    refused("model.npz must be a file that save wrote")
    model.save(path)
    path.write_bytes(path.read_bytes()[:-200])
    refused("model.npz must be a file that save wrote")
    model.save(path)
    content = bytearray(path.read_bytes())
    content[-3] = 1  # the archive seems to start before the file: zipfile's answer is an OSError
    path.write_bytes(content)
    refused("model.npz must be a file that save wrote")
    with pytest.raises(FileNotFoundError):
        model.load(tmp_path / "nothing.npz")


@given(data=st.data())
def test_a_damaged_file_is_refused_or_harmless(data):
    model = MLP([2, 3, 1], rng=np.random.default_rng(0))
    before = model.state_dict()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.npz"
        model.save(path)
        content = bytearray(path.read_bytes())
        for _ in range(data.draw(st.integers(1, 3))):
            position = data.draw(st.integers(0, len(content) - 1))
            content[position] ^= data.draw(st.integers(1, 255))
        path.write_bytes(content[: data.draw(st.sampled_from([len(content), len(content) // 2]))])
        with contextlib.suppress(ValueError), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.load(path)
    after = model.state_dict()
    assert list(before) == list(after)
    assert all(np.array_equal(before[name], after[name]) for name in before)


def test_layers_that_make_no_network_are_refused(rng):
    linear = Linear(2, 2, rng=rng)
    for layers, error, message in [
        (
            [],
            ValueError,
            "layers must hold at least one Layer, got none",
        ),
        ([linear, ReLU], TypeError, r"one of type type. Pass ReLU\(\)"),
        ([MLP([2, 2], rng=rng)], TypeError, "one of type MLP.*pass its layers"),
        (
            [linear, Residual([linear])],
            ValueError,
            r"^layers must differ, got one twice\. Make a new Layer for each place\.$",
        ),
        ([linear, ReLU(), BatchNorm(3)], ValueError, "BatchNorm of n_in=3 after a width of 2"),
    ]:
        with pytest.raises(error, match=message):
            Sequential(layers)


def test_the_initializer_asked_for_draws_the_weights(rng):
    model = MLP([3, 4, 2], rng=rng, initializer=zeros)
    assert not flat(model.parameters()).any()


def test_a_network_without_parameters_works():
    model = Sequential([ReLU()])
    assert model([[-1, 2]]).tolist() == [[0, 2]]
    assert model.parameters() == model.gradients() == []
    assert (model.n_parameters, model.n_in, model.n_out) == (0, None, None)


@given(data=st.data())
def test_any_layout_and_type_gives_the_same_outputs_and_stays_as_it_was(data):
    n = data.draw(st.integers(1, 5))
    dtype = data.draw(st.sampled_from([np.uint8, np.int32, np.bool_, np.float16, np.float64]))
    X = data.draw(hnp.arrays(dtype, (n, 4), elements=st.integers(0, 1)))
    model = three_layer_network().eval()
    expected = model(X.astype(np.float64))
    for variant in (X, np.asfortranarray(X), np.repeat(X, 2, axis=1)[:, ::2], X[::-1][::-1]):
        variant.flags.writeable = False
        before = variant.copy()
        assert model(variant) == pytest.approx(expected, rel=1e-12, abs=1e-13)
        model.backward(np.ones((n, 3)))
        assert np.array_equal(variant, before)
    assert model(X.tolist()) == pytest.approx(expected, rel=1e-12, abs=1e-13)


@given(
    X=st.one_of(
        hnp.arrays(np.float64, hnp.array_shapes(max_dims=4, max_side=3)),
        st.text(max_size=2),
        st.none(),
        st.lists(st.lists(st.floats(), max_size=5), max_size=3),
    )
)
def test_whatever_comes_in_gives_numbers_or_an_error_in_words(X):
    model, message = MLP([2, 3, 1], Tanh, rng=np.random.default_rng(0)), None
    try:
        output = model(X)
    except (ValueError, TypeError) as error:
        message = str(error)
    if message is None:
        assert np.isfinite(output).all()
    else:
        assert re.match(r"X must .*, got .*", message)
