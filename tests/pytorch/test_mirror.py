"""The two halves are one: the same seed gives the same network and the same training run."""

import difflib
import inspect

import numpy as np
import pytest

from mlpbook import scratch
from mlpbook.scratch import layers, losses, network, normalization, optimizers, training
from mlpbook.shared import initializers

torch = pytest.importorskip("torch")
from mlpbook.pytorch import layers as torch_layers  # noqa: E402
from mlpbook.pytorch import network as torch_network  # noqa: E402
from mlpbook.pytorch import training as torch_training  # noqa: E402

SIZES = [4, 6, 5, 3]


def pair(seed=0, initializer=initializers.he_normal, activation="Tanh"):
    a = network.MLP(
        SIZES,
        getattr(layers, activation),
        rng=np.random.default_rng(seed),
        initializer=initializer,
    )
    b = torch_network.MLP(
        SIZES,
        getattr(torch.nn, activation),
        rng=np.random.default_rng(seed),
        initializer=initializer,
        dtype=torch.float64,
    )
    return a, b


def test_one_seed_gives_both_halves_the_same_weights():
    a, b = pair()
    for p, q in zip(a.parameters(), b.parameters(), strict=True):
        assert np.array_equal(p, q.detach().numpy())
    assert a.n_parameters == b.n_parameters


@pytest.mark.parametrize("activation", ["ReLU", "Tanh", "GELU"])
def test_forward_and_gradients_agree_to_1e_12(activation, rng):
    a, b = pair(activation=activation)
    X, y = rng.standard_normal((7, 4)), rng.integers(3, size=7)
    loss = losses.CrossEntropyLoss()
    value = loss(a(X), y)
    a.backward(loss.backward())
    theirs = torch.nn.CrossEntropyLoss()(b(torch.tensor(X)), torch.tensor(y))
    theirs.backward()
    assert value == pytest.approx(theirs.item(), rel=1e-12)
    for g, q in zip(a.gradients(), b.parameters(), strict=True):
        assert g == pytest.approx(q.grad.numpy(), rel=1e-12, abs=1e-14)


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_whole_training_runs_agree_to_1e_12(task, rng):
    X = rng.standard_normal((50, 4))
    y = rng.integers(3, size=50) if task == "classification" else rng.standard_normal((50, 3))
    name = "CrossEntropyLoss" if task == "classification" else "MSELoss"
    mine, theirs = (getattr(m, name)() for m in (losses, torch.nn))
    a, b = pair()
    options = {"lr": 0.05, "momentum": 0.9, "weight_decay": 1e-3}
    shared = {"epochs": 20, "batch_size": 16, "validation": (X, y)}
    one = training.fit(
        a,
        mine,
        optimizers.SGD(a.parameters(), **options),
        X,
        y,
        rng=np.random.default_rng(2),
        **shared,
    )
    two = torch_training.fit(
        b,
        theirs,
        torch.optim.SGD(b.parameters(), **options),
        X,
        y,
        rng=np.random.default_rng(2),
        **shared,
    )
    assert one.batch_loss == pytest.approx(two.batch_loss, rel=1e-12)
    assert one.train_loss == pytest.approx(two.train_loss, rel=1e-12)
    assert one.validation_loss == pytest.approx(two.validation_loss, rel=1e-12)
    assert one.validation_error == two.validation_error


def test_the_mirrored_names_exist_on_both_sides():
    assert set(torch_layers.__all__) <= set(layers.__all__)
    assert torch_network.__all__ == network.__all__
    assert torch_training.__all__ == training.__all__
    assert scratch.__doc__


def test_the_layer_registers_its_parameters_and_knows_device_and_dtype(rng):
    layer = torch_layers.Linear(3, 2, rng=rng, dtype=torch.float64, device="meta")
    assert [name for name, _ in layer.named_parameters()] == ["W", "b"]
    assert (layer.W.dtype, layer.W.device.type) == (torch.float64, "meta")


