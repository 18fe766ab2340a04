"""The finished site as one book, for the two editions that are no site: paper and e-readers.

`print_pdf.py` and `make_epub.py` start from the finished pages, so that the mathematics, the
figures, the numbers and the marks of the tests are those of the site. Here the pages are put in
order, stripped of what only a screen can do, and made to say what a reader cannot unfold.
Drawings (SVG, and the MathML beside it) pass through as they are; only the text around them is
parsed.
"""

import contextlib
import importlib.util
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from xml.etree import ElementTree as ET

import yaml
from lxml.html import HtmlElement, fragment_fromstring
from lxml.html import builder as E

from tools.site.delivery import styles_for_classes

ROOT = Path(__file__).resolve().parents[2]
NAME = "multilayer-perceptrons"  # of the editions' files
SUBTITLE = "From one neuron to PyTorch, every equation tested, every page executed"

# ---------------------------------------------------------------- drawings

DRAWING = re.compile(r"<(/?)(svg|math)\b[^>]*?(/?)>")
FORMULA_TAG = re.compile(r'<svg aria-hidden="true" focusable="false"')
GLYPH = re.compile(r'<path id="(m-[0-9a-f]+)" d="([^"]*)"/>')
PLACE = re.compile(r'<(svg|math) data-drawing="(\d+)"(?:"[^"]*"|[^">])*?(?:/>|></\1>)')


class Drawings:
    """The drawings of the book, by number; their places in the text are empty elements."""

    def __init__(self) -> None:
        self.kept: list[str] = []
        self.glyphs: dict[str, str] = {}

    def take_out(self, html: str) -> str:
        """Put an empty, numbered element in each drawing's stead."""
        pieces, end, depth, start = [], 0, 0, 0
        for match in DRAWING.finditer(html):
            if match[1]:
                depth -= 1
            elif not match[3]:
                start = start if depth else match.start()
                depth += 1
            if depth == 0:
                pieces += [html[end:start], self.place(match[2], html[start : match.end()])]
                end = match.end()
        return "".join(pieces) + html[end:]

    def place(self, tag: str, source: str) -> str:
        """Keep a drawing, and return the element that stands for it."""
        if 'class="formula-glyphs"' in source:
            self.glyphs.update(GLYPH.findall(source))
            return ""
        self.kept.append(source)
        return f'<{tag} data-drawing="{len(self.kept) - 1}"></{tag}>'

    def put_back(self, html: str) -> str:
        """Return a text with its drawings."""
        return PLACE.sub(lambda match: self.kept[int(match[2])], html)

    def __getitem__(self, place: HtmlElement) -> str:
        return self.kept[int(place.get("data-drawing"))]

    def __setitem__(self, place: HtmlElement, source: str) -> None:
        self.kept[int(place.get("data-drawing"))] = source


# ---------------------------------------------------------------- formulas in words

MATHML = "{http://www.w3.org/1998/Math/MathML}"
ACCENTS = {"¯": "\u0304", "^": "\u0302", "~": "\u0303", "˙": "\u0307", "→": "\u20d7", "ˆ": "\u0302"}
DOUBLE_STRUCK = {"R": "ℝ", "N": "ℕ", "Z": "ℤ", "E": "𝔼", "P": "ℙ", "Q": "ℚ", "1": "𝟙"}
BRACES = {"⏟", "⏞", "‾"}
APART = "\u200a"  # between an index and the letter that follows
INVISIBLE = "\u2061\u2062\u2063\u2064"


def in_a_line(mathml: str) -> str:
    """Return a formula as one line of text: what stands for it where it cannot be drawn.

    Examples
    --------
    >>> in_a_line("<math><mfrac><mn>1</mn><mi>N</mi></mfrac><mi>x</mi></math>")
    '1/N x'
    """
    text = re.sub(rf"{APART}+(?=[\w√|‖])", " ", line_of(ET.fromstring(mathml))).replace(APART, "")
    return re.sub(r"\s+", " ", text).replace("( ", "(").replace(" )", ")").strip()


