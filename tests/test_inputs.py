"""One table of inputs for every entry point that takes data: each row has one answer everywhere.

The loops' own rows (batches, divergence, interruption) stand in the tests of both ``fit``; what
estimators must do with wrong data, scikit-learn's checks know.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlpbook.chapters import features, one_neuron, representation, two_layer, two_layer_threshold
from mlpbook.checks.evaluation import error_rate
from mlpbook.data import standardize
from mlpbook.scratch import losses, optimizers, training
from mlpbook.scratch.network import MLP

N_IN = 3


@dataclass(frozen=True)
class Entry:
    """What to call with X, or with X and y; what y is; and how the messages call the two."""

    call: object
    target: str | None = None  # "labels", "column" (N, 1), "as X" or None
    n_classes: int = 2
    X: str = "X"
    y: str = "y"
    any_width: bool = False  # takes X of any number of columns
    refuses: bool = True  # ... or arrays of other dimensions than two


def model(*sizes):
    return MLP([N_IN, *sizes], rng=np.random.default_rng(0))


def trained(X, y, *, n_out, loss_fn):
    network = model(4, n_out)
    optimizer = optimizers.SGD(network.parameters(), lr=0.01)
    rng = np.random.default_rng(1)
    training.fit(network, loss_fn, optimizer, X, y, epochs=2, batch_size=4, rng=rng)
    return flat(*network.parameters())


def trained_in_pytorch(X, y, loss="CrossEntropyLoss", n_out=2):
    torch = pytest.importorskip("torch")
    from mlpbook.pytorch import network as torch_network
    from mlpbook.pytorch import training as torch_training

    network = torch_network.MLP([N_IN, 4, n_out], rng=np.random.default_rng(0), dtype=torch.float64)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01)
    rng, loss_fn = np.random.default_rng(1), getattr(torch.nn, loss)()
    torch_training.fit(network, loss_fn, optimizer, X, y, epochs=2, batch_size=4, rng=rng)
    return np.concatenate([p.detach().numpy().ravel() for p in network.parameters()])


def parameters():
    return two_layer.initialize(N_IN, 4, 1, rng=np.random.default_rng(0))


def flat(*arrays):
    return np.concatenate([np.ravel(array) for array in arrays])


def readout_of(psi):
    return features.Readout(np.arange(3.0)[np.newaxis], np.ones(1))(psi)


ENTRIES = {
    "MLP": Entry(lambda X: model(4, 2)(X)),
    "MLP.activations": Entry(lambda X: model(4, 2).activations(X)[1]),
    "scratch.fit, classes": Entry(
        lambda X, y: trained(X, y, n_out=2, loss_fn=losses.CrossEntropyLoss()), "labels"
    ),
    "scratch.fit, values": Entry(
        lambda X, y: trained(X, y, n_out=1, loss_fn=losses.MSELoss()), "column"
    ),
    "pytorch.fit, classes": Entry(trained_in_pytorch, "labels"),
    "pytorch.fit, values": Entry(lambda X, y: trained_in_pytorch(X, y, "MSELoss", 1), "column"),
    "CrossEntropyLoss": Entry(
        losses.CrossEntropyLoss(), "labels", n_classes=3, X="logits", any_width=True
    ),
    "MSELoss": Entry(
        losses.MSELoss(), "as X", X="prediction", y="target", any_width=True, refuses=False
    ),
    "monomials": Entry(lambda X: features.monomials(X, 2), any_width=True),
    "RandomFeatures": Entry(features.RandomFeatures(N_IN, 5, rng=np.random.default_rng(0))),
    "Readout": Entry(readout_of, X="Psi"),
    "ridge_readout": Entry(
        lambda X, y: flat(*vars(features.ridge_readout(X, y, penalty=0.1)).values()),
        "column",
        X="Psi",
        y="Y",
        any_width=True,
    ),
    "fit_readout": Entry(
        lambda X, y: flat(*representation.fit_readout(model(4, 1), X, y).parameters()), "column"
    ),
    "signed_distance": Entry(lambda X: one_neuron.signed_distance(X, [1.0, -2.0, 0.5], 0.3)),
    "perceptron": Entry(
        lambda X, y: one_neuron.perceptron(X, y, max_epochs=3).w, "labels", any_width=True
    ),
    "logistic_descent": Entry(
        lambda X, y: flat(*one_neuron.logistic_descent(X, y, lr=0.1, steps=3)),
        "labels",
        any_width=True,
    ),
    "two_layer.objective": Entry(
        lambda X, y: flat(two_layer.objective(parameters(), X, y)), "column", y="Y"
    ),
    "two_layer.gradients": Entry(
        lambda X, y: flat(*two_layer.gradients(parameters(), X, y)), "column", y="Y"
    ),
    "two_layer.descend": Entry(
        lambda X, y: flat(*two_layer.descend(parameters(), X, y, lr=0.01, n_steps=2).params),
        "column",
        y="Y",
    ),
    "threshold_upper": Entry(
        lambda X, y: np.array(two_layer_threshold.threshold_upper(X, y)), "column", any_width=True
    ),
    "threshold_lower": Entry(
        lambda X, y: flat(
            *two_layer_threshold.threshold_lower(
                X, y, rng=np.random.default_rng(0), n_starts=2, n_steps=3
            )
        ),
        "column",
        any_width=True,
    ),
    "prove_below": Entry(
        lambda X, y: np.array(two_layer_threshold.prove_below(X, y, 1e3)), "column", any_width=True
    ),
    "standardize": Entry(lambda X: standardize(X)[0], X="X_train", any_width=True),
    "error_rate": Entry(error_rate, "labels", any_width=True),
}
DATA = {name: entry for name, entry in ENTRIES.items() if name != "error_rate"}
LABELLED = {name: e for name, e in DATA.items() if e.target == "labels"}
PAIRED = {name: e for name, e in DATA.items() if e.target}
FIXED = {name: e for name, e in DATA.items() if not e.any_width}
few = settings(max_examples=8)  # of each of the many combinations


def each(entries):
    return pytest.mark.parametrize("entry", entries.values(), ids=entries)


def data_for(entry, seed, n_samples=6):
    """X of small whole numbers, which every type holds, and a target that fits it."""
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 2, (n_samples, N_IN)).astype(float)
    X[0] = [0, 1, 0]  # no two draws with nothing but one row
    y = {
        None: None,
        "labels": np.arange(n_samples) % entry.n_classes,
        "column": rng.integers(0, 2, (n_samples, 1)).astype(float),
        "as X": rng.integers(0, 2, X.shape).astype(float),
    }[entry.target]
    return (X,) if y is None else (X, y)


def refusal(entry, *data, error=ValueError):
    with pytest.raises(error) as caught:
        entry.call(*data)
    return str(caught.value)


seeds = st.integers(0, 99)


@each(DATA)
@few
@given(seed=seeds, row=st.integers(0, 5), wrong=st.sampled_from([np.nan, np.inf, -np.inf]))
def test_a_number_that_is_not_finite_is_refused_at_its_index(entry, seed, row, wrong):
    X, *y = data_for(entry, seed)
    X[row, 1] = wrong
    message = refusal(entry, X, *y)
    assert f"{entry.X} must be finite, got 1 NaN or infinite value" in message
    assert f"index ({row}, 1)" in message


@each({name: e for name, e in PAIRED.items() if e.target != "labels"})
@few
@given(seed=seeds, row=st.integers(0, 5), wrong=st.sampled_from([np.nan, np.inf]))
def test_a_target_that_is_not_finite_is_refused(entry, seed, row, wrong):
    X, y = data_for(entry, seed)
    y[row, 0] = wrong
    assert f"{entry.y} must be finite, got 1 NaN or infinite value" in refusal(entry, X, y)


@each({name: e for name, e in DATA.items() if e.refuses})
@few
@given(seed=seeds, wrong=st.sampled_from(["vector", "cube", "number"]))
def test_other_dimensions_are_refused_with_both_shapes(entry, seed, wrong):
    X, *y = data_for(entry, seed)
    X = {"vector": X[:, 0], "cube": X[..., np.newaxis], "number": X[0, 0]}[wrong]
    message = refusal(entry, X, *y)
    assert f"{entry.X} must have shape (" in message
    assert f"got {X.shape}" in message


@each(FIXED)
@few
@given(seed=seeds, n_features=st.sampled_from([1, 2, 4, 6]))
def test_another_number_of_features_is_refused_with_both_shapes(entry, seed, n_features):
    _, *y = data_for(entry, seed)
    message = refusal(entry, np.ones((6, n_features)), *y)
    assert f"{entry.X} must have shape (n_samples, {N_IN}), got (6, {n_features})" in message


@each(PAIRED)
@few
@given(seed=seeds, n=st.sampled_from([1, 5, 7]))
def test_unequal_numbers_of_samples_and_targets_are_refused(entry, seed, n):
    X, _ = data_for(entry, seed)
    y = data_for(entry, seed, n)[1]
    message = refusal(entry, X, y)
    assert message.startswith(entry.y)
    assert "6" in message
    assert str(n) in message


@each(LABELLED)
@few
@given(seed=seeds, row=st.integers(0, 5), wrong=st.sampled_from([-1, 3, 255, 2**40]))
def test_a_label_out_of_range_is_refused_with_the_range(entry, seed, row, wrong):
    X, y = data_for(entry, seed)
    y[row] = wrong
    message = refusal(entry, X, y)
    assert f"labels from 0 to {entry.n_classes - 1}, got {wrong} at index {row}" in message


@each(LABELLED)
@few
@given(seed=seeds, wrong=st.sampled_from([0.5, 1.0]))
def test_labels_that_are_no_integers_are_refused(entry, seed, wrong):
    X, y = data_for(entry, seed)
    assert "integer labels, got" in refusal(entry, X, y * wrong, error=TypeError)


@each(DATA)
def test_no_data_are_refused(entry):
    _, *y = data_for(entry, 0, 1)
    for empty in (np.zeros((0, N_IN)), np.zeros((6, 0)), []):
        assert f"{entry.X} must not be empty" in refusal(entry, empty, *[t[:0] for t in y])


@each(DATA)
@pytest.mark.parametrize("wrong", [None, "text", [["a", "b", "c"]], [[1, 2, 3], [4]], [[1j, 0, 0]]])
def test_what_is_no_array_of_numbers_is_refused(entry, wrong):
    _, *y = data_for(entry, 0, 1)
    message = refusal(entry, wrong, *y, error=TypeError)
    assert f"{entry.X} must be an array of real numbers, got" in message


@each(DATA)
@pytest.mark.parametrize("dtype", ["u1", "i8", "?", "f2", "f4"])
def test_the_type_of_the_numbers_does_not_matter(entry, dtype):
    X, *y = data_for(entry, 0)
    expected = entry.call(X, *y)
    tolerance = {"f2": 2e-2, "f4": 1e-5}.get(dtype, 1e-14)  # those compute in their own precision
    targets = y if entry.target == "labels" else [t.astype(dtype) for t in y]
    for found in (entry.call(X.astype(dtype), *y), entry.call(X.astype(dtype), *targets)):
        np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


@each(DATA)
@few
@given(seed=seeds)
def test_the_layout_in_memory_does_not_matter_and_nothing_is_changed(entry, seed):
    X, *y = data_for(entry, seed)
    copies = X.copy(), [t.copy() for t in y]
    expected = entry.call(X, *y)
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "X.npy", X)
        mapped = np.load(Path(folder) / "X.npy", mmap_mode="r")
        frozen = X.copy()
        frozen.flags.writeable = False
        for variant in (
            np.asfortranarray(X),
            np.repeat(X, 2, axis=1)[:, ::2],
            np.repeat(X, 3, axis=0)[::3],
            X[::-1].copy()[::-1],
            frozen,
            mapped,
            X.tolist(),
        ):
            found = entry.call(variant, *y)
            np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
        del mapped, variant
    assert np.array_equal(X, copies[0])
    assert all(np.array_equal(*pair) for pair in zip(y, copies[1], strict=True))
