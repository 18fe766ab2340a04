"""No number that a run produced is typed in the book's text, and the guard sees what it must."""

import re
from pathlib import Path

import pytest

from tools.words.typed_numbers import EXCEPTIONS, check, prose, read_exceptions, typed

BOOK = Path(__file__).parents[2] / "book"
TOP = "---\nfile_format: mystnb\nversion: 0.13\n---\n\n(page)=\n# A page\n\n"


def numbers(text):
    return [finding.number for finding in typed(TOP + text)]


def cell(code, header=""):
    return f"```{{code-cell}} ipython3\n{header}{code}\n```\n"


CAPTION = (
    "---\nmystnb:\n  figure:\n    name: fig-a\n    caption: |\n      The error is 0.07.\n---\n"
)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("The error falls to 0.25 in the end.", "0.25"),
        ("It is 12.3 times as fast.", "12.3"),
        ("A 2.5-fold gain.", "2.5"),
        ("It keeps .5 of it.", ".5"),
        ("The error is −0.4, or less.", "0.4"),
        ("The error is 7 % after training.", "7 %"),
        ("The error is 7.5%.", "7.5%"),
        ("The error is 7.5 per cent.", "7.5 per cent"),
        ("The error is 7\u00a0%.", "7 %"),
        ("The error is seven percent.", "seven percent"),
        ("They agree to 1e-9.", "1e-9"),
        ("They agree to 2.5E−12 here.", "2.5E−12"),
        ("They agree to 10⁻⁹.", "10⁻⁹"),
        ("They agree to 3·10⁻⁹.", "3·10⁻⁹"),
        ("## The loss falls to 0.25", "0.25"),
        ("- an item\n- an error of 0.25", "0.25"),
        ("1. an error of 0.25", "0.25"),
        ("| run | error |\n| --- | ---: |\n| first | 0.25 |", "0.25"),
        ("> The error is 0.25.", "0.25"),
        ("```{admonition} A box\n:class: tip\n\nThe error is 0.25.\n```", "0.25"),
        ("```{admonition} A box with 0.25 in its title\nText.\n```", "0.25"),
        (":::{prf:theorem} Name\n:label: thm-a\n\n```{math}\nx\n```\nAt most 0.25.\n:::", "0.25"),
        ("````{margin}\n```python\nx = 1\n```\nThe error is 0.25.\n````", "0.25"),
        ("{glue:text}`a:.2f` and 0.25", "0.25"),
        ("$x=1$ and 0.25 and $y$", "0.25"),
        ("[The error is 0.25](https://example.org/0.5).", "0.25"),
        ("{cite:t}`a` found more. The error is 0.25.", "0.25"),
        ("The error is 0.25.\nIt was expected {cite:p}`a`.", "0.25"),
        ("- {cite:t}`a` found more\n- an error of 0.25", "0.25"),
        (cell("x = 0.5", CAPTION), "0.07"),
        (cell("x = 0.5", CAPTION.replace("|\n      ", "")), "0.07"),
        (cell("x = 0.5", CAPTION.replace("---\n", "---\ntags: [hide-input]\n", 1)), "0.07"),
        (cell('plots.show(fig, alt="It falls "\n    "to 0.07.", data={"a": [0.5]})'), "0.07"),
        (cell('plots.show(fig, alt=f"From {a:.2f} to 0.07.")'), "0.07"),
        (cell('plots.show(fig, table="It falls to 0.07.")', ":tags: [hide-input]\n"), "0.07"),
        (cell('glue("a", Markdown("é: it falls to 0.07." if a else "no"))'), "0.07"),
        (cell('words = "it falls to 0.07 in the end"\nMarkdown(words)'), "0.07"),
    ],
)
def test_a_typed_number_is_found(text, number):
    assert numbers(text) == [number]


