"""The code of a figure stands folded below its caption, under the figure's name."""

from tools.site.page_markup import CODE_OF_FIGURE, under_the_caption

FOLD = (
    '<details class="admonition hide above-input">\n<summary>\n<p class="collapsed">Show</p>\n'
    "</summary>\n<pre>{code}</pre>\n</details>"
)
FIGURE = (
    '<div class="cell_output docutils container">\n<figure id="f"><details><summary>data</summary>'
    '</details><figcaption><span class="caption-number">Fig. 2.1 </span>A point.</figcaption>'
    "</figure></div>"
)


def test_the_code_of_a_figure_comes_after_its_caption():
    html = CODE_OF_FIGURE.sub(under_the_caption, FOLD.format(code="draw()") + "\n" + FIGURE)
    assert html.index("A point.") < html.index("Code of Fig. 2.1") < html.index("draw()")
    assert html.count("<details") == html.count("</details>") == 2
    assert "Show" not in html


def test_folded_code_without_a_figure_stays_where_it_is():
    before = FOLD.format(code="prepare()") + "<p>In words.</p>"
    html = before + FOLD.format(code="draw()") + FIGURE
    assert CODE_OF_FIGURE.sub(under_the_caption, html).startswith(before)
