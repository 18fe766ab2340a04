"""Losses: hand computations, algebraic identities, finite differences, PyTorch."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mlpbook.gradient_check import numerical_gradient
from mlpbook.scratch import losses
from mlpbook.scratch.losses import CrossEntropyLoss, MSELoss, log_softmax, logsumexp, softmax

LOGITS = hnp.arrays(
    np.float64,
    hnp.array_shapes(min_dims=2, max_dims=2, max_side=5),
    elements=st.floats(-1e6, 1e6),
)


@given(LOGITS)
def test_softmax_rows_are_distributions(Z):
    P = softmax(Z)
    assert (P >= 0).all()
    assert P.sum(axis=1) == pytest.approx(1, abs=1e-12)


@given(LOGITS, st.floats(-1e6, 1e6))
def test_softmax_is_invariant_to_a_constant_shift(Z, c):
    # a shift by c rounds each logit to about 1e-16 * 2e6, and softmax is 1-Lipschitz
    assert softmax(Z + c) == pytest.approx(softmax(Z), abs=1e-8)


@given(LOGITS)
def test_logsumexp_lies_between_the_maximum_and_the_maximum_plus_log_n(Z):
    m = Z.max(axis=1)
    slack = 1e-9 * (1 + np.abs(m))
    assert (logsumexp(Z) >= m - slack).all()
    assert (logsumexp(Z) <= m + math.log(Z.shape[1]) + slack).all()


@given(LOGITS)
def test_rows_of_the_cross_entropy_gradient_sum_to_zero(Z):
    loss = CrossEntropyLoss()
    loss(Z, np.zeros(len(Z), dtype=int))
    assert loss.backward().sum(axis=1) == pytest.approx(0, abs=1e-12)


def test_logsumexp_of_two_equal_entries_is_the_entry_plus_log_2():
    assert logsumexp(np.array([[1000.0, 1000.0], [-1000.0, -1000.0]])) == pytest.approx(
        [1000 + math.log(2), -1000 + math.log(2)], rel=1e-15
    )


def test_softmax_of_log_odds_gives_the_odds():
    # log 1, log 2, log 5 are in the proportion 1 : 2 : 5
    Z = np.log(np.array([[1.0, 2.0, 5.0]])) + 300
    assert softmax(Z) == pytest.approx(np.array([[1, 2, 5]]) / 8, rel=1e-12)
    assert np.exp(log_softmax(Z)) == pytest.approx(np.array([[1, 2, 5]]) / 8, rel=1e-12)


def test_log_softmax_keeps_what_softmax_underflows():
    Z = np.array([[0.0, -1e4]])
    assert softmax(Z)[0, 1] == 0
    assert log_softmax(Z)[0, 1] == -1e4


def test_cross_entropy_of_equal_logits_is_log_n_classes():
    assert CrossEntropyLoss()(np.full((4, 7), 3.0), np.arange(4)) == pytest.approx(math.log(7))


def test_mse_by_hand():
    # residuals 1, -2, 0, 3: squares 1 + 4 + 0 + 9 = 14 over 4 entries
    loss = MSELoss()
    value = loss(np.array([[1.0, 0.0], [2.0, 3.0]]), np.array([[0.0, 2.0], [2.0, 0.0]]))
    assert value == 14 / 4
    assert loss.backward().tolist() == [[0.5, -1.0], [0.0, 1.5]]


@pytest.mark.parametrize("loss_fn", [MSELoss(), CrossEntropyLoss()])
def test_adjoints_agree_with_finite_differences(loss_fn, rng):
    Z = rng.standard_normal((4, 3))
    y = np.array([0, 2, 1, 1]) if isinstance(loss_fn, CrossEntropyLoss) else Z[::-1].copy() + 1
    loss_fn(Z, y)
    dZ = loss_fn.backward()
    assert dZ == pytest.approx(numerical_gradient(lambda: loss_fn(Z, y), Z), abs=1e-9)


@pytest.mark.parametrize("scale", [1, 1e4])
def test_losses_and_adjoints_equal_pytorchs(scale, rng):
    torch = pytest.importorskip("torch")
    Z = scale * rng.standard_normal((6, 5))
    y = rng.integers(5, size=6)
    T = scale * rng.standard_normal((6, 5))
    for mine, theirs, target in [
        (CrossEntropyLoss(), torch.nn.CrossEntropyLoss(), y),
        (MSELoss(), torch.nn.MSELoss(), T),
    ]:
        z = torch.tensor(Z, requires_grad=True)
        value = theirs(z, torch.as_tensor(target))
        value.backward()
        assert mine(Z, target) == pytest.approx(value.item(), rel=1e-12)
        assert mine.backward() == pytest.approx(z.grad.numpy(), rel=1e-12, abs=1e-15)


def test_one_hot_picks_rows_of_the_identity():
    assert losses.one_hot(np.array([1, 0]), 2).tolist() == [[0, 1], [1, 0]]


def test_float32_stays_float32(rng):
    Z = rng.standard_normal((4, 3)).astype(np.float32)
    ce, mse = CrossEntropyLoss(), MSELoss()
    ce(Z, np.array([0, 1, 2, 0]))
    mse(Z, Z)
    arrays = [softmax(Z), log_softmax(Z), logsumexp(Z), ce.backward(), mse.backward()]
    assert {a.dtype for a in arrays} == {np.dtype(np.float32)}


def test_losses_reject_what_would_train_on_nonsense():
    with pytest.raises(ValueError, match=r"reshape\(4, 1\)"):
        MSELoss()(np.zeros((4, 1)), np.zeros(4)[:, None].T)
    with pytest.raises(ValueError, match="from 0 to 2, got 3 at index 1"):
        CrossEntropyLoss()(np.zeros((2, 3)), np.array([0, 3]))
    with pytest.raises(ValueError, match="from 0 to 2, got -1"):
        CrossEntropyLoss()(np.zeros((1, 3)), np.array([-1]))
    with pytest.raises(TypeError, match="integer labels"):
        CrossEntropyLoss()(np.zeros((1, 3)), np.array([0.5]))
    with pytest.raises(ValueError, match="must hold 2 labels, got 3"):
        CrossEntropyLoss()(np.zeros((2, 3)), np.array([0, 1, 2]))
    with pytest.raises(ValueError, match="finite"):
        CrossEntropyLoss()(np.array([[np.nan, 0.0]]), np.array([0]))
    with pytest.raises(ValueError, match="empty"):
        MSELoss()(np.zeros((0, 1)), np.zeros((0, 1)))
