"""Links to every place; a page to take along; copied code."""

import re

import nbformat
import pytest

NEURON = "part1-representing/one-neuron.html"
PLACES = {
    "heading": "h2",
    "equation": ".equation",
    "figure": "figcaption",
    "theorem": ".theorem > .admonition-title",
}


@pytest.mark.parametrize("place", PLACES)
def test_a_place_shows_its_link_to_the_pointer_and_to_the_keyboard(page, place):
    page.goto(NEURON)
    around = page.locator(f"article {PLACES[place]}:has(a.headerlink)").first
    link = around.locator("a.headerlink").first
    shown = "a => getComputedStyle(a).opacity"
    assert link.evaluate(shown) == "0"
    around.hover()
    assert link.evaluate(shown) == "1"
    page.mouse.move(5, 5)
    page.wait_for_timeout(300)
    assert link.evaluate(shown) == "0"
    page.keyboard.press("Tab")  # from here on the keyboard is in use, and focus is shown
    link.focus()
    assert link.evaluate(shown) == "1"
    page.keyboard.press("Enter")
    assert page.url.endswith(link.get_attribute("href"))


@pytest.mark.parametrize("name", [NEURON, "appendix/api.html", "appendix/glossary.html"])
def test_every_heading_equation_and_figure_has_one_with_a_name_of_its_own(page, name):
    page.goto(name)
    bare = ":is(h1, h2, h3, h4, figure[id], .equation:has(.eqno), .theorem):not(:has(a.headerlink))"
    assert page.locator(f"article {bare}").count() == 0
    links = page.locator("article a.headerlink")
    names = links.evaluate_all("all => all.map(a => a.getAttribute('aria-label') ?? a.title)")
    assert all(re.match(r"Link to (?!this)\S", name) for name in names)
    repeated = {name for name in names if names.count(name) > 1}
    assert len(repeated) <= len(names) / 20, repeated


def test_headings_and_buttons_are_read_aloud_by_their_own_words(page):
    page.goto(NEURON)
    for heading in page.locator("article :is(h1, h2, h3)").all():
        words = heading.locator("> span").first.inner_text().strip()
        assert heading.get_attribute("aria-labelledby") == heading.locator("> span").get_attribute(
            "id"
        )
        assert "#" not in words
    for role, name in [
        ("heading", "1.1. The model"),
        ("button", "Toggle primary sidebar"),
        ("button", "Search Ctrl + K"),
        ("navigation", "Contents"),
    ]:
        found = page.get_by_role(role, name=name, exact=True)
        assert found.count() >= 1, name
    icons = page.locator("[class*='fa-']:not([aria-hidden=true])")
    assert icons.evaluate_all("all => all.map(e => e.outerHTML)") == []


def test_the_menu_works_by_keyboard_and_without_scripts(new_context, page):
    page.goto(NEURON)
    summary = page.locator(".page-menu summary")
    link = page.get_by_role("link", name="Notebook (.ipynb)")
    assert not link.is_visible()
    summary.focus()
    page.keyboard.press("Enter")
    assert link.is_visible()
    page.keyboard.press("Tab")
    assert link.evaluate("a => a === document.activeElement")
    page.keyboard.press("Escape")
    assert not link.is_visible()
    assert summary.evaluate("s => s === document.activeElement")
    summary.click()
    page.locator("article h1").click()
    assert not link.is_visible()
    bare = new_context(java_script_enabled=False).new_page()
    bare.goto(NEURON)
    bare.locator(".page-menu summary").click()
    assert bare.get_by_role("link", name="Source (MyST, .md)").is_visible()


def test_notebook_and_source_are_there_to_download(page, tmp_path):
    page.goto(NEURON)
    page.locator(".page-menu summary").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Notebook (.ipynb)").click()
    download.value.save_as(tmp_path / "page.ipynb")
    notebook = nbformat.read(tmp_path / "page.ipynb", as_version=4)
    nbformat.validate(notebook)
    assert download.value.suggested_filename == "one-neuron.ipynb"
    with page.expect_download() as download:
        page.get_by_role("link", name="Source (MyST, .md)").click()
    download.value.save_as(tmp_path / "page.md")
    assert "file_format: mystnb" in (tmp_path / "page.md").read_text(encoding="utf-8")


def copy(page, block):
    """Press a block's copy button by keyboard; return what it put on the clipboard."""
    block.scroll_into_view_if_needed()
    button = block.locator("button.copybtn")
    button.focus()
    page.keyboard.press("Enter")
    page.locator(".spoken[role=status]", has_text="Copied!").wait_for(state="attached")
    assert button.evaluate("b => getComputedStyle(b).opacity") != "0"
    return page.evaluate("navigator.clipboard.readText()")


@pytest.fixture
def copier(page):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    return page


def test_code_is_copied_by_keyboard_and_said_aloud(copier):
    copier.goto(NEURON)
    block = copier.locator("article .cell_input div.highlight:visible").first
    assert copy(copier, block) == block.locator("pre").inner_text().rstrip("\n")


def test_outputs_have_no_copy_button(page):
    page.goto(NEURON)
    page.wait_for_selector("button.copybtn", state="attached")
    assert page.locator(".cell_output div.highlight").count() > 5
    assert page.locator(".cell_output button.copybtn").count() == 0


def test_prompts_and_what_they_printed_are_not_copied(copier):
    copier.goto("appendix/api.html")
    copier.locator("details.api-more").evaluate_all("all => all.forEach(d => { d.open = true; })")
    block = copier.locator("div.highlight:has(button.copybtn)", has_text=">>>").first
    shown = block.locator("pre").inner_text()
    assert any(not line.startswith((">>>", "...")) for line in shown.splitlines() if line)
    copied = copy(copier, block).splitlines()
    typed = [line[4:] for line in shown.splitlines() if line.startswith((">>> ", "... "))]
    assert copied == typed
