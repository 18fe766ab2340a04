"""What the chapter on scaling alone uses, against singular values and PyTorch."""

import numpy as np
import pytest
import torch

from mlpbook.chapters.scaling import Muon, all_reduce_time, orthogonalize


@pytest.mark.parametrize("shape", [(4, 4), (3, 7), (7, 3)])
def test_orthogonalized_singular_values_are_close_to_one(shape, rng):
    X = orthogonalize(rng.standard_normal(shape))
    s = np.linalg.svd(X)[1]
    assert X.shape == shape
    assert ((s > 0.6) & (s < 1.3)).all()


def test_orthogonalizing_keeps_the_singular_vectors(rng):
    G = rng.standard_normal((3, 5))
    U, _, Vt = np.linalg.svd(G, full_matrices=False)
    inner = U.T @ orthogonalize(G) @ Vt.T
    np.testing.assert_allclose(inner, np.diag(np.diag(inner)), atol=1e-12)


def test_a_zero_gradient_stays_zero():
    np.testing.assert_array_equal(orthogonalize(np.zeros((2, 3))), np.zeros((2, 3)))


@pytest.mark.parametrize("shape", [(4, 6), (6, 4)])
def test_muon_follows_pytorchs_up_to_its_16_bits(shape, rng):
    """PyTorch works in bfloat16, which has 8 bits of precision."""
    W = rng.standard_normal(shape)
    theirs = torch.nn.Parameter(torch.tensor(W, dtype=torch.float32))
    optimizer = torch.optim.Muon([theirs], lr=0.1, momentum=0.9, weight_decay=0.0)
    ours = Muon([W], lr=0.1, momentum=0.9)
    for _ in range(3):
        g = rng.standard_normal(shape)
        theirs.grad = torch.tensor(g, dtype=torch.float32)
        optimizer.step()
        ours.step([g])
    np.testing.assert_allclose(W, theirs.detach().numpy(), atol=0.03)


def test_the_factor_for_tall_matrices_is_pytorchs(rng):
    """Without the factor the step of a (12, 3) matrix would be half as long."""
    W, g = np.zeros((12, 3)), rng.standard_normal((12, 3))
    Muon([W], lr=1.0, momentum=0.0).step([g])
    np.testing.assert_allclose(W, -2 * orthogonalize(g), atol=1e-12)


def test_muon_takes_matrices_alone():
    with pytest.raises(ValueError, match=r"must be matrices, got shape \(3,\)"):
        Muon([np.zeros(3)], lr=0.1)


def test_one_process_needs_no_communication():
    assert all_reduce_time(1e9, 1, bandwidth=1.0, latency=1.0) == 0