SUPERSCRIPTS = str.maketrans("0123456789+−-()niT⊤", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁽⁾ⁿⁱᵀᵀ")


def line_of(node: ET.Element) -> str:
    """Return one element of MathML as text."""
    tag = node.tag.removeprefix(MATHML)
    children = [line_of(child) for child in node]
    match tag:
        case "mo":
            sign = (node.text or "").strip().strip(INVISIBLE)
            tight = sign in set("()[]{}|‖⟨⟩,!′″‴/⌈⌉⌊⌋") or not sign
            return f"{sign} " if sign == "," else sign if tight else f" {sign} "
        case "mi" | "mn" | "mtext" | "ms":
            text = (node.text or "").replace("\xa0", " ")
            struck = node.get("mathvariant") == "double-struck"
            name = len(text) > 1 and tag == "mi"
            return DOUBLE_STRUCK.get(text, text) if struck else f" {text} " if name else text
        case "mspace":
            return " "
        case "mfrac":
            return "/".join(map(grouped, children)) + " "
        case "msqrt":
            return f"√{grouped(''.join(children))}"
        case "mroot":
            return f"root {children[1]} of {grouped(children[0])}"
        case "munder" | "mover" if children[1].strip() in BRACES:
            return children[0]
        case "msub" | "munder":
            return f"{children[0].rstrip()}_{grouped(children[1])}" + after(children[0])
        case "msup":
            return children[0].rstrip() + raised(children[1]) + after(children[0])
        case "mover" if children[1].strip() in ACCENTS and len(children[0].strip()) == 1:
            return children[0].strip() + ACCENTS[children[1].strip()]
        case "mover":
            return children[0].rstrip() + raised(children[1])
        case "msubsup" | "munderover":
            base, below, above = children
            return f"{base.rstrip()}_{grouped(below)}{raised(above)}" + after(base)
        case "mtable":
            return "; ".join(children)
        case "mtr" | "mlabeledtr":
            return " ".join(child.strip() for child in children if child.strip())
        case _:
            return "".join(children)


def grouped(text: str) -> str:
    """Put what consists of several things in parentheses."""
    text = text.strip()
    return text if re.fullmatch(r"[\w.ℓ∞′\u0300-\u036f]*|\(.*\)", text) else f"({text})"


def raised(text: str) -> str:
    """Return a superscript, with signs of its own where there are some."""
    text = text.strip()
    if text and set(text) <= set("′″‴"):
        return text
    small = text.replace(" ", "").translate(SUPERSCRIPTS)
    return small if re.fullmatch("[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾ⁿⁱᵀ]+", small) else f"^{grouped(text)}"


def after(base: str) -> str:
    """Return the space that an operator has behind it."""
    return " " if base.endswith(" ") else APART


# ---------------------------------------------------------------- pages


@dataclass
class Chapter:
    """One page of the site as a chapter."""

    docname: str
    body: HtmlElement
    title: str = ""

    @property
    def name(self) -> str:
        """Return the name that the editions give it: its file's, without a folder."""
        return self.docname.rpartition("/")[2]


@dataclass
class Part:
    """Chapters under a heading."""

    title: str
    chapters: list[Chapter] = field(default_factory=list)


@dataclass
class Book:
    """The whole: the home page, then the parts."""

    title: str
    author: str
    year: str
    home: Chapter
    parts: list[Part]
    drawings: Drawings

    def chapters(self) -> Iterator[Chapter]:
        """Yield the chapters in reading order."""
        for part in self.parts:
            yield from part.chapters


ARTICLE = re.compile(r"<article\b[^>]*>(.*)</article>", re.DOTALL)


def read_chapter(site: Path, docname: str, drawings: Drawings) -> Chapter:
    """Read one finished page."""
    path = site / f"{docname}.html"
    if not path.exists():
        raise SystemExit(f"{path} is missing. Build the whole site first: make book")
    html = ARTICLE.search(styles_for_classes(path.read_text(encoding="utf-8")))
    if html is None:
        raise SystemExit(f"{path} has no <article>. Was it written by this book's build?")
    body = fragment_fromstring(drawings.take_out(html[1]), create_parent="section")
    only_for_screens(body)
    describe_formulas(body, drawings)
    heading = body.find(".//h1")
    return Chapter(docname, body, docname if heading is None else words(heading))


def read_book(site: Path, root: Path = ROOT) -> Book:
    """Read the finished site in the order of its table of contents."""
    config = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))
    toc = yaml.safe_load((root / "book" / "_toc.yml").read_text(encoding="utf-8"))
    drawings = Drawings()
    home = read_chapter(site, toc["root"], drawings)
    parts = [
        Part(
            part.get("caption", ""),
            [read_chapter(site, chapter["file"], drawings) for chapter in part["chapters"]],
        )
        for part in toc["parts"]
    ]
    return Book(config["title"], config["author"], str(config["copyright"]), home, parts, drawings)


