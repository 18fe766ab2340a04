"""The two halves are one: the same seed gives the same network and the same training run."""

import numpy as np
import pytest

from mlpbook import initializers, scratch
from mlpbook.scratch import layers, losses, network, optimizers, training

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


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("task", ["classification", "regression"])
def test_whole_training_runs_agree_to_1e_12(task, reduction, rng):
    X = rng.standard_normal((50, 4))
    y = rng.integers(3, size=50) if task == "classification" else rng.standard_normal((50, 3))
    name = "CrossEntropyLoss" if task == "classification" else "MSELoss"
    mine, theirs = (getattr(m, name)(reduction=reduction) for m in (losses, torch.nn))
    a, b = pair()
    options = {"lr": 0.05 if reduction == "mean" else 0.002, "momentum": 0.9, "weight_decay": 1e-3}
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

    with pytest.raises(ValueError, match="max_norm"):
        run(max_norm=-1)
    with pytest.raises(ValueError, match="patience needs validation data"):
        run(patience=1)
    with pytest.raises(ValueError, match='reduction "none"'):
        run(loss_fn=torch.nn.CrossEntropyLoss(reduction="none"))
    with pytest.raises(ValueError, match="optimizer must be over this model's parameters"):
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
