"""Figures with their data, margin notes, visible focus, no motion that was not asked for."""

import pytest

NEURON = "part1-representing/one-neuron.html"


def test_a_figures_data_unfold_by_keyboard(page):
    page.goto(NEURON)
    details = page.locator("article figure details.figure-data").first
    table = details.locator("table").first
    assert not table.is_visible()
    details.locator("summary").focus()
    page.keyboard.press("Enter")
    assert table.is_visible()
    assert table.locator("th").count() > 1
    assert table.locator("tbody tr").count() > 1


@pytest.mark.parametrize("width", [390, 1280])
def test_data_of_any_width_stay_in_the_column(page, width):
    page.set_viewport_size({"width": width, "height": 800})
    page.goto("part1-representing/features.html")
    page.locator("details.figure-data").evaluate_all("all => all.forEach(d => { d.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_keyboard_is_never_out_of_sight(page):
    page.emulate_media(reduced_motion="reduce")  # the link that skips the menus glides in
    page.goto(NEURON)
    for _ in range(60):
        page.keyboard.press("Tab")
        page.wait_for_timeout(30)  # even a transition of no length needs a frame
        found = page.evaluate(
            "() => { const e = document.activeElement, s = getComputedStyle(e);"
            " const r = e.getBoundingClientRect();"
            " return [e.outerHTML.slice(0, 90), parseFloat(s.outlineWidth), s.outlineStyle,"
            " r.width * r.height, r.bottom > 0 && r.top < innerHeight]; }"
        )
        name, width, style, area, in_window = found
        assert width >= 2, name
        assert style == "solid", name
        assert area > 0, name
        assert in_window, name


def test_readers_who_want_no_motion_get_none(new_context):
    page = new_context(reduced_motion="reduce").new_page()
    page.goto(NEURON)
    moving = page.locator("body *").evaluate_all(
        "all => all.filter(e => { const s = getComputedStyle(e);"
        " return [...s.transitionDuration.split(','), ...s.animationDuration.split(',')]"
        ".some(d => parseFloat(d) > 0.01) || s.scrollBehavior === 'smooth'; })"
        ".map(e => e.outerHTML.slice(0, 80))"
    )
    assert moving == []


def test_margin_notes_stand_in_the_margin_and_fold_in_on_a_phone(page):
    page.goto("part2-learning/backprop.html")
    note = page.locator("article aside.margin").first
    column = page.locator("article p").first
    beside, text = note.bounding_box(), column.bounding_box()
    assert beside["x"] >= text["x"] + text["width"] - 1
    page.set_viewport_size({"width": 390, "height": 844})
    folded = note.bounding_box()
    assert folded["x"] >= 0
    assert folded["x"] + folded["width"] <= 390


def test_a_line_of_prose_has_about_seventy_characters(page):
    page.goto("part2-learning/losses.html")
    page.add_style_tag(content="p { font-family: monospace !important; }")  # the same everywhere
    width = page.locator("article section > p").first.bounding_box()["width"]
    size = float(
        page.locator("article section > p").first.evaluate(
            "p => parseFloat(getComputedStyle(p).fontSize)"
        )
    )
    assert 31 <= width / size <= 33  # em: 66 to 72 characters of Charter, Georgia, Cambria


def test_the_contents_mark_the_section_that_is_read_also_after_a_jump(page):
    page.goto(NEURON)
    active = page.locator("#pst-page-toc-nav a.active")
    for section in ("the-perceptron-algorithm", "exercises", "the-model"):
        page.evaluate(f"document.getElementById('{section}').scrollIntoView()")
        page.locator(f"#pst-page-toc-nav a.active[href='#{section}']").wait_for()
        assert active.count() == 1
    page.keyboard.press("End")
    page.locator("#pst-page-toc-nav a.active[href='#exercises']").wait_for()
