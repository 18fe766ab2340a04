"""A reader comes back to the line that was being read; a tap in the contents leads to its place."""

import pytest

PAGES = ["part2-learning/backprop.html", "part1-representing/representation.html"]

MIDDLE = """() => {
  const parts = [...document.querySelectorAll("article p, article figure, article .equation")];
  const part = parts[Math.round(parts.length * 0.6)];
  part.scrollIntoView({ block: "center", behavior: "instant" });
}"""
# The paragraph in the upper half of the window, and where it begins.
READ = """() => {
  const parts = [...document.querySelectorAll("article p")].filter(p => p.getClientRects().length);
  const part = parts.find(p => p.getBoundingClientRect().top > innerHeight / 4);
  return [part.textContent.slice(0, 40), part.getBoundingClientRect().top];
}"""
LINE = 32  # pixels


def settled(page):
    page.wait_for_timeout(800)
    return page.evaluate(READ)


@pytest.mark.parametrize("address", PAGES)
@pytest.mark.parametrize("width", [390, 1280])
def test_a_reload_returns_to_the_line(page, address, width):
    page.set_viewport_size({"width": width, "height": 850})
    page.goto(address)
    page.evaluate(MIDDLE)
    page.wait_for_timeout(600)
    page.evaluate(MIDDLE)  # what came into view has its size now
    words, top = settled(page)
    page.reload()
    again, now = settled(page)
    assert again == words
    assert abs(now - top) < LINE


def test_the_way_back_without_the_browsers_cache_returns_to_the_line(page):
    page.set_viewport_size({"width": 390, "height": 850})
    page.goto(PAGES[0])
    page.evaluate("addEventListener('unload', () => {})")  # such a page is not cached
    page.evaluate(MIDDLE)
    page.wait_for_timeout(600)
    page.evaluate(MIDDLE)
    words, top = settled(page)
    page.goto(PAGES[1])
    page.go_back()
    again, now = settled(page)
    assert again == words
    assert abs(now - top) < LINE


def test_a_page_that_is_opened_anew_begins_at_its_top(page):
    page.goto(PAGES[0])
    page.evaluate(MIDDLE)
    settled(page)
    page.goto(PAGES[1])
    page.goto(PAGES[0])
    page.wait_for_timeout(300)
    assert page.evaluate("scrollY") == 0


def test_a_tap_in_the_contents_closes_them_and_leads_to_the_heading(phone):
    phone.goto(PAGES[0])
    phone.locator(".secondary-toggle").click()
    dialog = phone.locator("#pst-secondary-sidebar-modal")
    link = dialog.locator('a[href^="#"]').nth(3)
    place = link.get_attribute("href")
    link.click()
    assert not dialog.evaluate("dialog => dialog.open")
    phone.wait_for_timeout(600)
    heading = phone.locator(f"{place} :is(h2, h3)").first
    assert heading.evaluate("heading => heading === document.activeElement")
    assert 0 <= heading.bounding_box()["y"] < 300
