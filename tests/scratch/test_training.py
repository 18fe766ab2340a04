"""The loop: what it computes, what it records, what it refuses, how it stops."""

import numpy as np
import pytest

from mlpbook.history import History
from mlpbook.scratch.losses import CrossEntropyLoss, MSELoss
from mlpbook.scratch.network import MLP
from mlpbook.scratch.optimizers import SGD
from mlpbook.scratch.training import fit


@pytest.fixture
def data(rng):
    X = rng.standard_normal((20, 3))
    return X, (X[:, 0] > 0).astype(int)


def network(seed=0, sizes=(3, 5, 2), **options):
    return MLP(sizes, rng=np.random.default_rng(seed), **options)


def run(model, X, y, *, lr=0.1, epochs=3, batch_size=8, seed=1, loss_fn=None, **options):
    return fit(
        model,
        loss_fn or CrossEntropyLoss(),
        SGD(model.parameters(), lr, momentum=options.pop("momentum", 0.0)),
        X,
        y,
        epochs=epochs,
        batch_size=batch_size,
        rng=np.random.default_rng(seed),
        **options,
    )


def test_full_batch_training_of_one_linear_layer_is_gradient_descent_by_hand(rng):
    X, Y = rng.standard_normal((6, 2)), rng.standard_normal((6, 1))
    model = network(sizes=(2, 1))
    W, b = model.layers[0].W.copy(), model.layers[0].b.copy()
    run(model, X, Y, lr=0.3, epochs=5, batch_size=6, loss_fn=MSELoss())
    for _ in range(5):
        # d/dW of mean (x.W + b - y)^2 is 2/6 * sum of residual times x
        residual = X @ W.T + b - Y
        W, b = W - 0.3 * 2 / 6 * residual.T @ X, b - 0.3 * 2 / 6 * residual.sum(axis=0)
    assert pytest.approx(W, rel=1e-12) == model.layers[0].W
    assert model.layers[0].b == pytest.approx(b, rel=1e-12)


def test_the_epoch_loss_weights_batches_by_their_size(data):
    X, y = data
    history = run(network(), X, y, epochs=1, batch_size=8)  # batches of 8, 8, 4
    a, b, c = history.batch_loss
    assert history.train_loss == pytest.approx([(8 * a + 8 * b + 4 * c) / 20], rel=1e-14)


def test_validation_loss_and_error_are_those_of_the_model_after_each_epoch(data, rng):
    X, y = data
    held_out = rng.standard_normal((7, 3)), rng.integers(2, size=7)
    model = network()
    history = run(model, X, y, epochs=2, validation=held_out)
    assert len(history.validation_loss) == len(history.validation_error) == 2
    logits = model(held_out[0])
    log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    expected = -np.mean([log_p[i, label] for i, label in enumerate(held_out[1])])
    assert history.validation_loss[-1] == pytest.approx(expected, rel=1e-12)
    wrong = sum(
        int(np.argmax(row) != label) for row, label in zip(logits, held_out[1], strict=True)
    )
    assert history.validation_error[-1] == wrong / 7


def test_regression_records_a_validation_loss_and_no_error_rate(rng):
    X, Y = rng.standard_normal((6, 3)), rng.standard_normal((6, 2))
    history = run(network(), X, Y, loss_fn=MSELoss(), validation=(X, Y))
    assert len(history.validation_loss) == 3
    assert history.validation_error == []


def test_a_batch_larger_than_the_data_is_one_batch(data):
    X, y = data
    assert len(run(network(), X, y, epochs=1, batch_size=1000).batch_loss) == 1


def test_the_same_seed_gives_bit_identical_weights(data):
    X, y = data
    a, b = network(), network()
    run(a, X, y, momentum=0.9)
    run(b, X, y, momentum=0.9)
    for p, q in zip(a.parameters(), b.parameters(), strict=True):
        assert np.array_equal(p, q)