def deep_pair(seed):
    """One network of all kinds of layers that have a state, in both halves."""
    a_rng, b_rng = (np.random.default_rng(seed) for _ in range(2))
    a = network.Sequential(
        [
            layers.Linear(4, 6, rng=a_rng),
            normalization.BatchNorm(6),
            layers.Tanh(),
            layers.Residual([normalization.LayerNorm(6), layers.Linear(6, 6, rng=a_rng)]),
            layers.Linear(6, 3, rng=a_rng),
        ]
    )
    Linear, double = torch_layers.Linear, {"dtype": torch.float64}
    b = torch_network.Sequential(
        [
            Linear(4, 6, rng=b_rng, **double),
            torch.nn.BatchNorm1d(6, **double),
            torch.nn.Tanh(),
            torch_layers.Residual(
                [torch.nn.LayerNorm(6, **double), Linear(6, 6, rng=b_rng, **double)]
            ),
            Linear(6, 3, rng=b_rng, **double),
        ]
    )
    return a, b


def trained(a, b, rng):
    """Both networks after a few steps, which move the running statistics as well."""
    X, y = rng.standard_normal((30, 4)), rng.integers(3, size=30)
    options = {"epochs": 2, "batch_size": 10}
    for model, loss_fn, fit, SGD in (
        (a, losses.CrossEntropyLoss(), training.fit, optimizers.SGD),
        (b, torch.nn.CrossEntropyLoss(), torch_training.fit, torch.optim.SGD),
    ):
        optimizer = SGD(model.parameters(), lr=0.1)
        fit(model, loss_fn, optimizer, X, y, rng=np.random.default_rng(3), **options)
    return X


def test_either_half_reads_the_others_files(tmp_path, rng):
    a, b = deep_pair(0)
    X = trained(a, b, rng)
    a.save(tmp_path / "a.npz")
    b.save(tmp_path / "b.npz")
    with np.load(tmp_path / "a.npz") as ours, np.load(tmp_path / "b.npz") as theirs:
        assert set(ours) == set(theirs)
        assert {"W1", "b3", "scale2", "shift1", "running_mean1", "running_var1"} <= set(ours)
    for path, expected in (("a.npz", a(X)), ("b.npz", b(torch.tensor(X)).detach().numpy())):
        new_a, new_b = deep_pair(1)
        new_a.load(tmp_path / path)
        new_b.load(tmp_path / path)
        assert new_a.eval()(X) == pytest.approx(expected, rel=1e-13)
        assert new_b.eval()(torch.tensor(X)).detach().numpy() == pytest.approx(expected, rel=1e-13)


def test_a_network_comes_back_to_the_bit_and_a_file_is_cast_to_its_dtype(tmp_path, rng):
    _, b = deep_pair(0)
    _, new = deep_pair(1)
    b.save(tmp_path / "network")  # a file of exactly this name
    new.load(tmp_path / "network")
    assert all(torch.equal(p, q) for p, q in zip(b.parameters(), new.parameters(), strict=True))
    single = torch_network.MLP(SIZES, rng=rng, dtype=torch.float32)
    _, double = pair()
    double.save(tmp_path / "network")
    single.load(tmp_path / "network")
    assert {p.dtype for p in single.parameters()} == {torch.float32}
    assert torch.equal(single.layers[0].W, double.layers[0].W.float())


def test_files_that_are_not_this_networks_change_nothing(tmp_path):
    _, b = pair()
    before = [p.detach().clone() for p in b.parameters()]
    path = tmp_path / "file.npz"

    def refused(error, message):
        with pytest.raises(error, match=message):
            b.load(path)
        assert all(torch.equal(p, q) for p, q in zip(before, b.parameters(), strict=True))

    refused(FileNotFoundError, "file.npz")
    path.write_bytes(b"no archive")
    refused(ValueError, "must be a file that save wrote")
    np.savez(path, W1=np.array([{}], dtype=object))
    refused(ValueError, "allow_pickle=False")
    deep_pair(0)[1].save(path)
    refused(ValueError, "the state must have the names .'W1', 'b1', 'W2', 'b2', 'W3', 'b3'., got")
    torch_network.MLP([4, 7, 5, 3], rng=np.random.default_rng(0)).save(path)
    refused(ValueError, r"W1 must have shape \(6, 4\), got \(7, 4\)")
    state = {name: tensor.detach().numpy().copy() for name, tensor in b._named().items()}
    state["b3"][0] = np.nan
    np.savez(path, **state)
    refused(ValueError, "b3 must be finite")


