"""The whole book as one tagged PDF: ``python tools/editions/print_pdf.py [_build/html]``.

One page of HTML is put together from the finished pages of the site (`bound`), and Chromium prints
it, twice: the first print tells on which page everything stands, the second one shows it. What the
browser cannot do is done to the finished file: who wrote it, formulas that are tagged as formulas.
Before it prints, the browser is asked whether anything is wider than the column.
"""

import base64
import os
import re
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from datetime import datetime
from html import escape
from pathlib import Path

import matplotlib
import pikepdf
from lxml.html import HtmlElement, tostring
from lxml.html import builder as E
from playwright.sync_api import Page, sync_playwright
from pygments.formatters import HtmlFormatter

from tools.editions import links, pdf_tags, whole_book
from tools.editions.whole_book import Book, Chapter

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "src"))

from tools.editions import cover_picture  # noqa: E402  (draws with the book's own package)

PAGE = (189.0, 246.0)  # mm, crown quarto
MARGIN = 18.0  # mm, at the sides; print.css says the same

# ---------------------------------------------------------------- type: the same on every machine


DEJAVU = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
FONTS = [
    (
        "Book Serif",
        400,
        "normal",
        whole_book.font_file(whole_book.SERIF, "SourceSerifPro-Regular.ttf"),
    ),
    ("Book Serif", 400, "italic", whole_book.font_file(whole_book.SERIF, "SourceSerifPro-It.ttf")),
    (
        "Book Serif",
        700,
        "normal",
        whole_book.font_file(whole_book.SERIF, "SourceSerifPro-Semibold.ttf"),
    ),
    (
        "Book Serif",
        700,
        "italic",
        whole_book.font_file(whole_book.SERIF, "SourceSerifPro-SemiboldIt.ttf"),
    ),
    (
        "Book Sans",
        400,
        "normal",
        whole_book.font_file(whole_book.SANS, "SourceSansPro-Regular.ttf"),
    ),
    ("Book Sans", 400, "italic", whole_book.font_file(whole_book.SANS, "SourceSansPro-It.ttf")),
    (
        "Book Sans",
        700,
        "normal",
        whole_book.font_file(whole_book.SANS, "SourceSansPro-Semibold.ttf"),
    ),
    ("Book Mono", 400, "normal", DEJAVU / "DejaVuSansMono.ttf"),
    ("Book Mono", 400, "italic", DEJAVU / "DejaVuSansMono-Oblique.ttf"),
    ("Book Mono", 700, "normal", DEJAVU / "DejaVuSansMono-Bold.ttf"),
    ("Book Signs", 400, "normal", DEJAVU / "DejaVuSans.ttf"),
]


def font_faces() -> str:
    """Return the rules that name the fonts."""
    return "".join(
        f'@font-face {{ font-family: "{family}"; font-weight: {weight}; font-style: {style};'
        f' src: url("{file.as_uri()}") }}\n'
        for family, weight, style, file in FONTS
    )


# ---------------------------------------------------------------- one page of HTML


HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")


def shift_headings(body: HtmlElement) -> None:
    """Make a chapter's title a heading of the second level: the parts have the first."""
    for heading in list(body.iter(*HEADINGS[:5])):
        heading.tag = f"h{int(heading.tag[1]) + 1}"


def page_of(anchor: str) -> HtmlElement:
    """Return what will hold the number of the page on which an id stands."""
    return E.SPAN("000", E.CLASS("page-of"), **{"data-to": anchor})


NUMBERED = re.compile(r"(\d+(?:\.\d+)*)\.\s|((?:Exercise|Theorem|Lemma|Algorithm) [\d.]+\d)")


def title_of(place: HtmlElement) -> HtmlElement | None:
    """Return the heading of a section, or the title of a box, from it or from a label before it."""
    around = place
    while around is not None and not len(around) and around.tag not in HEADINGS:
        around = around.getnext()
    return None if around is None else next(around.iter(*HEADINGS, "p"), None)


def number_of(title: HtmlElement) -> str:
    r"""Return what a place is called where only numbers help: its chapter's, section's, exercise's.

    Examples
    --------
    >>> number_of(E.H3(E.SPAN("1.7. "), "Logistic regression"))
    '§\xa01.7'
    """
    match = NUMBERED.match(title.text_content())
    if match is None:
        return ""
    kind = "ch.\u00a0" if match[1] and "." not in match[1] else "§\u00a0" if match[1] else ""
    return kind + (match[1] or match[2])


