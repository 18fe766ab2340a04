"""Light, dark, and whatever the system says: remembered on the device, and without a flash."""

import pytest

NEURON = "part1-representing/one-neuron.html"
THEME = "document.documentElement.dataset.theme"
GROUND = "getComputedStyle(document.body).backgroundColor"
PAPER = {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 24, 30)"}
OTHER = {"light": "dark", "dark": "light"}


@pytest.mark.parametrize("scheme", PAPER)
@pytest.mark.parametrize("stored", [None, "auto", "light", "dark"])
def test_the_colours_are_right_before_any_script_file_is_there(new_context, probe, scheme, stored):
    page = new_context(color_scheme=scheme).new_page()
    page.route("**/*.js*", lambda route: route.abort())
    if stored:  # and what the theme stored when the system said otherwise
        stale = OTHER[scheme] if stored == "auto" else stored
        page.add_init_script(f"localStorage.mode = '{stored}'; localStorage.theme = '{stale}'")
    page.goto(NEURON)
    expected = stored if stored in PAPER else scheme
    assert page.evaluate(THEME) == expected
    assert page.evaluate(GROUND) == PAPER[expected]


def test_the_switch_works_by_keyboard_and_is_remembered(page):
    page.goto(NEURON)
    switch = page.get_by_role("button", name="Color mode")
    switch.focus()
    seen = []
    for _ in range(3):
        page.keyboard.press("Enter")
        mode = page.evaluate("document.documentElement.dataset.mode")
        page.locator(".spoken", has_text=f"Colours: {mode}").wait_for(state="attached")
        seen.append(mode)
    assert sorted(seen) == ["auto", "dark", "light"]
    while page.evaluate("document.documentElement.dataset.mode") != "dark":
        page.keyboard.press("Enter")
        page.wait_for_timeout(50)
    page.goto("appendix/notation.html")
    assert page.evaluate(GROUND) == PAPER["dark"]


def test_automatic_follows_the_system_while_the_page_is_open(page):
    page.goto(NEURON)
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme)
        page.wait_for_function(f"{THEME} === '{scheme}'")
        assert page.evaluate(GROUND) == PAPER[scheme]


def test_print_is_light_whatever_the_screen_was(page):
    page.emulate_media(color_scheme="dark")
    page.goto(NEURON)
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate(GROUND) == PAPER["light"]
