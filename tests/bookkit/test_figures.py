"""Every figure of the book says what it shows, and has its data in a table behind it."""

import ast
import re
from pathlib import Path

import pytest

BOOK = Path(__file__).resolve().parents[2] / "book"
CELL = re.compile(r"^```\{code-cell\}[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NAME = re.compile(r"^ *name: (fig-\S+)$", re.MULTILINE)

# What has no table, each with its reason.
DIAGRAM = "a diagram: its words are its data"
IMAGES = "images of many pixels, which a table would not show better"
WITHOUT_DATA = {
    "fig-autograd-graph": DIAGRAM,
    "fig-autograd-shared": DIAGRAM,
    "fig-backprop-filters": IMAGES,
    "fig-debugging-loader": IMAGES,
    "fig-backprop-modules": DIAGRAM,
    "fig-fast-distorted": IMAGES,
    "fig-features-units": IMAGES,
    "fig-mlp-shapes": DIAGRAM,
    "fig-neuron-graph": DIAGRAM,
    "fig-neuron-weights": IMAGES,
    "fig-pytorch-loop": DIAGRAM,
    "fig-twolayer-graph": DIAGRAM,
}


def shown(text: str) -> list[tuple[str, set[str]]]:
    """Return the figures of a page, with the names of the options that `plots.show` gets."""
    found = []
    for cell in CELL.findall(text):
        name = NAME.search(cell)
        for node in ast.walk(ast.parse(re.sub(r"\A---\n.*?^---$|^:.*$|^%.*$", "", cell,
                                              flags=re.DOTALL | re.MULTILINE))):  # fmt: skip
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "plots.show":
                options = {keyword.arg or "" for keyword in node.keywords}
                found.append((name[1] if name else "a figure without a name", options))
    return found


FIGURES = {
    (path.stem, name): options
    for path in sorted(BOOK.rglob("*.md"))
    for name, options in shown(path.read_text(encoding="utf-8"))
}


def test_the_pages_have_figures():
    assert len(FIGURES) > 60


@pytest.mark.parametrize(("page", "name"), FIGURES, ids=lambda word: word)
def test_a_figure_has_words_and_data(page, name):
    options = FIGURES[page, name]
    assert "alt" in options
    assert ("data" in options) != (name in WITHOUT_DATA), WITHOUT_DATA.get(name, "no table")


def test_every_exception_is_a_figure_of_the_book():
    assert set(WITHOUT_DATA) <= {name for _, name in FIGURES}


def test_a_figure_without_data_is_seen():
    head = "---\nmystnb:\n  figure:\n    name: fig-x-y\n---\n"
    cell = f"```{{code-cell}} ipython3\n{head}plots.show(f)\n```\n"
    assert shown(cell) == [("fig-x-y", set())]
