"""Full-text search: on this machine alone, and it finds notation."""

import re
from urllib.parse import quote

import pytest

SYMBOLS = {
    "W_l": "weights of layer",
    "λ": "learning rate, momentum, penalty",
    "lambda": "learning rate, momentum, penalty",
    r"\lambda": "learning rate, momentum, penalty",
    r"\bar W": "adjoint of",
    "W̄": "adjoint of",
    "ReLU'": "activation function and its derivative",
    "φ": "activation function and its derivative",
    "softmax": "class probabilities",
    "log-sum-exp": None,
}


def search(page, words):
    """Search for some words; return the results as (title, address)."""
    page.goto(f"search.html?q={quote(words)}")
    page.locator("#search-results .search-summary", has_text="ound").wait_for()
    links = page.locator("#search-results li a")
    found = links.evaluate_all("all => all.map(a => [a.textContent, a.getAttribute('href')])")
    return [(title, re.sub(r"\?[^#]*", "", href)) for title, href in found]


@pytest.mark.parametrize("words", [words for words, row in SYMBOLS.items() if row])
def test_a_symbol_is_found_in_the_notation_first(page, words):
    results = search(page, words)
    rows = [href for _, href in results[:3] if "notation.html" in href and "#symbol-" in href]
    assert rows, results[:5]
    page.goto(rows[0])
    row = page.locator("#" + rows[0].rpartition("#")[2])
    assert SYMBOLS[words] in row.inner_text()


def test_a_word_is_found_in_the_glossary_and_a_greek_letter_in_chapters(page):
    assert any("glossary.html#term-adjoint" in href for _, href in search(page, "adjoint")[:3])
    assert any("part2-learning" in href for _, href in search(page, "λ"))


def test_the_field_in_the_sidebar_leads_to_results_by_keyboard(page):
    page.goto("part1-representing/one-neuron.html")
    page.keyboard.press("Control+k")
    page.keyboard.type("Novikoff")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?q=Novikoff*")
    page.locator("#search-results li a", has_text="One neuron").first.wait_for()


def test_a_search_that_finds_nothing_says_so(page):
    assert search(page, "xyzzyqwert") == []
    assert "Nothing found" in page.locator("#search-results").inner_text()


@pytest.fixture(name="guarded")
def _guarded(new_context, probe):
    """Return a page that is read under its policy; the test fails where it misbehaves."""
    yield new_context(bypass_csp=False, viewport={"width": 1280, "height": 900}).new_page()
    assert probe.faults == []


MARKED = "[...CSS.highlights.get('found') ?? []].map(range => range.toString().toLowerCase())"
HERE = """() => { const [range] = CSS.highlights.get("found-here");
  const box = range.getBoundingClientRect();
  return 0 < box.top && box.bottom < innerHeight && box.width > 0; }"""


def test_a_result_leads_to_a_page_that_marks_the_words_and_changes_nothing_else(guarded):
    page = "part2-learning/matrix-calculus.html"
    guarded.goto(page)
    before = guarded.locator("article").inner_html()
    search(guarded, "adjoint")
    guarded.locator("#search-results a", has_text="Matrix calculus").first.click()
    bar = guarded.locator(".found-bar")
    bar.get_by_text("“adjoint”").wait_for()
    assert guarded.url.endswith(page)  # an address to pass on
    marked = guarded.evaluate(MARKED)
    assert set(marked) == {"adjoint"}
    assert f"“adjoint”: {len(marked)} places" in bar.inner_text()
    assert guarded.locator("article").inner_html() == before
    for _ in range(3):
        bar.get_by_role("button", name="Next").click()
        guarded.wait_for_timeout(200)
        assert guarded.evaluate(HERE)
    bar.get_by_role("button", name="Hide").click()
    assert bar.count() == 0
    assert guarded.evaluate(MARKED) == []


def test_marks_go_with_the_escape_key_and_open_what_is_folded(page):
    page.goto("part1-representing/one-neuron.html?highlight=midpoint")
    page.locator(".found-bar").wait_for()
    for _ in page.evaluate(MARKED):
        page.get_by_role("button", name="Next").press("Enter")
        assert page.evaluate(HERE.replace("0 < box.top && box.bottom < innerHeight && ", ""))
    page.keyboard.press("Escape")
    assert page.locator(".found-bar").count() == 0


def test_a_summary_tells_the_text_that_was_found_not_the_pages_menu(guarded):
    search(guarded, "orthogonal")
    guarded.locator("#search-results p.context").first.wait_for()
    guarded.wait_for_timeout(500)
    summaries = guarded.locator("#search-results p.context").all_inner_texts()
    assert len(summaries) > 3
    assert sum("orthogonal" in summary.lower() for summary in summaries) >= len(summaries) - 2
    for summary in summaries:
        assert "Take this page with you" not in summary
        assert "Contents" not in summary
    assert "orthogonal" in guarded.evaluate(MARKED)


@pytest.mark.parametrize("words", ["Theorem 1.3", "equation 1.3", "(1.3)", "figure 1.3"])
def test_what_is_numbered_is_found_by_its_number(page, words):
    _, address = search(page, words)[0]
    assert "one-neuron.html" in address
    page.goto(address)
    place = page.locator("#" + address.rpartition("#")[2])
    assert "1.3" in place.inner_text()


@pytest.mark.parametrize("place", ["dialog", "page"])
def test_the_fields_icon_stands_beside_what_is_typed(page, place):
    page.goto("search.html" if place == "page" else "index.html")
    if place == "dialog":
        page.keyboard.press("Control+k")
    form = page.locator("form.bd-search:visible").last
    icon, field = form.locator("i").bounding_box(), form.locator("input")
    padding = field.evaluate("e => parseFloat(getComputedStyle(e).paddingLeft)")
    assert icon["x"] + icon["width"] <= field.bounding_box()["x"] + padding


def test_where_storage_is_forbidden_everything_else_works(new_context, probe):
    page = new_context().new_page()
    page.add_init_script(
        "for (const name of ['localStorage', 'sessionStorage'])"
        " Object.defineProperty(window, name,"
        " { get() { throw new DOMException('no', 'SecurityError'); } });"
    )
    assert len(search(page, "adjoint")) > 5
    page.locator("#search-results a", has_text="Matrix calculus").first.click()
    page.locator(".found-bar").wait_for()
    assert page.locator("button.copybtn").count() > 10
    page.locator(".theme-switch-button").first.click()
    assert page.evaluate("document.documentElement.dataset.mode") != "auto"
    page.goto("index.html")
    assert probe.faults == []
