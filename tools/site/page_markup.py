"""What every finished page has: a description of its own, and markup without the theme's faults.

Ids that stand twice, labels that say nothing, boxes that only a script folds, and what the keyboard
cannot reach are put right in the finished files.
"""

import re
from html import unescape

from docutils import nodes
from markupsafe import Markup
from sphinx.application import Sphinx

from tools.book_order import plain_text

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


# ---------------------------------------------------------------- the finished files

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
# Icons are letters of a font, which nobody can read aloud; and what only a script can open.
ICON = re.compile(r'<(i|span)( class="[^"]*\bfa-)')
SIDEBAR_BUTTON = re.compile(r'(<button class="sidebar-toggle [^"]*)"')
TABLE = re.compile(r'<table class="table">(?=(.*?)</thead>)', re.DOTALL)


def tidy(html: str) -> str:
    """Put the markup of one page right; let no script hold up the page."""
    html = SHARED_ID.sub("", html).replace(*PROOF)
    html = SEARCH_LABEL.sub(r"\1", HIDING_LABEL.sub(r"\1", html))
    html = html.replace('role="doc-biblioentry"', 'role="listitem"')
    html = ICON.sub(r'<\1 aria-hidden="true"\2', html)
    html = SIDEBAR_BUTTON.sub(r'\1 pst-js-only"', html)
    html = TABLE.sub(reachable, html)
    html = HOME.sub('<div class="sidebar-primary-item" role="navigation" aria-label="Book">', html)
    html = CODE_OF_FIGURE.sub(under_the_caption, html)
    html = LONG_LINES.sub(reachable_code, fold(html)).replace(' data-theme="auto"', "", 1)

    def defer(match: re.Match[str]) -> str:
        return match[0] if " defer" in match[1] else f"<script defer{match[1]}></script>"

    return BLOCKING.sub(defer, html)


# The code of a figure, which MyST-NB folds away above its output.
CODE_OF_FIGURE = re.compile(
    r'<details class="admonition hide above-input">\s*<summary>(?:(?!</summary>).)*</summary>'
    r"(?P<code>(?:(?!</details>).)*)</details>"
    r'(?P<figure>\s*<div class="cell_output[^>]*>\s*<figure\b(?:(?!</figure>).)*?'
    r'<span class="caption-number">(?P<name>[^<]*?)\s*</span>.*?</figure>)',
    re.DOTALL,
)


def under_the_caption(match: re.Match[str]) -> str:
    """Put the folded code of a figure below its caption, and name the figure."""
    summary = f'<summary><p class="admonition-title">Code of {match["name"]}</p></summary>'
    code = f'<details class="admonition hide">{summary}{match["code"]}</details>'
    return match["figure"] + code


# Boxes of the class `dropdown` are folded by the browser, without a script.
FOLDED = re.compile(
    r'<div class="([^"]*\bdropdown\b[^"]*)"([^>]*)>\s*<p class="admonition-title">(.*?)</p>'
)
DIVISION = re.compile(r"<div\b|</div>")


def fold(html: str) -> str:
    """Turn the boxes that are to be folded into ``<details>``."""
    for match in reversed(list(FOLDED.finditer(html))):
        depth = 1
        for division in DIVISION.finditer(html, match.end()):
            depth += -1 if division[0] == "</div>" else 1
            if depth == 0:
                break
        opening = f'<details class="{match[1]}"{match[2]}>'
        title = re.sub(r"</?a\b[^>]*>", "", match[3])  # a click here unfolds, and leads nowhere
        summary = f'<summary class="admonition-title">{title}</summary>'
        inside = html[match.end() : division.start()]
        html = (
            f"{html[: match.start()]}{opening}\n{summary}{inside}</details>{html[division.end() :]}"
        )
    return html


# A line of more signs than a phone's column scrolls, and the keyboard must reach what scrolls.
PHONE_SIGNS = 40
LONG_LINES = re.compile(r"<pre>(.*?)</pre>", re.DOTALL)


def reachable_code(match: re.Match[str]) -> str:
    """Let the keyboard reach code with long lines."""
    text = unescape(re.sub(r"<[^>]*>", "", match[1]))
    wide = max(map(len, text.splitlines() or [""])) > PHONE_SIGNS
    return f'<pre tabindex="0">{match[1]}</pre>' if wide else match[0]


def reachable(match: re.Match[str]) -> str:
    """Let the keyboard reach a table of many columns, which scrolls on a narrow screen."""
    many = match[1].count("<th ") + match[1].count("<th>") > 2
    return '<table class="table" tabindex="0">' if many else match[0]
