"""Without scripts the book is still a book: text, mathematics, figures and links."""

import re

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
    for selector, n in {".formula > svg": 100, ".figure-drawing": 5, ".widget-view svg": 1}.items():
        sizes = bare.evaluate(DRAWN, selector)
        assert len(sizes) >= n, selector
        assert min(sizes) > 0, selector
    assert bare.evaluate(LOST) == 0
    assert bare.evaluate("document.scrollingElement.scrollWidth") <= bare.viewport_size["width"]


def test_what_needs_scripts_is_not_offered(bare):
    bare.goto(NEURON)
    for selector in (".widget-controls", ".theme-switch-button", ".search-button", ".copybtn",
                     ".sidebar-toggle"):  # fmt: skip
        shown = bare.locator(selector).evaluate_all("all => all.filter(e => e.checkVisibility())")
        assert shown == [], selector


def test_the_page_of_results_leads_to_the_index_instead(bare):
    bare.goto("search.html")
    assert bare.locator("main input:visible, main button:visible").count() == 0
    bare.locator(".bd-search-container noscript a").click()
    assert bare.url.endswith("genindex.html")


def test_on_a_telephone_there_is_a_way_to_all_pages(bare, lay_out):
    bare.goto(NEURON)
    link = bare.get_by_role("link", name="All pages")
    assert link.is_visible() == (bare.viewport_size["width"] < 992)  # else the sidebar is open
    bare.goto("index.html")
    lay_out(bare)
    assert bare.locator(".chapters a", has_text=re.compile("^One neuron$")).is_visible()


# The contrast of a box's text with the ground that it stands on.
CONTRAST = """e => {
  const rgb = s => s.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, k) => sum + v * [0.2126, 0.7152, 0.0722][k], 0);
  let ground = e, colour;
  do colour = rgb(getComputedStyle(ground).backgroundColor);
  while (colour[3] === 0 && (ground = ground.parentElement));
  if (!ground) colour = [255, 255, 255];
  const pair = [light(rgb(getComputedStyle(e).color)), light(colour)].sort((a, b) => b - a);
  return (pair[0] + 0.05) / (pair[1] + 0.05);
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everything_is_readable_whatever_the_system_prefers(new_context, scheme):
    page = new_context(java_script_enabled=False, color_scheme=scheme).new_page()
    page.goto(NEURON)
    for selector in ("p", "li", ".admonition p", "pre", "figcaption", "a.reference", "code"):
        text = page.locator(f"article {selector}").first
        assert text.evaluate(CONTRAST) >= 4.5, selector


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
