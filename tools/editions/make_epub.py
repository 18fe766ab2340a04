"""The whole book as an EPUB 3: ``python -m tools.editions.make_epub [_build/html]``.

Made from the finished pages of the site (`whole_book`). Formulas are drawings that carry their
words: e-readers differ most in their MathML, and least in their SVG. Each holds its own glyphs,
because some readers draw every SVG by itself. Figures are files, on white paper, in the light
colours, written out, because many readers know no custom properties and open a picture by a tap.
Chapters are cut between their sections into files that a small device can lay out.
"""

import re
import sys
import time
import uuid
import zipfile
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime
from html import escape
from pathlib import Path

from lxml import etree
from lxml.html import HtmlElement
from lxml.html import builder as E

from tools.editions import links, whole_book
from tools.editions.whole_book import Book, Chapter, Drawings, Part
from tools.equations.mathematics import embed_glyphs

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "src"))

from tools.editions import cover_picture  # noqa: E402  (draws with the book's own package)

LARGE = 250_000  # bytes; a file that has grown beyond is closed before the next section

# ---------------------------------------------------------------- figures

SVG = "http://www.w3.org/2000/svg"
XLINK = "http://www.w3.org/1999/xlink"


def figure_file(svg: str, palette: dict[str, str], widget_rules: str) -> tuple[str, str, float]:
    """Return a figure as a file of its own, its words, and its width in pixels."""
    root = etree.fromstring(whole_book.without_variables(svg, palette))
    words = root.findtext("{*}desc") or root.get("aria-label") or ""
    x, y, width, height = map(float, root.get("viewBox").split())
    pixels = re.search(r"max-width:\s*([\d.]+)px", root.get("style", ""))
    wide = float(pixels[1]) if pixels else width
    style = re.sub(r"(?<![\w-])(max-|min-)?(width|height):[^;]+;?\s*", "", root.get("style", ""))
    widget = "widget-svg" in root.get("class", "")
    for name in ("role", "class", "aria-label", "aria-labelledby"):
        root.attrib.pop(name, None)
    root.set("style", style + ("font: 16px sans-serif" if widget else ""))
    root.set("width", f"{wide:g}")
    root.set("height", f"{wide * height / width:.0f}")
    paper = etree.Element("rect", x=f"{x:g}", y=f"{y:g}", width=f"{width:g}", height=f"{height:g}")
    paper.set("style", f"fill: {palette['--fig-paper']}; stroke: none")
    root.insert(0, paper)
    if widget:
        rules = etree.Element("style")
        rules.text = widget_rules
        root.insert(0, rules)
    text = etree.tostring(root, encoding="unicode")
    # SVG 1.1, which older readers know, has links of another name space
    text = re.sub(r"(<(?:use|image)\b[^>]*?) href=", r"\1 xlink:href=", text)
    names = f'<svg xmlns="{SVG}" xmlns:xlink="{XLINK}"'
    return re.sub(r'^<svg(?: xmlns="[^"]*")?', names, text), words, wide


def widget_rules(root: Path, palette: dict[str, str]) -> str:
    """Return the style rules of what widgets draw."""
    css = (root / "book" / "assets" / "widgets.css").read_text(encoding="utf-8")
    rules = re.findall(r"^\.w-[^{]*\{[^}]*\}", css, re.MULTILINE)
    return whole_book.without_variables("\n".join(rules), palette)


# ---------------------------------------------------------------- files


@dataclass
class Piece:
    """One file of the e-book: some sections of a chapter."""

    name: str
    title: str
    nodes: list[HtmlElement] = field(default_factory=list)
    size: int = 0

    @property
    def file(self) -> str:
        """Return the file's name."""
        return f"{self.name}.xhtml"


def cut(chapter: Chapter, drawings: Drawings) -> Iterator[Piece]:
    """Cut a chapter between its sections."""
    main = chapter.body.find("section")
    main = chapter.body if main is None else main
    piece = Piece(chapter.name, chapter.title)
    if main.get("id"):
        piece.nodes.append(E.SPAN(id=main.get("id")))
    number = 1
    for node in list(main):
        size = len(drawings.put_back(etree.tostring(node, encoding="unicode")))
        if node.tag == "section" and piece.size + size > LARGE and piece.size:
            yield piece
            number += 1
            piece = Piece(f"{chapter.name}-{number}", chapter.title)
        piece.nodes.append(node)
        piece.size += size
    yield piece


