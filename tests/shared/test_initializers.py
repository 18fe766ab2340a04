"""Initializers: variances, bounds, shapes."""

import math

import numpy as np
import pytest

from mlpbook.shared import initializers
from mlpbook.shared.initializers import normal

N_OUT, N_IN = 300, 500
# variance by definition; the sample variance of n draws has relative spread sqrt((kurtosis-1)/n),
# below sqrt(2/150000) = 0.0037 for both distributions: five of those are allowed
CASES = {
    "he_normal": (initializers.he_normal, 2 / N_IN),
    "glorot_normal": (initializers.glorot_normal, 2 / (N_IN + N_OUT)),
    "glorot_uniform": (initializers.glorot_uniform, 2 / (N_IN + N_OUT)),
    "pytorch_uniform": (initializers.pytorch_uniform, 1 / (3 * N_IN)),
    "normal": (lambda *widths, **options: normal(0.01)(*widths, **options), 1e-4),
}


@pytest.mark.parametrize("name", CASES)
def test_weights_have_the_promised_variance_and_mean_zero(name, rng):
    initializer, variance = CASES[name]
    W = initializer(N_OUT, N_IN, rng=rng)
    assert W.shape == (N_OUT, N_IN)
    assert W.var() == pytest.approx(variance, rel=0.02)
    assert abs(W.mean()) < 5 * math.sqrt(variance / W.size)


@pytest.mark.parametrize(
    ("initializer", "bound"),
    [
        (initializers.glorot_uniform, math.sqrt(6 / (N_IN + N_OUT))),
        (initializers.pytorch_uniform, 1 / math.sqrt(N_IN)),
    ],
)
def test_uniform_weights_fill_their_interval_and_no_more(initializer, bound, rng):
    W = np.abs(initializer(N_OUT, N_IN, rng=rng))
    assert 0.999 * bound < W.max() <= bound


def test_pytorch_uniform_has_the_bound_of_nn_linear():
    torch = pytest.importorskip("torch")
    W = torch.nn.Linear(N_IN, N_OUT).weight.detach().abs()
    assert 0.999 / math.sqrt(N_IN) < W.max() <= 1 / math.sqrt(N_IN) + 1e-7


@pytest.mark.parametrize("name", CASES)
def test_float32_weights_are_the_float64_weights_rounded(name):
    initializer, _ = CASES[name]
    W64 = initializer(4, 3, rng=np.random.default_rng(1))
    W32 = initializer(4, 3, rng=np.random.default_rng(1), dtype=np.float32)
    assert W32.dtype == np.float32
    assert np.array_equal(W32, W64.astype(np.float32))


def test_zeros_are_zeros_of_the_type_asked_for(rng):
    W = initializers.zeros(3, 2, rng=rng, dtype=np.float32)
    assert W.dtype == np.float32
    assert np.array_equal(W, [[0, 0], [0, 0], [0, 0]])
    assert not np.signbit(W).any()


@pytest.mark.parametrize("n_out", [1, 2])
def test_the_smallest_layers_get_what_the_formulas_say(n_out):
    def draw(initializer):
        return initializer(n_out, 1, rng=np.random.default_rng(3))

    standard = np.random.default_rng(3).standard_normal((n_out, 1))
    unit = np.random.default_rng(3).uniform(-1, 1, (n_out, 1))
    exact = {
        initializers.he_normal: math.sqrt(2) * standard,  # n_in = 1
        initializers.glorot_normal: math.sqrt(2 / (1 + n_out)) * standard,
        initializers.glorot_uniform: math.sqrt(6 / (1 + n_out)) * unit,
        initializers.pytorch_uniform: unit,
        normal(2.5): 2.5 * standard,
        normal(0): 0 * standard,
    }
    for initializer, expected in exact.items():
        assert draw(initializer) == pytest.approx(expected, rel=1e-15)


def test_bad_widths_and_generators_are_refused(rng):
    for initializer in (*[c[0] for c in CASES.values()], initializers.zeros):
        with pytest.raises(ValueError, match="^n_in .* got 0"):
            initializer(3, 0, rng=rng)
        with pytest.raises(ValueError, match="^n_out .* got 0"):
            initializer(0, 3, rng=rng)
        with pytest.raises(TypeError, match="rng"):
            initializer(3, 2, rng=0)
    with pytest.raises(ValueError, match="^std must be .* at least 0, got -1"):
        normal(-1)
