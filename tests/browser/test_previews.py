"""A reference shows what it refers to, on hover and on focus, and stays a link."""

import re

import pytest

NEURON = "part1-representing/one-neuron.html"
ELSEWHERE = "part1-representing/features.html"
KINDS = {
    "an equation": (NEURON, 'a.reference[href^="#equation-"]', ".formula-scroll svg use"),
    "a figure": (NEURON, 'a.reference[href^="#fig-"]', "figcaption .caption-number"),
    "a theorem": (NEURON, 'a.reference[href^="#thm-"]', ".admonition-title"),
    "an exercise": (NEURON, 'a.reference[href^="#ex-"]', ".admonition-title"),
    "a citation": (NEURON, 'a.reference[href*="bibliography.html#"]', "div.citation"),
    "a section": (ELSEWHERE, 'a.reference[href$="#one-neuron"]', "h1, h2, h3"),
    "an equation elsewhere": ("appendix/glossary.html", "dd a[href*='#equation-']", "svg use"),
}


def preview_of(page, link):
    """Hover over a link, and return what appears."""
    link.scroll_into_view_if_needed()
    link.hover()
    page.wait_for_selector("#preview")
    return page.locator("#preview")


@pytest.mark.parametrize("kind", KINDS)
def test_hovering_shows_the_thing_itself(page, kind):
    address, link, inside = KINDS[kind]
    page.goto(address)
    preview = preview_of(page, page.locator(f"article {link}").first)
    assert preview.get_attribute("role") == "tooltip"
    assert preview.locator(inside).count()
    assert preview.locator("a, button, [tabindex], details").count() == 0


def test_every_glyph_of_a_formula_from_another_page_is_there(page):
    page.goto("appendix/glossary.html")
    links = page.locator("dd a.reference[href*='two-layer.html#equation-']")
    before = page.locator(".formula-glyphs path").count()
    for i in range(links.count()):
        preview_of(page, links.nth(i))
        uses = page.locator("#preview use").evaluate_all("all => all.map(u => u.href.baseVal)")
        assert uses
        for name in set(uses):
            assert page.locator(name).count() == 1, name
        page.keyboard.press("Escape")
    assert page.locator(".formula-glyphs path").count() > before


def test_no_id_stands_twice_while_a_figure_is_previewed(page):
    page.goto(NEURON)
    preview_of(page, page.locator('article a.reference[href^="#fig-"]').first)
    ids = page.locator("[id]").evaluate_all("all => all.map(e => e.id)")
    assert len(ids) == len(set(ids))
    svg = page.locator("#preview svg.figure-svg")
    assert page.locator(f"#preview #{svg.get_attribute('aria-labelledby')}").count() == 1


# What is drawn, piece by piece, whatever the size at which it is shown.
LOOK = """svg => [...svg.querySelectorAll("path, text, rect, circle, use")].map(e => {
  const s = getComputedStyle(e);
  return [e.localName, s.fill, s.stroke, s.strokeWidth, s.strokeDasharray].join();
})"""


def test_a_figure_of_another_page_looks_as_it_does_there(new_context, probe):
    page = new_context(bypass_csp=False, viewport={"width": 1280, "height": 900}).new_page()
    page.goto("appendix/floating-point.html")
    link = page.locator("article a.reference[href*='two-layer.html#fig-']").first
    address = link.get_attribute("href").removeprefix("../")
    there = preview_of(page, link).locator("svg.figure-svg").evaluate(LOOK)
    formula = page.locator("#preview figcaption .formula").first.bounding_box()
    assert formula["height"] < 40
    page.goto(address)
    here = page.locator(f"#{address.partition('#')[2]} svg.figure-svg").evaluate(LOOK)
    assert len(here) > 50
    assert there == here
    assert probe.faults == []


def test_focus_shows_it_escape_and_leaving_close_it(page):
    page.goto(NEURON)
    link = page.locator('article a.reference[href^="#equation-"]').first
    link.evaluate("a => { const before = document.createElement('button'); a.before(before); }")
    page.locator("article p button").first.focus()
    page.keyboard.press("Tab")
    page.wait_for_selector("#preview")
    assert link.get_attribute("aria-describedby") == "preview"
    page.keyboard.press("Escape")
    assert page.locator("#preview").count() == 0
    assert link.get_attribute("aria-describedby") is None
    assert link.evaluate("a => a === document.activeElement")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    page.wait_for_selector("#preview")
    page.keyboard.press("Tab")
    assert page.locator("#preview").get_by_text("nothing").count() == 0
    page.wait_for_function("!document.querySelector('[aria-describedby=preview]:not(:focus)')")


def test_the_pointer_may_go_to_the_preview_but_not_away(page):
    page.goto(NEURON)
    link = page.locator('article a.reference[href^="#thm-"]').first
    preview = preview_of(page, link)
    box = preview.bounding_box()
    page.mouse.move(box["x"] + 20, box["y"] + 20, steps=4)
    page.wait_for_timeout(500)
    assert preview.count() == 1
    page.mouse.move(5, 5)
    page.wait_for_selector("#preview", state="detached")


def test_a_passing_pointer_opens_and_fetches_nothing(page):
    page.goto("appendix/glossary.html", wait_until="networkidle")
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.locator("dd a.reference[href*='#equation-']").first.hover()
    page.mouse.move(5, 5)
    page.wait_for_timeout(600)
    assert asked == []
    assert page.locator("#preview").count() == 0


@pytest.mark.parametrize("width", [390, 1280])
def test_previews_lie_inside_the_window(page, width):
    page.set_viewport_size({"width": width, "height": 700})
    page.goto("part2-learning/two-layer.html")
    links = page.locator("article a.reference[href*='#']:visible")
    for i in range(0, links.count(), 9):
        preview = preview_of(page, links.nth(i))
        box = preview.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= 700
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.keyboard.press("Escape")


def test_a_finger_follows_the_link_and_meets_no_preview(phone):
    phone.goto("appendix/glossary.html")
    link = phone.locator("dd a.reference[href*='#equation-']").first
    target = link.get_attribute("href").rpartition("/")[2]
    stay = "a => a.addEventListener('click', e => e.preventDefault(), { once: true })"
    link.evaluate(stay)
    link.tap()
    phone.wait_for_timeout(600)
    assert phone.locator("#preview").count() == 0
    link.tap()
    phone.wait_for_url(re.compile(re.escape(target) + "$"))
    assert phone.locator("#preview").count() == 0


def test_without_the_script_or_the_network_a_reference_is_a_link(new_context, page, probe):
    bare = new_context(java_script_enabled=False).new_page()
    bare.goto("appendix/glossary.html")
    link = bare.locator("dd a.reference[href*='#equation-']").first
    link.click()
    assert "#equation-" in bare.url

    page.goto("appendix/glossary.html")
    page.context.set_offline(True)
    page.locator("dd a.reference[href*='#equation-']").first.hover()
    page.wait_for_timeout(600)
    assert page.locator("#preview").count() == 0
    page.context.set_offline(False)
    assert all("ERR_INTERNET_DISCONNECTED" in fault for fault in probe.faults), probe.faults
    probe.faults.clear()
