"""The book's words: a page's first use of a term leads to the glossary, and the index has them all.

The terms are those of ``{glossary}``. In each page the place that introduces a term, set in bold or
italics, or else its first plain use, becomes a link to the glossary and an entry of the index. The
index also has the titles of theorems and the names of the package. `tools/templates/genindex.html`
prints it.
"""

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from tools.book_order import numbered
from tools.page_source import terms

# Pages that are lists themselves.
LISTS = re.compile(r"glossary|notation|api|equations|bibliography|index$")
# Words of everyday English: they are terms where the text sets them off, and only there.
EVERYDAY = {
    "depth",
    "gain",
    "kernel",
    "margin",
    "module",
    "power",
    "score",
    "unit",
    "weight",
    "width",
}
CLOSED = ("exercise", "solution", "sidebar", "admonition", "container", "table", "proof")


@dataclass(frozen=True)
class Glossary:
    """The terms of the glossary, and how to find them in running text."""

    path: Path | None
    terms: tuple[str, ...]

    @cached_property
    def names(self) -> dict[str, str]:
        """Return the term for each way to write it, in small letters."""
        return {part.lower(): term for term in self.terms for part in term.split(", ")}

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Return what finds a term, in the singular or with an s."""
        longest_first = sorted(self.names, key=len, reverse=True)
        words = "|".join(re.escape(name).replace(r"\ ", r"[ -]") for name in longest_first)
        return re.compile(rf"(?<![\w-])({words})s?(?![\w-])", re.IGNORECASE)

    def term(self, words: str) -> str | None:
        """Return the term that some words name."""
        found = self.pattern.fullmatch(words.strip())
        return self.names.get(found[1].lower().replace("-", " ")) if found else None


def read_glossary(source: Path) -> Glossary:
    """Return the terms of the page that has a glossary."""
    for path in sorted(source.rglob("*.md")):
        if found := terms(path.read_text(encoding="utf-8")):
            return Glossary(path, tuple(found))
    return Glossary(None, ())


def begin(app: Sphinx) -> None:
    """Read the glossary afresh in every build."""
    vars(app)["book_glossary"] = read_glossary(Path(app.srcdir))


# ---------------------------------------------------------------- terms in the text


def is_open(node: nodes.Node) -> bool:
    """Say whether a paragraph is running text."""
    while node.parent is not None:
        node = node.parent
        if isinstance(node, nodes.Admonition | nodes.admonition | nodes.figure | nodes.list_item):
            return False
        if any(word in type(node).__name__ for word in CLOSED):
            return False
    return True


def uses(doctree: nodes.document, glossary: Glossary) -> dict[str, nodes.Node]:
    """Return for each term the node that uses it: emphasised, or else a piece of plain text."""
    found: dict[str, nodes.Node] = {}
    paragraphs = [p for p in doctree.findall(nodes.paragraph) if is_open(p)]
    for paragraph in paragraphs:
        for child in paragraph.children:
            if isinstance(child, nodes.strong | nodes.emphasis):
                term = glossary.term(child.astext())
                if term:
                    found.setdefault(term, child)
    for paragraph in paragraphs:
        for child in paragraph.children:
            if isinstance(child, nodes.Text):
                for match in glossary.pattern.finditer(child.astext()):
                    term = glossary.term(match[0])
                    if term and term not in EVERYDAY:
                        found.setdefault(term, child)
    return found


def lead(term: str, content: nodes.Node, docname: str) -> addnodes.pending_xref:
    """Return a link to a term of the glossary."""
    inner = nodes.inline("", "", content, classes=["xref", "std", "std-term"])
    return addnodes.pending_xref(
        "", inner, refdomain="std", reftype="term", reftarget=term, refexplicit=True,
        refwarn=True, refdoc=docname,
    )  # fmt: skip


def link_terms(app: Sphinx, doctree: nodes.document) -> None:
    """Link a page's first use of each term, and enter it in the index."""
    env, glossary = app.env, vars(app)["book_glossary"]
    docname = env.docname
    forget(app, env, docname)
    enter_names(env, docname, doctree)
    if not glossary.terms or LISTS.search(docname):
        return
    env.note_dependency(str(glossary.path))
    found = uses(doctree, glossary)
    for node in dict.fromkeys(found.values()):
        terms = [term for term, place in found.items() if place is node]
        paragraph, section = node.parent, node.parent
        while not isinstance(section, nodes.section) and section.parent is not None:
            section = section.parent
        paragraph.replace(node, linked(node, terms, glossary, docname))
        for term in terms:
            name = nodes.make_id(f"use-{term}")
            paragraph["ids"].append(name)
            enter(env, docname, term, name, section["ids"][0] if section.get("ids") else "")