def rewrite_links(book: Book, chapter: Chapter, places: dict[str, HtmlElement]) -> None:
    """Let the links of the site lead to places in the document, or say where they lead."""
    for link, target in list(whole_book.targets(book, chapter)):
        if target.away:
            say_address(link, target.away)
        elif target.chapter is book.home:
            link.set("href", "#top")
        elif target.chapter is None:
            link.drop_tag()  # a page that is no part of the book
        else:
            name = target.chapter.name
            anchor = f"{name}--{target.anchor}" if target.anchor else name
            link.set("href", f"#{anchor}")
            if link.xpath("ancestor::ul[contains(@class, 'index-entries')]"):
                number = page_of(anchor)
                if link.find("strong") is not None:
                    number = E.STRONG(number)
                for child in list(link):
                    link.remove(child)
                link.text = None
                link.append(number)
            elif "equation-test" in whole_book.classes(link):
                link.append(E.SPAN(", p.\u00a0", page_of(anchor), E.CLASS("equation-test-page")))
            elif whole_book.with_class(link, "std-ref"):
                say_place(link, anchor, places.get(anchor))


def say_place(link: HtmlElement, anchor: str, place: HtmlElement | None) -> None:
    """Write behind a name in the text where it leads: to a section's number, or else to a page."""
    title = None if place is None else title_of(place)
    if title is None or re.search(r"\d", link.text_content()):
        return
    number = number_of(title)
    if number:
        link.append(E.SPAN(f"\u00a0({number})", E.CLASS("place")))
    elif title.tag != "h1":  # the contents give the pages of chapters
        link.append(E.SPAN("\u00a0(p.\u00a0", page_of(anchor), ")", E.CLASS("place")))


def say_address(link: HtmlElement, address: str) -> None:
    """Write an address behind a link, unless the link's own words are one."""
    shown = re.sub(r"^https?://(www\.)?", "", address).rstrip("/")
    text = link.text_content().strip()
    if text.startswith("doi:") or text.endswith(shown):
        return
    link.addnext(E.SPAN(f" ({shown})", E.CLASS("address")))
    after = link.getnext()
    after.tail, link.tail = link.tail, None


def contents(book: Book) -> HtmlElement:
    """Return the table of contents, two levels deep below the parts."""
    nav = E.NAV(E.CLASS("contents"), E.H1("Contents"))
    for k, part in enumerate(book.parts):
        rows = E.OL()
        for chapter in part.chapters:
            row = E.LI(contents_line(chapter.body.find(".//h2"), chapter.name))
            sections = E.OL()
            for heading in chapter.body.iter("h3"):
                section = heading.getparent()
                anchor = section.get("id")
                if anchor and next(section.iter(*HEADINGS)) is heading:
                    sections.append(E.LI(contents_line(heading, anchor)))
            if len(sections):
                sections.set("style", f"grid-template-rows: repeat({-(-len(sections) // 2)}, auto)")
                row.append(sections)
            rows.append(row)
        line = E.A(part.title, page_of(f"part-{k}"), href=f"#part-{k}")
        nav.append(E.DIV(E.P(line, E.CLASS("contents-part")), rows))
    return nav


def contents_line(heading: HtmlElement, anchor: str) -> HtmlElement:
    """Return one line of the contents: a heading's words, and its page."""
    words = deepcopy(heading)
    words.tag, words.tail = "span", None
    words.attrib.clear()
    for element in list(words.iter()):
        element.attrib.pop("id", None)
        if element.tag == "a":
            element.drop_tag()
    return E.A(words, page_of(anchor), href=f"#{anchor}")


def front(book: Book, art: bytes) -> HtmlElement:
    """Return the cover."""
    picture = base64.b64encode(art).decode()
    return E.SECTION(
        E.CLASS("cover"),
        E.IMG(
            src=f"data:image/png;base64,{picture}",
            alt="Two interleaved spirals of points, and the curved boundary that a small network "
            "has learned to draw between them.",
        ),
        E.P(book.title, E.CLASS("cover-title")),
        E.P(whole_book.SUBTITLE, E.CLASS("cover-subtitle")),
        E.P(book.author, E.CLASS("cover-author")),
        id="top",
    )


