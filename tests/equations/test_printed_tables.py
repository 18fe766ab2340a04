"""The chapter on tables as its page prints it, against the library."""

import numpy as np
import pytest

from mlpbook.chapters.tables import EnsembleLinear, Periodic, rotation
from tools.equations.printed import numbered


@pytest.mark.equation("eq-tables-ambiguity", tolerance=1e-13)
def test_printed_identity_of_the_mean(printed, rng):
    """The printed TeX, evaluated for random predictions."""
    members = rng.standard_normal(5)
    symbols = {r"\hat y": members.mean().item(), **numbered(r"\hat y_?", members)}
    printed({**symbols, "y": 0.4, "k": 5})


@pytest.mark.equation("eq-tables-member", tolerance=1e-13)
def test_printed_member(printed, rng):
    """The printed TeX, evaluated for one member."""
    layer = EnsembleLinear(3, 4, k=1, rng=rng)
    symbols = {
        "s_j": rng.standard_normal(4),
        "r_j": rng.standard_normal(3),
        "b_j": rng.standard_normal(4),
        "W": layer.W,
        "x": rng.standard_normal(3),
    }
    printed(symbols)


@pytest.mark.equation("eq-tables-periodic-backward", tolerance=1e-12)
def test_printed_adjoint_of_the_frequencies(printed, rng):
    """The printed TeX, evaluated for each frequency, against the layer's backward pass."""
    layer = Periodic(1, 3, sigma=0.4, rng=rng)
    x, dZ = rng.standard_normal(5), rng.standard_normal((5, 6))
    layer.forward(x[:, np.newaxis])
    layer.backward(dZ)
    c = layer.c[:, 0]
    symbols = {r"\bar c": layer.dc[:, 0], r"\bar S": dZ[:, :3], r"\bar K": dZ[:, 3:], "N": 5}
    waves = {"c": c, r"\pi": np.pi, r"\alpha": 2 * np.pi * np.outer(x, c)}
    printed({**symbols, **waves, **numbered("x^{(?)}", x)}, {"i": 5, "m": 3})


@pytest.mark.equation("eq-tables-rotation", tolerance=1e-12)
def test_printed_rotation(printed, rng):
    """The printed TeX, evaluated with gradients on rows and on rotated rows."""
    W, X, dZ = (rng.standard_normal(shape) for shape in ((3, 4), (6, 4), (6, 3)))
    Q = rotation(4, rng=rng)
    symbols = {"W_1": W, "U": W @ Q.T, "Q": Q, "x": X[0]}
    printed({**symbols, r"\bar W_1": dZ.T @ X, r"\bar U": dZ.T @ (X @ Q.T)})
