"""SGD: hand computations, and PyTorch's own over many steps with a changing rate."""

import numpy as np
import pytest

from mlpbook.scratch.optimizers import SGD


def test_momentum_by_hand():
    # v: 1, then 0.5 + 1 = 1.5; w: 0 - 0.1, then -0.1 - 0.15
    w = np.zeros(1)
    optimizer = SGD([w], lr=0.1, momentum=0.5)
    optimizer.step([np.ones(1)])
    assert w == pytest.approx([-0.1])
    optimizer.step([np.ones(1)])
    assert w == pytest.approx([-0.25])


def test_weight_decay_alone_shrinks_geometrically():
    w = np.array([2.0])
    optimizer = SGD([w], lr=0.1, weight_decay=0.5)
    for _ in range(3):
        optimizer.step([np.zeros(1)])
    assert w == pytest.approx([2 * 0.95**3])


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("weight_decay", [0.0, 0.01])
def test_200_steps_equal_pytorchs_with_a_changing_learning_rate(momentum, weight_decay, rng):
    torch = pytest.importorskip("torch")
    start = [rng.standard_normal((3, 2)), rng.standard_normal(3)]
    mine = [p.copy() for p in start]
    theirs = [torch.tensor(p, requires_grad=True) for p in start]
    options = {"momentum": momentum, "weight_decay": weight_decay}
    a, b = SGD(mine, lr=0.1, **options), torch.optim.SGD(theirs, lr=0.1, **options)
    for t in range(200):
        a.lr = b.param_groups[0]["lr"] = 0.1 / (1 + 0.05 * t)
        gradients = [rng.standard_normal(p.shape) for p in start]
        a.step(gradients)
        for p, g in zip(theirs, gradients, strict=True):
            p.grad = torch.tensor(g)
        b.step()
        for p, q in zip(mine, theirs, strict=True):
            assert p == pytest.approx(q.detach().numpy(), rel=1e-12, abs=1e-13)


def test_step_changes_parameters_in_place_and_leaves_gradients_alone():
    w, g = np.ones(2), np.ones(2)
    SGD([w], lr=1.0, momentum=0.9, weight_decay=0.1).step([g])
    assert g.tolist() == [1, 1]
    assert w == pytest.approx([-0.1, -0.1])


def test_options_out_of_range_are_refused():
    w = [np.ones(2)]
    with pytest.raises(ValueError, match="lr must be a finite number greater than 0, got 0"):
        SGD(w, lr=0)
    with pytest.raises(ValueError, match="momentum .* less than 1, got 1"):
        SGD(w, lr=1, momentum=1)
    with pytest.raises(ValueError, match="weight_decay .* got -1"):
        SGD(w, lr=1, weight_decay=-1)
    with pytest.raises(ValueError, match="Pass model.parameters"):
        SGD([], lr=1)
    with pytest.raises(ValueError, match="Pass model.gradients"):
        SGD(w, lr=1).step([np.ones(3)])
