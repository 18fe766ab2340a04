"""The loop: what it computes, what it records, what it refuses, how it stops."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mlpbook.scratch.layers import Dropout, Linear, ReLU
from mlpbook.scratch.losses import BCEWithLogitsLoss, CrossEntropyLoss, MSELoss
from mlpbook.scratch.network import MLP, Sequential
from mlpbook.scratch.normalization import BatchNorm
from mlpbook.scratch.optimizers import SGD, Adam
from mlpbook.scratch.schedules import cosine
from mlpbook.scratch.training import evaluate, fit, step


@pytest.fixture
def data(rng):
    X = rng.standard_normal((20, 3))
    return X, (X[:, 0] > 0).astype(int)


def network(seed=0, sizes=(3, 5, 2), **options):
    return MLP(sizes, rng=np.random.default_rng(seed), **options)


def flat(arrays):
    """All entries of a list of arrays as one new vector."""
    return np.concatenate([np.ravel(a) for a in arrays])


def run(model, X, y, *, lr=0.1, epochs=3, batch_size=8, seed=1, loss_fn=None, **options):
    momentum = options.pop("momentum", 0.0)
    optimizer = options.pop("optimizer", None) or SGD(model.parameters(), lr, momentum=momentum)
    return fit(
        model,
        loss_fn or CrossEntropyLoss(),
        optimizer,
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
        (lambda X, y: (X, [[0], *y[1:]]), TypeError, "y must .* ragged"),
        (lambda X, y: ([[0], [0, 1]], y), TypeError, "X must .* ragged"),
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


def test_ctrl_c_keeps_finite_weights(data):
    X, y = data
    model = network()

    class InterruptedLoss(CrossEntropyLoss):
        calls = 0

        def backward(self):
            self.calls += 1
            if self.calls == 5:
                raise KeyboardInterrupt
            return super().backward()

    with pytest.raises(KeyboardInterrupt):
        run(model, X, y, loss_fn=InterruptedLoss())
    assert all(np.isfinite(p).all() for p in model.parameters())


def test_fit_is_one_step_per_batch(data):
    X, y = data
    fitted, stepped = network(), network()
    history = run(fitted, X, y, epochs=2, batch_size=8, seed=3, validation=(X[:7], y[:7]))
    optimizer, loss_fn, own = SGD(stepped.parameters(), 0.1), CrossEntropyLoss(), None
    own, values = np.random.default_rng(3), []
    for _ in range(2):
        order = own.permutation(20)
        for batch in (order[:8], order[8:16], order[16:]):
            values.append(step(stepped, loss_fn, optimizer, X[batch], y[batch]))
    assert values == history.batch_loss
    assert np.array_equal(flat(fitted.parameters()), flat(stepped.parameters()))
    assert evaluate(stepped, loss_fn, X[:7], y[:7]) == (
        history.validation_loss[-1],
        history.validation_error[-1],
    )


def test_the_progress_bar_is_drawn_only_when_asked_for(data, capsys):
    pytest.importorskip("tqdm")
    run(network(), *data)
    assert capsys.readouterr().err == ""
    run(network(), *data, progress=True)
    assert "3/3" in capsys.readouterr().err


def test_the_schedule_sets_the_rate_of_every_step(data):
    X, y = data
    seen = []

    def schedule(t):
        seen.append(t)
        return 0.1 / (1 + t)

    model = network()
    optimizer = SGD(model.parameters(), lr=99)
    run(model, X, y, optimizer=optimizer, epochs=4, schedule=schedule)  # three batches per epoch
    assert seen == list(range(12))
    assert optimizer.lr == 0.1 / 12


def test_a_constant_schedule_changes_nothing_and_another_does(data):
    X, y = data
    plain, same, other = network(), network(), network()
    run(plain, X, y, lr=0.1)
    run(same, X, y, lr=7, schedule=lambda t: 0.1)
    run(other, X, y, lr=0.1, schedule=cosine(0.1, 9))
    assert np.array_equal(flat(plain.parameters()), flat(same.parameters()))
    assert not np.array_equal(flat(plain.parameters()), flat(other.parameters()))


class Scripted(CrossEntropyLoss):
    """A loss whose validation values are written down (the data have 20 samples, these 7)."""

    def __init__(self, values):
        super().__init__()
        self.values = list(values)

    def forward(self, prediction, target):
        loss = super().forward(prediction, target)
        return self.values.pop(0) if len(target) == 7 else loss


@pytest.mark.parametrize(
    ("values", "patience", "n_epochs", "best"),
    [
        ([3, 2, 2, 2.5, 1, 1, 1], 2, 4, 2),  # equal is no better
        ([3, 2, 2, 1.5, 2, 2, 2], 3, 7, 4),
        ([1, 2, 3, 4, 5, 6, 7], 1, 2, 1),
        ([7, 6, 5, 4, 3, 2, 1], 1, 7, 7),
        ([7, 6, 5, 4, 3, 2, 8], 9, 7, 6),  # not stopped, and still the best is put back
    ],
)
def test_early_stopping_counts_epochs_and_puts_the_best_weights_back(
    data, rng, values, patience, n_epochs, best
):
    X, y = data
    held_out = rng.standard_normal((7, 3)), rng.integers(2, size=7)
    model, expected = network(), network()
    history = run(
        model, X, y, epochs=7, loss_fn=Scripted(values), validation=held_out, patience=patience
    )
    assert history.n_epochs == n_epochs
    assert history.validation_loss == values[:n_epochs]
    run(expected, X, y, epochs=best)
    assert np.array_equal(flat(model.parameters()), flat(expected.parameters()))


def test_early_stopping_puts_running_statistics_back_too(data, rng):
    X, y = data
    held_out = rng.standard_normal((7, 3)), rng.integers(2, size=7)

    def fresh():
        own = np.random.default_rng(0)
        return Sequential([Linear(3, 4, rng=own), BatchNorm(4), ReLU(), Linear(4, 2, rng=own)])

    model, expected = fresh(), fresh()
    run(model, X, y, loss_fn=Scripted([2, 1, 3]), validation=held_out, patience=1)
    run(expected, X, y, epochs=2)
    for name, array in expected.state_dict().items():
        assert np.array_equal(model.state_dict()[name], array)


def test_without_patience_there_is_no_stopping_and_no_way_back(data):
    X, y = data
    plain, watched = network(), network()
    run(plain, X, y)
    run(watched, X, y, validation=(X, y))
    assert np.array_equal(flat(plain.parameters()), flat(watched.parameters()))


def test_training_is_in_training_mode_and_ends_in_evaluation(data):
    X, y = data
    modes = []

    class Watching(ReLU):
        def forward(self, X):
            modes.append((self.training, len(X)))
            return super().forward(X)

    own = np.random.default_rng(0)
    model = Sequential(
        [
            Linear(3, 4, rng=own),
            BatchNorm(4),
            Watching(),
            Dropout(0.5, rng=own),
            Linear(4, 2, rng=own),
        ]
    )
    model.eval()
    run(model, X, y, epochs=2, batch_size=10, validation=(X[:7], y[:7]))
    assert modes == 2 * [(True, 10), (True, 10), (False, 7)]
    assert not any(layer.training for layer in model.layers)
    assert np.array_equal(model(X), model(X))


def test_a_batch_of_one_left_over_is_an_error_of_batch_normalization(data):
    X, y = data
    own = np.random.default_rng(0)
    model = Sequential([Linear(3, 2, rng=own), BatchNorm(2)])
    with pytest.raises(ValueError, match="leaves no single sample over"):
        run(model, X[:9], y[:9], batch_size=8)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_several_labels_at_once_are_learned_with_binary_cross_entropy(dtype, rng):
    X = rng.standard_normal((60, 3))
    Y = (X[:, :2] > 0).astype(int)
    model = network(dtype=dtype)
    history = run(
        model,
        X,
        Y,
        loss_fn=BCEWithLogitsLoss(),
        optimizer=Adam(model.parameters(), 0.05),
        epochs=60,
        validation=(X, Y),
    )
    assert history.validation_loss[-1] < 0.2 < np.log(2) / 2 < history.train_loss[0]
    assert history.validation_error == []
    assert np.mean((model(X) > 0) == Y) > 0.95
    with pytest.raises(ValueError, match=r"target must lie in \[0, 1\]"):
        run(model, X, 2 * Y, loss_fn=BCEWithLogitsLoss())


def test_options_that_have_no_meaning_are_refused_before_any_weight_changes(data):
    X, y = data
    model = network()
    before = flat(model.parameters())
    for options, error, message in [
        ({"patience": 0, "validation": (X, y)}, ValueError, "patience must be .* got 0"),
        ({"patience": 2}, ValueError, "patience needs validation data.*Pass validation="),
        ({"validation": (X, y[:-1])}, ValueError, "20 labels, got 19"),
        ({"validation": (X, y - 1)}, ValueError, "labels from 0 to 1, got -1"),
        ({"validation": (X.T, y)}, ValueError, "Did you pass X.T"),
        ({"epochs": 1.5}, TypeError, "epochs must be an integer"),
        ({"batch_size": -1}, ValueError, "batch_size .* got -1"),
    ]:
        with pytest.raises(error, match=message):
            run(model, X, y, **options)
    with pytest.raises(TypeError, match="rng must be a numpy.random.Generator"):
        fit(
            model,
            CrossEntropyLoss(),
            SGD(model.parameters(), 0.1),
            X,
            y,
            epochs=1,
            batch_size=2,
            rng=0,
        )
    with pytest.raises(TypeError, match="integer labels"):
        run(model, X, y + 0.5, loss_fn=MSELoss())
    assert np.array_equal(flat(model.parameters()), before)


def test_an_optimizer_over_other_parameters_is_refused_and_a_plain_list_is_not(data):
    X, y = data
    model, other = network(), network()
    with pytest.raises(ValueError, match="optimizer must hold this model's parameters, got others"):
        run(model, X, y, optimizer=SGD(other.parameters(), 0.1))
    run(other, X, y)
    run(model, X, y, optimizer=SGD(list(model.parameters()), 0.1))
    assert np.array_equal(flat(model.parameters()), flat(other.parameters()))
    optimizer = SGD(model.parameters(), 0.1)
    model.layers[0].W = np.ones((5, 3))
    with pytest.raises(ValueError, match="after the last change of a layer"):
        run(model, X, y, optimizer=optimizer)


def test_divergence_seen_only_on_the_validation_data_is_reported_too(data):
    X, y = data
    with pytest.raises(FloatingPointError, match="diverged in epoch 1"):
        run(network(), X, y, validation=(np.full((2, 3), 1e308), y[:2]))


@pytest.mark.parametrize("epochs", [1, 3])
def test_divergence_that_no_loss_has_seen_is_reported(data, epochs):
    X, y = data
    model = network(sizes=(3, 2))

    class BadStep(SGD):
        def step(self, gradients):
            super().step(gradients)
            self.steps = getattr(self, "steps", 0) + 1
            if self.steps == epochs:  # one batch per epoch: the last step of all
                self.parameters[0][0, 0] = np.nan

    optimizer = BadStep(model.parameters(), 0.1)
    with pytest.raises(FloatingPointError, match=f"diverged in epoch {epochs}"):
        run(model, X, y, optimizer=optimizer, batch_size=20, epochs=epochs)


LOSS_FUNCTIONS = [CrossEntropyLoss, MSELoss, BCEWithLogitsLoss]
ANYTHING = st.one_of(
    hnp.arrays(
        st.sampled_from([np.float64, np.float32, np.int64, np.uint8, np.bool_, np.complex64]),
        hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
    ),
    st.lists(st.lists(st.one_of(st.integers(-2, 3), st.floats()), max_size=3), max_size=4),
    st.sampled_from([None, "text", object(), [[1, 2], [3]], {}]),
)


@pytest.mark.parametrize("loss", LOSS_FUNCTIONS)
@given(X=ANYTHING, y=ANYTHING)
def test_whatever_comes_in_is_trained_on_or_refused_in_words_with_the_weights_unchanged(loss, X, y):
    model, message = network(sizes=(2, 3, 2)), None
    before = flat(model.parameters())
    try:
        history = run(model, X, y, loss_fn=loss(), lr=1e-9, epochs=1)
    except (ValueError, TypeError, FloatingPointError) as error:
        message = str(error)
    if message is None:
        assert np.isfinite(history.batch_loss).all()
        assert np.isfinite(flat(model.parameters())).all()
    elif "diverged" not in message:
        assert re.match(r"\w+ must .*, (got|but) .*", message, re.DOTALL)
        assert np.array_equal(flat(model.parameters()), before)


def test_every_epoch_shuffles_the_data_anew_with_the_callers_generator(data):
    seen = []

    class Watching(CrossEntropyLoss):
        def forward(self, prediction, target):
            seen.extend(target.tolist())
            return super().forward(prediction, target)

    labels = np.arange(20)
    run(network(sizes=(3, 20)), data[0], labels, loss_fn=Watching(), epochs=3, batch_size=8, seed=4)
    own = np.random.default_rng(4)
    assert seen == [label for _ in range(3) for label in own.permutation(20).tolist()]


def test_nobody_asks_the_first_layer_for_the_adjoint_of_the_data(data):
    class First(Linear):
        def backward(self, dZ):
            raise AssertionError("the first layer's input gradient was computed")

    own = np.random.default_rng(0)
    model = Sequential([First(3, 4, rng=own), ReLU(), Linear(4, 2, rng=own)])
    before = model.parameters()[0].copy()
    run(model, *data)
    assert not np.array_equal(model.parameters()[0], before)


def test_data_are_cast_to_the_networks_dtype_once_and_for_all(rng):
    dtypes = set()

    class Watching(MSELoss):
        def forward(self, prediction, target):
            dtypes.update([prediction.dtype, target.dtype])
            return super().forward(prediction, target)

    X, Y = rng.standard_normal((6, 3)), rng.standard_normal((6, 2))
    run(network(dtype=np.float32), X, Y, loss_fn=Watching(), validation=(X, Y))
    assert dtypes == {np.dtype(np.float32)}


def test_targets_of_another_number_or_width_are_named_y(rng):
    X, Y = rng.standard_normal((6, 3)), rng.standard_normal((6, 2))
    for bad in (Y[:-1], Y[:, :1], Y.T):
        with pytest.raises(ValueError, match=r"^y must have shape \(6, 2\), got"):
            run(network(), X, bad, loss_fn=MSELoss())


def test_memory_mapped_data_are_read_and_never_written(data, tmp_path):
    X, y = data
    np.save(tmp_path / "X.npy", X)
    before = (tmp_path / "X.npy").read_bytes()
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r+")
    a, b = network(), network()
    run(a, X, y)
    run(b, mapped, y)
    mapped.flush()
    assert np.array_equal(flat(a.parameters()), flat(b.parameters()))
    assert (tmp_path / "X.npy").read_bytes() == before


@given(data=st.data())
def test_any_sizes_train_and_repeat_to_the_bit(data):
    n, d, c, h = (data.draw(st.integers(1, 5)) for _ in range(4))
    batch_size, seed = data.draw(st.integers(1, 9)), data.draw(st.integers(0, 99))
    rng = np.random.default_rng(seed)
    X, y = rng.integers(0, 255, (n, d), dtype=np.uint8), rng.integers(c, size=n)
    X.flags.writeable = y.flags.writeable = False
    histories = []
    for _ in range(2):
        model = network(seed, sizes=(d, h, c))
        histories.append(run(model, X, y, lr=1e-6, batch_size=batch_size))
        assert np.isfinite(flat(model.parameters())).all()
    assert histories[0] == histories[1]
    assert len(histories[0].batch_loss) == 3 * -(-n // batch_size)
