"""Without scripts the book is still a book: text, mathematics, figures and links."""

import pytest

NEURON = "part1-representing/one-neuron.html"

# The sizes of what is drawn, and how many of a formula's parts lead to no outline.
DRAWN = """selector => [...document.querySelectorAll(selector)].filter(e => e.checkVisibility())
  .map(e => e.getBoundingClientRect()).map(box => Math.min(box.width, box.height))"""
LOST = """() => [...document.querySelectorAll("article .formula use")]
  .filter(u => !document.querySelector(u.getAttribute("href"))).length"""


@pytest.fixture(params=[1280, 390])
def bare(request, new_context, probe):
    """Return a page in a browser whose scripts are switched off."""
    size = {"width": request.param, "height": 844}
    yield new_context(viewport=size, java_script_enabled=False).new_page()
    assert probe.faults == []


def test_text_mathematics_and_figures_are_there(bare, lay_out):
    bare.goto(NEURON)
    lay_out(bare)
    assert len(bare.locator("article").inner_text()) > 20_000
    for selector, n in {".formula > svg": 100, "svg.figure-svg": 5, ".widget-view svg": 1}.items():
        sizes = bare.evaluate(DRAWN, selector)
        assert len(sizes) >= n, selector
        assert min(sizes) > 0, selector
    assert bare.evaluate(LOST) == 0
    assert bare.evaluate("document.scrollingElement.scrollWidth") <= bare.viewport_size["width"]


def test_what_needs_scripts_is_not_offered(bare):
    bare.goto(NEURON)
    for selector in (".widget-controls", ".theme-switch-button", ".search-button", ".copybtn"):
        shown = bare.locator(selector).evaluate_all("all => all.filter(e => e.checkVisibility())")
        assert shown == [], selector


def test_links_and_disclosures_work(bare):
    bare.goto(NEURON)
    details = bare.locator("article details.solution").first
    details.locator("> summary").click(position={"x": 5, "y": 5})
    assert details.locator("> :not(summary)").first.is_visible()
    bare.locator("article a.reference[href^='#equation-']").first.click()
    assert "#equation-" in bare.url
    bare.locator(".prev-next-area a.right-next").click()
    assert bare.url.endswith("features.html")
    assert bare.locator("h1").first.inner_text()
