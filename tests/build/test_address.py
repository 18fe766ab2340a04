"""What the site says of its own address, where it is known, and what answers a wrong address."""

import re
from xml.etree import ElementTree as ET

from PIL import Image

from tools.site import check

ADDRESS = "https://example.org/shelf/book/"
MAP = "{http://www.sitemaps.org/schemas/sitemap/0.9}"


def test_without_an_address_a_site_claims_none(built) -> None:
    book, _ = built
    site = book.root / "_build" / "html"
    page = book.page("first")
    assert "canonical" not in page
    assert "og:" not in page
    assert not (site / "sitemap.xml").exists()
    assert not (site / "robots.txt").exists()
    missing = book.page("404")
    assert 'data-page="first.html">First page with …</a>' in missing
    assert "://" not in missing
    assert missing.count("href=") == missing.count('<link rel="icon" href="data:,"') == 1


def test_with_an_address_pages_are_canonical_have_cards_and_stand_in_the_map(
    book, monkeypatch
) -> None:
    monkeypatch.setenv("MLPBOOK_URL", ADDRESS.rstrip("/"))
    book.replace("_config.yml", "book_redirects: {}", "book_redirects: {part/old: first#first}")
    result = book.build()
    assert result.code == 0, result.text
    site = book.root / "_build" / "html"

    page = book.page("second")
    assert f'<link rel="canonical" href="{ADDRESS}second.html" />' in page
    assert f'<link rel="canonical" href="{ADDRESS}" />' in book.page("index")
    assert "canonical" not in book.page("search")
    properties = dict(
        re.findall(r'<meta property="(og:[\w:]+)" content="([^"]*)" />', book.page("index"))
    )
    assert properties["og:title"] == "A small book"
    assert properties["og:site_name"] == "Multilayer Perceptrons"  # as _config.yml names it
    assert properties["og:url"] == ADDRESS
    assert properties["og:description"].startswith("Its first paragraph is long enough")
    assert properties["og:image"] == f"{ADDRESS}_images/cards/index.png"
    with Image.open(site / "_images" / "cards" / "index.png") as picture:
        assert picture.size == (1200, 630)

    places = [e.text for e in ET.parse(site / "sitemap.xml").iter(f"{MAP}loc")]
    assert places[:2] == [f"{ADDRESS}equations.html", f"{ADDRESS}first.html"]
    assert ADDRESS in places
    assert not any("404" in place or "search" in place or "old" in place for place in places)
    assert f"Sitemap: {ADDRESS}sitemap.xml" in (site / "robots.txt").read_text("utf-8")

    moved = book.page("part/old")
    assert 'http-equiv="refresh" content="0; url=../first.html#first"' in moved
    assert f'<link rel="canonical" href="{ADDRESS}first.html" />' in moved
    assert '<link rel="icon" href="data:," />' in moved  # else a browser asks for one, in vain
    assert f'href="{ADDRESS}first.html"' in book.page("404")
    assert check.check(site) == []


def test_a_redirect_that_leads_nowhere_fails_the_build(book) -> None:
    book.replace("_config.yml", "book_redirects: {}", "book_redirects: {old: gone}")
    result = book.build()
    assert result.code != 0
    assert "book_redirects: old must be gone, and gone must be a page" in result.text
