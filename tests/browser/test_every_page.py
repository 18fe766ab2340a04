"""Every page, on a wide window and on a telephone, in light and in dark.

Each is opened once for each width, with all its disclosures open. What it must not do or show is
reported all at once. Each of these checks is watched finding a planted fault.
"""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe

from tools.site.check import RAW_TEX

SIZES = {1280: {"height": 900}, 390: {"height": 844, "touched": True}}

# Opens what is closed, and loads what waits for scrolling.
OPEN = """async () => {
  document.querySelectorAll("article details").forEach(d => { d.open = true; });
  await Promise.all(Array.from(document.images, i => { i.loading = "eager"; return i.decode(); }));
}"""

# What stands in the page, and what is said of it. Code may hold TeX, and MathML holds letters.
TEXTS = """() => {
  const names = ["alt", "title", "aria-label", "aria-description"];
  const said = [...document.querySelectorAll(names.map(n => `[${n}]`))]
    .flatMap(e => names.map(n => e.getAttribute(n) ?? ""));
  const copy = document.body.cloneNode(true);
  copy.querySelectorAll("pre, code, math, textarea, script, style").forEach(e => e.remove());
  return [copy.textContent, ...said];
}"""

# What is wider than the window and does not lie in something that scrolls.
WIDE = """() => {
  const width = document.documentElement.clientWidth;
  const inside = e => e && e !== document.body
    && (/auto|scroll/.test(getComputedStyle(e).overflowX) || inside(e.parentElement));
  const words = e => `${e.localName}.${e.className} (${e.textContent.trim().slice(0, 40)})`;
  const right = e => { // of the box, and of the words in it
    const { display, overflowX } = getComputedStyle(e), box = e.getBoundingClientRect();
    const own = display !== "inline" && overflowX === "visible"; // a long word
    return own ? Math.max(box.right, box.left + e.scrollWidth) : box.right;
  };
  const wide = [...document.querySelectorAll("main *:not(svg *, math, math *)")]
    .filter(e => e.checkVisibility() && right(e) > width + 1 && !inside(e));
  const all = document.scrollingElement.scrollWidth;
  return [...(all > width ? [`the page is ${all} px wide`] : []), ...wide.slice(-3).map(words)];
}"""

# Axe reads every element many times, and has no rule for what formulas and pictures consist of,
# nor for the second of two coloured words. Without them it takes a second and not a minute.
THIN = """() => {
  const parts = [...document.querySelectorAll(":is(math, svg) > :not(title, desc)")];
  const colours = new Set();
  const words = [...document.querySelectorAll(".highlight span")]
    .filter(span => colours.size === colours.add(span.className).size);
  parts.filter(e => !e.querySelector("a, [role], [tabindex]")).forEach(e => e.remove());
  words.forEach(span => span.replaceWith(...span.childNodes));
}"""

# Contrast is the same wherever ink, ground and size of the letters are the same.
CONTRAST = """async () => {
  const grounds = new Map([[null, ""]]), shown = new Map();
  const ground = e => {
    if (!grounds.has(e)) {
      const { backgroundColor, backgroundImage, opacity } = getComputedStyle(e);
      const own = [backgroundColor, backgroundImage, opacity].join();
      const plain = own === "rgba(0, 0, 0, 0),none,1";
      grounds.set(e, ground(e.parentElement) + (plain ? "" : `/${own}`));
    }
    return grounds.get(e);
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const e = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || !e.checkVisibility() || e.closest("svg, math")) continue;
    const { color, fontSize, fontWeight } = getComputedStyle(e);
    const key = [color, fontSize, fontWeight, ground(e), Boolean(e.closest(":is(p, li, dd) a"))];
    if (!shown.has(key.join())) shown.set(key.join(), e);
  }
  return await axe.run({ include: [...shown.values()] }, {
    resultTypes: ["violations"], runOnly: ["color-contrast", "link-in-text-block"], preload: false,
  });
}"""

SETTLED = "scheme => (document.documentElement.dataset.theme ?? scheme) === scheme"

STRUCTURE = """async () => await axe.run({
  resultTypes: ["violations"], rules: { "color-contrast": { enabled: false } }, preload: false,
})"""


def raw_tex(page):
    """Return the TeX that a reader sees or hears."""
    lines = "\n".join(page.evaluate(TEXTS)).splitlines()
    return [f"raw TeX: {line.strip()[:90]}" for line in lines if RAW_TEX.search(line)]