def make_plain(body: HtmlElement) -> None:
    """Let nothing fold: not every reader can unfold."""
    for details in list(body.iter("details")):
        details.tag = "div"
        details.attrib.pop("open", None)
        for summary in details.iter("summary"):
            summary.tag = "p"
            for paragraph in list(summary.iter("p")):
                if paragraph is not summary:
                    paragraph.drop_tag()
    for element in body.iter():
        for name in [name for name in element.attrib if name.startswith("data-myst")]:
            del element.attrib[name]


def draw(chapter: Chapter, drawings: Drawings, palette: dict[str, str], rules: str) -> dict:
    """Put figures into files and glyphs into formulas; return the files."""
    files: dict[str, str | bytes] = {}
    for place in list(chapter.body.iter("svg")):
        source = drawings[place].replace("viewbox=", "viewBox=")
        if "figure-svg" in source or "widget-svg" in source:
            text, alt, wide = figure_file(source, palette, rules)
            name = f"images/{chapter.name}-{len(files) + 1}.svg"
            files[name] = text
            picture = E.IMG(src=name, alt=alt, style=f"width: {wide:.0f}px")
            picture.tail, place.tail = place.tail, None
            place.getparent().replace(place, picture)
        else:
            whole = embed_glyphs(source, drawings.glyphs)
            drawings[place] = whole.replace("<svg ", f'<svg xmlns="{SVG}" ', 1)
    return files


PAGE = """<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE html>
<html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops" lang="en" \
xml:lang="en">
<head><title>{title}</title><link rel="stylesheet" type="text/css" href="epub.css"/></head>
<body{kind}>
{body}
</body>
</html>
"""


def page(title: str, body: str, kind: str = "") -> str:
    """Return one file of text."""
    kind = f' epub:type="{kind}"' if kind else ""
    return PAGE.format(title=escape(title), body=body, kind=kind)


def written(nodes: list[HtmlElement], drawings: Drawings) -> str:
    """Return elements as XHTML with their drawings."""
    return drawings.put_back("".join(etree.tostring(n, encoding="unicode") for n in nodes))


# ---------------------------------------------------------------- links


def places(pieces: dict[str, list[Piece]]) -> dict[tuple[str, str], str]:
    """Return the file of every id, by chapter and id."""
    return {
        (name, element.get("id")): piece.file
        for name, cuts in pieces.items()
        for piece in cuts
        for node in piece.nodes
        for element in node.iter()
        if element.get("id")
    }


def rewrite_links(book: Book, pieces: dict[str, list[Piece]]) -> None:
    """Let links lead to the files."""
    files = places(pieces)
    for chapter in [book.home, *book.chapters()]:
        for link, target in list(whole_book.targets(book, chapter)):
            if target.away:
                continue
            if target.chapter is None:
                link.drop_tag()
            elif target.chapter is book.home:
                link.set("href", "title.xhtml")
            else:
                name = target.chapter.name
                file = files.get((name, target.anchor))
                start = pieces[name][0].file
                link.set("href", f"{file}#{target.anchor}" if file else start)


# ---------------------------------------------------------------- front matter and contents


def title_page(book: Book, date: datetime) -> list[HtmlElement]:
    """Return the title page: the home page's words, and what this edition is."""
    nodes: list[HtmlElement] = [
        E.H1(book.title),
        E.P(whole_book.SUBTITLE, E.CLASS("subtitle")),
        E.P(book.author, E.CLASS("author")),
    ]
    for element in book.home.body.find(".//h1").itersiblings():
        if element.tag == "section":
            break
        nodes.append(deepcopy(element))
    imprint = (
        f"© {book.year} {book.author}. Text and figures: CC BY 4.0. Code: MIT. "
        f"Edition of {date.day} {date:%B %Y}."
    )
    made = (
        "Made from the pages of the site, by the build that executed them. “✓ tested” below an "
        "equation says that it was evaluated numerically, and leads to what was compared. The site "
        "has besides: the source of the figures and the data behind them, the code of the "
        "equations’ tests, the long docstrings of the package, and figures that move."
    )
    nodes.append(E.DIV(E.P(imprint), E.P(made), E.CLASS("imprint")))
    return nodes


