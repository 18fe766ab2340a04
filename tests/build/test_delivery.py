"""The bundles hold what the pages need and no more; pages can be guarded and taken apart again."""

import re
from pathlib import Path

import pytest
from fontTools.ttLib import TTFont

from tools.site import delivery

PAGE = """<html><head><meta charset="utf-8" />
</head><body class="bd">
<p class="a b" style="color: red; margin : 0 ">x</p>
<path d="M0 0" style="fill: var(--ink, #000)" alt="a > b"/>
<p style='left'>y</p><b style="fill: var(--ink, #000)">z</b><i style="">w</i>
</body></html>
"""


def sheet(tmp_path: Path, css: str, html: str, script: str = "") -> str:
    """Return what is left of a style sheet beside one page and one script."""
    (tmp_path / "styles").mkdir(exist_ok=True)
    path = tmp_path / "styles" / "a.css"
    path.write_text(css, encoding="utf-8")
    used = delivery.Used()
    used.page(html)
    used.script(script)
    return delivery.style_sheet([path], tmp_path, used)


KEPT = {
    "p{color:red}": "p{color:red}",
    ".gone{color:red}": "",
    "p, .gone { color : red }": "p{color:red}",
    ".a > p.b:hover::before{color:red}": ".a > p.b:hover::before{color:red}",
    "p .gone{color:red}": "",
    "#gone{color:red}": "",
    "#here p{color:red}": "#here p{color:red}",
    "ul li{color:red}": "",
    ":is(p, .gone) .a{color:red}": ":is(p, .gone) .a{color:red}",
    "p:not(.gone){color:red}": "p:not(.gone){color:red}",
    ".shown-later{color:red}": ".shown-later{color:red}",  # a word of the script
    "@media print{.gone{color:red}}": "",
    "@media print{/* so */p{color:red}}": "@media print{p{color:red}}",
    "p{--gone:1;color:red}": "p{color:red}",
    "p{--a:var(--b);--b:1;--c:var(--d);--d:2;left:var(--a)}": "p{--a:var(--b);--b:1;left:var(--a)}",
    "@keyframes gone{from{left:0}}p{color:red}": "p{color:red}",
    "@keyframes k{from{left:0}}p{animation:k 1s}": "@keyframes k{from{left:0}}p{animation:k 1s}",
    'p{content:"a  b"}': 'p{content:"a  b"}',
    "p{background:url(../images/x.png)}": 'p{background:url("images/x.png")}',
    "p{background:url('data:image/x,1')}": 'p{background:url("data:image/x,1")}',
    "p{&:hover{color:red}}": "p{&:hover{color:red}}",
    "p{width:calc(1px + 2px)!important}": "p{width:calc(1px + 2px)!important}",
}


@pytest.mark.parametrize("css", KEPT)
def test_a_sheet_keeps_what_the_site_can_show(css: str, tmp_path: Path) -> None:
    html = '<p class="a b" id="here">x</p>'
    assert sheet(tmp_path, css, html, 'e.className = "shown-later"') == KEPT[css]


def test_an_imported_sheet_comes_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "basic.css").write_text("p{left:0}", encoding="utf-8")
    css = sheet(tmp_path, '@import "../basic.css";p{left:1px}', "<p>x</p>")
    assert css == "p{left:0}p{left:1px}"


def test_a_sheet_that_cannot_be_read_stops_the_build(tmp_path: Path) -> None:
    with pytest.raises(delivery.CannotDeliver, match="cannot be read"):
        sheet(tmp_path, "p{left}", "<p>x</p>")


def test_styles_become_classes_and_can_come_back() -> None:
    html = delivery.classes_for_styles(PAGE)
    assert " style=" not in html.replace(" style='left'", "")
    own = re.search(r"<style>(.*?)</style>\s*</head>", html)[1]
    assert own == ".s-0:not(#_){color:red;margin:0}.s-1:not(#_){fill:var(--ink, #000)}"
    assert '<p class="a b s-0">x</p>' in html
    assert '<b class="s-1">z</b><i>w</i>' in html
    assert delivery.classes_for_styles(html) == html
    back = delivery.styles_for_classes(html)
    assert '<p class="a b" style="color:red;margin:0">x</p>' in back
    assert '<path d="M0 0" style="fill:var(--ink, #000)" alt="a > b"/>' in back
    assert "<style>" not in back


def test_the_policy_names_what_stands_in_the_page() -> None:
    html = '<meta charset="utf-8" /><script src="a.js"></script><script>print()</script>'
    guarded = delivery.with_policy(html)
    # printf 'print()' | openssl dgst -sha256 -binary | base64
    assert "script-src 'self' 'sha256-Ul1RMxNBbPGH9E+ofhdT7m0RVSwiCXU33cMrTtNPpo8=';" in guarded
    assert "style-src 'self';" in guarded
    assert guarded.index("Content-Security-Policy") < guarded.index("<script")
    assert delivery.with_policy(guarded) == guarded


def test_a_built_page_loads_one_sheet_and_one_script(built) -> None:
    book, _ = built
    page = book.page("first")
    assert re.findall(r'<link rel="stylesheet"[^>]*href="([^"?]+)', page) == ["_static/site.css"]
    assert re.findall(r'<script[^>]* src="([^"?]+)', page) == ["_static/site.js"]
    static = book.root / "_build" / "html" / "_static"
    assert "searchindex" not in (static / "site.js").read_text(encoding="utf-8")
    assert not (static / "mathjax").exists()
    assert 'href="searchindex.js"' not in page
    assert "searchindex.js" in book.page("search")
    font = TTFont(static / "icons.woff")
    assert {0xF002, 0xF0C9, 0xF185} <= set(font.getBestCmap())  # a lens, bars, a sun
    assert len(font.getBestCmap()) < 60
