"""The fused step: the plain step's losses for all that it accepts, and refusals for the rest."""

import itertools

import numpy as np
import pytest

from mlpbook.scratch import fused, layers, losses, optimizers, training
from mlpbook.scratch.network import MLP, Sequential
from mlpbook.scratch.schedules import cosine, linear_warmup

N_STEPS = 504  # 84 epochs of five batches of 16 and one of 10
SIZES = [5, 16, 12, 3]
OPTIMIZERS = {
    "SGD": {"lr": 0.05},
    "SGD, momentum": {"lr": 0.02, "momentum": 0.9, "weight_decay": 1e-3},
    "SGD, Nesterov": {"lr": 0.02, "momentum": 0.9, "nesterov": True, "weight_decay": 1e-3},
    "Adam": {"lr": 0.01, "betas": (0.8, 0.95), "weight_decay": 1e-3},
    "AdamW": {"lr": 0.01, "weight_decay": 1e-2},
}
ACTIVATIONS = [layers.ReLU, layers.Tanh, layers.Sigmoid]
LOSSES = [losses.MSELoss, losses.CrossEntropyLoss, losses.BCEWithLogitsLoss]


def data(loss, n=90, sizes=SIZES, dtype=np.float64):
    rng = np.random.default_rng(7)
    X, Y = rng.standard_normal((n, sizes[0])), rng.standard_normal((n, sizes[-1]))
    labels = rng.integers(sizes[-1], size=n)
    y = {"MSELoss": Y, "CrossEntropyLoss": labels, "BCEWithLogitsLoss": (Y > 0)}[loss.__name__]
    return X.astype(dtype), y


def both(activation, loss, name, *, sizes=SIZES, dtype=np.float64, **options):
    """Train one network plainly and one fused; return both with their histories."""
    X, y = data(loss, sizes=sizes, dtype=dtype)
    options = {"epochs": 84, "batch_size": 16} | options
    runs = []
    for fit in (training.fit, fused.fit):
        model = MLP(sizes, activation, rng=np.random.default_rng(3), dtype=dtype)
        kind = getattr(optimizers, name.split(",")[0])
        optimizer = kind(model.parameters(), **OPTIMIZERS[name])
        rng = np.random.default_rng(1)
        runs.append((fit(model, loss(), optimizer, X, y, rng=rng, **options), model, optimizer))
    return runs


def largest_difference(arrays, others):
    return max(np.abs(p - q).max() / np.abs(p).max() for p, q in zip(arrays, others, strict=True))