def contents(book: Book, pieces: dict[str, list[Piece]]) -> str:
    """Return the navigation: parts, chapters, sections."""
    parts = E.OL()
    for k, part in enumerate(book.parts):
        chapters = E.OL()
        for chapter in part.chapters:
            row = E.LI(E.A(chapter.title, href=pieces[chapter.name][0].file))
            sections = E.OL()
            for piece in pieces[chapter.name]:
                for node in piece.nodes:
                    heading = node.find("h2") if node.tag == "section" else None
                    if heading is not None and node.get("id"):
                        where = f"{piece.file}#{node.get('id')}"
                        sections.append(E.LI(E.A(whole_book.words(heading), href=where)))
            if len(sections):
                row.append(sections)
            chapters.append(row)
        parts.append(E.LI(E.A(part.title, href=f"part-{k + 1}.xhtml"), chapters))
    nav = etree.tostring(E.NAV(E.H1("Contents"), parts), encoding="unicode")
    nav = nav.replace("<nav>", '<nav epub:type="toc" role="doc-toc" id="toc">', 1)
    marks = (
        '<nav epub:type="landmarks" hidden="hidden"><h2>Landmarks</h2><ol>'
        '<li><a epub:type="cover" href="cover.xhtml">Cover</a></li>'
        '<li><a epub:type="toc" href="nav.xhtml#toc">Contents</a></li>'
        '<li><a epub:type="bodymatter" href="part-1.xhtml">The book</a></li></ol></nav>'
    )
    return page("Contents", f"{nav}\n{marks}")


# ---------------------------------------------------------------- the package

PACKAGE = """<?xml version="1.0" encoding="utf-8"?>
<package xmlns="http://www.idpf.org/2007/opf" version="3.0" unique-identifier="book" xml:lang="en">
<metadata xmlns:dc="http://purl.org/dc/elements/1.1/">
<dc:identifier id="book">urn:uuid:{identifier}</dc:identifier>
<dc:title>{title}</dc:title>
<dc:language>en</dc:language>
<dc:creator>{author}</dc:creator>
<dc:description>{subtitle}</dc:description>
<dc:rights>Text and figures: CC BY 4.0. Code: MIT.</dc:rights>
<dc:date>{date:%Y-%m-%d}</dc:date>
<meta property="dcterms:modified">{date:%Y-%m-%dT%H:%M:%SZ}</meta>
<meta property="schema:accessMode">textual</meta>
<meta property="schema:accessMode">visual</meta>
<meta property="schema:accessModeSufficient">textual</meta>
<meta property="schema:accessModeSufficient">textual,visual</meta>
<meta property="schema:accessibilityFeature">alternativeText</meta>
<meta property="schema:accessibilityFeature">describedMath</meta>
<meta property="schema:accessibilityFeature">displayTransformability</meta>
<meta property="schema:accessibilityFeature">index</meta>
<meta property="schema:accessibilityFeature">readingOrder</meta>
<meta property="schema:accessibilityFeature">structuralNavigation</meta>
<meta property="schema:accessibilityFeature">tableOfContents</meta>
<meta property="schema:accessibilityHazard">none</meta>
<meta property="schema:accessibilitySummary">Figures have a text that states their finding. \
Formulas are drawings whose text alternative is the formula in one line of Unicode. \
Headings give the structure; nothing is said by colour alone. \
No person has yet evaluated it against WCAG.</meta>
<meta name="cover" content="cover-image"/>
</metadata>
<manifest>
{manifest}
</manifest>
<spine>
{spine}
</spine>
</package>
"""
CONTAINER = """<?xml version="1.0" encoding="utf-8"?>
<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container" version="1.0"><rootfiles>
<rootfile full-path="book/package.opf" media-type="application/oebps-package+xml"/>
</rootfiles></container>
"""
TYPES = {
    ".xhtml": "application/xhtml+xml",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".css": "text/css",
}


