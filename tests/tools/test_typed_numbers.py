"""No number that a run produced is typed in the book's text, and the guard sees what it must."""

from typing import ClassVar

import pytest
from docutils import nodes
from docutils.core import publish_doctree
from docutils.parsers.rst import Directive, directives, roles
from myst_parser.docutils_ import Parser
from sphinx.addnodes import pending_xref

from tools.words.typed_numbers import (
    EXCEPTIONS,
    Allowed,
    Finding,
    read_exceptions,
    typed,
    typed_on,
)

SETTINGS = {
    "myst_enable_extensions": ["dollarmath", "colon_fence", "attrs_inline"],
    "report_level": 5,
    "warning_stream": False,
}


def glued(role, raw, text, line, inliner, options=None, content=None):
    return [nodes.inline(text, "0.123", classes=["pasted-text"])], []


def reference(domain):
    def role(name, raw, text, line, inliner, options=None, content=None):
        return [pending_xref(text, nodes.inline(text, text), refdomain=domain)], []

    return role


class Cell(Directive):
    """What MyST-NB makes of a cell: its source and its output, and a figure with a caption."""

    has_content = True
    optional_arguments = 1
    option_spec: ClassVar = {"tags": str}

    def run(self):
        code = nodes.container("", nb_element="cell_code")
        code += nodes.literal_block("", "\n".join(self.content))
        output = nodes.container("", nodes.paragraph("", "loss 0.25"), nb_element="cell_output")
        code += [output, nodes.figure("", nodes.caption("", "The error is 0.07."))]
        return [code]


class Pasted(Directive):
    """What MyST-NB makes of ``{glue:md}``: the parsed text, at the directive's own line."""

    required_arguments = 1

    def run(self):
        paragraph = nodes.paragraph("", "It falls to 0.25.")
        paragraph.line = self.lineno
        return [paragraph]


@pytest.fixture(autouse=True)
def roles_of_the_book():
    directives.register_directive("glue:md", Pasted)
    roles.register_local_role("glue:text", glued)
    roles.register_local_role("ref", reference("std"))
    roles.register_local_role("doc", reference("std"))
    for name in ("cite:t", "cite:p"):
        roles.register_local_role(name, reference("cite"))
    directives.register_directive("code-cell", Cell)


def numbers(text):
    source = f"# A page\n\n{text}"
    tree = publish_doctree(source, parser=Parser(), settings_overrides=SETTINGS)
    return [finding.number for finding in typed_on(tree, source)]


def cell(code, header=""):
    return f"```{{code-cell}} ipython3\n{header}{code}\n```\n"


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
        ("{glue:text}`a:.2f` and 0.25", "0.25"),
        ("$x=1$ and 0.25 and $y$", "0.25"),
        ("[The error is 0.25](https://example.org/0.5).", "0.25"),
        ("{cite:t}`a` found more. The error is 0.25.", "0.25"),
        ("The error is 0.25.\nIt was expected {cite:p}`a`.", "0.25"),
        ("- {cite:t}`a` found more\n- an error of 0.25", "0.25"),
        (cell('plots.show(fig, alt="It falls "\n    "to 0.07.", data={"a": [0.5]})'), "0.07"),
        (cell('plots.show(fig, alt=f"From {a:.2f} to 0.07.")'), "0.07"),
        (cell('plots.show(fig, table="It falls to 0.07.")', ":tags: [hide-input]\n"), "0.07"),
        (cell('glue("a", Markdown("é: it falls to 0.07." if a else "no"))'), "0.07"),
        (cell('words = "it falls to 0.07 in the end"\nMarkdown(words)'), "0.07"),
    ],
)
def test_a_typed_number_is_found(text, number):
    caption = ["0.07"] if "code-cell" in text else []
    assert sorted(numbers(text)) == sorted([number, *caption])


@pytest.mark.parametrize(
    "text",
    [
        "The error is {glue:text}`error:.2f`, or {glue:text}`share:.0f` %.",
        "$$x = 0.25$$",
        "With $\\eta=0.25$ and ${0.5}$ of $10^{-9}$.",
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
        cell("x = 0.25  # an error of 7 %\nprint('7 %')"),
        cell('plots.show(fig, alt=f"It falls to {x:.2f} at {y[0.5]}.", data={"7 %": x})'),
        cell('def f():\n    """Return an error of 0.25."""\nMarkdown(f"{x}")'),
        cell("x = = 0.25  # an error on purpose"),
    ],
)
def test_what_is_glued_or_mathematics_or_code_or_cited_is_left_alone(text):
    assert numbers(text) == (["0.07"] if "code-cell" in text else [])  # the caption's


def test_what_a_cell_pasted_as_a_block_is_left_alone_and_its_neighbors_are_not():
    assert numbers("```{glue:md} a\n```\n\nA rate of 0.5.\n\n```{glue:md} b\n```\n") == ["0.5"]


def test_a_sentence_that_only_follows_a_citation_is_searched():
    assert numbers("{cite:t}`a` found 0.5. The error is 0.25.") == ["0.25"]


def test_an_exception_lets_its_own_phrase_pass_and_no_other():
    text = "NumPy 1.24 dropped it. The rate is 1.24."
    first, second = typed(iter([(text, 3)]))
    for page, fits in (("page.md", True), ("*", True), ("other.md", False)):
        exception = Allowed(1, page, "NumPy 1.24 dropped", "version number")
        assert exception.fits("page.md", first) is fits
        assert not exception.fits("page.md", second)
    assert not Allowed(1, "*", "dropped it.", "no number").fits("page.md", first)
    assert first == Finding("1.24", text, 6, 3)


@pytest.mark.parametrize("entry", ["page.md | 1.24", "page.md | 1.24 | ", "1.24"])
def test_an_exception_without_its_reason_is_refused(tmp_path, entry):
    path = tmp_path / "exceptions.txt"
    path.write_text(f"# a comment\n\n{entry}\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"exceptions\.txt:3: expected “page . phrase . reason”"):
        read_exceptions(path)


def test_each_exception_stands_once():
    listed = [(entry.page, entry.phrase) for entry in read_exceptions(EXCEPTIONS)]
    assert len(listed) == len(set(listed))