def imprint(book: Book, date: datetime) -> HtmlElement:
    """Return the page after the cover: the home page's words, and what this edition is."""
    page = E.SECTION(E.CLASS("imprint"))
    for element in book.home.body.find(".//h1").itersiblings():
        if element.tag == "section":
            break
        page.append(deepcopy(element))
    edition = f"{date.day} {date:%B %Y}"
    page.append(
        E.DIV(
            E.CLASS("colophon"),
            E.P(
                f"© {book.year} {book.author}. Text and figures: CC BY 4.0. Code: MIT. "
                f"Edition of {edition}."
            ),
            E.P(
                "Made from the pages of the site, by the build that executed them. “✓ tested” "
                "beside an equation says that it was evaluated numerically, and on which page its "
                "tests are described. The site has besides: the source of the figures and the data "
                "behind them, the code of the equations’ tests, the long docstrings of the "
                "package, and figures that move."
            ),
        )
    )
    return page


ROMAN = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII")


def part_page(book: Book, k: int) -> HtmlElement:
    """Return the page that opens a part, with the home page's words on it."""
    part = book.parts[k]
    numbered = any(re.match(r"\d", chapter.title) for chapter in part.chapters)
    title = E.H1(part.title)
    if numbered:
        title.text = None
        title.append(E.SPAN(f"Part {ROMAN[k]}: ", E.CLASS("part-number")))
        title[0].tail = part.title
    page = E.SECTION(E.CLASS("part"), title, id=f"part-{k}")
    words = whole_book.words_on_part(book, part)
    if words:
        page.append(E.P(words))
    return page


def css_string(text: str) -> str:
    """Return a text as CSS writes it."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def running_feet(book: Book) -> str:
    """Return the rules that write each chapter's title at the foot of its pages."""
    return "".join(
        f"@page {page} {{ @bottom-left {{ content: {css_string(chapter.title)} }} }}\n"
        f".{page} {{ page: {page} }}\n"
        for k, chapter in enumerate(book.chapters())
        for page in [f"chapter-{k}"]
    )


FIGURE = re.compile(r'<svg [^>]*class="figure-svg[^>]*>')
SMALLEST = 0.66  # the scale below which a figure's words would be hard to read
LOWEST = 104  # mm; lower figures need not shrink at all


def fit_figures(html: str) -> str:
    """Let figures be as wide as the column, yet no taller than their words require."""

    def fit(match: re.Match[str]) -> str:
        box = re.search(r'viewBox="\S+ \S+ \S+ ([\d.]+)"', match[0])
        assert box
        points = float(box[1])
        height = max(LOWEST, SMALLEST * points * 25.4 / 72)
        tag = re.sub(r"min-width:[^;\"]+;?\s*", "", match[0])
        return tag.replace('style="', f'style="max-height: {height:.0f}mm; ', 1)

    return FIGURE.sub(fit, html)


def check_ids(html: str) -> None:
    """Refuse an id that stands twice, and a link whose place is not there."""
    ids = Counter(re.findall(r'\sid="([^"]+)"', html))
    twice = sorted(name for name, n in ids.items() if n > 1)
    wanted = set(re.findall(r'(?:<a\b[^>]*? href="#|data-to=")([^"]+)"', html))
    gone = sorted(wanted - set(ids))
    if twice or gone:
        raise SystemExit(f"On paper, ids that stand twice: {twice}; places that are gone: {gone}.")


SHEETS = ("widgets.css", "print.css")
SHORT = 18  # lines of code that stay together on a page, and rows of a table


def keep_together(body: HtmlElement) -> None:
    """Mark what is too short to be divided between two pages."""
    for element in body.iter("pre", "table"):
        rows = element.iter("tr") if element.tag == "table" else element.text_content().splitlines()
        if len(list(rows)) <= SHORT:
            element.set("class", f"{element.get('class', '')} short".strip())


def pair_tests(body: HtmlElement) -> None:
    """Set each equation of the long list beside its tests."""
    for place in whole_book.with_class(body, "equation-test-place"):
        place.remove(place[0])  # the file: a test's name is known by itself
    for entry in whole_book.with_class(body, "equation-entry"):
        tests = [one for one in entry if "equation-test" in one.get("class", "")]
        said = E.DIV(*[one for one in entry if one not in tests], E.CLASS("equation-said"))
        entry[:] = [said, E.DIV(*tests, E.CLASS("equation-tests"))]