def classes(element: HtmlElement) -> set[str]:
    """Return an element's classes."""
    return set(element.get("class", "").split())


def with_class(body: HtmlElement, name: str) -> list[HtmlElement]:
    """Return the elements of a class, in order."""
    return body.xpath(f".//*[contains(concat(' ', @class, ' '), ' {name} ')]")


# What only a screen can do. Whatever is marked `screen-only` goes too, and what is hidden.
SCREEN_CLASSES = {
    "screen-only", "editions", "headerlink", "toctree-wrapper", "widget-controls", "widget-hint",
    "w-later", "figure-data", "figure-small", "equation-test-words", "api-more", "hide",
}  # fmt: skip
SCREEN_TAGS = {"script", "style", "button", "template", "noscript", "link", "input", "select"}
SCREEN_ATTRIBUTES = ("tabindex", "title", "data-key")


def only_for_screens(body: HtmlElement) -> None:
    """Drop what unfolds, copies, scrolls or asks for a click; open the rest."""
    for line in with_class(body, "equation-test-source"):
        line.addprevious(name_of_test(line))
        line.drop_tree()
    for element in list(body.iter()):
        if not isinstance(element.tag, str):  # a comment
            element.drop_tree()
            continue
        empty_title = "sidebar-title" in classes(element) and not element.text_content().strip()
        hidden = "hidden" in element.attrib or element.tag in SCREEN_TAGS
        if hidden or empty_title or classes(element) & SCREEN_CLASSES:
            if element.getparent() is not None:
                element.drop_tree()
            continue
        for name in SCREEN_ATTRIBUTES:
            element.attrib.pop(name, None)
        if element.tag == "details":
            element.set("open", "open")
        if classes(element) & {"formula-scroll", "figure-drawing"}:
            element.attrib.pop("role", None)
            element.attrib.pop("aria-label", None)


def name_of_test(line: HtmlElement) -> HtmlElement:
    """Say where a test stands, without the link to its source."""
    name, place = (code.text_content() for code in line.iter("code"))
    return E.P(E.CODE(place), " ", E.CODE(name), E.CLASS("equation-test-place"))


def describe_formulas(body: HtmlElement, drawings: Drawings) -> None:
    """Let each formula's drawing carry its words; its MathML, hidden on the site, goes."""
    for math in list(body.iter("math")):
        svg = math.getprevious()
        if svg is not None and svg.tag == "svg":
            text = in_a_line(drawings[math])
            label = escape(text, quote=True)
            named = f'<svg class="formula-drawing" role="img" aria-label="{label}"'
            drawings[svg] = FORMULA_TAG.sub(named, drawings[svg], count=1)
            svg.set("data-words", text)
        math.drop_tree()


def words(element: HtmlElement) -> str:
    """Return an element's text, with its formulas in a line."""

    def pieces(node: HtmlElement) -> Iterator[str]:
        yield node.get("data-words") or node.text or ""
        for child in node:
            yield from pieces(child)
            yield child.tail or ""

    return " ".join("".join(pieces(element)).split())


