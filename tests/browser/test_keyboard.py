"""Everything is reached and worked by keyboard, and shows where the keyboard is."""

import pytest

NEURON = "part1-representing/one-neuron.html"
WIDGETS = {
    "neuron": (NEURON, "input", "ArrowRight"),
    "features": ("part1-representing/features.html", "input", "Space"),
    "kinks": ("part1-representing/representation.html", "input", "ArrowRight"),
    "tape": ("part2-learning/autograd.html", "button:has-text('Next step')", "Enter"),
}

# Looks at what has the focus, and again at what had it before: has its look changed?
LOOK = """() => {
  const look = e => {
    const s = getComputedStyle(e);
    return [s.outlineStyle === "none" ? "" : s.outline, s.boxShadow, s.backgroundColor].join();
  };
  const e = document.activeElement, before = window.lookedAt;
  const unmarked = before && look(before.e) === before.look ? before.words : null;
  if (e === document.body) return { unmarked, end: true };
  const box = e.getClientRects()[0] ?? new DOMRect();
  const x = box.x + Math.min(box.width, innerWidth) / 2, y = box.y + Math.min(box.height, 20) / 2;
  const top = document.elementFromPoint(x, y);
  const text = (e.ariaLabel ?? e.textContent).trim().slice(0, 40);
  const words = `${e.localName}.${e.className}: ${text}`;
  const seen = top && (e.contains(top) || top.contains(e)) && getComputedStyle(e).opacity !== "0";
  e.dataset.reached = "";
  window.lookedAt = { e, words, look: look(e) };
  return { unmarked, unseen: seen ? null : words, end: false };
}"""

# What scrolls sideways and cannot be scrolled by keyboard, since neither it nor a part is reached.
UNREACHED = """() => [...document.querySelectorAll("main *")].filter(e => e.checkVisibility()
  && e.scrollWidth > e.clientWidth + 1 && /auto|scroll/.test(getComputedStyle(e).overflowX)
  && !e.matches("[data-reached]") && !e.querySelector("[data-reached]")).map(e => e.className)"""

PLACES = {
    "the skip link": ".skip-link a",
    "a page of the book": ".bd-docs-nav a",
    "the search": ".search-button-field, .search-button",
    "the switch of colours": ".theme-switch-button",
    "the page's menu": ".page-menu summary",
    "a section's link": "h2 a.headerlink",
    "a figure's data": "details.figure-data > summary",
    "a solution": "details.solution > summary",
    "a copy button": "button.copybtn",
    "a figure's control": ".widget-controls input",
    "the next page": ".prev-next-area a.right-next",
}


def walk(page):
    """Press Tab through a page; return how many stops there are, and what is wrong with them."""
    faults = []
    for n in range(2000):
        page.keyboard.press("Tab")
        page.wait_for_timeout(0)
        found = page.evaluate(LOOK)
        if found["unmarked"]:
            faults.append(f"focus does not show: {found['unmarked']}")
        if found["end"]:
            return n, faults
        if found["unseen"]:
            faults.append(f"out of sight with the focus: {found['unseen']}")
    raise AssertionError("the Tab key never comes to the page's end")


def test_the_tab_key_reaches_everything_and_the_focus_is_seen(page, lay_out):
    page.goto(NEURON, wait_until="networkidle")
    lay_out(page)
    n, faults = walk(page)
    assert n > 100
    assert faults == []
    for place, selector in PLACES.items():
        assert page.locator(f":is({selector})[data-reached]").count(), place
    assert page.evaluate(UNREACHED) == []


def test_on_a_telephone_the_tab_key_reaches_everything_too(phone, lay_out):
    phone.goto("appendix/tutorial.html", wait_until="networkidle")
    lay_out(phone)
    _, faults = walk(phone)
    assert faults == []
    for selector in (".primary-toggle", ".theme-switch-button", ".search-button"):
        assert phone.locator(f"{selector}[data-reached]").count(), selector
    assert phone.evaluate(UNREACHED) == []


def test_a_hidden_focus_and_a_box_out_of_reach_are_found(page, lay_out):
    page.goto("search.html")
    lay_out(page)
    page.evaluate(
        "() => document.querySelector('main').insertAdjacentHTML('afterbegin',"
        ' \'<button id="flat">flat</button><button id="gone">gone</button>'
        '<div id="box"><b>wide</b></div>\')'
    )
    page.evaluate(
        "() => { const s = new CSSStyleSheet(); s.replaceSync('#flat { outline: none !important;"
        " box-shadow: none !important; background: white !important } #gone { opacity: 0 }"
        " #box { width: 50px; overflow-x: auto } #box b { display: block; width: 90px }');"
        " document.adoptedStyleSheets.push(s); }"
    )
    _, faults = walk(page)
    assert any("does not show" in fault and "flat" in fault for fault in faults), faults
    assert any("out of sight" in fault and "gone" in fault for fault in faults), faults
    page.evaluate("document.querySelector('#box').tabIndex = -1")
    page.evaluate("document.querySelector('#box').removeAttribute('data-reached')")
    assert len(page.evaluate(UNREACHED)) == 1


@pytest.mark.parametrize("kind", ["solution", "figure-data"])
def test_a_disclosure_opens_and_closes_by_keyboard(page, kind):
    page.goto(NEURON)
    details = page.locator(f"article details.{kind}").first
    inside = details.locator("> :not(summary)").first
    assert not inside.is_visible()
    details.locator("> summary").focus()
    page.keyboard.press("Enter")
    assert inside.is_visible()
    if kind == "figure-data":
        assert details.locator("table td").count() > 4
    page.keyboard.press("Space")
    assert not inside.is_visible()


def test_the_contents_open_and_close_by_keyboard_on_a_telephone(phone):
    phone.goto(NEURON)
    link = phone.locator(".bd-docs-nav a").first
    assert not link.is_visible()
    phone.locator(".primary-toggle").focus()
    phone.keyboard.press("Enter")
    link.wait_for(state="visible")
    assert phone.evaluate("document.activeElement.closest('dialog') !== null")
    phone.keyboard.press("Escape")
    link.wait_for(state="hidden")


@pytest.mark.parametrize("widget", WIDGETS)
def test_a_figure_is_changed_by_keyboard_and_says_so(page, widget):
    address, selector, key = WIDGETS[widget]
    page.goto(address)
    body = page.locator(f"[data-widget={widget}]")
    view, control = body.locator(".widget-view").first, body.locator(selector).first
    before = view.inner_html()
    control.focus()
    page.keyboard.press(key)
    assert view.inner_html() != before
    assert control.evaluate("e => e === document.activeElement")
    words = view.locator(".widget-words").text_content()
    body.locator(".widget-spoken[role=status]", has_text=words).wait_for(state="attached")
    if key == "ArrowRight":
        value = body.locator(".widget-value").first.inner_text()
        assert control.get_attribute("aria-valuetext") == value