def assemble(book: Book, art: bytes, root: Path = ROOT) -> tuple[str, list[str]]:
    """Return the whole book as one page of HTML, and its headings."""
    every = [book.home, *book.chapters()]
    for chapter in every:
        whole_book.prefix_ids(chapter)
    places = {one.get("id"): one for c in every for one in c.body.iter() if one.get("id")}
    for chapter in every:
        rewrite_links(book, chapter, places)
    for chapter in every:
        if chapter is not book.home:
            shift_headings(chapter.body)
        keep_together(chapter.body)
        pair_tests(chapter.body)
    sections = [front(book, art), imprint(book, whole_book.edition_time(root)), contents(book)]
    number = 0
    for k, part in enumerate(book.parts):
        sections.append(part_page(book, k))
        for chapter in part.chapters:
            chapter.body.set("id", chapter.name)
            chapter.body.set("class", f"chapter chapter-{number}")
            sections.append(chapter.body)
            number += 1
    body = "\n".join(tostring(section, encoding="unicode") for section in sections)
    drawn = fit_figures(book.drawings.put_back(body))
    outlines = "".join(
        f'<path id="{name}" d="{d}"/>' for name, d in sorted(book.drawings.glyphs.items())
    )
    palette = "".join(f"{k}: {v}; " for k, v in whole_book.light_palette(root).items())
    style = "".join(
        [
            font_faces(),
            f":root {{ {palette} }}\n",
            HtmlFormatter(style="a11y-high-contrast-light").get_style_defs(".highlight"),
            *((root / "book" / "assets" / name).read_text(encoding="utf-8") for name in SHEETS),
            running_feet(book),
        ]
    )
    check_ids(drawn)
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(book.title)}</title>\n<style>\n{style}</style></head>\n<body>"
        '<svg class="formula-glyphs" aria-hidden="true" width="0" height="0"><defs>'
        f"{outlines}</defs></svg>\n{drawn}</body></html>\n"
    ), [whole_book.words(heading) for one in sections for heading in one.iter(*HEADINGS)]


# ---------------------------------------------------------------- the browser

FLAGS = ["--disable-gpu", "--disable-background-networking", "--disable-component-update"]


def chromium() -> str:
    """Return the browser's program, or say how to get one."""
    named = os.environ.get("CHROMIUM", "")
    for name in (named, "chromium", "chromium-browser", "google-chrome"):
        program = shutil.which(name) if name else None
        if program:
            return program
        if named and name == named:
            break
    raise SystemExit(
        f"CHROMIUM names {named!r}, which is no program."
        if named
        else "Printing needs Chromium, and there is none on the PATH. Install it (on Debian and "
        "Ubuntu: apt-get install chromium), or name one: CHROMIUM=/path/to/chromium make pdf"
    )


# What is too wide for the column is drawn smaller; what would then be illegible is a fault.
FIT = """() => {
  const right = element => element.getBoundingClientRect().right;
  const edge = document.documentElement.getBoundingClientRect().right + 1, faults = [];
  const codes = [...document.querySelectorAll('pre')], root = document.documentElement;
  root.classList.add('unwrapped');
  const shares = codes.map(code => code.clientWidth / code.scrollWidth);
  root.classList.remove('unwrapped');
  codes.forEach((code, k) => {
    const size = parseFloat(getComputedStyle(code).fontSize);
    if (shares[k] < 1 && shares[k] > 0.84) code.style.fontSize = `${0.99 * shares[k] * size}px`;
  });
  for (const table of document.querySelectorAll('table')) {
    const box = table.parentElement.getBoundingClientRect();
    const share = box.width / table.getBoundingClientRect().width;
    if (share < 0.999) { table.style.zoom = Math.floor(share * 99) / 100; }
    if (share < 0.6) { faults.push([table, `is shrunk to ${share.toFixed(2)}`]); }
  }
  const scales = [...document.querySelectorAll('.formula-drawing')].map(svg => {
    const em = parseFloat(getComputedStyle(svg).fontSize) / 1000;
    return [svg.getBoundingClientRect().width / svg.viewBox.baseVal.width / em, svg];
  }).filter(([scale]) => scale > 0).sort(([a], [b]) => a - b);
  const usual = scales[Math.floor(scales.length / 2)]?.[0];
  for (const [scale, svg] of scales) {
    if (scale < 0.6 * usual) faults.push([svg, `is shrunk to ${(scale / usual).toFixed(2)}`]);
  }
  for (const element of document.querySelectorAll('body *:not(svg *):not(.cover, .cover *)')) {
    if (right(element) > edge && !element.closest('.formula-glyphs, .off-paper')) {
      faults.push([element, `reaches ${Math.round(right(element) - edge)} px over the edge`]);
    }
  }
  return faults.slice(0, 40).map(([element, words]) => {
    const where = element.closest('.chapter')?.id ?? 'front matter';
    return `${where}: <${element.localName} class="${element.getAttribute('class') ?? ''}"> ` +
      `${words}: ${element.textContent.trim().replace(/\\s+/g, ' ').slice(0, 70)}`;
  });
}"""
SHOW_PAGES = """pages => {
  if (!Object.keys(pages).length) return;  // the first time: figures of the same width stand there
  for (const place of document.querySelectorAll('.page-of')) {
    place.textContent = pages[place.dataset.to] ?? '??';
  }
  for (const entry of document.querySelectorAll('.index-entries li')) {  // a page once
    const links = [...entry.children].filter(child => child.localName === 'a');
    links.forEach((link, k) => {
      if (k && link.textContent === links[k - 1].textContent) {
        link.previousSibling.remove();
        link.remove();
      }
    });
  }
}"""


