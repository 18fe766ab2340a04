"""The blocks of both halves: the same seed gives the same layer, outputs and gradients."""

import numpy as np
import pytest

from mlpbook.scratch import blocks

torch = pytest.importorskip("torch")
from mlpbook.pytorch import blocks as torch_blocks  # noqa: E402

MAKE = {
    "SwiGLU": lambda m, **o: m.SwiGLU(5, 6, 3, rng=np.random.default_rng(0), **o),
    "mixture": lambda m, **o: m.MixtureOfExperts(
        5, 4, 3, n_experts=3, balance=0.3, rng=np.random.default_rng(0), **o
    ),
    "waves": lambda m, **o: m.FourierFeatures(5, 4, scale=2.0, rng=np.random.default_rng(0), **o),
    "splines": lambda m, **o: m.SplineExpansion(5, n_intervals=4, low=-3, high=3),
}


@pytest.mark.parametrize("name", MAKE)
def test_outputs_and_gradients_agree_to_1e_12(name, rng):
    options = {} if name == "splines" else {"dtype": torch.float64}
    one, two = MAKE[name](blocks), MAKE[name](torch_blocks, **options)
    two = two.double()
    X = rng.standard_normal((30, 5))
    Y = one.forward(X)
    adjoint = rng.standard_normal(Y.shape)
    dX = one.backward(adjoint)
    theirs = torch.tensor(X, requires_grad=True)
    out = two(theirs)
    loss = (out * torch.tensor(adjoint)).sum()
    if name == "mixture":
        loss = loss + two.balance_loss()
        assert one.balance_loss() == pytest.approx(two.balance_loss().item(), rel=1e-12)
        assert one.shares == pytest.approx(two.shares.numpy(), rel=1e-6)
    loss.backward()
    assert out.detach().numpy() == pytest.approx(Y, rel=1e-12, abs=1e-12)
    assert theirs.grad.numpy() == pytest.approx(dX, rel=1e-11, abs=1e-12)
    assert [n for n, _ in two.named_parameters()] == sorted(
        one.names, key=[n for n, _ in two.named_parameters()].index
    )
    for parameter in one.names:
        gradient = getattr(two, parameter).grad.numpy()
        assert getattr(one, f"d{parameter}") == pytest.approx(gradient, rel=1e-11, abs=1e-12)
        assert np.array_equal(getattr(one, parameter), getattr(two, parameter).detach().numpy())