def test_the_global_random_state_is_not_touched(data):
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    run(network(), *data)
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_fit_never_changes_its_data_and_takes_any_layout(data):
    X, y = data
    expected = network()
    run(expected, X, y)
    for variant in (np.asfortranarray(X), np.repeat(X, 2, axis=1)[:, ::2], X.copy()):
        variant.flags.writeable = False
        model = network()
        run(model, variant, y.astype(np.uint8))
        for p, q in zip(model.parameters(), expected.parameters(), strict=True):
            assert p == pytest.approx(q, rel=1e-10, abs=1e-12)


def test_uint8_images_do_not_wrap_around(rng):
    X = rng.integers(256, size=(10, 3), dtype=np.uint8)
    a, b = network(), network()
    run(a, X, np.arange(10) % 2, lr=1e-4)
    run(b, X.astype(np.float64), np.arange(10) % 2, lr=1e-4)
    for p, q in zip(a.parameters(), b.parameters(), strict=True):
        assert np.array_equal(p, q)


def test_a_float32_network_stays_float32(data):
    X, y = data
    model = network(dtype=np.float32)
    run(model, X, y, momentum=0.9)
    assert {p.dtype for p in model.parameters()} == {np.dtype(np.float32)}


@pytest.mark.parametrize(
    ("spoil", "error", "message"),
    [
        (lambda X, y: (np.where(X[3, 1] == X, np.nan, X), y), ValueError, r"finite.*\(3, 1\)"),
        (lambda X, y: (X.T, y), ValueError, r"got \(3, 20\). Did you pass X.T"),
        (lambda X, y: (X, y[:-1]), ValueError, "20 labels, got 19"),
        (lambda X, y: (X, y + 1), ValueError, "from 0 to 1, got 2"),
        (lambda X, y: (X, y - 1), ValueError, "got -1"),
        (lambda X, y: (X, y + 0.5), TypeError, "integer labels"),
        (lambda X, y: (X[:0], y[:0]), ValueError, "empty"),
    ],
)
def test_bad_data_are_refused_before_any_weight_changes(data, spoil, error, message):
    model = network()
    before = [p.copy() for p in model.parameters()]
    with pytest.raises(error, match=message):
        run(model, *spoil(*data))
    for p, q in zip(model.parameters(), before, strict=True):
        assert np.array_equal(p, q)


@pytest.mark.parametrize("option", ["epochs", "batch_size"])
def test_epochs_and_batch_size_must_be_positive(data, option):
    with pytest.raises(ValueError, match=f"{option} .* got 0"):
        run(network(), *data, **{option: 0})


@pytest.mark.parametrize("loss_fn", [MSELoss(), CrossEntropyLoss()])
def test_divergence_is_an_error_that_names_epoch_loss_and_rate(data, loss_fn):
    X, y = data
    if isinstance(loss_fn, MSELoss):
        y = np.stack([y, y], axis=1).astype(float)
    with pytest.raises(FloatingPointError, match=r"epoch \d+.* loss was .* rate 1e\+200"):
        run(network(), X, y, loss_fn=loss_fn, lr=1e200, epochs=5)


def test_ctrl_c_keeps_the_history_and_finite_weights(data):
    X, y = data
    model, history = network(), History()

    class InterruptedLoss(CrossEntropyLoss):
        calls = 0

        def backward(self):
            self.calls += 1
            if self.calls == 5:
                raise KeyboardInterrupt
            return super().backward()

    with pytest.raises(KeyboardInterrupt):
        run(model, X, y, loss_fn=InterruptedLoss(), history=history)
    assert len(history.batch_loss) == 4
    assert len(history.train_loss) == 1
    assert all(np.isfinite(p).all() for p in model.parameters())


def test_a_run_can_be_continued_in_one_history(data):
    X, y = data
    model = network()
    history = run(model, X, y, epochs=2)
    assert run(model, X, y, epochs=3, history=history) is history
    assert len(history.train_loss) == 5


def test_the_progress_bar_is_drawn_only_when_asked_for(data, capsys):
    run(network(), *data)
    assert capsys.readouterr().err == ""
    run(network(), *data, progress=True)
    assert "3/3" in capsys.readouterr().err
