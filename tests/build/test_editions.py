"""The PDF and the EPUB are put together rightly, and their check finds what is planted."""

import os
import re
import shutil
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree as ET

import pikepdf
import pypdfium2
import pytest
from lxml.html import builder as E
from playwright.sync_api import sync_playwright

from tools.editions import check, links, make_epub, pdf_tags, print_pdf, whole_book

DATE = datetime(2026, 1, 2, tzinfo=UTC)

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
needs_chromium = pytest.mark.skipif(
    not ("CHROMIUM" in os.environ or any(map(shutil.which, BROWSERS))), reason="needs Chromium"
)

# ---------------------------------------------------------------- formulas in a line

LINES = {
    "<msub><mi>W</mi><mi>l</mi></msub>": "W_l",
    "<msup><mi>x</mi><mn>2</mn></msup><mo>+</mo><mn>1</mn>": "x² + 1",
    "<msup><mi>x</mi><mrow><mo>(</mo><mi>i</mi><mo>)</mo></mrow></msup>": "x⁽ⁱ⁾",
    "<msup><mi>e</mi><mrow><mi>a</mi><mo>+</mo><mi>b</mi></mrow></msup>": "e^(a + b)",
    "<mfrac><mrow><mi>a</mi><mo>−</mo><mi>b</mi></mrow><mi>N</mi></mfrac>": "(a − b)/N",
    "<msqrt><mrow><mi>a</mi><mo>+</mo><mi>b</mi></mrow></msqrt>": "√(a + b)",
    "<mover><mi>y</mi><mo>^</mo></mover>": "y\u0302",
    "<munderover><mo>∑</mo><mrow><mi>i</mi><mo>=</mo><mn>1</mn></mrow><mi>n</mi></munderover>"
    "<msub><mi>x</mi><mi>i</mi></msub>": "∑_(i = 1)ⁿ x_i",
    '<mi mathvariant="double-struck">R</mi>': "ℝ",
    "<mi>f</mi><mo>\u2061</mo><mo>(</mo><mi>x</mi><mo>,</mo><mi>y</mi><mo>)</mo>": "f(x, y)",
    "<mtable><mtr><mtd><mi>a</mi></mtd><mtd><mi>b</mi></mtd></mtr>"
    "<mtr><mtd><mi>c</mi></mtd><mtd><mi>d</mi></mtd></mtr></mtable>": "a b; c d",
}


@pytest.mark.parametrize("mathml", LINES)
def test_a_formula_is_said_in_a_line(mathml: str) -> None:
    whole = f'<math xmlns="http://www.w3.org/1998/Math/MathML">{mathml}</math>'
    assert whole_book.in_a_line(whole) == LINES[mathml]


# ---------------------------------------------------------------- the pages, bound

PLANTED = """
<details><summary>Folded</summary><p>unfolded words</p></details>
<details class="figure-data"><summary>Data</summary><p>data words</p></details>
<div class="screen-only">screen words</div><button>press words</button><p hidden>hidden words</p>
<p><a href="https://example.org/away">elsewhere</a> and <a href="https://doi.org/10.1/2">doi:10.1/2</a>
and <a href="search.html">a page of the site alone</a> and <a href="second.html">the next</a>.</p>
<ul class="index-entries"><li>term <a href="second.html#second"><strong>2.1</strong></a></li></ul>
<div class="figure-drawing" style="overflow-x: auto">FIGURE</div>
"""

FIGURE = (
    '<svg xmlns="http://www.w3.org/2000/svg" class="figure-svg" role="img" '
    'aria-labelledby="fig-1-desc" viewBox="0 0 200 100" style="width: 100%; max-width: 280px; '
    'min-width: 210px; height: auto; fill: var(--fig-ink, #222832)"><title>A line.</title>'
    '<desc id="fig-1-desc">A line rises.</desc>'
    '<path d="M0 0L9 9" style="stroke: var(--fig-class0, #0072b2)"/></svg>'
)


