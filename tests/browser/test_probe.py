"""The probe sees what it is there to see: each fault is planted once."""

import pytest

PLANTED = {
    "request elsewhere": ("new Image().src = 'http://127.0.0.1:9/x.png'", "http://127.0.0.1:9/"),
    "outside the base path": ("fetch('/other.js')", "request elsewhere"),
    "failed request": ("fetch('cut.js')", "failed request: http://127"),
    "missing file": ("fetch('missing.js')", "status 404"),
    "script error": ("setTimeout(() => { throw Error('planted') })", "script error: planted"),
    "console error": ("console.error('planted')", "console error: planted"),
    "console warning": ("console.warn('planted')", "console warning: planted"),
}


@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_fault_is_seen(fault, new_context, probe):
    script, words = PLANTED[fault]
    page = new_context().new_page()
    page.route("**/cut.js", lambda route: route.abort("connectionrefused"))
    page.goto("index.html")
    assert probe.faults == []
    page.evaluate(f"() => {{ {script} }}")
    page.wait_for_timeout(300)
    assert any(words in found for found in probe.faults), probe.faults


def test_the_site_is_served_under_a_path_and_nowhere_else(page, site):
    answer = page.request.get("index.html")
    assert answer.ok
    assert answer.headers["content-encoding"] == "gzip"
    top = site.removesuffix("shelf/book/")
    for address in ("index.html", "shelf/index.html", "shelf/book/../../index.html"):
        assert page.request.get(top + address).status == 404