def linked(
    node: nodes.Node, terms: list[str], glossary: Glossary, docname: str
) -> list[nodes.Node]:
    """Return a node's pieces, with the first use of each of its terms as a link."""
    if not isinstance(node, nodes.Text):
        return [lead(terms[0], node, docname)]
    text, pieces, end, waiting = node.astext(), [], 0, set(terms)
    for match in glossary.pattern.finditer(text):
        term = glossary.term(match[0])
        if term in waiting:
            waiting.remove(term)
            pieces += [nodes.Text(text[end : match.start()])]
            pieces += [lead(term, nodes.Text(match[0]), docname)]
            end = match.end()
    return [piece for piece in [*pieces, nodes.Text(text[end:])] if piece.astext()]


# ---------------------------------------------------------------- the index


def places_of(env: BuildEnvironment) -> dict[str, dict[str, str]]:
    """Return, page by page, the section in which each entry's place lies."""
    found: dict[str, dict[str, str]] = vars(env).setdefault("book_places", {})
    return found


def enter(env: BuildEnvironment, docname: str, words: str, name: str, section: str) -> None:
    """Add an entry to the index."""
    entries = env.domaindata["index"]["entries"].setdefault(docname, [])
    entries.append(("single", words.replace(";", ","), name, "", None))
    places_of(env).setdefault(docname, {})[name] = section


def enter_names(env: BuildEnvironment, docname: str, doctree: nodes.document) -> None:
    """Enter the titles of a page's theorems, and the names of the package."""
    for node in doctree.findall(nodes.Element):
        if type(node).__name__.endswith("_node") and node.get("countertype") and node["ids"]:
            title = re.sub(r"^\s*\((.*)\)$", r"\1", node.get("title", ""))
            if title and not re.search(r"[$\\]", title):
                enter(env, docname, title, node["ids"][0], "")
        elif "api-entry" in node.get("classes", []) and node["ids"]:
            module, _, name = node["ids"][0].rpartition(".")
            enter(env, docname, f"{name} ({module})", node["ids"][0], "")


def forget(app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    """Drop a page's places before it is read again."""
    places_of(env).pop(docname, None)


def place_of(app: Sphinx, address: str) -> str:
    """Say in few words where an entry leads: the section's number, or the page's title."""
    env = app.env
    path, _, name = address.partition("#")
    docname = path.removesuffix(".html")
    for kind, one, number in numbered(env, docname):
        if one == name:
            return f"{kind.capitalize()} {number}"
    section = places_of(env).get(docname, {}).get(name, "")
    numbers = env.toc_secnumbers.get(docname, {})
    if digits := numbers.get(f"#{section}") or numbers.get(""):
        return ".".join(map(str, digits))
    return env.titles[docname].astext() if docname in env.titles else docname


def order(app: Sphinx, main: str, address: str) -> tuple:
    """Sort an entry's places: the glossary, the chapters as they are read, then the rest."""
    number = re.search(r"\d+(\.\d+)*$", place_of(app, address))
    return (not main, not number, [int(part) for part in number[0].split(".")] if number else [])


def fill_index(
    app: Sphinx, pagename: str, templatename: str, context: dict, doctree: nodes.document | None
) -> None:
    """Give the index's template the words for its links."""
    if pagename == "genindex":
        context["place_of"] = lambda address: place_of(app, address)
        context["in_order"] = lambda links: sorted(links, key=lambda link: order(app, *link))
        words = "The index: terms, theorems, and the names of the package."
        meta = f'<meta name="description" content="{words}" />\n'
        context["metatags"] = context.get("metatags", "") + meta


def setup(app: Sphinx) -> dict[str, bool]:
    """Link and collect while pages are read, print the index at the end."""
    app.connect("builder-inited", begin)
    app.connect("doctree-read", link_terms)
    app.connect("env-purge-doc", forget)
    return {"parallel_read_safe": False, "parallel_write_safe": True}
