"""Losses: hand computations, algebraic identities, finite differences, PyTorch."""

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mlpbook.checks.gradient_check import numerical_gradient
from mlpbook.scratch import losses
from mlpbook.scratch.losses import (
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    MSELoss,
    log_softmax,
    logsumexp,
    softmax,
)

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


LOSSES = [MSELoss, CrossEntropyLoss, BCEWithLogitsLoss]


def target_for(loss, Z, rng):
    """A target that the loss accepts: labels, numbers, or probabilities that include 0 and 1."""
    if loss is CrossEntropyLoss:
        return rng.integers(Z.shape[1], size=len(Z))
    if loss is MSELoss:
        return Z[::-1] + 1
    return np.clip(rng.uniform(-0.5, 1.5, Z.shape), 0, 1)


def test_binary_cross_entropy_by_hand():
    # sigma(log 3) = 3/4: -log(3/4) for y = 1, -log(1/4) for y = 0; adjoint (3/4 - y) / 2
    loss = BCEWithLogitsLoss()
    value = loss(np.full((2, 1), math.log(3)), np.array([[1.0], [0.0]]))
    assert value == pytest.approx((math.log(4 / 3) + math.log(4)) / 2)
    assert loss.backward() == pytest.approx(np.array([[-1 / 8], [3 / 8]]))


def test_binary_cross_entropy_is_cross_entropy_of_a_logit_beside_zero(rng):
    z, y = 5 * rng.standard_normal((9, 1)), rng.integers(2, size=9)
    two_logits = np.hstack([np.zeros_like(z), z])
    assert BCEWithLogitsLoss()(z, y[:, None]) == pytest.approx(
        CrossEntropyLoss()(two_logits, y), rel=1e-13
    )


@pytest.mark.parametrize(("z", "y"), [(40.0, 1), (-40.0, 0)])
def test_binary_cross_entropy_keeps_the_digits_of_a_tiny_loss(z, y):
    # log(1 + e^-40) is e^-40 up to a relative e^-40
    value = BCEWithLogitsLoss()(np.array([[z]]), np.array([[y]]))
    assert value == pytest.approx(math.exp(-40), rel=1e-14, abs=0)


@pytest.mark.parametrize("loss", LOSSES)
def test_adjoints_agree_with_finite_differences(loss, rng):
    loss_fn, Z = loss(), rng.standard_normal((4, 3))
    y = target_for(loss, Z, rng)
    assert type(loss_fn(Z, y)) is float
    dZ = loss_fn.backward()
    assert dZ == pytest.approx(numerical_gradient(lambda: loss_fn(Z, y), Z), abs=1e-8)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("scale", [1, 1e4])
def test_losses_and_adjoints_equal_pytorchs(loss, scale, rng):
    torch = pytest.importorskip("torch")
    Z = scale * rng.standard_normal((6, 5))
    y = target_for(loss, Z, rng)
    mine, theirs = loss(), getattr(torch.nn, loss.__name__)()
    z = torch.tensor(Z, requires_grad=True)
    value = theirs(z, torch.tensor(y))
    value.backward()
    ours = mine(Z, y)
    assert np.isfinite(ours)
    assert ours == pytest.approx(value.item(), rel=1e-12, abs=1e-13)
    dZ = mine.backward()
    assert np.isfinite(dZ).all()
    assert dZ == pytest.approx(z.grad.numpy(), rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("loss", LOSSES)
@given(data=st.data())
def test_losses_take_any_layout_and_type_and_change_nothing(loss, data):
    shape = data.draw(hnp.array_shapes(min_dims=2, max_dims=2, max_side=4))
    dtype = data.draw(st.sampled_from([np.uint8, np.int16, np.bool_, np.float16, np.float64]))
    Z = data.draw(hnp.arrays(dtype, shape, elements=st.integers(0, 1)))
    labels = loss is CrossEntropyLoss
    y = data.draw(hnp.arrays(dtype, shape, elements=st.integers(0, 1)))
    y = np.zeros(len(Z), np.uint8) if labels else y
    expected = loss()(Z.astype(float), y.astype(int) if labels else y.astype(float))
    for variant in (Z, np.asfortranarray(Z), np.repeat(Z, 2, axis=1)[:, ::2]):
        variant.flags.writeable = y.flags.writeable = False
        loss_fn = loss()
        # float16 keeps about three digits
        assert loss_fn(variant, y) == pytest.approx(expected, rel=5e-3, abs=5e-3)
        assert loss_fn.backward().shape == Z.shape


def test_one_hot_picks_rows_of_the_identity():
    assert losses.one_hot(np.array([1, 0]), 2).tolist() == [[0, 1], [1, 0]]
    with pytest.raises(ValueError, match="from 0 to 1, got 2"):
        losses.one_hot(np.array([2]), 2)


def test_float32_stays_float32(rng):
    Z = rng.standard_normal((4, 3)).astype(np.float32)
    ce, mse, bce = CrossEntropyLoss(), MSELoss(), BCEWithLogitsLoss()
    ce(Z, np.array([0, 1, 2, 0]))
    mse(Z, Z.astype(float))
    bce(Z, (Z > 0).astype(float))
    arrays = [softmax(Z), log_softmax(Z), logsumexp(Z)]
    arrays += [loss.backward() for loss in (ce, mse, bce)]
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
    with pytest.raises(ValueError, match=r"^target must have the shape of logits, \(4, 1\)"):
        BCEWithLogitsLoss()(np.zeros((4, 1)), np.zeros((4, 2)))
    for bad in (-0.1, 1.5):
        with pytest.raises(ValueError, match=r"^target must lie in \[0, 1\], got values from"):
            BCEWithLogitsLoss()(np.zeros((2, 1)), np.array([[0.5], [bad]]))
    with pytest.raises(ValueError, match="^logits must be finite"):
        BCEWithLogitsLoss()(np.array([[-np.inf]]), np.array([[0.0]]))


ANYTHING = st.one_of(
    hnp.arrays(
        st.sampled_from([np.float64, np.int64, np.uint8, np.bool_, np.complex64]),
        hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3),
    ),
    st.lists(st.lists(st.one_of(st.integers(-2, 3), st.floats()), max_size=3), max_size=3),
    st.sampled_from([None, "text", object(), [[1, 2], [3]]]),
)


@pytest.mark.parametrize("loss", LOSSES)
@given(prediction=ANYTHING, target=ANYTHING)
def test_whatever_comes_in_has_a_loss_or_is_refused_in_words(loss, prediction, target):
    loss_fn, message = loss(), None
    try:
        with np.errstate(over="ignore"):  # the square of 1e300
            value = loss_fn(prediction, target)
    except (ValueError, TypeError) as error:
        message = str(error)
    if message is None:
        assert value >= -1e-9
        assert loss_fn.backward().shape == np.shape(prediction)
    else:
        assert re.match(r"\w+ must .*, got .*", message, re.DOTALL)


@pytest.mark.parametrize(
    ("loss", "names"),
    [
        (MSELoss, ("prediction", "target")),
        (CrossEntropyLoss, ("logits", "y")),
        (BCEWithLogitsLoss, ("logits", "target")),
    ],
)
def test_messages_name_the_argument(loss, names):
    with pytest.raises(ValueError, match=f"^{names[0]} must not be empty"):
        loss()(np.zeros((0, 2)), np.zeros((1, 2)))
    with pytest.raises(ValueError, match=f"^{names[1]} must not be empty"):
        loss()(np.zeros((1, 2)), np.zeros((0, 2)))