@pytest.mark.parametrize(
    "text",
    [
        "The error is {glue:text}`error:.2f`, or {glue:text}`share:.0f` %.",
        "With $\\eta=0.25$ and ${0.5}$ of $10^{-9}$.",
        "$$\nx = 0.25\n$$ (eq-page-x)",
        "```{math}\n:label: eq-page-x\nx = 0.25\n```",
        "```\nloss 0.25\n```",
        "```python\nloss = 0.25\n```",
        "Set `lr=0.25`, or ``a ` 0.5``.",
        "It was 0.25 there {cite:p}`a`.",
        "{cite:t}`a` report\nan error of 4.7 %.",
        "In 2010, 64 units and 10,000 images; NumPy 1.26.4; 3 runs; 5 times; half of it; 1 and 0.",
        "See <https://example.org/0.5>, [there](../0.5/a.md) and https://a.org/0.5/.",
        "See {ref}`section 0.5 <page>` and {doc}`v0.5`.",
        "% a comment with 0.25",
        "<!-- a comment\nwith 0.25 -->",
        '<img src="a.png" width="0.5">',
        "(label-0.5)=",
        "```{literalinclude} ../0.5/a.py\n:lines: 0.5\n```",
        "```{figure} a.png\n:scale: 0.5\n\nA picture.\n```",
        "```{widget} sum\n0.25\n```",
        cell("x = 0.25  # an error of 7 %\nprint('7 %')"),
        cell("x = 0.25", "---\ntags: [a]\nmystnb:\n  figure:\n    width: 0.5\n---\n"),
        cell('plots.show(fig, alt=f"It falls to {x:.2f} at {y[0.5]}.", data={"7 %": x})'),
        cell('def f():\n    """Return an error of 0.25."""\nMarkdown(f"{x}")'),
        cell("x = = 0.25  # an error on purpose"),
    ],
)
def test_what_is_glued_or_mathematics_or_code_or_cited_is_left_alone(text):
    assert numbers(text) == []


def test_a_finding_says_where_and_what_to_do():
    (finding,) = typed(TOP + "A sentence.\nThe error is 0.25.\n", "part/page.md")
    line = TOP.count("\n") + 2
    assert str(finding).startswith(f"part/page.md:{line}: '0.25' is typed in “")
    assert "The error is 0.25." in str(finding)
    assert "glue" in str(finding)


@pytest.fixture
def book(tmp_path):
    (tmp_path / "book" / "part").mkdir(parents=True)
    page = tmp_path / "book" / "part" / "page.md"
    page.write_text(TOP + "NumPy 1.24\ndropped it. The rate is 1.24.\n", encoding="utf-8")
    return tmp_path


def exceptions(folder, *lines):
    path = folder / "exceptions.txt"
    path.write_text("# a comment\n\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_an_exception_lets_its_own_phrase_pass_and_no_other(book):
    listed = exceptions(book, "part/page.md | NumPy 1.24 dropped | version number")
    (problem,) = check(book / "book", listed)
    assert "The rate is 1.24" in problem
    assert len(check(book / "book", exceptions(book))) == 2


def test_an_exception_for_any_page_is_a_star(book):
    assert check(book / "book", exceptions(book, "* | 1.24 | version number")) == []


@pytest.mark.parametrize(
    "entry",
    [
        "part/page.md | NumPy 1.25 | version number",  # not there any more
        "part/other.md | NumPy 1.24 | version number",  # on another page
        "part/page.md | dropped it. | version number",  # there, and no number
    ],
)
def test_an_exception_that_fits_nothing_is_a_problem(book, entry):
    problems = check(book / "book", exceptions(book, "* | 1.24 | version number", entry))
    assert len(problems) == 1
    assert re.search(r"exceptions\.txt:4: .*remove the exception", problems[0])


@pytest.mark.parametrize("entry", ["page.md | 1.24", "page.md | 1.24 | ", "1.24"])
def test_an_exception_without_its_reason_is_refused(book, entry):
    with pytest.raises(ValueError, match=r"exceptions\.txt:3: expected “page . phrase . reason”"):
        check(book / "book", exceptions(book, entry))


def test_prose_keeps_every_character_in_its_place():
    for page in BOOK.rglob("*.md"):
        text = page.read_text(encoding="utf-8")
        left = prose(text)
        assert len(left) == len(text)
        assert all(a in (b, " ") for a, b in zip(left, text, strict=True))


def test_each_exception_stands_once():
    listed = [(entry.page, entry.phrase) for entry in read_exceptions(EXCEPTIONS)]
    assert len(listed) == len(set(listed))


def test_no_result_is_typed_in_the_book():
    problems = check(BOOK)
    assert not problems, "\n".join(problems)