@pytest.fixture
def site(built, tmp_path: Path) -> tuple[Path, Path]:
    """Return a built site with things planted in its first page, and its repository."""
    book, result = built
    assert result.code == 0, result.text
    copy = tmp_path / "html"
    shutil.copytree(book.root / "_build" / "html", copy)
    page = copy / "first.html"
    html = page.read_text(encoding="utf-8")
    at = html.rindex("</h1>") + len("</h1>")
    html = html[:at] + PLANTED.replace("FIGURE", FIGURE) + html[at:]
    page.write_text(html, encoding="utf-8")
    return copy, book.root


def test_pages_stand_in_the_order_of_the_contents(site) -> None:
    book = whole_book.read_book(*site)
    assert [part.title for part in book.parts] == ["All"]
    assert [chapter.name for chapter in book.chapters()] == ["first", "second", "equations"]
    assert [chapter.title for chapter in book.chapters()] == [
        "1. First page with φ",
        "2. Second page",
        "3. Equations",
    ]


def test_a_page_that_is_missing_is_named(site) -> None:
    folder, root = site
    (folder / "second.html").unlink()
    with pytest.raises(SystemExit, match=r"second\.html is missing\. .*make book"):
        whole_book.read_book(folder, root)


def on_paper(site) -> tuple[str, list[str]]:
    folder, root = site
    return print_pdf.assemble(whole_book.read_book(folder, root), b"", root)


def test_on_paper_every_id_is_there_once_and_every_link_has_its_place(site) -> None:
    html, _ = on_paper(site)
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    places = {*re.findall(r'href="#([^"]+)"', html), *re.findall(r'data-to="([^"]+)"', html)}
    assert places <= set(ids)
    assert {"first", "second--second", "equations--test-eq-first-sum", "part-0"} <= places
    assert len([one for one in places if one.startswith("m-")]) > 5
    assert not re.search(r'href="[^"#:]+\.html', html)


def test_on_paper_nothing_is_folded_and_nothing_asks_for_a_screen(site) -> None:
    html, _ = on_paper(site)
    assert "unfolded words" in html
    assert "<details open" in html
    assert "<details>" not in html
    for words in ("data words", "screen words", "press words", "hidden words", "headerlink"):
        assert words not in html
    assert "<math" not in html
    assert "<script" not in html
    assert "min-width: 210px" not in html
    assert 'style="max-height: 104mm; width: 100%; max-width: 280px;' in html


def test_figures_are_fitted_however_their_style_is_written() -> None:
    tag = (
        '<svg class="figure-svg" style="width:100%;max-width:680px;min-width:517px;height:auto" '
        'viewBox="0 0 489 720">'
    )
    fitted = print_pdf.fit_figures(tag)
    assert 'style="max-height: 168mm; width:100%;max-width:680px;height:auto"' in fitted
    text, _, width = make_epub.figure_file(tag + "</svg>", whole_book.light_palette(), "")
    assert width == 680
    assert 'style=""' in text
    assert 'width="680" height="1001"' in text


def test_on_paper_formulas_have_words_and_tests_a_page(site) -> None:
    html, headings = on_paper(site)
    assert 'role="img" aria-label="z = ∑_i w_i x_i"' in html
    mark = re.search(r'<a class="equation-test".*?</a>', html)[0]
    assert 'href="#equations--test-eq-first-sum"' in mark
    assert re.search(r'<span [^>]*data-to="equations--test-eq-first-sum"', mark)
    assert "test_the_sum</code>" in html  # in the stead of its source
    assert "def test_the_sum" not in html
    assert headings[:4] == ["Contents", "All", "1. First page with φ", "2. Second page"] or (
        headings[:3] == ["Contents", "Part I: All", "1. First page with φ"]
    )


def test_on_paper_addresses_are_written_out_once(site) -> None:
    html, _ = on_paper(site)
    assert 'elsewhere</a><span class="address"> (example.org/away)</span> and' in html
    assert html.count("10.1/2") == 2  # the link, and its words
    assert "a page of the site alone and" in html


