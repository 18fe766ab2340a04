"""The equations of the chapter on debugging."""

import numpy as np
import pytest

from mlpbook.scratch.losses import CrossEntropyLoss, softmax
from mlpbook.scratch.optimizers import SGD


@pytest.mark.equation("eq-debugging-chance", tolerance=1e-13)
def test_equal_logits_cost_the_logarithm_of_the_number_of_classes(agree, rng):
    """The library's cross-entropy at equal logits, whatever the labels, against ln C."""
    for n_classes in (2, 3, 10, 100):
        y = rng.integers(n_classes, size=20)
        Z = np.repeat(rng.standard_normal((20, 1)), n_classes, axis=1)
        agree(CrossEntropyLoss()(Z, y), np.log(n_classes))


@pytest.mark.equation("eq-debugging-mean", tolerance=1e-13)
def test_the_loss_of_a_batch_is_the_mean_of_its_samples(agree, rng):
    """The library's loss of a batch against the mean of its losses of single samples."""
    Z, y = rng.standard_normal((17, 5)), rng.integers(5, size=17)
    singles = [CrossEntropyLoss()(Z[i : i + 1], y[i : i + 1]) for i in range(17)]
    agree(CrossEntropyLoss()(Z, y), np.mean(singles))


@pytest.mark.equation("eq-debugging-twice", tolerance=1e-9)
def test_a_second_softmax_bounds_the_loss_from_below(agree, rng):
    """The infimum is approached with confident logits, and no random logits go below it."""
    for n_classes in (2, 10):
        bound = np.log(1 + (n_classes - 1) / np.e)
        Z, y = np.zeros((1, n_classes)), np.array([1])
        Z[0, 1] = 50.0
        agree(CrossEntropyLoss()(softmax(Z), y), bound)
        for scale in (0.1, 1, 10, 100):
            Z = scale * rng.standard_normal((200, n_classes))
            y = rng.integers(n_classes, size=200)
            pairs = zip(Z, y, strict=True)
            losses = [CrossEntropyLoss()(softmax(z[None]), np.array([c])) for z, c in pairs]
            assert min(losses) >= bound - 1e-12
    right, wrong = np.array([[0.0, 50.0]]), np.array([1])
    assert CrossEntropyLoss()(right, wrong) < np.log(1 + 1 / np.e)  # one softmax has no such bound


@pytest.mark.equation("eq-debugging-ratio", tolerance=1e-12)
def test_the_update_ratio_of_gradient_descent(agree, rng):
    """The ratio measured at a step of the library's SGD against the formula."""
    W, dW = rng.standard_normal((4, 3)), rng.standard_normal((4, 3))
    before, rate = W.copy(), 0.07
    SGD([W], rate).step([dW])
    left = np.linalg.norm(W - before) / np.linalg.norm(before)
    agree(left, rate * np.sqrt((dW**2).sum()) / np.sqrt((before**2).sum()))
