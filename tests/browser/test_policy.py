"""Pages obey their own content-security policy, which is in force; wrong addresses lead back."""

import re

import pytest

LISTEN = """window.violations = [];
document.addEventListener('securitypolicyviolation', (event) => {
  window.violations.push(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
});"""
PLANTED = {
    "script-src-attr": "document.body.setAttribute('onclick', '1')",
    "script-src-elem": "document.body.append(Object.assign(document.createElement('script'), "
    "{ textContent: '1' }))",
    "style-src-attr": "document.body.setAttribute('style', 'color: red')",
    "style-src-elem": "document.head.append(Object.assign(document.createElement('style'), "
    "{ textContent: 'p { color: red }' }))",
    "img-src": "new Image().src = 'http://127.0.0.1:9/x.png'",
    "connect-src": "fetch('http://127.0.0.1:9/x').catch(() => 0)",
}


@pytest.fixture(name="guarded")
def _guarded(new_context):
    """Return a page that is read under its policy."""
    context = new_context(bypass_csp=False, viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.add_init_script(LISTEN)
    return page


@pytest.mark.parametrize("directive", PLANTED)
def test_a_planted_violation_is_stopped_and_seen(directive, guarded):
    guarded.goto("index.html")
    assert guarded.evaluate("violations") == []
    guarded.evaluate(f"() => {{ {PLANTED[directive]} }}")
    guarded.wait_for_timeout(300)
    found = guarded.evaluate("violations")
    assert [words.split()[0] for words in found] == [directive]


def test_a_page_obeys_its_policy(each_page, guarded):
    guarded.goto(each_page)
    for fold in guarded.locator("article details").all()[:3]:
        fold.evaluate("fold => fold.querySelector('summary').click()")
    if guarded.locator(".theme-switch-button").count():
        guarded.locator(".theme-switch-button").first.click()
        guarded.keyboard.press("Control+k")
        guarded.keyboard.press("Escape")
    assert guarded.evaluate("violations") == []


@pytest.mark.parametrize("address", ["gone.html", "part1-representing/gone.html", "a/b/c/d/"])
def test_a_wrong_address_leads_to_the_books_pages_from_any_depth(address, guarded, site, folder):
    known = re.search(r'rel="canonical" href="([^"]+)"', (folder / "index.html").read_text("utf-8"))
    answer = guarded.goto(address)
    assert answer.status == 404
    link = guarded.get_by_role("link", name="One neuron", exact=True)
    link.wait_for()
    top = known[1] if known else site  # where the site's own address is not known, it is looked for
    assert link.evaluate("a => a.href") == f"{top}part1-representing/one-neuron.html"
    assert guarded.evaluate("violations") == []


def test_a_page_without_scripts_is_light_and_shows_its_solutions_folded(new_context):
    page = new_context(bypass_csp=False, java_script_enabled=False).new_page()
    page.goto("part1-representing/one-neuron.html")
    assert page.locator("details.solution").count() > 3
    assert not page.locator(".theme-switch-button").is_visible()