def print_pages(page: Page, path: Path) -> dict[str, int]:
    """Print; return the page on which each id stands that a link leads to."""
    page.pdf(path=path, tagged=True, outline=True, prefer_css_page_size=True, print_background=True)
    with pikepdf.open(path) as pdf:
        numbers = {one.obj.objgen: k for k, one in enumerate(pdf.pages, 1)}
        names = pdf.Root.get("/Dests", {})
        return {str(name)[1:]: numbers[names[name][0].objgen] for name in names}


def print_book(html: Path, pdf: Path) -> int:
    """Print until the page numbers are those of the pages; return how often that took.

    Each time from a page loaded anew: Chromium breaks a page that it has printed before elsewhere.
    """
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        width = (PAGE[0] - 2 * MARGIN) / 25.4 * 96
        shown: dict[str, int] = {}
        for round_ in range(1, 5):
            page = browser.new_page(viewport={"width": round(width), "height": 900})
            page.set_default_timeout(600_000)
            page.emulate_media(media="print", color_scheme="light")
            page.goto(html.as_uri())
            page.evaluate("document.fonts.ready")
            page.evaluate(SHOW_PAGES, shown)
            faults = page.evaluate(FIT)
            if faults:
                raise SystemExit("Too wide for the paper:\n" + "\n".join(faults))
            stands = print_pages(page, pdf)
            page.close()
            moved = [name for name in stands if stands[name] != shown.get(name)]
            if not moved:
                return round_
            shown = stands
        raise SystemExit(f"The page numbers do not settle. What still moves: {moved[:20]}")


# ---------------------------------------------------------------- the finished file


def finish(path: Path, book: Book, headings: list[str], date: datetime) -> None:
    """Write the metadata; call formulas formulas, and headings by their words; pack the file."""
    formulas = {svg.get("data-words") for c in book.chapters() for svg in c.body.iter("svg")}
    with pikepdf.open(path, allow_overwriting_input=True) as pdf:
        for element in structure(pdf):
            if element.get("/S") == "/Figure" and str(element.get("/Alt", "")) in formulas:
                element.S = pikepdf.Name.Formula
        pdf_tags.tidy(pdf)
        share_outlines(pdf)
        name_outline(pdf, headings)
        with pdf.open_metadata(set_pikepdf_as_editor=False) as metadata:
            metadata["dc:title"] = book.title
            metadata["dc:creator"] = [book.author]
            metadata["dc:description"] = whole_book.SUBTITLE
            metadata["dc:language"] = ["en"]
            metadata["dc:rights"] = "CC BY 4.0"
            metadata["xmp:CreateDate"] = metadata["xmp:ModifyDate"] = date.isoformat()
        stamp = date.strftime("D:%Y%m%d%H%M%SZ")
        pdf.docinfo["/Title"], pdf.docinfo["/Author"] = book.title, book.author
        pdf.docinfo["/Subject"] = whole_book.SUBTITLE
        pdf.docinfo["/CreationDate"] = pdf.docinfo["/ModDate"] = stamp
        pdf.Root.PageMode = pikepdf.Name.UseOutlines
        pdf.save(
            path,
            object_stream_mode=pikepdf.ObjectStreamMode.generate,
            compress_streams=True,
            recompress_flate=False,
            deterministic_id=True,
            linearize=True,
        )


DRAWN = (b" m", b" l", b" c", b" v", b" y", b"h")  # how the lines of an outline end