def package(book: Book, files: dict[str, str | bytes], date: datetime) -> str:
    """Return the list of all files, in reading order, with what the book is."""
    manifest, spine = [], []
    for k, (name, content) in enumerate(files.items()):
        properties = {"nav.xhtml": "nav", "images/cover.png": "cover-image"}.get(name, "")
        if name.endswith(".xhtml") and "<svg" in content:
            properties = f"{properties} svg".strip()
        key = "cover-image" if properties == "cover-image" else f"file-{k}"
        extra = f' properties="{properties}"' if properties else ""
        kind = TYPES[Path(name).suffix]
        manifest.append(f'<item id="{key}" href="{name}" media-type="{kind}"{extra}/>')
        if name.endswith(".xhtml"):
            spine.append(f'<itemref idref="{key}"/>')
    return PACKAGE.format(
        identifier=uuid.uuid5(uuid.NAMESPACE_URL, whole_book.NAME),
        title=escape(book.title),
        author=escape(book.author),
        subtitle=escape(whole_book.SUBTITLE),
        date=date,
        manifest="\n".join(manifest),
        spine="\n".join(spine),
    )


def assemble(book: Book, picture: bytes, date: datetime, root: Path = ROOT) -> dict:
    """Return the e-book's files in reading order."""
    palette = whole_book.light_palette(root) | {"--fig-font": "sans-serif"}
    rules = widget_rules(root, palette)
    images: dict[str, str | bytes] = {}
    pieces: dict[str, list[Piece]] = {}
    for chapter in [book.home, *book.chapters()]:
        make_plain(chapter.body)
        images |= draw(chapter, book.drawings, palette, rules)
        if chapter is not book.home:
            pieces[chapter.name] = list(cut(chapter, book.drawings))
    rewrite_links(book, pieces)

    alt = f"Cover of {book.title}: two interleaved spirals and the boundary between them."
    shown = etree.tostring(E.P(E.IMG(src="images/cover.png", alt=alt)), encoding="unicode")
    files: dict[str, str | bytes] = {
        "cover.xhtml": page("Cover", shown, "cover"),
        "title.xhtml": page(book.title, written(title_page(book, date), book.drawings)),
        "nav.xhtml": contents(book, pieces),
    }
    for k, part in enumerate(book.parts):
        files[f"part-{k + 1}.xhtml"] = page(part.title, part_page(book, part))
        for chapter in part.chapters:
            for piece in pieces[chapter.name]:
                body = written(piece.nodes, book.drawings)
                files[piece.file] = page(piece.title, body)
    css = (root / "book" / "assets" / "epub.css").read_text(encoding="utf-8")
    files |= {"epub.css": css, "images/cover.png": picture, **images}
    return {
        "META-INF/container.xml": CONTAINER,
        "book/package.opf": package(book, files, date),
        **{f"book/{name}": content for name, content in files.items()},
    }


def part_page(book: Book, part: Part) -> str:
    """Return the page that opens a part."""
    nodes = [E.H1(part.title, E.CLASS("part"))]
    words = whole_book.words_on_part(book, part)
    if words:
        nodes.append(E.P(words, E.CLASS("subtitle")))
    return written(nodes, book.drawings)


def pack(path: Path, files: dict[str, str | bytes], date: datetime) -> None:
    """Write the archive: the same bytes for the same files."""
    stamp = date.timetuple()[:6]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in {"mimetype": "application/epub+zip", **files}.items():
            entry = zipfile.ZipInfo(name, stamp)
            stored = name == "mimetype" or name.endswith(".png")
            entry.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)


def main(site: Path, root: Path = ROOT) -> None:
    """Make the EPUB beside the site's pages."""
    started = time.perf_counter()
    date = whole_book.edition_time(root)
    book = whole_book.read_book(site, root)
    picture = cover_picture.cover(
        book.title, whole_book.SUBTITLE.replace(", ", ",\n", 1), book.author
    )
    files = assemble(book, picture, date, root)
    target = site / f"{whole_book.NAME}.epub"
    pack(target, files, date)
    links.announce(site)
    n = sum(name.endswith(".xhtml") for name in files)
    size, seconds = target.stat().st_size / 1e6, time.perf_counter() - started
    print(f"{target}: {n} files of text, {size:.1f} MB, in {seconds:.0f} s")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "_build" / "html")