def test_an_id_that_stands_twice_or_nowhere_is_refused() -> None:
    print_pdf.check_ids('<p id="a"></p><a class="b" href="#a"></a><span data-to="a"></span>')
    for html, words in {
        '<p id="a"></p><p id="a"></p>': r"twice: \['a'\]",
        '<a class="b" href="#c"></a>': r"gone: \['c'\]",
        '<span data-to="d"></span>': r"gone: \['d'\]",
    }.items():
        with pytest.raises(SystemExit, match=words):
            print_pdf.check_ids(html)


def test_on_paper_the_index_gives_pages(site) -> None:
    html, _ = on_paper(site)
    entry = re.search(r"<li>term (.*?)</li>", html)[1]
    assert entry.startswith('<a href="#second--second"><strong><span ')
    assert 'data-to="second--second"' in entry
    assert "2.1" not in entry


# ---------------------------------------------------------------- the e-book


def packed(site, path: Path) -> dict[str, str]:
    folder, root = site
    files = make_epub.assemble(whole_book.read_book(folder, root), b"a picture", DATE, root)
    make_epub.pack(path, files, DATE)
    with zipfile.ZipFile(path) as archive:
        first = archive.infolist()[0]
        assert (first.filename, first.compress_type) == ("mimetype", zipfile.ZIP_STORED)
        return {name: archive.read(name).decode() for name in archive.namelist() if "." in name}


def test_the_ebook_is_sound_xml_and_its_links_lead_somewhere(site, tmp_path: Path) -> None:
    files = packed(site, tmp_path / "book.epub")
    ids = {}
    for name, text in files.items():
        if name.endswith((".xhtml", ".svg", ".opf", ".xml")):
            root = ET.fromstring(text)
            ids[name] = [one.get("id") for one in root.iter() if one.get("id")]
            assert len(ids[name]) == len(set(ids[name])), name
    n_links = 0
    for name, text in files.items():
        for link in re.findall(r'(?:href|src)="([^"]+)"', text if "xhtml" in name else ""):
            if "://" not in link:
                file, _, anchor = link.partition("#")
                assert f"book/{file}" in files or file == ""
                assert not anchor or anchor in ids[f"book/{file}" if file else name]
                n_links += 1
    assert n_links > 10


def test_the_ebook_draws_formulas_by_themselves_and_figures_in_files(site, tmp_path: Path) -> None:
    files = packed(site, tmp_path / "book.epub")
    page = files["book/first.xhtml"]
    assert "<use" not in page
    assert "<math" not in page
    formula = re.search(r'<svg [^>]*aria-label="z = ∑_i w_i x_i".*?</svg>', page, re.DOTALL)[0]
    assert formula.count("<path") == len("z=∑iwixi")
    assert '<img src="images/first-1.svg" alt="A line rises." style="width: 280px"/>' in page
    figure = files["book/images/first-1.svg"]
    assert "var(" not in figure
    assert "stroke: #0072b2" in figure
    assert 'width="280" height="140"' in figure
    assert 'style="fill: #ffffff; stroke: none"' in figure  # paper, for readers at night
    assert "details" not in page
    assert 'class="equation-test" href="equations.xhtml#test-eq-first-sum"' in page