def pieces(content: bytes) -> Iterator[tuple[bool, bytes]]:
    """Yield a page's content in pieces: whether a piece fills an outline, and its lines."""
    plain: list[bytes] = []
    outline: list[bytes] = []
    for line in content.split(b"\n"):
        if line.endswith(DRAWN):
            outline.append(line)
        elif line == b"f" and outline and outline[0].endswith(b" m"):  # from its beginning
            yield False, b"\n".join(plain)
            yield True, b"\n".join([*outline, line])
            plain, outline = [], []
        else:
            plain += [*outline, line]
            outline = []
    yield False, b"\n".join(plain + outline)


def outline_form(pdf: pikepdf.Pdf, outline: bytes) -> pikepdf.Stream:
    """Return an outline as a drawing that pages can refer to."""
    words = [word for line in outline.split(b"\n") for word in line.split()[:-1]]
    x, y = [float(word) for word in words[::2]], [float(word) for word in words[1::2]]
    form = pdf.make_stream(outline)
    form.Type, form.Subtype = pikepdf.Name.XObject, pikepdf.Name.Form
    form.BBox = pikepdf.Array([min(x) - 1, min(y) - 1, max(x) + 1, max(y) + 1])
    return form


def share_outlines(pdf: pikepdf.Pdf) -> None:
    """Hold each glyph of the formulas once: Chromium draws it anew wherever it stands."""
    contents = [list(pieces(page.Contents.read_bytes())) for page in pdf.pages]
    times = Counter(lines for content in contents for drawn, lines in content if drawn)
    shared = [lines for lines, n in times.items() if n > 1]
    names = {lines: f"/Outline{k}" for k, lines in enumerate(shared)}
    forms = {names[lines]: outline_form(pdf, lines) for lines in shared}
    for page, content in zip(pdf.pages, contents, strict=True):
        used = {names[lines] for drawn, lines in content if drawn and lines in names}
        if used:
            written = [
                f"{names[lines]} Do".encode() if lines in names else lines for _, lines in content
            ]
            page.Contents = pdf.make_stream(b"\n".join(written))
            drawings = page.Resources.get("/XObject", pikepdf.Dictionary())
            for name in sorted(used):
                drawings[name] = forms[name]
            page.Resources.XObject = drawings


def name_outline(pdf: pikepdf.Pdf, headings: list[str]) -> None:
    """Give the outline the headings' words: Chromium doubles some, and drops the formulas."""
    with pdf.open_outline() as outline:
        items, waiting = [], list(reversed(outline.root))
        while waiting:
            item = waiting.pop()
            items.append(item)
            waiting.extend(reversed(item.children))
        for item, words in zip(items, headings, strict=True):
            names = re.findall(r"[A-Za-z]{3,}", words)
            if names and not any(name in item.title for name in names):
                raise ValueError(f"the outline has {item.title!r} where {words!r} stands")
            item.title = words
        for part in outline.root:
            for chapter in part.children:
                chapter.is_closed = True


def structure(pdf: pikepdf.Pdf) -> list[pikepdf.Dictionary]:
    """Return the elements of a PDF's structure tree."""
    found, waiting = [], [pdf.Root.StructTreeRoot]
    while waiting:
        node = waiting.pop()
        if isinstance(node, pikepdf.Array):
            waiting.extend(node)
        elif isinstance(node, pikepdf.Dictionary):
            if "/S" in node:
                found.append(node)
            if "/K" in node:
                waiting.append(node.K)
    return found


def main(site: Path, root: Path = ROOT) -> None:
    """Make the PDF beside the site's pages."""
    program = chromium()
    started = time.perf_counter()
    inches = PAGE[0] / 25.4
    book = whole_book.read_book(site, root)
    html, headings = assemble(book, cover_picture.art(inches, inches), root)
    with tempfile.TemporaryDirectory() as folder:
        source, printed = Path(folder) / "book.html", Path(folder) / "book.pdf"
        source.write_text(html, encoding="utf-8")
        rounds = print_book(source, printed)
        finish(printed, book, headings, whole_book.edition_time(root))
        target = site / f"{whole_book.NAME}.pdf"
        shutil.move(printed, target)
    links.announce(site)
    with pikepdf.open(target) as pdf:
        n_pages = len(pdf.pages)
    print(
        f"{target}: {n_pages} pages, {target.stat().st_size / 1e6:.1f} MB, printed {rounds} times "
        f"in {time.perf_counter() - started:.0f} s by {program}"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "_build" / "html")
