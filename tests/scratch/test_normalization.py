"""Normalization: hand computations, invariances, finite differences, PyTorch."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mlpbook.checks.gradient_check import numerical_gradient
from mlpbook.scratch.normalization import BatchNorm, LayerNorm

BATCHES = hnp.arrays(
    np.float64, st.tuples(st.integers(2, 6), st.integers(1, 5)), elements=st.floats(-1e4, 1e4)
)


def layer_with_random_scale(kind, n, rng, **options):
    layer = kind(n, **options)
    layer.scale[...], layer.shift[...] = rng.standard_normal((2, n))
    return layer


def twin(layer, torch):
    """PyTorch's layer with the same parameters."""
    n = len(layer.scale)
    if isinstance(layer, BatchNorm):
        module = torch.nn.BatchNorm1d(n, layer.eps, layer.momentum, dtype=torch.float64)
    else:
        module = torch.nn.LayerNorm(n, layer.eps, dtype=torch.float64)
    module.load_state_dict(
        {"weight": torch.tensor(layer.scale), "bias": torch.tensor(layer.shift)}, strict=False
    )
    return module


def test_batch_normalization_by_hand():
    # features (0, 2, 4) and (5, 5, 5): means 2 and 5, variances 8/3 and 0
    layer = BatchNorm(2, eps=1 / 3, momentum=0.25)
    layer.scale[...], layer.shift[...] = [3, 7], [10, 20]
    X = np.array([[0.0, 5.0], [2.0, 5.0], [4.0, 5.0]])
    # s = sqrt(8/3 + 1/3) = sqrt(3): x-hat is -2, 0, 2 over sqrt(3)
    root = np.sqrt(3)
    expected = [[10 - 6 / root, 20], [10, 20], [10 + 6 / root, 20]]
    assert layer.forward(X) == pytest.approx(np.array(expected), rel=1e-15)
    # running mean 3/4 * 0 + 1/4 * (2, 5); running variance 3/4 * 1 + 1/4 * (4, 0), unbiased
    assert layer.running_mean.tolist() == [0.5, 1.25]
    assert layer.running_var == pytest.approx([1.75, 0.75])
    # a second batch, 2 higher and twice as wide in the first feature: mean 4, unbiased variance 16
    layer.forward(2 * X)
    assert layer.running_mean == pytest.approx([0.75 * 0.5 + 1, 0.75 * 1.25 + 2.5])
    assert layer.running_var == pytest.approx([0.75 * 1.75 + 4, 0.75 * 0.75])
    layer.running_mean[...], layer.running_var[...] = [0.5, 1.25], [1.75, 0.75]
    # by the running statistics, (x - 1/2) / sqrt(1.75 + 1/3) and (x - 5/4) / sqrt(0.75 + 1/3)
    layer.eval()
    assert layer.forward(np.array([[1.0, 1.0]])) == pytest.approx(
        np.array([[10 + 3 * 0.5 / np.sqrt(25 / 12), 20 - 7 * 0.25 / np.sqrt(13 / 12)]])
    )
    assert layer.running_mean.tolist() == [0.5, 1.25]


def test_layer_normalization_by_hand():
    layer = LayerNorm(3, eps=1 / 3)
    layer.scale[...], layer.shift[...] = [1, 2, 3], [10, 20, 30]
    root = np.sqrt(3)
    assert layer.forward(np.array([[0.0, 2.0, 4.0], [5.0, 5.0, 5.0]])) == pytest.approx(
        np.array([[10 - 2 / root, 20, 30 + 6 / root], [10, 20, 30]]), rel=1e-15
    )


@given(BATCHES)
def test_outputs_have_mean_0_and_at_most_variance_1(X):
    for layer, axis in ((BatchNorm(X.shape[1]), 0), (LayerNorm(X.shape[1]), 1)):
        Y = layer.forward(X)
        assert Y.mean(axis=axis) == pytest.approx(0, abs=1e-6)
        variance = X.var(axis=axis)
        # exactly variance / (variance + eps), up to the cancellation in x - mean
        assert Y.var(axis=axis) == pytest.approx(variance / (variance + 1e-5), rel=1e-3, abs=1e-6)


