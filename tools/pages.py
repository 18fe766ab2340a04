"""What every finished page has: a description of its own, and no more scripts than it needs.

The theme's pages carry 1.5 MB of icons as a script, although the same icons come from a font, and
scripts that hold up the page. They are put right in the finished files.
"""

import re
from pathlib import Path

from docutils import nodes
from markupsafe import Markup
from sphinx.application import Sphinx

DESCRIPTION_LENGTH = 200


def describe(
    app: Sphinx, pagename: str, templatename: str, context: dict, doctree: nodes.document | None
) -> None:
    """Give a page the first paragraph of its text as its description, unless it names one."""
    if {"pagetitle", "title"} <= set(context):  # for print; the theme takes it from the TeX
        context["pagetitle"] = Markup(context["title"]).striptags()
    if doctree is None or 'name="description"' in context.get("metatags", ""):
        return
    for paragraph in doctree.findall(nodes.paragraph):
        prose = isinstance(paragraph.parent, nodes.section | nodes.document)
        if prose and len(paragraph.astext()) > 40:
            text = " ".join(plain_text(paragraph).split())
            if len(text) > DESCRIPTION_LENGTH:
                text = text[:DESCRIPTION_LENGTH].rsplit(" ", 1)[0].rstrip(",;:") + " …"
            content = text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
            context["metatags"] = (
                context.get("metatags", "") + f'<meta name="description" content="{content}" />\n'
            )
            return


def plain_text(node: nodes.Node) -> str:
    """Return a node's text without its mathematics, which would be TeX."""
    if isinstance(node, nodes.math):
        return "…"
    if isinstance(node, nodes.Text):
        return node.astext()
    return "".join(plain_text(child) for child in node.children)


# ---------------------------------------------------------------- the finished files

ICONS = re.compile(
    r"\s*<!-- So that users can add custom icons -->\s*<script[^>]*fontawesome\.js[^>]*></script>"
)
VIEWPORT = re.compile(
    r'(<meta name="viewport"[^>]*>)(.*?)\s*<meta name="viewport"[^>]*>', re.DOTALL
)
BLOCKING = re.compile(
    r'<script((?: (?!defer)[\w-]+="[^"]*")* src="[^"]+"(?: [\w-]+="[^"]*")*)></script>'
)
# Boxes share these ids, which nothing refers to; an id may stand once in a page.
SHARED_ID = re.compile(r' id="(?:proof|exercise|solution)-content"')
PROOF = '<div class="proof admonition" id="proof">', '<div class="proof proof-box admonition">'
# Labels that say less than the words that they hide.
HIDING_LABEL = re.compile(r'(<summary) aria-label="Toggle hidden content"')
SEARCH_LABEL = re.compile(
    r'(<button class="[^"]*search-button-field[^"]*"[^>]*?) aria-label="[^"]*"'
)
# The book's title stands outside every landmark.
HOME = re.compile(r'<div class="sidebar-primary-item">(?=\s*<a class="navbar-brand logo")')
TABLE = re.compile(r'<table class="table">(?=(.*?)</thead>)', re.DOTALL)
AT_ONCE = ("documentation_options.js",)  # the inline scripts of each page read it


def tidy(html: str) -> str:
    """Drop what is there twice or for nothing; let no script hold up the page."""
    html = SHARED_ID.sub("", html).replace(*PROOF)
    html = SEARCH_LABEL.sub(r"\1", HIDING_LABEL.sub(r"\1", html))
    html = html.replace('role="doc-biblioentry"', 'role="listitem"')
    html = TABLE.sub(reachable, html)
    html = HOME.sub('<div class="sidebar-primary-item" role="navigation" aria-label="Book">', html)
    html = VIEWPORT.sub(r"\1\2", ICONS.sub("", html))

    def defer(match: re.Match[str]) -> str:
        at_once = " defer" in match[1] or any(name in match[1] for name in AT_ONCE)
        return match[0] if at_once else f"<script defer{match[1]}></script>"

    return BLOCKING.sub(defer, html)


def reachable(match: re.Match[str]) -> str:
    """Let the keyboard reach a table of many columns, which scrolls on a narrow screen."""
    many = match[1].count("<th ") + match[1].count("<th>") > 2
    return '<table class="table" tabindex="0">' if many else match[0]


def tidy_all(app: Sphinx, exception: Exception | None) -> None:
    """Put the finished pages right, and drop the files that nothing asks for any more."""
    if exception or app.builder.format != "html":
        return
    out = Path(app.outdir)
    for path in out.rglob("*.html"):
        if "_static" not in path.relative_to(out).parts:
            html = path.read_text(encoding="utf-8")
            better = tidy(html)
            if better != html:
                path.write_text(better, encoding="utf-8")
    static = out / "_static"
    for path in [*static.rglob("*.map"), *(static / "scripts").glob("fontawesome.js*")]:
        path.unlink(missing_ok=True)


def setup(app: Sphinx) -> dict[str, bool]:
    """Describe pages as they are written, tidy them when all are."""
    app.connect("html-page-context", describe, priority=900)
    app.connect("build-finished", tidy_all, priority=800)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
