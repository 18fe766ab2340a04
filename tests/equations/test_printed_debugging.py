"""The chapter on debugging as its page prints it, against the library."""

import numpy as np
import pytest

from mlpbook.scratch.losses import CrossEntropyLoss
from mlpbook.scratch.optimizers import SGD
from tools.equations.printed import numbered


@pytest.mark.equation("eq-debugging-chance", tolerance=1e-13)
def test_printed_loss_of_equal_outputs(printed, rng):
    """The printed TeX, evaluated, against the library's cross-entropy of equal logits."""
    y = rng.integers(5, size=7)
    loss = CrossEntropyLoss()(np.zeros((7, 5)), y)
    printed({r"\mathcal L": loss, "C": 5}, {})


@pytest.mark.equation("eq-debugging-mean", tolerance=1e-13)
def test_printed_mean_of_the_samples(printed, rng):
    """The printed TeX, evaluated with losses of single samples, against a batch's."""
    Z, y = rng.standard_normal((7, 5)), rng.integers(5, size=7)
    singles = np.array([CrossEntropyLoss()(Z[[i]], y[[i]]) for i in range(7)])
    loss = CrossEntropyLoss()(Z, y)
    printed({r"\mathcal L": loss, "N": 7, **numbered(r"\ell^{(?)}", singles)}, {"i": 7})


@pytest.mark.equation("eq-debugging-ratio", tolerance=1e-13)
def test_printed_update_ratio(printed, rng):
    """The printed TeX, evaluated, against a step of the library's gradient descent."""
    W, dW = rng.standard_normal((4, 3)), rng.standard_normal((4, 3))
    before = W.copy()
    SGD([W], 0.07).step([dW])
    printed({"W_{t+1}": W, "W_t": before, r"\bar W_t": dW, r"\eta": 0.07}, {})