def too_wide(page):
    """Return what makes a page wider than the window, or is cut off by it."""
    return [f"too wide: {words}" for words in page.evaluate(WIDE)]


def inaccessible(page):
    """Return what axe finds, in light and in dark; contrast depends on the theme, the rest not."""
    page.evaluate(THIN)
    page.evaluate(Axe().axe_script)
    found = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.wait_for_function(SETTLED, arg=scheme)
        for script in (STRUCTURE, CONTRAST) if scheme == "light" else (CONTRAST,):
            results = page.evaluate(script)
            assert results["passes"], "axe looked at nothing"
            for rule in results["violations"]:
                for node in rule["nodes"]:
                    why = re.sub(r"\s+", " ", node["failureSummary"])
                    found.append(f"axe, {scheme}, {rule['id']}: {node['html'][:120]}: {why[:200]}")
    return found


@pytest.fixture
def open_page(new_context, lay_out):
    """Return what opens a page at a width, with everything on it open."""

    def opened(name, width):
        size = SIZES[width]
        touched = size.get("touched", False)
        page = new_context(
            viewport={"width": width, "height": size["height"]},
            is_mobile=touched,
            has_touch=touched,
            color_scheme="light",
            reduced_motion="reduce",
            bypass_csp=False,
        ).new_page()
        page.set_default_timeout(60_000)
        page.goto(name, wait_until="networkidle")
        lay_out(page)
        page.evaluate(OPEN)
        return page

    return opened


@pytest.mark.parametrize("width", SIZES)
def test_a_page_asks_nobody_shows_no_tex_fits_and_is_accessible(each_page, width, open_page, probe):
    page = open_page(each_page, width)
    found = [*raw_tex(page), *too_wide(page), *inaccessible(page)]
    faults = "\n".join([*probe.faults, *found])
    assert not faults, faults


# The pages' policy forbids styles written into elements; styles set by a script it does not.
PLANT = """html => {
  document.querySelector("main").insertAdjacentHTML("beforeend", html);
  document.querySelectorAll("[data-css]").forEach(e => { e.style.cssText = e.dataset.css; });
}"""
PLANTED = {
    "TeX in a sentence": (raw_tex, "<p>So $x^2$ is</p>", "x^2"),
    "TeX in a picture": (raw_tex, r"<svg><text>\frac{1}{2}</text></svg>", "frac"),
    "TeX in a text alternative": (raw_tex, r'<svg role="img" aria-label="\hat y"></svg>', "hat"),
    "a wide box": (too_wide, '<div data-css="width: 500px">wide</div>', "the page is"),
    "a box cut off": (
        too_wide,
        '<div data-css="overflow: hidden"><b data-css="display: block; width: 500px">cut</b></div>',
        "cut",
    ),
    "a long word": (too_wide, f"<p>{'long' * 50}</p>", "longlong"),
    "faint words": (
        inaccessible,
        '<p data-css="color: #777; background: #888">faint</p>',
        "contrast",
    ),
    "words faint in the dark": (
        inaccessible,
        '<p data-css="color: #333; background: var(--pst-color-background)">dark</p>',
        "axe, dark, color-contrast",
    ),
    "a picture without words": (inaccessible, '<svg role="img"></svg>', "svg-img-alt"),
    "a field without a name": (inaccessible, "<input>", "label"),
    "a button in a picture without a name": (
        inaccessible,
        '<svg><g><a href="#x" role="button" tabindex="0"></a></g></svg>',
        "name",
    ),
}


@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_fault_is_found(fault, open_page):
    check, html, words = PLANTED[fault]
    page = open_page("search.html", 390)
    assert check(page) == []
    page = open_page("search.html", 390)
    page.evaluate(PLANT, html)
    found = check(page)
    assert any(words in fault for fault in found), found


MOVING = """() => [...document.querySelectorAll("*")].filter(e => {
  const { transitionDuration, animationDuration, scrollBehavior } = getComputedStyle(e);
  const durations = `${transitionDuration},${animationDuration}`.split(",").map(parseFloat);
  return scrollBehavior === "smooth" || durations.some(seconds => seconds > 0.001);
}).length"""


@pytest.mark.parametrize("name", ["index.html", "part1-representing/one-neuron.html"])
def test_nothing_moves_for_readers_who_ask_for_that(new_context, name):
    found = {}
    for wish in ("no-preference", "reduce"):
        page = new_context(reduced_motion=wish).new_page()
        page.goto(name)
        found[wish] = page.evaluate(MOVING)
    assert found["no-preference"] > 0
    assert found["reduce"] == 0
