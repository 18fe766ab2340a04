"""The check of the finished site finds what is planted, and nothing in a sound page."""

from pathlib import Path

import pytest

import check_site

PAGE = """<!DOCTYPE html>
<html lang="en"><head><title>A page</title><link rel="stylesheet" href="_static/a.css"></head>
<body><article>
<h1 id="top">A page</h1>
<p>Text with <a href="other.html#there">a link</a> and <a href="https://example.org/">one away</a>.
It costs $5 or $6. <code>\\frac{a}{b}</code></p>
<div class="cell"><div class="cell_input"><pre>f(0x10)</pre></div>
<div class="cell_output"><pre>16</pre></div></div>
<img src="_static/a.png" alt="A falling curve.">
PLANTED
</article></body></html>
"""
OTHER = '<html><body><article><p id="there">Here.</p></article></body></html>'


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Return a sound site of two pages."""
    (tmp_path / "_static").mkdir()
    (tmp_path / "_static" / "a.css").write_text("p { background: url(a.png); }")
    (tmp_path / "_static" / "a.png").write_bytes(b"")
    (tmp_path / "page.html").write_text(PAGE.replace("PLANTED", ""))
    (tmp_path / "other.html").write_text(OTHER)
    return tmp_path


def test_a_sound_site_has_no_fault(site: Path) -> None:
    assert check_site.check(site) == []
    assert check_site.main([str(site)]) == 0


FAULTS = {
    "<pre>Traceback (most recent call last):</pre>": "a traceback",
    r"<p>The sum \frac{a}{b}.</p>": "raw TeX",
    "<p>The layer $W_1 x$ maps.</p>": "raw TeX",
    '<img src="_static/a.png">': "no text alternative",
    '<img src="_static/a.png" alt="">': "no text alternative",
    '<img src="_static/a.png" alt="_images/a.png">': "is a path",
    '<svg role="img"></svg>': "no text alternative",
    "<pre>&lt;Layer object at 0x7f12ab34cd56&gt;</pre>": "memory address",
    '<div class="cell_output"><pre>File /a/lib/site-packages/b.py</pre></div>': "building machine",
    '<div class="cell_output"><pre>/home/me/data</pre></div>': "building machine",
    '<script src="https://cdn.example.org/a.js"></script>': "asks another host",
    '<img src="//example.org/a.png" alt="A">': "asks another host",
    '<link rel="preconnect" href="https://example.org">': "asks another host",
    '<p style="background: url(https://example.org/a.png)">x</p>': "asks another host",
    "<style>@import 'https://example.org/a.css';</style>": "asks another host",
    '<a href="gone.html">x</a>': "leads nowhere",
    '<a href="/page.html">x</a>': "host's top",
    '<a href="other.html#gone">x</a>': "anchor does not exist",
    '<a href="#gone">x</a>': "anchor does not exist",
    '<svg><use href="#glyph-gone"/></svg>': "anchor does not exist",
    '<p id="top">x</p>': "stands twice",
    '<span class="problematic">{ref}</span>': "error message",
    '<code class="formula-error">x</code>': "could not be set",
}


@pytest.mark.parametrize("planted", FAULTS)
def test_a_planted_fault_is_found(planted: str, site: Path) -> None:
    (site / "page.html").write_text(PAGE.replace("PLANTED", planted))
    found = check_site.check(site)
    assert len(found) == 1
    assert FAULTS[planted] in found[0]
    assert found[0].startswith("page.html:")
    assert check_site.main([str(site)]) == 1


def test_an_error_report_is_found(site: Path) -> None:
    (site / "reports").mkdir()
    (site / "reports" / "page.err.log").write_text("it failed")
    assert "reports/page.err.log" in check_site.check(site)[0]


def test_code_without_any_output_is_found(site: Path) -> None:
    page = PAGE.replace("PLANTED", "").replace("cell_output", "cell")
    (site / "page.html").write_text(page)
    assert "no output" in check_site.check(site)[0]


def test_a_style_sheet_that_asks_another_host_is_found(site: Path) -> None:
    (site / "_static" / "a.css").write_text("\n@import url('https://example.org/font.css');")
    assert check_site.check(site) == [
        "_static/a.css:2: the style sheet asks another host: https://example.org/font.css"
    ]


def test_a_deliberate_error_is_no_fault(site: Path) -> None:
    planted = (
        '<div class="cell tag_raises-exception"><pre>Traceback (most recent call last):</pre></div>'
    )
    (site / "page.html").write_text(PAGE.replace("PLANTED", planted))
    assert check_site.check(site) == []


def test_a_site_without_pages_is_a_fault(tmp_path: Path) -> None:
    assert "no page" in check_site.check(tmp_path)[0]


def test_the_small_book_passes(built) -> None:
    book, _ = built
    assert check_site.check(book.root / "_build" / "html") == []