@given(BATCHES, st.floats(-1e4, 1e4))
def test_a_shift_of_what_is_normalized_changes_nothing(X, c):
    for kind in (BatchNorm, LayerNorm):
        one, other = kind(X.shape[1]), kind(X.shape[1])
        # the shift rounds each entry to 2e4 * 1e-16, and 1/s is at most 1/sqrt(1e-5)
        assert other.forward(X + c) == pytest.approx(one.forward(X), abs=1e-7)


@pytest.mark.parametrize("kind", [BatchNorm, LayerNorm])
@pytest.mark.parametrize("training", [True, False])
def test_backward_agrees_with_finite_differences(kind, training, rng):
    layer = layer_with_random_scale(kind, 4, rng)
    if kind is BatchNorm:
        layer.running_var[...] = 2
    layer.training = training
    X, dY = rng.standard_normal((5, 4)), rng.standard_normal((5, 4))
    layer.forward(X)
    dX = layer.backward(dY)
    found = [dX, layer.dscale.copy(), layer.dshift.copy()]
    state = {name: getattr(layer, name).copy() for name in layer.state}

    def value():
        for name, array in state.items():
            setattr(layer, name, array.copy())  # a pass of training moves them
        return float((layer.forward(X) * dY).sum())

    for adjoint, variable in zip(found, [X, layer.scale, layer.shift], strict=True):
        assert adjoint == pytest.approx(numerical_gradient(value, variable), abs=1e-8)


@pytest.mark.parametrize("kind", [BatchNorm, LayerNorm])
@pytest.mark.parametrize("training", [True, False])
def test_backward_passes_pytorchs_gradcheck(kind, training, rng):
    torch = pytest.importorskip("torch")
    layer = kind(4)
    layer.training = training

    class ByHand(torch.autograd.Function):
        @staticmethod
        def forward(ctx, X, scale, shift):
            layer.scale[...], layer.shift[...] = scale.detach(), shift.detach()
            if kind is BatchNorm:
                layer.running_mean[...], layer.running_var[...] = 0.5, 2.0
            return torch.from_numpy(layer.forward(X.detach().numpy()))

        @staticmethod
        def backward(ctx, dY):
            dX = layer.backward(dY.numpy())
            return torch.from_numpy(dX), torch.tensor(layer.dscale), torch.tensor(layer.dshift)

    arrays = rng.standard_normal((5, 4)), rng.standard_normal(4), rng.standard_normal(4)
    inputs = [torch.tensor(a, requires_grad=True) for a in arrays]
    assert torch.autograd.gradcheck(ByHand.apply, inputs, atol=1e-7)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        *[(BatchNorm, {"momentum": momentum}) for momentum in (0.0, 0.4, 1.0)],
        *[(kind, options) for kind in (BatchNorm, LayerNorm) for options in ({}, {"eps": 0.1})],
    ],
    ids=str,
)
@pytest.mark.parametrize("scale", [1, 1e4])
def test_outputs_adjoints_and_running_statistics_equal_pytorchs(kind, options, scale, rng):
    torch = pytest.importorskip("torch")
    layer = layer_with_random_scale(kind, 4, rng, **options)
    module = twin(layer, torch)
    for training in (True, True, False, True):
        layer.training = training
        module.train(training)
        module.zero_grad()
        X, dY = scale * rng.standard_normal((6, 4)) + 3, rng.standard_normal((6, 4))
        X[:, 1] = 1  # constant: 1/s is 316, which magnifies any rounding of the mean
        x = torch.tensor(X, requires_grad=True)
        y = module(x)
        y.backward(torch.tensor(dY))
        assert layer.forward(X) == pytest.approx(y.detach().numpy(), rel=1e-12, abs=1e-12)
        dX = layer.backward(dY)
        assert np.isfinite(dX).all()
        assert dX == pytest.approx(x.grad.numpy(), rel=1e-12, abs=1e-12)
        assert layer.dscale == pytest.approx(module.weight.grad.numpy(), rel=1e-12, abs=1e-12)
        assert layer.dshift == pytest.approx(module.bias.grad.numpy(), rel=1e-12, abs=1e-12)
        for name in layer.state:
            theirs = getattr(module, name).numpy()
            assert getattr(layer, name) == pytest.approx(theirs, rel=1e-12)