def test_the_ebook_has_the_same_bytes_twice(site, tmp_path: Path) -> None:
    for name in ("one", "two"):
        packed(site, tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_a_long_chapter_is_cut_between_its_sections(site, tmp_path, monkeypatch) -> None:
    folder, root = site
    page = folder / "second.html"
    html = page.read_text(encoding="utf-8")
    more = "".join(
        f'<section id="s{k}"><h2>Section {k}</h2><p>{"word " * 400}</p></section>' for k in range(4)
    )
    at = html.rindex("</section>", 0, html.index("</article>"))
    page.write_text(html[:at] + more + html[at:], encoding="utf-8")
    monkeypatch.setattr(make_epub, "LARGE", 4500)
    files = packed((folder, root), tmp_path / "book.epub")
    names = [name for name in files if name.startswith("book/second")]
    assert len(names) == 3
    assert 'href="second-2.xhtml#s2"' in files["book/nav.xhtml"] or (
        'href="second-3.xhtml#s2"' in files["book/nav.xhtml"]
    )


# ---------------------------------------------------------------- the home page's links


def test_the_home_page_links_to_what_is_there(site) -> None:
    folder, _ = site
    index = folder / "index.html"
    plain = index.read_text(encoding="utf-8")
    at = plain.rindex("</section>")
    ways = '<section id="ways"><h2>Ways in</h2></section><section id="rest"></section>'
    plain = plain[:at] + ways + plain[at:]
    index.write_text(plain, encoding="utf-8")
    assert 'class="editions"' not in plain
    (folder / f"{whole_book.NAME}.epub").write_bytes(bytes(2_400_000))
    for _ in range(2):
        links.announce(folder)
        html = index.read_text(encoding="utf-8")
        assert html.count('class="editions"') == 1
        assert '<a href="multilayer-perceptrons.epub">EPUB</a> (2 MB)' in html
        assert "multilayer-perceptrons.pdf" not in html
        assert html.index('id="ways"') < html.index('class="editions"') < html.index('id="rest"')
    (folder / f"{whole_book.NAME}.epub").unlink()
    links.announce(folder)
    assert index.read_text(encoding="utf-8") == plain


# ---------------------------------------------------------------- what is missing is said


def test_without_a_browser_the_cure_is_named(monkeypatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    monkeypatch.delenv("CHROMIUM", raising=False)
    with pytest.raises(SystemExit, match=r"apt-get install chromium.*CHROMIUM=/path"):
        print_pdf.chromium()
    monkeypatch.setenv("CHROMIUM", "/no/such/program")
    with pytest.raises(SystemExit, match=r"CHROMIUM names '/no/such/program'"):
        print_pdf.chromium()


def test_without_java_the_cure_is_named(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(SystemExit, match="default-jre-headless"):
        list(check.epubcheck(tmp_path / "book.epub"))


def test_an_edition_that_is_missing_is_a_fault(site, monkeypatch, capsys) -> None:
    folder, root = site
    book = whole_book.read_book(folder, root)
    monkeypatch.setattr(whole_book, "read_book", lambda _: book)
    assert check.main(folder) == 1
    assert "make pdf" in capsys.readouterr().out


# ---------------------------------------------------------------- the check of a PDF


def document(path: Path, drawings: list[bytes]) -> Path:
    """Write a PDF with a page for each drawing."""
    with pikepdf.new() as pdf:
        for drawing in drawings:
            page = pdf.add_blank_page(page_size=(536, 697))
            page.Contents = pdf.make_stream(b"0 g " + drawing)
        pdf.save(path)
    return path


INSIDE = b"100 300 200 20 re f"
LOOKS = {
    "": [],
    "n": ["page 2 is blank"],
    "100 20 30 5 re f": ["page 2 is blank"],  # a page number is not enough
    "100 300 420 20 re f": ["page 2 has something in its margin"],
    "5 300 200 20 re f": ["page 2 has something in its margin"],
    "100 680 200 16 re f 100 300 200 20 re f": ["page 2 reaches its upper or lower edge"],
    "100 600 200 20 re f": ["page 2 is nearly empty"],
}


@pytest.mark.parametrize("drawing", LOOKS)
def test_a_page_that_looks_wrong_is_found(drawing: str, tmp_path: Path) -> None:
    cover = b"0 0 536 697 re f"
    path = document(tmp_path / "book.pdf", [cover, drawing.encode() or INSIDE, INSIDE])
    pdf = pypdfium2.PdfDocument(path)
    found = list(check.check_looks(pdf, {1}))
    pdf.close()
    assert len(found) == len(LOOKS[drawing])
    assert all(words in fault for fault, words in zip(found, LOOKS[drawing], strict=True))


def test_a_pdf_without_outline_tags_and_names_is_found(site, tmp_path: Path) -> None:
    book = whole_book.read_book(*site)
    path = document(tmp_path / "book.pdf", [INSIDE])
    with pikepdf.open(path, allow_overwriting_input=True) as pdf:
        page = pdf.pages[0]
        font = pikepdf.Dictionary(Type=pikepdf.Name.Font, BaseFont=pikepdf.Name("/AAAAAA+Times"))
        page.Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(F1=font))
        link = pikepdf.Dictionary(Subtype=pikepdf.Name.Link, Dest=pikepdf.Name("/nowhere"))
        away = pikepdf.Dictionary(Subtype=pikepdf.Name.Link)
        away.A = pikepdf.Dictionary(URI="file:///somewhere")
        page.Annots = pikepdf.Array([link, away])
        found = [
            *check.check_metadata(pdf, book),
            *check.check_outline(pdf, book),
            *check.check_tags(pdf, book),
            *check.check_fonts(pdf),
            *check.check_links(pdf),
        ]
    for words in (
        "the metadata's title is ''",
        "the metadata's author is ''",
        "no language",
        "lacks the chapter '2. Second page'",
        "not tagged",
        "set in Times",
        "which is nowhere",
        "a link leads to file:///somewhere",
    ):
        assert any(words in fault for fault in found), words


def test_an_outline_that_leads_back_is_found(site, tmp_path: Path) -> None:
    book = whole_book.read_book(*site)
    path = document(tmp_path / "book.pdf", [INSIDE, INSIDE])
    with pikepdf.open(path, allow_overwriting_input=True) as pdf:
        with pdf.open_outline() as outline:
            part = pikepdf.OutlineItem("All", 1)
            part.children += [pikepdf.OutlineItem(c.title, 0) for c in book.chapters()]
            outline.root.append(part)
        found = list(check.check_outline(pdf, book))
    assert found[-1] == "the outline's pages do not rise"


def test_headings_and_outline_must_agree(tmp_path: Path) -> None:
    path = document(tmp_path / "book.pdf", [INSIDE])
    with pikepdf.open(path) as pdf:
        with pdf.open_outline() as outline:
            outline.root.append(pikepdf.OutlineItem("1. One 1. One", 0))
        print_pdf.name_outline(pdf, ["1. One"])
        assert [entry[1] for entry in check.entries(pdf)] == ["1. One"]
        with pytest.raises(ValueError, match=r"'1\. One' where '2\. Two' stands"):
            print_pdf.name_outline(pdf, ["2. Two"])


# ---------------------------------------------------------------- what is done to the printed file


def test_a_name_in_the_text_is_followed_by_its_number_or_page() -> None:
    section = E.SECTION(E.SPAN(id="here"), E.H2(E.SPAN("1.7. "), "Descent"))
    exercise = E.DIV(E.P(E.SPAN("Exercise 4.7 "), " (Leaks)"), E.P("1. No number."))

    def said(words: str, anchor: str, place) -> str:
        link = E.A(words)
        print_pdf.say_place(link, anchor, place)
        return link.text_content()

    assert said("Descent", "one--here", section) == "Descent\u00a0(§\u00a01.7)"
    assert said("Descent", "one--here", section[0]) == "Descent\u00a0(§\u00a01.7)"  # its label
    assert said("Section 1.7", "one--here", section) == "Section 1.7"
    assert said("Networks", "mlp", E.SECTION(E.H1("3. Networks"))) == "Networks\u00a0(ch.\u00a03)"
    assert said("an exercise", "ex-4-7", exercise) == "an exercise\u00a0(Exercise 4.7)"
    assert said("Sums", "two--sums", E.SECTION(E.H2("Sums"))) == "Sums\u00a0(p.\u00a0000)"
    assert said("Notation", "notation", E.SECTION(E.H1("Notation"))) == "Notation"
    plain = E.SECTION(E.SPAN(id="label"), E.H1("Notation"), E.P("Letters ", E.EM("mean")))
    assert said("Notation", "notation--label", plain[0]) == "Notation"
    assert said("nowhere", "nowhere", None) == "nowhere"


def test_short_code_and_short_tables_stay_together() -> None:
    code = {n: E.PRE("line\n" * n) for n in (print_pdf.SHORT, print_pdf.SHORT + 1)}
    tables = {n: E.TABLE(*[E.TR() for _ in range(n)]) for n in code}
    print_pdf.keep_together(E.SECTION(*code.values(), *tables.values()))
    for elements in (code, tables):
        assert [one.get("class") for one in elements.values()] == ["short", None]


@needs_chromium
def test_a_long_line_of_code_is_set_smaller_and_a_table_repeats_no_drawing(tmp_path: Path) -> None:
    css = (whole_book.ROOT / "book" / "assets" / "print.css").read_text(encoding="utf-8")
    code = {n: f"<pre>{'x' * n}\ny</pre>" for n in (60, 105, 200)}
    heads = "".join(
        f"<table><thead><tr><th>{head}</th></tr></thead></table>" for head in ("a", "<svg/>")
    )
    page = f"<style>{print_pdf.font_faces()}{css}</style>{''.join(code.values())}{heads}"
    path = tmp_path / "page.html"
    path.write_text(page, encoding="utf-8")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=print_pdf.chromium(), args=print_pdf.FLAGS
        )
        page = browser.new_page(viewport={"width": 578, "height": 900})
        page.goto(path.as_uri())
        page.evaluate("document.fonts.ready")
        assert page.evaluate(print_pdf.FIT) == []
        lines = page.evaluate(
            "[...document.querySelectorAll('pre')].map(e => Math.round(e.clientHeight /"
            " parseFloat(getComputedStyle(e).lineHeight)))"
        )
        kinds = page.evaluate(
            "[...document.querySelectorAll('thead')].map(e => getComputedStyle(e).display)"
        )
        browser.close()
    assert lines == [2, 2, 3]
    assert kinds == ["table-header-group", "table-row-group"]


GLYPH = b"0 0 m\n9 0 l\n9 5 9 7 0 9 c\n5 5 7 7 v\nh\nf"
BROKEN = b"0 0 m\n9 0 l\n1 2 3 4 re\n9 5 9 7 0 9 c\nh\nf"  # not all of it is understood
ONCE = b"3 3 m\n4 9 l\n8 1 l\nf"
CONTENT = b"\n".join([b"q", GLYPH, b"Q q 1 0 0 1 200 300 cm", GLYPH, BROKEN, BROKEN, ONCE, b"Q"])


def test_shared_outlines_draw_the_same_page(tmp_path: Path) -> None:
    assert b"\n".join(lines for _, lines in print_pdf.pieces(CONTENT)) == CONTENT
    path = document(tmp_path / "book.pdf", [b"1 0 0 rg 2 0 0 2 90 90 cm " + CONTENT])

    def look():
        pdf = pypdfium2.PdfDocument(path)
        picture = pdf[0].render(scale=2).to_numpy().copy()
        pdf.close()
        return picture

    before = look()
    with pikepdf.open(path, allow_overwriting_input=True) as pdf:
        print_pdf.share_outlines(pdf)
        content = pdf.pages[0].Contents.read_bytes()
        assert content.count(b"/Outline0 Do") == 2
        assert content.count(GLYPH) == 0
        assert content.count(ONCE) == 1
        assert content.count(BROKEN) == 2
        pdf.save(path)
    assert (before != 255).any()
    assert (look() == before).all()


def tagged(path: Path) -> Path:
    """Print a page with all that is tagged wrongly."""
    words = "<svg role=img aria-label=Line width=9 height=9><path d='M0 0L9 9'/></svg>"
    html = (
        "<title>T</title><h1>One</h1><p>Two <a href=#x>three</a></p><pre><span>four</span> "
        f"<span>five</span></pre><ul><li>six<li>seven</ul><figure>{words}<figcaption>eight"
        "</figcaption></figure><table><tr><th>nine<tr><td>9</table><a id=x href=https://a.org>ten</a>"
    )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=print_pdf.chromium(), args=print_pdf.FLAGS
        )
        page = browser.new_page()
        page.set_content(html)
        page.pdf(path=path, tagged=True)
        browser.close()
    return path