@pytest.mark.parametrize(
    "device",
    [
        "meta",
        pytest.param(
            "cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
        ),
        pytest.param(
            "mps",
            marks=pytest.mark.skipif(not torch.backends.mps.is_available(), reason="no Apple GPU"),
        ),
    ],
)
def test_networks_live_and_compute_where_they_are_told_to(device, rng):
    model = torch_network.MLP(SIZES, rng=rng, device=device, dtype=torch.float32)
    assert {p.device.type for p in model.parameters()} == {device}
    logits = model(torch.zeros(5, 4, device=device))
    assert (logits.device.type, logits.shape, logits.dtype) == (device, (5, 3), torch.float32)
    around = torch_layers.Residual([torch_layers.Linear(4, 4, rng=rng, device=device)])
    assert around(torch.zeros(5, 4, device=device)).device.type == device


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_training_and_files_work_on_a_gpu_as_on_the_cpu(tmp_path, rng):
    X, y = rng.standard_normal((50, 4)), rng.integers(3, size=50)
    runs = []
    for device in ("cpu", "cuda"):
        model = torch_network.MLP(
            SIZES, rng=np.random.default_rng(0), device=device, dtype=torch.float64
        )
        history = torch_training.fit(
            model,
            torch.nn.CrossEntropyLoss(),
            torch.optim.Adam(model.parameters(), lr=0.01),
            torch.tensor(X, device=device),
            y,
            epochs=5,
            batch_size=16,
            rng=np.random.default_rng(1),
            validation=(X, torch.tensor(y, device=device)),
            patience=3,
        )
        runs.append([*history.batch_loss, *history.validation_loss, *history.validation_error])
        model.save(tmp_path / "weights")
        model.load(tmp_path / "weights")
        assert {p.device.type for p in model.parameters()} == {device}
    assert runs[0] == pytest.approx(runs[1], rel=1e-10)


def test_training_takes_tensors_and_read_only_arrays(rng):
    X, y = rng.standard_normal((10, 4)), rng.integers(3, size=10)
    X.flags.writeable = False
    runs = []
    for data in ((X, y), (torch.tensor(X), torch.tensor(y))):
        _, model = pair()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        runs.append(
            torch_training.fit(
                model,
                torch.nn.CrossEntropyLoss(),
                optimizer,
                *data,
                epochs=2,
                batch_size=4,
                rng=np.random.default_rng(0),
            ).batch_loss
        )
    assert runs[0] == runs[1]


def test_bad_input_and_divergence_get_the_errors_of_scratch(rng):
    _, model = pair(activation="ReLU")
    X, y = rng.standard_normal((10, 4)), rng.integers(3, size=10)

    def run(X, y, lr=0.1):
        optimizer = torch.optim.SGD(model.parameters(), lr=lr)
        loss_fn = torch.nn.CrossEntropyLoss()
        rng = np.random.default_rng(0)
        torch_training.fit(model, loss_fn, optimizer, X, y, epochs=9, batch_size=4, rng=rng)

    with pytest.raises(ValueError, match="finite"):
        run(np.full_like(X, np.nan), y)
    with pytest.raises(ValueError, match="from 0 to 2, got 3"):
        run(X, y + 3 - y)
    with pytest.raises(ValueError, match="10 labels, got 9"):
        run(X, y[:-1])
    with pytest.raises(TypeError, match="y must .* ragged"):
        run(X, [[0], *y[1:]])
    with pytest.raises(ValueError, match=r"n_samples, 4\), got \(2, 1, 28, 28\)"):
        model(torch.zeros(2, 1, 28, 28))
    with pytest.raises(FloatingPointError, match=r"epoch \d+.*rate 1e\+200"):
        run(X, y, lr=1e200)