@pytest.mark.parametrize("kind", [BatchNorm, LayerNorm])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_constant_features_and_huge_numbers_stay_finite_and_keep_their_dtype(kind, dtype):
    layer = kind(3, dtype=dtype)
    X = np.array([[1e4, -1e4, 0], [1e4, 1e4, 1e-4]], dtype=dtype)
    for batch in (X, np.full((2, 3), 1e4, dtype), np.zeros((2, 3), dtype)):
        for training in (True, False):
            layer.training = training
            Y, dX = layer.forward(batch), layer.backward(np.ones((2, 3), dtype))
            for array in (Y, dX, *layer.parameters(), *layer.gradients()):
                assert array.dtype == dtype
                assert np.isfinite(array).all()
            assert all(getattr(layer, name).dtype == dtype for name in layer.state)


def test_the_backward_pass_is_that_of_the_last_forward_pass_whatever_the_mode_now(rng):
    layer, X, dY = BatchNorm(3), rng.standard_normal((4, 3)), rng.standard_normal((4, 3))
    layer.forward(X)
    expected = layer.backward(dY)
    layer.eval()
    assert np.array_equal(layer.backward(dY), expected)


@pytest.mark.parametrize("kind", [BatchNorm, LayerNorm])
def test_inputs_and_adjoints_stay_as_they_are(kind, rng):
    X, dY = rng.standard_normal((4, 3)), rng.standard_normal((4, 3))
    X.flags.writeable = dY.flags.writeable = False
    layer = kind(3)
    layer.forward(X)
    layer.backward(dY)


def test_a_batch_of_one_is_refused_in_training_only():
    layer = BatchNorm(3)
    words = (
        r"^X must have at least 2 samples to train a batch normalization, got 1\. "
        r"Use a batch size that leaves no single sample over, or model.eval\(\)\.$"
    )
    with pytest.raises(ValueError, match=words):
        layer.forward(np.ones((1, 3)))
    assert layer.running_mean.tolist() == [0, 0, 0]
    layer.eval().forward(np.ones((1, 3)))
    LayerNorm(3).forward(np.ones((1, 3)))


@pytest.mark.parametrize("kind", [BatchNorm, LayerNorm])
def test_options_out_of_range_are_refused(kind):
    with pytest.raises(ValueError, match="^n_features .* got 0"):
        kind(0)
    for eps in (0, -1, float("nan")):
        with pytest.raises(ValueError, match="^eps must be a finite number greater than 0"):
            kind(3, eps=eps)
    for momentum in (-0.1, 1.1):
        with pytest.raises(ValueError, match="^momentum .* at least 0 and at most 1"):
            BatchNorm(3, momentum=momentum)


def test_defaults():
    assert (BatchNorm(2).eps, BatchNorm(2).momentum, LayerNorm(2).eps) == (1e-5, 0.1, 1e-5)


def test_defaults_are_pytorchs():
    torch = pytest.importorskip("torch")
    assert BatchNorm(2).eps == torch.nn.BatchNorm1d(2).eps
    assert BatchNorm(2).momentum == torch.nn.BatchNorm1d(2).momentum
    assert LayerNorm(2).eps == torch.nn.LayerNorm(2).eps
    for layer in (BatchNorm(2), LayerNorm(2)):
        assert (layer.scale.tolist(), layer.shift.tolist()) == ([1, 1], [0, 0])
        assert (layer.n_in, layer.n_out) == (2, 2)
