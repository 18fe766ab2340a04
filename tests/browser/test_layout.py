"""Nothing moves while a page loads; formulas keep their size, and their place beside a bracket."""

import pytest

# Chromium tells of every element that moved although nobody had touched the page.
WATCH = """
window.shifts = [];
new PerformanceObserver(list => {
  for (const { value, sources } of list.getEntries()) {
    const { node, previousRect, currentRect } = sources[0] ?? {};
    const name = node?.outerHTML ?? node?.textContent ?? "";
    const moved = [previousRect, currentRect].map(r => JSON.stringify(r)).join(" to ");
    window.shifts.push(`${value.toFixed(4)}: ${name.slice(0, 90)} from ${moved}`);
  }
}).observe({ type: "layout-shift", buffered: true });
"""

# Formulas in the text that are drawn smaller than they were set.
SMALLER = """() => [...document.querySelectorAll("article .formula > svg")].filter(svg => {
  const now = svg.getBoundingClientRect().width;
  svg.style.maxWidth = "none";
  const set = svg.getBoundingClientRect().width;
  svg.style.maxWidth = "";
  return now < 0.95 * set;
}).map(svg => svg.nextElementSibling.textContent.slice(0, 60))"""

# Formulas that begin a line whose bracket ended the line before.
PARTED = """() => [...document.querySelectorAll("article .formula")].filter(formula => {
  const before = formula.previousSibling;
  if (!/[(\\[\\u201c\\u2018\\u2013-]$/.test(before?.data ?? "")) return false;
  const sign = document.createRange();
  sign.setStart(before, before.length - 1);
  sign.setEnd(before, before.length);
  const end = sign.getBoundingClientRect(), svg = formula.querySelector("svg");
  return end.width > 0 && end.right > svg.getBoundingClientRect().right;
}).map(formula => formula.parentElement.textContent.slice(0, 60))"""


@pytest.fixture(scope="module")
def with_scrollbars(start):
    """Start a browser that shows scrollbars, as readers' do: they take room when they come."""
    browser = start(ignore_default_args=["--hide-scrollbars"])
    yield browser
    browser.close()


@pytest.mark.parametrize("width", [1350, 412])
def test_nothing_moves_while_a_page_arrives(with_scrollbars, site, each_page, width):
    size = {"width": width, "height": 900}
    context = with_scrollbars.new_context(base_url=site, viewport=size, is_mobile=width < 600)
    page = context.new_page()
    page.add_init_script(WATCH)
    page.goto(f"{each_page}?slowly", wait_until="networkidle")
    page.evaluate("() => document.fonts.ready")
    page.wait_for_timeout(100)  # what a script does when all is there
    shifts = page.evaluate("window.shifts")
    context.close()
    assert shifts == []


def test_a_shift_is_noticed(page):
    page.add_init_script(WATCH)
    page.goto("index.html", wait_until="networkidle")
    page.evaluate("document.querySelector('article').style.paddingTop = '200px'")
    page.wait_for_function("window.shifts.length > 0")


def test_formulas_in_the_text_keep_their_size_and_their_bracket(phone, each_page, lay_out):
    phone.goto(each_page)
    lay_out(phone)
    phone.locator("article details.solution").evaluate_all("all => all.forEach(d => d.open = true)")
    assert phone.evaluate(SMALLER) == []
    assert phone.evaluate(PARTED) == []


def test_a_formula_that_shrinks_and_one_that_is_parted_are_noticed(phone, lay_out):
    phone.goto("part1-representing/multilayer-perceptron.html")
    lay_out(phone)
    phone.add_style_tag(content="article .formula.formula-wide > svg { max-width: 9rem }")
    assert phone.evaluate(SMALLER) != []
    phone.locator("article .formula").evaluate_all(
        """all => all.forEach(formula => {
          formula.before("(", document.createElement("br"));
          formula.previousSibling.remove();
          formula.style.display = "block";
        })"""
    )
    assert phone.evaluate(PARTED) != []


# What a reader would have to move sideways to see: the figures, or whatever else is asked for.
CUT = """selector => [...document.querySelectorAll(selector)]
  .filter(element => element.getClientRects().length > 0
                     && element.scrollWidth > element.clientWidth + 1)
  .map(element => (element.closest("[id]")?.id ?? "") + ": " + element.textContent.slice(0, 60))"""


@pytest.mark.parametrize("width", [360, 768])
def test_no_figure_is_cut_on_a_phone_or_a_tablet(phone, each_page, lay_out, width):
    phone.set_viewport_size({"width": width, "height": 800})
    phone.goto(each_page)
    lay_out(phone)
    assert phone.evaluate(CUT, ".figure-drawing") == []


def test_no_formula_is_cut_on_a_desktop(page, each_page, lay_out):
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto(each_page)
    lay_out(page)
    assert page.evaluate(CUT, ".formula-scroll") == []


def test_a_figure_that_is_cut_is_noticed(phone):
    phone.goto("part1-representing/one-neuron.html")
    phone.add_style_tag(content=".figure-window { min-width: 700px }")
    assert phone.evaluate(CUT, ".figure-drawing") != []