def words_on_part(book: Book, part: Part) -> str:
    """Return what the home page says of a part, in the paragraph that its name begins."""
    for paragraph in book.home.body.iter("p"):
        strong = paragraph.find("strong")
        if strong is not None and strong.text_content().rstrip(".") == part.title:
            return (strong.tail or "").strip()
    return ""


# ---------------------------------------------------------------- ids and links

REFERENCES = ("aria-labelledby", "aria-describedby", "aria-controls", "for")


def prefix_ids(chapter: Chapter) -> None:
    """Make the ids of a chapter's text the book's own: ``id`` becomes ``name--id``."""
    for element in chapter.body.iter():
        if element.get("id"):
            element.set("id", f"{chapter.name}--{element.get('id')}")
        for name in REFERENCES:
            if element.get(name):
                ids = [f"{chapter.name}--{one}" for one in element.get(name).split()]
                element.set(name, " ".join(ids))


@dataclass(frozen=True)
class Target:
    """Where a link of the site leads: to a chapter (and an id in it), or away."""

    chapter: Chapter | None
    anchor: str
    away: str = ""


def targets(book: Book, chapter: Chapter) -> Iterator[tuple[HtmlElement, Target]]:
    """Yield a chapter's links with what they lead to."""
    known = {one.docname: one for one in [book.home, *book.chapters()]}
    folder = chapter.docname.rpartition("/")[0]
    for link in chapter.body.xpath(".//a[@href]"):
        href = link.get("href")
        path, _, anchor = href.partition("#")
        if re.match(r"[a-z][a-z0-9+.-]*:|//", href, re.IGNORECASE):
            yield link, Target(None, "", href)
        elif not path:
            yield link, Target(chapter, anchor)
        else:
            docname = os.path.normpath(os.path.join(folder, path)).replace(os.sep, "/")
            yield link, Target(known.get(docname.removesuffix(".html")), anchor)


# ---------------------------------------------------------------- colours

VARIABLE = re.compile(r"(--[\w-]+):\s*([^;]+);")
ROOT_RULE = re.compile(r":root\s*\{(.*?)\}", re.DOTALL)
USED = re.compile(r"var\((--[\w-]+)(?:,\s*((?:[^()]|\([^()]*\))*))?\)")


def light_palette(root: Path = ROOT) -> dict[str, str]:
    """Return the custom properties of the site's light ground."""
    css = (root / "book" / "assets" / "book.css").read_text(encoding="utf-8")
    root_rule = ROOT_RULE.search(css)
    assert root_rule
    return {name: value.strip() for name, value in VARIABLE.findall(root_rule[1])}


def without_variables(css: str, palette: dict[str, str]) -> str:
    """Write the values of custom properties out, for readers that know none."""

    def value(match: re.Match[str]) -> str:
        name, fallback = match.groups()
        if name not in palette and fallback is None:
            raise SystemExit(f"book/assets/book.css gives {name} no value on the light ground.")
        return palette.get(name, fallback)

    before = None
    while css != before:
        before, css = css, USED.sub(value, css)
    return css


# ---------------------------------------------------------------- type and date

SERIF, SANS = "font_source_serif_pro", "font_source_sans_pro"


def font_file(package: str, name: str) -> Path:
    """Return a font from its package: type that is the same on every machine."""
    spec = importlib.util.find_spec(package)
    assert spec
    assert spec.origin
    return Path(spec.origin).parent / "files" / name


def edition_time(root: Path = ROOT) -> datetime:
    """Return the time of the edition: `SOURCE_DATE_EPOCH`, the last commit's, or now's."""
    seconds = os.environ.get("SOURCE_DATE_EPOCH", "")
    if not seconds:
        command = ["git", "-C", str(root), "log", "-1", "--format=%ct"]
        with contextlib.suppress(OSError):
            seconds = subprocess.run(command, capture_output=True, text=True).stdout.strip()
    return datetime.fromtimestamp(int(seconds), UTC) if seconds.isdigit() else datetime.now(UTC)
