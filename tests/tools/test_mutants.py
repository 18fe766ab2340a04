"""The list of survivors can be read, and gives reasons."""

import doctest

import pytest

from tools.upkeep import mutants


def test_the_examples_of_the_tool_hold():
    assert doctest.testmod(mutants).failed == 0


def test_every_listed_survivor_is_a_change_and_has_a_reason():
    listed = mutants.parse_list(mutants.LISTED.read_text(encoding="utf-8"))
    assert listed
    assert all(m.before and m.after and m.before != m.after for m in listed)


def test_a_group_without_a_reason_is_refused():
    with pytest.raises(ValueError, match="must open with its reason, got 'autograd f'"):
        mutants.parse_list("# Equal.\nautograd f\n- 1\n+ 2\n\nautograd f\n- 3\n+ 4\n")