@pytest.mark.parametrize(
    ("activation", "loss", "name"),
    [*itertools.product(ACTIVATIONS, LOSSES, OPTIMIZERS)],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_the_losses_of_500_steps_are_those_of_the_plain_step(activation, loss, name):
    (plain, model, optimizer), (fast, other, own) = both(activation, loss, name)
    assert len(plain.batch_loss) == N_STEPS
    assert plain.train_loss[-1] < 0.999 * plain.train_loss[0]  # it learned something
    assert fast.batch_loss == pytest.approx(plain.batch_loss, rel=1e-12, abs=0)
    assert fast.train_loss == pytest.approx(plain.train_loss, rel=1e-12, abs=0)
    assert largest_difference(model.parameters(), other.parameters()) < 1e-12
    for key, state in vars(optimizer).items():
        if key in ("velocities", "means", "squares"):
            assert largest_difference(state, getattr(own, key)) < 1e-11
    assert getattr(own, "t", None) == getattr(optimizer, "t", None)


@pytest.mark.parametrize("name", ["SGD, momentum", "Adam"])
def test_schedules_validation_and_patience_act_as_in_the_plain_fit(name):
    schedule = linear_warmup(cosine(0.02, 400), 50)
    X, y = data(losses.CrossEntropyLoss)
    options = {"schedule": schedule, "validation": (X[::-1], y[:]), "patience": 5}
    (plain, model, _), (fast, other, _) = both(
        layers.ReLU, losses.CrossEntropyLoss, name, **options
    )
    assert 5 < plain.n_epochs < 84
    assert fast.batch_loss == pytest.approx(plain.batch_loss, rel=1e-12, abs=0)
    assert fast.validation_loss == pytest.approx(plain.validation_loss, rel=1e-12, abs=0)
    assert fast.validation_error == plain.validation_error
    assert largest_difference(model.parameters(), other.parameters()) < 1e-12


@pytest.mark.parametrize("sizes", [[5, 3], [300, 40, 3], [1, 1, 1]])
def test_any_widths_are_accepted(sizes):
    # 300 inputs and fewer outputs than samples: the product is computed the other way round
    runs = both(layers.ReLU, losses.MSELoss, "SGD, momentum", sizes=sizes, epochs=3, batch_size=64)
    (plain, *_), (fast, *_) = runs
    assert fast.batch_loss == pytest.approx(plain.batch_loss, rel=1e-12, abs=0)


def test_vectors_longer_than_a_piece_are_updated_to_the_end(monkeypatch):
    monkeypatch.setattr(fused, "PIECE", 50)
    (plain, *_), (fast, *_) = both(layers.Tanh, losses.MSELoss, "SGD, momentum", epochs=5)
    assert fast.batch_loss == pytest.approx(plain.batch_loss, rel=1e-12, abs=0)


def test_float32_stays_float32_and_close():
    options = {"dtype": np.float32, "epochs": 5}
    (plain, *_), (fast, model, optimizer) = both(
        layers.Tanh, losses.MSELoss, "SGD, momentum", **options
    )
    assert {a.dtype for a in (*model.parameters(), *optimizer.velocities)} == {np.dtype("f4")}
    assert fast.batch_loss == pytest.approx(plain.batch_loss, rel=1e-4)


def test_a_run_goes_on_where_a_plain_one_ended():
    X, y = data(losses.MSELoss)
    results = []
    for first, second in itertools.product((training.fit, fused.fit), repeat=2):
        model = MLP(SIZES, rng=np.random.default_rng(3))
        optimizer = optimizers.Adam(model.parameters(), 0.01)
        rng, loss_fn = np.random.default_rng(1), losses.MSELoss()
        for fit in (first, second):
            history = fit(model, loss_fn, optimizer, X, y, epochs=2, batch_size=16, rng=rng)
        results.append(history.batch_loss)
    for other in results[1:]:
        assert other == pytest.approx(results[0], rel=1e-12, abs=0)


def test_divergence_is_the_plain_fits_error():
    with pytest.raises(FloatingPointError, match=r"diverged in epoch \d.* rate 1e\+200"):
        fit_with(loss=losses.MSELoss, optimizer=lambda p: optimizers.SGD(p, 1e200))


class OwnReLU(layers.ReLU):
    """A subclass, which might compute something else."""


def fit_with(model=None, loss=losses.CrossEntropyLoss, optimizer=None, **options):
    X, y = data(loss if loss in LOSSES else losses.MSELoss)
    model = model or MLP(SIZES, rng=np.random.default_rng(0))
    optimizer = (optimizer or (lambda p: optimizers.SGD(p, 0.1)))(model.parameters())
    options = {"epochs": 9, "batch_size": 16, "rng": np.random.default_rng(0)} | options
    return fused.fit(model, loss(), optimizer, X, y, **options)


def test_what_it_does_not_know_is_refused_by_name():
    rng = np.random.default_rng(0)

    def row(*between):
        return Sequential([layers.Linear(5, 3, rng=rng), *between])

    class OwnLoss(losses.MSELoss):
        pass

    for change, name in [
        ({"model": MLP(SIZES, layers.GELU, rng=rng)}, "GELU"),
        ({"model": MLP(SIZES, OwnReLU, rng=rng)}, "OwnReLU"),
        ({"model": row(layers.ReLU())}, "Linear, ReLU"),
        ({"model": row(layers.Linear(3, 3, rng=rng))}, "Linear, Linear"),
        ({"model": row(layers.Residual([layers.Linear(3, 3, rng=rng)]))}, "Residual"),
        ({"loss": OwnLoss}, "OwnLoss"),
        ({"optimizer": lambda p: optimizers.RMSProp(p)}, "RMSProp"),
    ]:
        with pytest.raises(TypeError, match=rf"a fused step takes .*; got .*{name}"):
            fit_with(**change)


def test_wrong_data_and_options_are_refused_as_by_the_plain_fit():
    with pytest.raises(ValueError, match="batch_size must be .* got 0"):
        fit_with(batch_size=0)
    with pytest.raises(ValueError, match="patience needs validation data"):
        fit_with(patience=1)
    X, y = data(losses.CrossEntropyLoss)
    with pytest.raises(ValueError, match="labels from 0 to 2"):
        fit_with(validation=(X, y + 1))
