"""A link to every heading, equation, figure, theorem and exercise, each with a name of its own.

Sphinx calls all of them "#", and leaves out the numbered boxes.
"""

import re
from html import escape

from docutils import nodes
from sphinx.application import Sphinx

from tools.book_order import numbered, plain_text

HEADING = re.compile(
    r'<(h[1-6])>((?:(?!</h).)*?)(<a class="headerlink" href="#([^"]+)")', re.DOTALL
)
LINK = re.compile(r'<a class="headerlink" href="#([^"]+)" title="Link to [^"]+">')
BOX = re.compile(
    r'(<div class="(?:proof|exercise)(?![^"]*dropdown)[^"]*" id="([^"]+)">\s*'
    r'<p class="admonition-title"><span class="caption-number">)([^<]*)(.*?)(?=</p>)',
    re.DOTALL,
)
KINDS = {"displaymath": "equation", "figure": "figure"}


def names_of(app: Sphinx, docname: str, doctree: nodes.document) -> dict[str, str]:
    """Return what each place of a page is called, by its id."""
    names = {}
    for section in doctree.findall(nodes.section):
        title = section.next_node(nodes.title)
        if title is not None:
            names.update(dict.fromkeys(section["ids"], f"“{plain_text(title).strip()}”"))
    for term in doctree.findall(nodes.term):
        names.update(dict.fromkeys(term["ids"], f"“{plain_text(term).strip()}”"))
    for kind, name, number in numbered(app.env, docname):
        if kind in KINDS:
            names[name] = f"{KINDS[kind]} {number}"
    return names


def name_links(
    app: Sphinx, pagename: str, templatename: str, context: dict, doctree: nodes.document | None
) -> None:
    """Give a page's links their names, and its boxes their links."""
    if doctree is None or "body" not in context:
        return
    names = names_of(app, pagename, doctree)

    def named(match: re.Match[str]) -> str:
        label = f"Link to {names.get(match[1]) or match[1]}"
        return f'{match[0][:-1]} aria-label="{escape(label, quote=True)}">'

    def linked(match: re.Match[str]) -> str:
        opening, target, number, rest = match.groups()
        label = f"Link to {number.strip().lower()}"
        return (
            f'{opening}{number}{rest}<a class="headerlink" href="#{target}"'
            f' title="Link to this {label.split()[2]}" aria-label="{label}">#</a>'
        )

    # A heading is read aloud without its link, which would say everything twice.
    body = HEADING.sub(
        r'<\1 aria-labelledby="heading-\4"><span id="heading-\4">\2</span>\3', context["body"]
    )
    context["body"] = BOX.sub(linked, LINK.sub(named, body))
