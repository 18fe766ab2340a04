"""Small interactive figures: ``{widget} NAME``, with a caption as its content.

The directive puts a still picture and its words into the page, drawn while the book is built by the
same script (``book/assets/widgets.js``) that brings the figure to life in a reader's browser. Only
pages that hold a widget load the script and its style sheet.
"""

import functools
import json
from pathlib import Path

import quickjs
from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

SCRIPT = Path(__file__).resolve().parents[2] / "book" / "assets" / "widgets.js"
STYLE = "widgets.css"


@functools.cache
def library(source: str) -> quickjs.Context:
    """Return a JavaScript engine that has run the script; `MLPBookWidgets` holds its functions."""
    context = quickjs.Context()
    context.eval(source)
    return context


class Widget(SphinxDirective):
    """A figure that readers can change: ``{widget} neuron``, option ``name``, then the caption."""

    required_arguments = 1
    has_content = True
    option_spec = {"name": directives.unchanged_required}  # noqa: RUF012

    def run(self) -> list[nodes.Node]:
        """Return a figure with the still picture, hidden controls, and the caption."""
        name = self.arguments[0]
        context = library(SCRIPT.read_text(encoding="utf-8"))
        known = context.eval("Object.keys(MLPBookWidgets.WIDGETS).join(', ')")
        if name not in known.split(", "):
            raise self.error(f"widget must be one of {known}, got {name!r}. Is it a typing error?")
        if not self.content:
            raise self.error(f"widget {name!r} must have a caption. Write what it shows.")
        self.env.note_dependency(str(SCRIPT))

        figure = nodes.figure(classes=["widget"])
        html = json.loads(context.eval(f"JSON.stringify(MLPBookWidgets.markup('{name}'))"))
        figure += nodes.raw("", html, format="html")
        caption = nodes.caption()
        words, messages = self.state.inline_text(" ".join(self.content), self.lineno)
        caption += words
        figure += caption
        self.set_source_info(figure)
        self.add_name(figure)
        return [figure, *messages]


def add_files(
    app: Sphinx, pagename: str, templatename: str, context: dict, doctree: nodes.document | None
) -> None:
    """Let the pages with a widget load the script and its style sheet."""
    if doctree is not None and any("widget" in f["classes"] for f in doctree.findall(nodes.figure)):
        app.add_css_file(STYLE)
        app.add_js_file(SCRIPT.name, loading_method="defer")


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the directive, and the files where it is used."""
    app.add_directive("widget", Widget)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
