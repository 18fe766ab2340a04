"""The networks that the chapter on normalization compares."""

import numpy as np
import pytest

from mlpbook.chapters.normalization import (
    KINDS,
    N_BLOCKS,
    RATES,
    RUNS,
    STACK_WIDTH,
    STACKS,
    deep_stack,
    sigmoid_network,
)
from mlpbook.scratch.layers import Linear, ReLU, Residual
from mlpbook.scratch.normalization import BatchNorm, LayerNorm


def linears(model):
    """All linear layers, in branches too."""
    found = []
    for layer in model.layers:
        inner = layer.layers if isinstance(layer, Residual) else [layer]
        found += [part for part in inner if isinstance(part, Linear)]
    return found


def test_all_kinds_of_the_sigmoid_network_start_from_the_same_weights():
    weights = [[layer.W for layer in linears(sigmoid_network(kind, 3))] for kind in KINDS]
    for others in weights[1:]:
        for W, V in zip(weights[0], others, strict=True):
            np.testing.assert_array_equal(W, V)
    assert [W.shape for W in weights[0]] == [(100, 784), (100, 100), (100, 100), (10, 100)]


@pytest.mark.parametrize(("kind", "norm"), [("batch", BatchNorm), ("layer", LayerNorm)])
def test_each_normalization_stands_before_a_sigmoid(kind, norm):
    layers = sigmoid_network(kind, 0).layers
    assert [type(layer).__name__ for layer in layers[:3]] == ["Linear", norm.__name__, "Sigmoid"]
    assert sum(isinstance(layer, norm) for layer in layers) == 3


def test_runs_cover_every_rate_of_every_comparison():
    for (epochs, optimizer), rates in RATES.items():
        kinds = list(KINDS) if epochs == 3 else ["none", "batch"]
        for rate in rates:
            assert [r for r in RUNS if r[:3] == (epochs, optimizer, rate)] == [
                (epochs, optimizer, rate, kind) for kind in kinds
            ]


@pytest.mark.parametrize("kind", STACKS)
def test_every_stack_has_fifty_layers_between_two_more(kind, rng):
    model = deep_stack(kind, 0)
    assert len(linears(model)) == 2 * N_BLOCKS + 2
    assert model(rng.standard_normal((6, 2))).shape == (6, 2)


def test_a_stack_whose_branches_end_in_zeros_is_its_two_outer_layers(rng):
    model, X = deep_stack("skip, zero", 0), rng.standard_normal((6, 2))
    first, last = linears(model)[0], linears(model)[-1]
    hidden = np.maximum(X @ first.W.T + first.b, 0)
    np.testing.assert_allclose(model(X), hidden @ last.W.T + last.b, rtol=1e-13)


def test_scaled_branches_are_hes_divided_by_the_root_of_the_number_of_blocks():
    plain, scaled = linears(deep_stack("skip", 0)), linears(deep_stack("skip, scaled", 0))
    np.testing.assert_allclose(scaled[2].W, plain[2].W / np.sqrt(N_BLOCKS), rtol=1e-15)
    np.testing.assert_array_equal(scaled[1].W, plain[1].W)
    assert scaled[2].W.shape == (STACK_WIDTH, STACK_WIDTH)


def test_the_normalized_stacks_have_the_normalizations_of_their_names():
    def count(kind, norm):
        parts = []
        for layer in deep_stack(kind, 0).layers:
            parts += layer.layers if isinstance(layer, Residual) else [layer]
        return sum(isinstance(part, norm) for part in parts)

    assert count("plain, batch norm", BatchNorm) == 2 * N_BLOCKS
    assert count("skip, layer norm first", LayerNorm) == N_BLOCKS
    assert count("skip, batch norm first", BatchNorm) == N_BLOCKS
    assert count("skip, batch norm twice", BatchNorm) == 2 * N_BLOCKS
    assert count("skip, layer norm after", LayerNorm) == N_BLOCKS
    assert isinstance(deep_stack("plain", 0).layers[1], ReLU)
