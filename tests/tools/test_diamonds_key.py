"""A page that reads the table of diamonds is executed anew when the table comes or goes."""

import importlib
import warnings
from pathlib import Path
from types import SimpleNamespace

import pytest

from tools.cells import dependencies
from tools.cells.dependencies import Dependencies, Package

PAGE = "```{code-cell} ipython3\n%s\n```\n"


@pytest.fixture
def known():
    """What pages depend on, without a memory on disk."""
    made = Dependencies(Path(__file__).parent, lambda question, read: read())
    vars(made)["package"] = Package(memory=lambda question, read: read())
    return made


@pytest.mark.parametrize(
    ("code", "differs"), [("table = load_diamonds()", True), ("table = 1", False)]
)
def test_the_key_of_a_page_tells_the_table_from_its_substitute(known, monkeypatch, code, differs):
    keys = []
    for here in (True, False):
        monkeypatch.setattr(dependencies, "has_diamonds", lambda here=here: here)
        keys.append(known.page_key(PAGE % code))
    assert (keys[0] != keys[1]) == differs


def test_the_terminal_is_told_why_there_is_no_table(monkeypatch):
    def load_diamonds():
        warnings.warn("no table", stacklevel=1)
        return SimpleNamespace(is_substitute=True)

    told = []
    monkeypatch.setattr(
        importlib, "import_module", lambda name: SimpleNamespace(load_diamonds=load_diamonds)
    )
    monkeypatch.setattr(dependencies.logger, "info", lambda text, *words: told.append(text % words))
    dependencies.has_diamonds.cache_clear()
    assert not dependencies.has_diamonds()
    dependencies.has_diamonds.cache_clear()
    assert told == ["no table"]
