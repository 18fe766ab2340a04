r"""Search that finds notation: by letter, by name, and as TeX; and what is numbered.

Sphinx searches words. So each row of the page of notation is entered in the search under every way
to ask for its symbol ("λ", "lambda", "\bar W", "relu'"), every page under the Greek letters that
its formulas use, and every theorem, figure and equation under its number. Nothing of it shows in a
page.
"""

import re
import unicodedata
from collections.abc import Iterator

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from tools.book_order import numbered

NAMES = """alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau
upsilon phi chi psi omega"""
GREEK = dict(zip(NAMES.split(), "αβγδεζηθικλμνξπρστυφχψω", strict=True))
GREEK |= {name.capitalize(): letter.upper() for name, letter in GREEK.items()}
GREEK |= {"varepsilon": "ε", "vartheta": "θ", "varphi": "φ", "ell": "ℓ", "odot": "⊙", "nabla": "∇"}
FONT = re.compile(r"\\(?:mathcal|mathbf|mathbb|operatorname|text|mathrm)\s*")
ACCENT = {"bar": "\u0304", "hat": "\u0302", "tilde": "\u0303", "dot": "\u0307"}
LETTERS = ("W", "b", "z", "Z", "a", "A", "x", "X", "Y", r"\theta", "W_l", "Z_l")


def spoken(tex: str) -> str:
    r"""Return TeX as one would type its words: ``\bar W_l`` is "bar W_l"."""
    return " ".join(re.sub(r"[{}]", "", FONT.sub("", tex)).replace("\\", " ").split())


def lettered(tex: str) -> str:
    r"""Return TeX with its letters in place: ``\lambda`` is "λ", ``\bar W`` is "W̄"."""

    def letter(match: re.Match[str]) -> str:
        return GREEK.get(match[1], match[0] if match[1] in ACCENT else match[1])

    text = re.sub(r"\\([A-Za-z]+)", letter, FONT.sub("", tex))
    text = re.sub(r"\\(bar|hat|tilde|dot)\s*\{?(\w)\}?", lambda m: m[2] + ACCENT[m[1]], text)
    return unicodedata.normalize("NFC", " ".join(re.sub(r"[\\{}]", "", text).split()))


def ways_to_ask(tex: str) -> set[str]:
    """Return every way to ask for a symbol, in small letters, as the search compares."""
    tex = " ".join(tex.split())
    ways = {tex, re.sub(r"(?<![A-Za-z]) | (?![A-Za-z])", "", tex), spoken(tex), lettered(tex)}
    if accent := re.fullmatch(r"\\(bar|hat|tilde|dot) ?(.+)", tex):
        ways.add(f"{spoken(accent[2])} {accent[1]}")
    return {way.lower() for way in ways if way}


def symbols(row: nodes.row) -> Iterator[str]:
    """Yield what a row of the notation is asked for: its symbols, and its names in code."""
    first = row.children[0]
    for formula in first.findall(nodes.math):
        for tex in re.split(r"\s*=\s*|,\s+(?![^(]*\)|.*rangle)", formula.astext()):
            yield tex
            if tex == r"\bar v":  # the adjoint of anything
                yield from (rf"\bar {letter}" for letter in LETTERS)
    for formula in row.findall(nodes.math):
        yield from re.findall(r"\\operatorname\{(\w+)\}'?", formula.astext())
    for code in row.findall(nodes.literal):
        yield code.astext()
        if name := re.fullmatch(r"(\w+)_prime", code.astext()):
            yield f"{name[1]}'"


def name_rows(app: Sphinx, doctree: nodes.document) -> None:
    """Give the rows of the notation an id each, and note how to ask for them."""
    env = app.env
    if env.docname.rpartition("/")[2] != "notation":
        return
    found: dict[tuple[str, str], str] = {}
    asked_before: set[str] = set()  # a letter's second meaning comes second
    rows = [row for body in doctree.findall(nodes.tbody) for row in body.findall(nodes.row)]
    for number, row in enumerate(rows, start=1):
        row["ids"].append(f"symbol-{number}")
        asked = {way for tex in symbols(row) for way in ways_to_ask(tex)}
        for way in sorted(asked):
            found[way, row["ids"][0]] = "" if way in asked_before else "main"
        asked_before |= asked
    vars(env).setdefault("book_symbols", {})[env.docname] = [
        (*place, main) for place, main in found.items()
    ]


def forget(app: Sphinx, env, docname: str) -> None:
    """Drop what is known of a page that is read again."""
    getattr(env, "book_symbols", {}).pop(docname, None)


class search_words(nodes.Invisible, nodes.Element):
    """Words that a page is found by, and that it does not show."""


def add_letters(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Let a page be found by the Greek letters of its formulas."""
    names = set()
    for formula in [*doctree.findall(nodes.math), *doctree.findall(nodes.math_block)]:
        names |= set(re.findall(r"\\([A-Za-z]+)", formula.astext())) & set(GREEK)
    if names:
        words = " ".join(sorted({f"{name} {GREEK[name]}" for name in names}))
        doctree += search_words("", nodes.Text(words))


def numbers(env: BuildEnvironment) -> Iterator[tuple[str, tuple[str, str, str]]]:
    """Yield, for each numbered thing, its page and how to ask for it: "theorem 1.3", "(1.3)"."""
    for docname in env.toc_fignumbers:
        for kind, name, number in numbered(env, docname):
            if kind == "displaymath":
                yield docname, (f"equation {number}", name, "main")
                yield docname, (f"({number})", name, "main")
            else:
                yield docname, (f"{kind} {number}", name, "main")


def enter_symbols(app: Sphinx) -> list:
    """Enter notation and numbers in the finished search index, beside the book's own index."""
    indexer = getattr(app.builder, "indexer", None)
    if indexer is None:
        return []
    symbols = getattr(app.env, "book_symbols", {})
    found = [(docname, entry) for docname, entries in symbols.items() for entry in entries]
    for docname, entry in [*found, *numbers(app.env)]:
        entries = indexer._index_entries.setdefault(docname, [])
        if entry not in entries:
            entries.append(entry)
    return []


def skip(self, node: nodes.Node) -> None:
    """Write nothing."""
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Collect while pages are read; enter when the search index is written."""
    app.add_node(search_words, html=(skip, None), latex=(skip, None), text=(skip, None))
    app.connect("doctree-read", name_rows, priority=400)
    app.connect("env-purge-doc", forget)
    app.connect("doctree-resolved", add_letters, priority=900)
    app.connect("html-collect-pages", enter_symbols)
    return {"parallel_read_safe": False, "parallel_write_safe": True}
