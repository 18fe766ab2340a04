"""The chapter on tables as its page prints it, against the library."""

import numpy as np
import pytest

from mlpbook.chapters.tables import EnsembleLinear
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
