"""Where the reader left off, kept on the reader's device only."""

import re

NEURON = "part1-representing/one-neuron.html"
BOX = "section.reading"


def read(page, heading):
    """Scroll to a heading, and wait until that is noted."""
    page.goto(NEURON)
    page.evaluate(f"document.getElementById('{heading}').scrollIntoView()")
    page.wait_for_function("Object.keys(localStorage).some(k => k.startsWith('mlpbook-reading'))")


def test_a_first_visit_shows_nothing_and_keeps_nothing(page):
    page.goto(NEURON)
    page.wait_for_timeout(700)
    assert page.locator(BOX).count() == 0
    kept = page.evaluate("Object.keys(localStorage).filter(k => k.includes('mlpbook'))")
    assert kept == []


def test_home_and_sidebar_lead_back_to_where_the_reader_left_off(page):
    read(page, "the-model")
    page.goto("index.html")
    for place in (BOX, "article .left-off"):
        link = page.locator(place).get_by_role("link")
        assert link.inner_text() == "1.1. The model"
        assert link.get_attribute("href").endswith(f"{NEURON}#the-model")
    assert re.search(r"\b0 of 20 chapters read\.", page.locator(BOX).inner_text())
    page.locator("article .left-off a").click()
    assert page.url.endswith("#the-model")


def test_a_chapter_read_to_its_end_is_marked(page):
    page.goto(NEURON)
    page.keyboard.press("End")
    mark = page.locator(".bd-docs-nav .current .read-mark")
    mark.wait_for()
    assert mark.inner_text().split() == ["✓", "read"]
    assert re.search(r"\b1 of 20 chapters read\.", page.locator(BOX).inner_text())
    page.goto("appendix/notation.html")
    assert page.locator(".bd-docs-nav .read-mark").count() == 1


def test_it_stays_on_the_device(page):
    asked = []
    page.goto(NEURON, wait_until="networkidle")
    page.on("request", lambda request: asked.append(request.url))
    page.evaluate("document.getElementById('the-model').scrollIntoView()")
    page.wait_for_timeout(800)
    assert [url for url in asked if not url.endswith("/icon.svg")] == []
    assert page.context.cookies() == []
    page.goto("index.html")
    assert "Kept on this device only." in page.locator(BOX).inner_text()


def test_forgetting_works_by_keyboard_and_says_so(page):
    read(page, "the-model")
    page.goto("index.html")
    page.locator(BOX).get_by_role("button", name="Forget").focus()
    page.keyboard.press("Enter")
    assert page.locator(f"{BOX} [role=status]").inner_text() == "Forgotten."
    assert page.evaluate("document.activeElement.getAttribute('role')") == "status"
    page.reload()
    assert page.locator(BOX).count() == 0
    assert page.locator(".left-off").count() == 0


def test_a_reader_who_forbids_storage_meets_no_error(new_context):
    page = new_context().new_page()
    page.add_init_script(
        "for (const f of ['getItem', 'setItem'])"
        " Storage.prototype[f] = function (key) {"
        " if (String(key).startsWith('mlpbook')) throw new DOMException('no', 'SecurityError');"
        " return null; };"
    )
    errors = []
    page.on("pageerror", lambda error: errors.append(error))
    page.goto(NEURON)
    page.keyboard.press("End")
    page.wait_for_timeout(800)
    assert errors == []
    assert page.locator(BOX).count() == 0
