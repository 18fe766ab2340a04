"""A figure that readers can change: a still picture in the page, and a script only where needed."""

import re

WIDGET = """
```{{widget}} {name}
:name: fig-first-play

What it shows, with $w$.
```

See {{numref}}`fig-first-play`.
"""


def test_a_widget_is_a_numbered_figure_and_only_its_page_loads_the_script(book) -> None:
    book.append("book/first.md", WIDGET.format(name="neuron"))
    result = book.build()
    assert result.code == 0, result.text
    page, other = book.page("first"), book.page("second")
    assert re.search(r'<figure class="widget [^"]*" id="fig-first-play">', page)
    assert re.search(r'<span class="std std-numref">Fig\. [\d.]+</span>', page)
    assert page.count('data-widget="neuron"') == 1
    assert 'role="img" aria-label="Forty points' in page
    assert '<fieldset class="widget-controls" hidden>' in page
    assert len(re.findall(r"<script defer[^>]* src=\"_static/widgets\.js", page)) == 1
    assert "_static/widgets.css" in page
    assert "widgets." not in other


def test_an_unknown_widget_fails_the_build(book) -> None:
    book.append("book/first.md", WIDGET.format(name="nothing"))
    result = book.build()
    assert result.code != 0
    assert "widget must be one of neuron, features, kinks, tape, got 'nothing'" in result.text
