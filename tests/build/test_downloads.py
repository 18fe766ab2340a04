"""Each page to take along, and links to the repository where its address is known."""

import re

import nbformat
import pytest
from nbclient import NotebookClient

RICH = r"""
```{warning}
Never divide by $|x|$.
```

| symbol | size |
| --- | --- |
| $\lVert x\rVert$ | `n_in` |

See {ref}`second`, {numref}`fig-first` and [the source](https://example.org/).

```{prf:theorem} Of sums
:label: thm-first

A sum is *one* number.
```

```{code-cell} ipython3
---
mystnb:
  figure:
    name: fig-first
    caption: What is drawn.
---
from myst_nb import glue
glue("half", 0.5, display=False)
ANSWER / 2
```

Half of it is {glue:text}`half:.2f`.

```{code-cell} ipython3
:tags: [remove-cell]
hidden = 2 * ANSWER
```

```{literalinclude} ../src/mlpbook/deeper.py
:language: python
```
"""
ADDRESS = "https://github.com/somebody/mlpbook"


def menu(page: str) -> dict[str, str]:
    """Return what a page's menu offers."""
    found = re.search(r'<details class="page-menu">.*?</details>', page, re.DOTALL)[0]
    return {text: href for href, text in re.findall(r'<a href="([^"]+)"[^>]*>([^<]+)</a>', found)}


@pytest.fixture
def rich(book):
    book.append("book/first.md", RICH)
    result = book.build()
    assert result.code == 0, result.text
    return book


def test_a_page_becomes_a_notebook_that_can_be_read_alone(rich):
    notebook = nbformat.read(rich.root / "_build/html/first.ipynb", as_version=4)
    nbformat.validate(notebook)
    prose = "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert 'In a checkout of the book\'s repository: `pip install "."`.' in prose
    for words in (
        r"$z = Wx + b$",
        "z = \\sum_i w_i x_i \\tag{1.1}\n$$",
        "Equation (1.1) is also used on Second page.",
        "**Warning**\n\nNever divide by $|x|$.",
        "| symbol | size |\n| --- | --- |\n| $\\lVert x\\rVert$ | `n_in` |",
        "See Second page, Fig. 1.1 and [the source](https://example.org/).",
        "**Theorem 1.1 (Of sums)**\n\nA sum is *one* number.",
        "**Figure 1.1.** What is drawn.",
        "Half of it is 0.50.",
        "```python\nANSWER = 41\n```",
    ):
        assert words in prose
    words = re.sub(r"\$+.*?\$+", "", prose, flags=re.DOTALL)
    assert not re.search(r"\{\w+\}|^:::|^```\{", words, re.MULTILINE)  # no role, no directive


def test_a_notebook_runs_as_it_is_in_an_empty_folder(rich, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(rich.root / "src"))
    notebook = nbformat.read(rich.root / "_build/html/first.ipynb", as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs for cell in code)
    assert "hidden = 2 * ANSWER" in code[-1].source
    code[-1].source += "\nprint(hidden)"
    empty = tmp_path / "empty"
    empty.mkdir()
    resources = {"metadata": {"path": str(empty)}}
    NotebookClient(notebook, kernel_name="python3", timeout=60, resources=resources).execute()
    assert code[-1].outputs[0]["text"] == "82\n"
    assert code[1].outputs[0]["data"]["text/plain"] == "20.5"
    assert "myst_nb" not in "".join(cell.source for cell in code)


def test_without_an_address_the_menu_offers_downloads_alone(built):
    book, _ = built
    assert menu(book.page("first")) == {
        "Notebook (.ipynb)": "first.ipynb",
        "Source (MyST, .md)": "_sources/first.md",
    }
    assert menu(book.page("equations")) == {"Source (MyST, .md)": "_sources/equations.md"}


@pytest.mark.parametrize("where", ["variable", "configuration"])
def test_with_an_address_it_leads_to_the_repository(book, monkeypatch, where):
    if where == "variable":
        monkeypatch.setenv("MLPBOOK_REPOSITORY", ADDRESS + ".git")
    else:
        book.replace("_config.yml", 'url: ""', f'url: "{ADDRESS}"')
    assert book.build().code == 0
    assert menu(book.page("first")) == {
        "Notebook (.ipynb)": "first.ipynb",
        "Source (MyST, .md)": "_sources/first.md",
        "Edit this page": f"{ADDRESS}/edit/main/book/first.md",
        "Report a mistake": f"{ADDRESS}/issues/new?title=On%20the%20page%20first%3A%20",
        "Run it in Colab": "https://colab.research.google.com/github/somebody/mlpbook/"
        "blob/notebooks/first.ipynb",
    }
    assert "Run it in Colab" not in menu(book.page("equations"))
    notebook = nbformat.read(book.root / "_build/html/first.ipynb", as_version=4)
    assert f'%pip install --quiet "mlpbook @ git+{ADDRESS}"' in notebook.cells[1].source


def test_another_host_has_its_own_addresses_and_no_colab(book, monkeypatch):
    address = "https://gitlab.com/somebody/mlpbook"
    monkeypatch.setenv("MLPBOOK_REPOSITORY", address)
    assert book.build().code == 0
    found = menu(book.page("first"))
    assert found["Edit this page"] == f"{address}/-/edit/main/book/first.md"
    assert "Run it in Colab" not in found


def test_every_link_to_a_place_has_a_name(rich):
    page = rich.page("first")
    links = re.findall(r'<a class="headerlink" href="#([^"]+)"[^>]* aria-label="([^"]+)"', page)
    assert page.count('class="headerlink"') == len(links)
    assert dict(links) == {
        "first-page-with-varphi": "Link to “First page with …”",
        "equation-eq-first-sum": "Link to equation 1.1",
        "thm-first": "Link to theorem 1.1",
        "fig-first": "Link to figure 1.1",
    }