def test_options_of_fit_are_checked_as_those_of_scratch(rng):
    _, model = pair()
    _, other = pair()
    X, y = rng.standard_normal((10, 4)), rng.integers(3, size=10)

    def run(model=model, loss_fn=None, optimizer=None, **options):
        torch_training.fit(
            model,
            loss_fn or torch.nn.CrossEntropyLoss(),
            optimizer or torch.optim.SGD(model.parameters(), lr=0.1),
            X,
            y,
            **{"epochs": 2, "batch_size": 4, "rng": np.random.default_rng(0)} | options,
        )

    with pytest.raises(ValueError, match="patience needs validation data"):
        run(patience=1)
    with pytest.raises(ValueError, match='loss_fn must be a mean, got reduction="none"'):
        run(loss_fn=torch.nn.CrossEntropyLoss(reduction="none"))
    with pytest.raises(ValueError, match="optimizer must hold this model's parameters"):
        run(optimizer=torch.optim.SGD(other.parameters(), lr=0.1))
    # a part of the parameters is PyTorch's way to freeze the rest
    frozen = model.layers[0].W.detach().clone()
    run(optimizer=torch.optim.SGD(list(model.parameters())[2:], lr=0.1))
    assert torch.equal(model.layers[0].W, frozen)
    assert not model.training


@pytest.mark.parametrize("module", [torch_network.Sequential, torch_layers.Residual])
def test_layers_that_make_no_network_are_refused(module, rng):
    with pytest.raises(ValueError, match="layers is empty"):
        module([])
    with pytest.raises(
        ValueError, match=r"F\(X\) must have the shape of X, \(4, 3\), got \(4, 1\)"
    ):
        torch_layers.Residual([torch.nn.Linear(3, 1)])(torch.ones(4, 3))


def test_a_network_knows_its_widths_by_its_parameters(rng):
    Sequential, Linear = torch_network.Sequential, torch_layers.Linear
    model = Sequential([torch.nn.BatchNorm1d(4), Linear(4, 3, rng=rng), torch.nn.ReLU()])
    assert (model.n_in, model.n_out) == (4, 3)
    empty = Sequential([torch.nn.ReLU()])
    assert (empty.n_in, empty.n_out, empty.n_parameters) == (None, None, 0)
    assert empty(torch.tensor([[-1.0, 2.0]])).tolist() == [[0, 2]]


def code_of(function):
    """The lines of a function's body, without its signature and its docstring."""
    source = inspect.getsource(function)
    body = source.split('"""')[2] if function.__doc__ else source
    return [line.strip() for line in body.splitlines() if line.strip()]


def differences(name):
    """The lines that only one half has: (by hand, by autograd)."""
    halves = (code_of(getattr(module, name)) for module in (training, torch_training))
    lines = list(difflib.ndiff(*halves))
    return tuple([line[2:] for line in lines if line.startswith(sign)] for sign in "-+")


def test_the_training_loops_of_both_halves_differ_only_where_the_libraries_do():
    assert differences("step") == (
        [
            "loss = loss_fn.forward(model.forward(X), y)",
            "model.backward(loss_fn.backward(), input_gradient=False)",
            "optimizer.step(model.gradients())",
            "return loss",
        ],
        [
            "loss = loss_fn(model(X), y)",
            "optimizer.zero_grad()",
            "loss.backward()",
            "optimizer.step()",
            "return float(loss.item())",
        ],
    )
    by_hand, by_autograd = differences("fit")
    assert by_hand == [
        "optimizer.lr = schedule(run.n_steps)",
        "X_batch, y_batch = X.take(batch, axis=0), y.take(batch, axis=0)  # X[batch], y[batch]",
        "run.record(loss, n_samples=len(batch), lr=optimizer.lr)",
        "run.record_validation(loss, error, model=model, lr=optimizer.lr)",
        "return run.finish(model, lr=optimizer.lr)",
    ]
    assert by_autograd == [
        "set_learning_rate(optimizer, schedule(run.n_steps))",
        "X_batch, y_batch = X[batch], y[batch]",
        "run.record(loss, n_samples=len(batch), lr=learning_rate(optimizer))",
        "run.record_validation(loss, error, model=model, lr=learning_rate(optimizer))",
        "return run.finish(model, lr=learning_rate(optimizer))",
    ]
    options = [list(inspect.signature(half.fit).parameters) for half in (training, torch_training)]
    assert options[0] == options[1]


def test_the_forward_passes_of_the_linear_layers_are_the_same_formula():
    by_hand, by_autograd = (code_of(half.Linear.forward) for half in (layers, torch_layers))
    assert by_hand[-1] == by_autograd[-1] == "return X @ self.W.T + self.b"
