"""The mutation run judges each part by the share of changes that a test noticed."""

import doctest
from collections import Counter

import pytest

from tools.upkeep import mutants

GOOD, BAD = Counter(killed=19, survived=1), Counter(killed=9, timeout=9, survived=2)


def test_the_examples_of_the_tool_hold():
    assert doctest.testmod(mutants).failed == 0


@pytest.mark.parametrize(("autograd", "code"), [(GOOD, 0), (BAD, 1), (None, 1)])
def test_a_part_below_the_bar_or_without_changes_fails(
    monkeypatch, tmp_path, capsys, autograd, code
):
    outcomes = dict.fromkeys(
        ("scratch/layers", "checks/gradient_check", "shared/initializers"), GOOD
    )
    if autograd:
        outcomes["autograd"] = autograd
    monkeypatch.setattr(mutants, "SURVIVORS", tmp_path / "survivors.txt")
    monkeypatch.setattr(mutants, "run", lambda patterns: None)
    monkeypatch.setattr(mutants, "results", lambda: (outcomes, ["- 1", "+ 2"]))
    assert mutants.main([]) == code
    assert ("autograd: " in capsys.readouterr().out) == bool(code)
    assert mutants.SURVIVORS.read_text() == "- 1\n+ 2"
