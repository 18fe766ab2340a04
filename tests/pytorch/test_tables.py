"""Encodings and the shared ensemble: PyTorch against NumPy, in float64."""

import numpy as np
import pytest
import torch

from mlpbook.chapters import tables as by_hand
from mlpbook.pytorch import tables
from mlpbook.pytorch.training import fit


def same(ours, theirs):
    np.testing.assert_allclose(theirs.detach().numpy(), ours, rtol=1e-12, atol=1e-12)


def compare(layer, module, X, dZ):
    """Outputs, and adjoints of inputs and parameters."""
    tensor = torch.tensor(X, requires_grad=True)
    output = module(tensor)
    same(layer.forward(X), output)
    output.backward(torch.tensor(dZ))
    same(layer.backward(dZ), tensor.grad)
    for name in layer.names:
        same(getattr(layer, f"d{name}"), getattr(module, name).grad)


def test_piecewise_linear_parity(rng):
    X = rng.standard_normal((20, 3))
    edges = [by_hand.quantile_edges(x, n) for x, n in zip(X.T, (2, 5, 7), strict=True)]
    new = 2 * rng.standard_normal((9, 3))
    module = tables.PiecewiseLinear(edges, dtype=torch.float64)
    same(by_hand.encode_columns(new, edges), module(torch.tensor(new)))


def test_periodic_parity(rng):
    layer, module = (
        half.Periodic(3, 4, sigma=0.5, rng=np.random.default_rng(1), dtype=dtype)
        for half, dtype in ((by_hand, np.float64), (tables, torch.float64))
    )
    compare(layer, module, rng.standard_normal((6, 3)), rng.standard_normal((6, 24)))


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("copies", [1, 5])
def test_shared_ensemble_parity(rng, first, copies):
    layer, module = (
        half.EnsembleLinear(3, 2, k=5, rng=np.random.default_rng(1), first=first, dtype=dtype)
        for half, dtype in ((by_hand, np.float64), (tables, torch.float64))
    )
    for name in ("R", "S", "B"):
        values = rng.standard_normal(getattr(layer, name).shape)
        getattr(layer, name)[...] = values
        getattr(module, name).data = torch.tensor(values)
    compare(layer, module, rng.standard_normal((7, copies, 3)), rng.standard_normal((7, 5, 2)))


def test_the_mean_of_members_losses_is_the_loss_against_repeated_targets(rng):
    model = tables.ensemble(4, 8, 2, k=3, rng=rng)
    X, y = torch.randn(10, 4), torch.randn(10, 1)
    losses = [torch.nn.functional.mse_loss(model(X)[:, [j]], y) for j in range(3)]
    together = torch.nn.functional.mse_loss(model(X), y.repeat(1, 3))
    torch.testing.assert_close(together, torch.stack(losses).mean())


def test_the_ensemble_trains_and_its_members_differ(rng):
    X = rng.standard_normal((64, 4)).astype(np.float32)
    y = np.repeat(X[:, :1] * X[:, 1:2], 3, axis=1)
    model = tables.ensemble(4, 16, 2, k=3, rng=rng)
    optimizer = torch.optim.AdamW(model.parameters(), 0.01)
    history = fit(model, torch.nn.MSELoss(), optimizer, X, y, epochs=40, batch_size=16, rng=rng)
    assert history.train_loss[-1] < history.train_loss[0] / 3
    with torch.no_grad():
        spread = model(torch.tensor(X)).std(dim=1).mean()
    assert spread > 1e-3
