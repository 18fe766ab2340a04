"""The check of the finished site finds what is planted, and nothing in a sound page."""

import base64
from pathlib import Path

import numpy as np
import pytest

from tools.site import check

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; object-src 'none'"
)
META = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
PAGE = f"""<!DOCTYPE html>
<html lang="en"><head>{META}<title>A page</title><link rel="stylesheet" href="_static/a.css"></head>
<body><article>
<h1 id="top">A page</h1>
<p>Text with <a href="other.html#there">a link</a> and <a href="https://example.org/">one away</a>.
It costs $5 or $6. <code>\\frac{{a}}{{b}}</code></p>
<div class="cell"><div class="cell_input"><pre>f(0x10)</pre></div>
<div class="cell_output"><pre>16</pre></div></div>
<img src="_static/a.png" alt="A falling curve.">
PLANTED
</article></body></html>
"""
OTHER = f'<html><head>{META}</head><body><article><p id="there">Here.</p></article></body></html>'


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
    assert check.check(site) == []
    assert check.main([str(site)]) == 0


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
    '<p style="color: red">x</p>': "forbids the attribute style",
    '<button onclick="print()">x</button>': "forbids the attribute onclick",
    '<a href="javascript:print()">x</a>': "forbids the address",
    "<style>p { color: red; }</style>": "does not allow this <style>",
    "<script>print()</script>": "does not allow this <script>",
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
    found = check.check(site)
    assert len(found) == 1
    assert FAULTS[planted] in found[0]
    assert found[0].startswith("page.html:")
    assert check.main([str(site)]) == 1


def test_an_error_report_is_found(site: Path) -> None:
    (site / "reports").mkdir()
    (site / "reports" / "page.err.log").write_text("it failed")
    assert "reports/page.err.log" in check.check(site)[0]


def test_code_without_any_output_is_found(site: Path) -> None:
    page = PAGE.replace("PLANTED", "").replace("cell_output", "cell")
    (site / "page.html").write_text(page)
    assert "no output" in check.check(site)[0]


def test_a_style_sheet_that_asks_another_host_is_found(site: Path) -> None:
    (site / "_static" / "a.css").write_text("\n@import url('https://example.org/font.css');")
    assert check.check(site) == [
        "_static/a.css:2: the style sheet asks another host: https://example.org/font.css"
    ]


def test_styles_in_a_page_that_ask_another_host_are_found(site: Path) -> None:
    for planted in (
        '<p style="background: url(https://example.org/a.png)">x</p>',
        "<style>@import 'https://example.org/a.css';</style>",
    ):
        (site / "page.html").write_text(PAGE.replace("PLANTED", planted))
        assert any("asks another host" in fault for fault in check.check(site))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (META, "", "no content-security policy stands before"),
        ("base-uri 'none'; ", "", "lacks base-uri 'none'"),
        ("script-src 'self'", "script-src 'self' 'unsafe-inline'", "allows script-src 'unsafe-"),
        ("style-src 'self'", "style-src 'self' https://example.org", "allows style-src https:"),
        ("img-src 'self' data:", "img-src *", "allows img-src *"),
    ],
)
def test_a_weak_policy_is_found(old: str, new: str, words: str, site: Path) -> None:
    page = PAGE.replace("PLANTED", "")
    assert old in page
    (site / "page.html").write_text(page.replace(old, new))
    assert any(words in fault for fault in check.check(site)), check.check(site)


def test_a_policy_that_comes_too_late_is_found(site: Path) -> None:
    late = PAGE.replace("PLANTED", "").replace(META, "").replace("<article>", f"<article>{META}")
    (site / "page.html").write_text(late)
    assert "stands before" in "\n".join(check.check(site))


def test_a_digest_allows_one_script_and_no_other(site: Path) -> None:
    # printf 'print()' | openssl dgst -sha256 -binary | base64
    digest = "script-src 'self' 'sha256-Ul1RMxNBbPGH9E+ofhdT7m0RVSwiCXU33cMrTtNPpo8='"
    page = PAGE.replace("script-src 'self'", digest)
    (site / "page.html").write_text(page.replace("PLANTED", "<script>print()</script>"))
    assert check.check(site) == []
    (site / "page.html").write_text(page.replace("PLANTED", "<script>print(1)</script>"))
    assert "does not allow this <script>" in check.check(site)[0]


def test_a_first_view_that_weighs_too_much_is_found(site: Path) -> None:
    half = check.BUDGET // 2
    noise = np.random.default_rng(0).bytes(half + 1000)
    (site / "_static" / "a.woff").write_bytes(noise)
    (site / "_static" / "a.css").write_text('@font-face { font-family: A; src: url("a.woff"); }')
    assert check.check(site) == []
    (site / "_static" / "a.js").write_text(base64.b85encode(noise).decode())  # packs to 4/5
    (site / "page.html").write_text(PAGE.replace("PLANTED", '<script src="_static/a.js"></script>'))
    found = check.check(site)
    assert len(found) == 1
    assert "the first view weighs" in found[0]


def test_a_deliberate_error_is_no_fault(site: Path) -> None:
    planted = (
        '<div class="cell tag_raises-exception"><pre>Traceback (most recent call last):</pre></div>'
    )
    (site / "page.html").write_text(PAGE.replace("PLANTED", planted))
    assert check.check(site) == []


def test_a_site_without_pages_is_a_fault(tmp_path: Path) -> None:
    assert "no page" in check.check(tmp_path)[0]


def test_the_small_book_passes(built) -> None:
    book, _ = built
    assert check.check(book.root / "_build" / "html") == []