@needs_chromium
def test_tags_say_what_there_is_and_no_more(tmp_path: Path) -> None:
    def outline(element: pdf_tags.Element) -> list:
        return [element.kind, *map(outline, element.elements())]

    def marks(element: pdf_tags.Element) -> int:
        own = sum(not isinstance(kid, pdf_tags.Element) for kid in element.kids)
        return own + sum(map(marks, element.elements()))

    path = tagged(tmp_path / "page.pdf")
    with pikepdf.open(path, allow_overwriting_input=True) as pdf:
        before = pdf_tags.read(pdf.Root.StructTreeRoot.K)
        assert any("/NonStruct" in str(outline(kid)) for kid in before.elements())
        pdf_tags.tidy(pdf)
        after = pdf_tags.read(pdf.Root.StructTreeRoot.K)
        assert marks(after) == marks(before)
        assert outline(after) == [
            "/Document",
            ["/H1"],
            ["/P", ["/Link"]],
            ["/P"],  # the code
            ["/L", *[["/LI", ["/Lbl"], ["/LBody"]]] * 2],
            ["/Div", ["/Figure"], ["/Caption"]],
            ["/Table", ["/TR", ["/TH"]], ["/TR", ["/TD"]]],
            ["/P", ["/Link"]],
        ]
        assert list(check.check_owners(pdf)) == []
        numbers = pdf.Root.StructTreeRoot.ParentTree.Nums
        marked = next(value for value in numbers if isinstance(value, pikepdf.Array))
        marked[0] = pdf.make_indirect(pikepdf.Dictionary(S=pikepdf.Name.P))
        assert list(check.check_owners(pdf)) == ["page 1: what is drawn belongs to no tag"]


