"""What the chapter on generalization alone uses, against PyTorch and linear algebra."""

import copy

import numpy as np
import pytest
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from mlpbook.chapters.generalization import (
    LabelSmoothingLoss,
    average,
    descend,
    shrinkage_of_descent,
    shrinkage_of_ridge,
)
from mlpbook.checks.gradient_check import check_gradients
from mlpbook.scratch.layers import Tanh
from mlpbook.scratch.network import MLP


@pytest.mark.parametrize("amount", [0.0, 0.1, 0.5])
def test_smoothed_labels_give_pytorchs_loss_and_gradient(amount, rng):
    logits, y = rng.standard_normal((7, 5)), rng.integers(0, 5, size=7)
    loss_fn = LabelSmoothingLoss(amount)
    Z = torch.tensor(logits, requires_grad=True)
    expected = torch.nn.functional.cross_entropy(Z, torch.tensor(y), label_smoothing=amount)
    expected.backward()
    assert loss_fn(logits, y) == pytest.approx(expected.item(), rel=1e-13)
    np.testing.assert_allclose(loss_fn.backward(), Z.grad.numpy(), rtol=1e-12, atol=1e-16)


def test_smoothed_labels_pass_the_gradient_check(rng):
    model = MLP([3, 4, 5], Tanh, rng=rng)
    X, y = rng.standard_normal((6, 3)), rng.integers(0, 5, size=6)
    assert check_gradients(model, LabelSmoothingLoss(0.2), X, y).worst < 1e-6


@pytest.mark.parametrize("amount", [-0.1, 1.0])
def test_only_shares_below_one_are_smoothed(amount):
    with pytest.raises(ValueError, match="amount"):
        LabelSmoothingLoss(amount)


def test_the_moving_average_is_pytorchs(rng):
    layer = torch.nn.Linear(3, 2, dtype=torch.float64)
    averaged = AveragedModel(layer, multi_avg_fn=get_ema_multi_avg_fn(0.9))
    averaged.update_parameters(layer)  # the first call copies
    fast = [p.detach().numpy().copy() for p in layer.parameters()]
    slow = copy.deepcopy(fast)
    for _ in range(5):
        steps = [rng.standard_normal(p.shape) for p in fast]
        for parameter, value, step in zip(layer.parameters(), fast, steps, strict=True):
            value += step
            parameter.data += torch.tensor(step)
        averaged.update_parameters(layer)
        average(slow, fast, 0.9)
    for ours, theirs in zip(slow, averaged.module.parameters(), strict=True):
        np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=1e-12)


def test_descent_approaches_the_pseudoinverse_solution(rng):
    A, y = rng.standard_normal((3, 6)), rng.standard_normal(3)
    lr = 1 / np.linalg.norm(A, 2) ** 2
    np.testing.assert_allclose(descend(A, y, lr, 3000), np.linalg.pinv(A) @ y, atol=1e-9)


def test_both_filters_agree_to_first_order_for_small_singular_values():
    s = np.array([1e-4])
    one = shrinkage_of_ridge(s, penalty=1 / (0.01 * 500))
    two = shrinkage_of_descent(s, lr=0.01, n_steps=500)
    np.testing.assert_allclose(one, two, rtol=1e-6)