def test_heavy_pages_are_found(tmp_path: Path, monkeypatch) -> None:
    with pikepdf.open(document(tmp_path / "book.pdf", [INSIDE])) as pdf:
        assert list(check.check_weight(pdf)) == []
        monkeypatch.setattr(check, "HEAVY", 5)
        assert "more than 5" in next(check.check_weight(pdf))


# ---------------------------------------------------------------- the check of an EPUB


def test_a_damaged_ebook_is_found(site, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(check, "epubcheck", lambda path: iter(()))
    monkeypatch.setattr(check, "check_narrow", lambda path: iter(()))
    book = whole_book.read_book(*site)
    path = tmp_path / "book.epub"
    files = packed(site, path)
    assert list(check.check_epub(path, book)) == []
    page = files["book/first.xhtml"]
    page = re.sub(r'aria-label="z = W[^"]*"', 'aria-label=""', page, count=1)
    page = page.replace('alt="A line rises."', 'alt=""')
    page = page.replace('class="equation-test"', 'class="gone"')
    files["book/first.xhtml"] = page.replace("<path", "<use", 1)
    files["book/epub.css"] = "p { color: var(--book-link) }"
    files["book/nav.xhtml"] = files["book/nav.xhtml"].replace("2. Second page", "")
    make_epub.pack(path, files, DATE)
    found = " ".join(check.check_epub(path, book))
    for words in (
        "a formula has no words",
        "a picture has no words",
        "0 equations have the mark",
        "glyphs lie outside",
        "custom property",
        "the contents lack '2. Second page'",
    ):
        assert words in found, words


@needs_chromium
def test_what_a_telephone_cuts_off_is_found(site, tmp_path: Path) -> None:
    path = tmp_path / "book.epub"
    files = packed(site, path)
    files["book/cover.xhtml"] = files["book/title.xhtml"]  # the cover is no picture here
    make_epub.pack(path, files, DATE)
    assert list(check.check_narrow(path)) == []
    wide = f'<p style="white-space: nowrap">{"wide " * 80}</p><img src="images/gone.svg" alt="x"/>'
    files["book/first.xhtml"] = files["book/first.xhtml"].replace("</body>", f"{wide}</body>")
    files["book/second.xhtml"] = files["book/second.xhtml"].replace(
        "</body>", f"<p>{'a_very_long_name' * 20}</p></body>"
    )
    make_epub.pack(path, files, DATE)
    found = list(check.check_narrow(path))
    assert found == [
        "first.xhtml: text is cut off",
        "first.xhtml: there is no picture images/gone.svg",
    ]
