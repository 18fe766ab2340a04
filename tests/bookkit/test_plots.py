"""Figures: the same bytes, accessible, in the palette, with the numbers behind them."""

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from matplotlib.text import Annotation

from bookkit.figures import plots, svg

CSS = Path(__file__).parents[2] / "book" / "assets" / "book.css"


def draw(alt="The loss falls by half.", **options):
    fig, ax = plots.subplots()
    x = np.linspace(0, 1, 50)
    (line,) = ax.plot(x, np.exp(-x), color=plots.COLORS["loss"], marker="o")
    plots.label_line(ax, line, "loss", x=0.5)
    ax.set(xlabel="step", ylabel=r"loss $\mathcal{L}$")
    return plots.show(fig, alt=alt, **options)


class Rows(HTMLParser):
    """Collect the rows of every table as lists of words."""

    def __init__(self, text):
        super().__init__()
        self.tables, self._inside = [], False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in {"td", "th"}:
            self.tables[-1][-1].append("")
            self._inside = True

    def handle_endtag(self, tag):
        if tag in {"td", "th"}:
            self._inside = False

    def handle_data(self, data):
        if self._inside:
            self.tables[-1][-1][-1] += data


def test_two_drawings_of_one_figure_have_the_same_bytes():
    assert draw().html == draw().html


def test_another_process_draws_the_same_bytes():
    code = (
        "import hashlib, numpy as np\n"
        "from bookkit.figures import plots\n"
        "fig, ax = plots.subplots()\n"
        "ax.plot([0, 1], [2, 3], marker='o')\n"
        "plots.scatter_classes(ax, np.eye(2), [0, 1])\n"
        "html = plots.show(fig, alt='A line rises.', data={'x': [0, 1]}).html\n"
        "print(hashlib.sha256(html.encode()).hexdigest())\n"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", code],
            check=True,
            capture_output=True,
            text=True,
            env={"PYTHONPATH": ":".join(sys.path), "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1


def test_ids_of_two_figures_differ_and_every_reference_has_its_target():
    first, second = draw("One.").html, draw("Two.").html
    ids = [re.findall(r' id="([^"]+)"', html) for html in (first, second)]
    assert len(ids[0]) > 2
    assert len(ids[0] + ids[1]) == len(set(ids[0] + ids[1]))
    for html, own in zip((first, second), ids, strict=True):
        used = re.findall(r'(?:url\(#|href="#|aria-labelledby=")([^")]+)', html)
        assert used
        assert set(used) <= set(own)


def test_a_figure_is_an_image_with_a_name():
    html = draw(alt="The loss falls. It ends at a third.").html
    assert html.count("<title>") == 1
    assert 'role="img"' in html
    assert "<title>The loss falls.</title>" in html
    name = re.search(r'aria-labelledby="([^"]+)"', html).group(1)
    assert f'<desc id="{name}">The loss falls. It ends at a third.</desc>' in html


def test_alt_text_with_markup_is_escaped():
    html = draw(alt="Where a < b & c.").html
    assert "Where a &lt; b &amp; c." in html
    assert "a < b" not in html


def test_what_is_shown_where_no_html_is_the_alt_text():
    shown = draw()
    assert repr(shown) == "The loss falls by half."
    assert shown._repr_mimebundle_() == {"text/html": shown.html, "text/plain": repr(shown)}
    assert shown._repr_html_() == shown.html


@pytest.mark.parametrize("alt", ["", "  \n "])
def test_an_empty_alt_text_is_refused(alt):
    with pytest.raises(ValueError, match="alt must say in words.*Write the finding"):
        draw(alt=alt)


def test_an_alt_text_that_is_no_text_is_refused():
    with pytest.raises(TypeError, match="alt must be a string, got NoneType"):
        draw(alt=None)


def test_palette_colors_stand_only_as_fallbacks_of_custom_properties():
    fig, ax = plots.subplots()
    for color in plots.COLORS.values():
        ax.plot([0, 1], [0, 1], color=color, marker="s")
        ax.text(0, 0, "word", color=color)
    html = plots.show(fig, alt="All colours.").html
    outside = re.sub(r"var\(--fig-[\w-]+, #[0-9a-f]{6}\)", "", html)
    assert not re.findall(r"#[0-9a-fA-F]{6}\b", outside)
    assert "var(--fig-class1, #d55e00)" in html  # the mark
    assert "var(--fig-class1-text, #b34a00)" in html  # the word, darker
    assert "black" not in html


def test_text_stays_text_and_takes_the_pages_font():
    html = draw().html
    assert ">step</text>" in html
    assert "ℒ" in html  # matplotlib's own code for it lies in a private area
    assert "DejaVu" not in html
    assert not re.search("[\ue000-\uf8ff]", html)


def test_nothing_leaks_into_the_page():
    html = draw().html
    assert "<style" not in html
    assert "<metadata" not in html
    assert "<?xml" not in html
    assert "matplotlib" not in html.lower()


def test_the_table_holds_the_data_to_four_digits():
    x, loss = np.array([1, 2, 30000]), np.array([0.5, 1 / 3, -1.23456e-7])
    html = draw(data={"step": x, "loss": loss, "name": ["a", "b<", "c"]}, table="By step.").html
    assert Rows(html).tables == [
        [
            ["step", "loss", "name"],
            ["1", "0.5", "a"],
            ["2", "0.3333", "b<"],
            ["30000", "-1.235e-07", "c"],
        ]
    ]
    assert "<summary>Data behind this figure</summary>" in html
    assert "<p>By step.</p>" in html


def test_columns_of_unequal_lengths_get_tables_of_their_own():
    tables = Rows(draw(data={"a": [1, 2], "b": [3], "c": [4, 5]}).html).tables
    assert tables == [[["a", "c"], ["1", "4"], ["2", "5"]], [["b"], ["3"]]]


def test_a_long_table_is_thinned_evenly_and_says_so():
    html = draw(data={"i": range(1001)}).html
    (table,) = Rows(html).tables
    shown = [int(row[0]) for row in table[1:]]
    assert len(shown) == svg.MAX_ROWS
    assert (shown[0], shown[-1]) == (0, 1000)
    assert set(np.diff(shown)) <= {5, 6}  # 1000 / 199 = 5.03
    assert "200 of 1001 rows, evenly spaced." in html


@pytest.mark.parametrize(
    ("column", "error", "message"),
    [
        (3.0, TypeError, "must be a sequence of numbers or words, got float"),
        ("abc", TypeError, "must be a sequence of numbers or words, got str"),
        (np.eye(2), ValueError, r"must be one-dimensional, got shape \(2, 2\)"),
        ([[1], [2]], TypeError, "must hold numbers or words, got list"),
        ([None], TypeError, "must hold numbers or words, got NoneType"),
    ],
)
def test_a_column_that_is_no_column_is_refused(column, error, message):
    with pytest.raises(error, match=message):
        draw(data={"x": column})


def test_a_table_without_columns_is_refused():
    with pytest.raises(ValueError, match="at least one column"):
        draw(data={})


def test_shortened_strokes_stay_within_the_tolerance():
    t = np.linspace(0, 6, 400)
    points = np.stack([40 * t, 60 + 50 * np.sin(t)], axis=1)
    path = "M " + " L ".join(f"{x:.6f} {y:.6f}" for x, y in points)
    short = np.array(re.findall(r"-?[\d.]+", svg._shorten_path(path)), float).reshape(-1, 2)
    assert len(short) < 100
    # x grows along the curve, so the vertical gap bounds the distance from above
    gap = np.abs(np.interp(points[:, 0], *short.T) - points[:, 1])
    slope = np.abs(50 * np.cos(t) / 40)
    assert (gap / np.sqrt(1 + slope**2)).max() < svg._TOLERANCE + 0.01  # 0.005 of rounding a side


def test_closed_strokes_stay_closed_and_curves_stay_curves():
    assert svg._shorten_path("M 0 0 L 1 0 L 2 0 L 2 2 L 0 0 z") == "M 0 0 L 2 0 L 2 2 L 0 0 z"
    assert svg._shorten_path("M 0 0 C 1.23456 0 2 -0.001 2 2") == "M 0 0 C 1.23 0 2 0 2 2"


def test_a_cloud_of_points_says_its_colours_once():
    fig, ax = plots.subplots()
    ax.set_axis_off()
    rng = np.random.default_rng(0)
    plots.scatter_classes(ax, rng.normal(size=(90, 2)), np.arange(90) % 2)
    html = plots.show(fig, alt="Two clouds.").html
    assert html.count("<use") == 90
    assert html.count("fill: var(--fig-class0,") <= 2  # the cloud, and at most its mark
    assert len(html) < 90 * 70 + 3000


# ---------------------------------------------------------------- what is drawn


def test_classes_differ_by_marker_and_colour():
    _fig, ax = plots.subplots()
    plots.scatter_classes(ax, np.arange(8).reshape(4, 2), [0, 1, 0, 1])
    first, second = ax.collections
    assert first.get_offsets().tolist() == [[0, 1], [4, 5]]
    assert second.get_offsets().tolist() == [[2, 3], [6, 7]]
    assert len(first.get_paths()[0]) != len(second.get_paths()[0])
    assert not np.array_equal(first.get_facecolor(), second.get_facecolor())


def test_labels_of_plus_and_minus_one_are_the_same_two_classes():
    _fig, (left, right) = plots.subplots(1, 2)
    plots.scatter_classes(left, np.eye(2), [-1, 1])
    plots.scatter_classes(right, np.eye(2), [0, 1])
    for a, b in zip(left.collections, right.collections, strict=True):
        np.testing.assert_array_equal(a.get_facecolor(), b.get_facecolor())


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (np.zeros((3, 3)), [0, 1, 0], r"X of shape \(n_samples, 2\)"),
        (np.zeros((3, 2)), [0, 1], "got"),
        (np.zeros((2, 2)), [0, 6], "draws classes 0 to 5"),
        (np.zeros((2, 2)), [0.5, 1], "draws classes 0 to 5"),
    ],
)
def test_points_without_a_class_or_a_place_are_refused(X, y, message):
    _fig, ax = plots.subplots()
    with pytest.raises(ValueError, match=message):
        plots.scatter_classes(ax, X, y)


def boundary(ax):
    return np.concatenate(
        [path.vertices for c in ax.collections for path in c.get_paths() if not c.get_fill()]
    )


def test_the_boundary_stands_where_the_score_is_zero():
    _fig, ax = plots.subplots()
    plots.decision_regions(ax, lambda P: P @ np.array([1.0, 2.0]) - 0.3, (-1, 1), (-2, 2))
    points = boundary(ax)
    np.testing.assert_allclose(points @ [1.0, 2.0], 0.3, atol=1e-12)
    assert ax.get_xlim() == (-1, 1)
    assert ax.get_ylim() == (-2, 2)


def test_of_three_scores_the_largest_wins():
    _fig, ax = plots.subplots()
    # regions of |angle - 0|, |angle - 120°|, |angle - 240°|: the boundaries are three rays
    directions = np.array([[np.cos(a), np.sin(a)] for a in np.deg2rad([0, 120, 240])])
    plots.decision_regions(ax, lambda P: P @ directions.T, (-1, 1), (-1, 1))
    points = boundary(ax)
    scores = np.sort(points @ directions.T, axis=1)
    cell = 2 / 160  # the grid's step: corners of the margin are cut by less than that
    np.testing.assert_allclose(scores[:, 2], scores[:, 1], atol=cell)


def test_a_signed_fields_levels_are_even_and_its_zero_line_stands_at_zero():
    _fig, ax = plots.subplots()
    levels = plots.signed_field(ax, lambda P: 3 * P[:, :1], (-1, 1), (-1, 1), n_levels=3)
    np.testing.assert_allclose(levels, [0, 1, 2])
    np.testing.assert_allclose(boundary(ax)[:, 0], 0, atol=1e-12)


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (lambda P: P, "one value a point, got 2"),
        (lambda P: P[:5, 0], "Is the batch the first axis"),
        (lambda P: np.full(len(P), np.nan), "must be finite"),
    ],
)
def test_a_field_that_is_no_field_is_refused(f, message):
    _fig, ax = plots.subplots()
    with pytest.raises(ValueError, match=message):
        plots.signed_field(ax, f, (-1, 1), (-1, 1))


def test_a_label_stands_on_its_line():
    _fig, ax = plots.subplots()
    (line,) = ax.plot([0, 2], [0, 4])
    assert plots.label_line(ax, line, "here", x=0.5).xy == (0.5, 1.0)
    assert plots.label_line(ax, line, "end").xy == (2, 4)
    # above a rising line the free side is the left one: the text ends at the point
    assert plots.label_line(ax, line, "above", x=1).get_ha() == "right"
    assert plots.label_line(ax, line, "below", x=1, dy=-4).get_ha() == "left"
    (flat,) = ax.plot([0, 2], [1, 1])
    assert plots.label_line(ax, flat, "flat", x=1).get_ha() == "center"
    (empty,) = ax.plot([np.nan], [0])
    with pytest.raises(ValueError, match="finite points, got none for 'lost'"):
        plots.label_line(ax, empty, "lost")


def test_a_digits_ink_is_its_value():
    images = np.zeros((2, 2, 2))
    images[0, 0, 1], images[1] = 255, 51
    fig = plots.digits(images, ["1", "2"], n_cols=2)
    drawn = [ax.get_images()[0].get_array()[..., 0] for ax in fig.axes]
    np.testing.assert_array_equal(drawn[0], [[255, 0], [255, 255]])
    np.testing.assert_array_equal(drawn[1], 204)  # a fifth of the ink: 255 (1 - 51/255)
    html = plots.show(fig, alt="Two digits.").html
    assert html.count("<image") == 2
    assert html.count("image-rendering:pixelated") == 2
    assert html.count("figure-ink") >= 2


def test_digits_need_images_and_a_label_each():
    with pytest.raises(ValueError, match=r"\(n, height, width\).*got \(3, 784\)"):
        plots.digits(np.zeros((3, 784)))
    with pytest.raises(ValueError, match="got 1 labels for 2 images"):
        plots.digits(np.zeros((2, 4, 4)), ["a"])


def test_a_weights_colour_is_its_sign_and_its_opacity_the_magnitude():
    _fig, ax = plots.subplots()
    assert plots.signed_image(ax, [[-2.0, 0.0, 1.0]]) == 2.0
    pixels = ax.get_images()[0].get_array()
    assert pixels[0, :, 3].tolist() == [255, 0, 128]
    assert bytes(pixels[0, 0, :3]).hex() == plots.COLORS["class0"][1:]
    assert bytes(pixels[0, 2, :3]).hex() == plots.COLORS["class1"][1:]


def texts(fig):
    return [text.get_text() for ax in fig.axes for text in ax.texts if text.get_text()]


def test_a_network_writes_the_shapes_of_parameters_and_adjoints():
    written = texts(plots.network_diagram([784, 32, 10], adjoint=True))
    assert "W₁ (32, 784)\nb₁ (32,)" in written
    assert "W₂ (10, 32)\nb₂ (10,)" in written
    assert "W\u0304₂ (10, 32)\nb\u0304₂ (10,)" in written
    assert "x  (784,)" in written
    assert "a\u0304₁  (32,)" in written
    assert written.count("⋮") == 3


def test_a_small_network_shows_every_unit():
    fig = plots.network_diagram([2, 3, 1], shapes=False)
    columns = [len(c.get_offsets()) for c in fig.axes[0].collections]
    assert columns == [2, 3, 1]
    assert texts(fig) == ["x", "a₁", "z₂"]


@pytest.mark.parametrize("sizes", [[3], [3, 0]])
def test_a_network_needs_two_layers_of_units(sizes):
    with pytest.raises(ValueError, match="two or more positive widths"):
        plots.network_diagram(sizes)


def test_a_network_needs_a_label_for_every_column():
    with pytest.raises(ValueError, match="got 1 labels for 2 columns"):
        plots.network_diagram([2, 1], labels=["x"])


def test_a_flow_runs_from_left_to_right():
    nodes = {"w": "w", "x": "x", "z": "w x", "b": "b", "s": "+"}
    pairs = [("w", "z"), ("x", "z"), ("z", "s"), ("b", "s")]
    fig = plots.flow_diagram(nodes, pairs, parameters={"w", "b"})
    at = {text.get_text(): text.get_position()[0] for text in fig.axes[0].texts}
    for source, target in pairs:
        assert at[nodes[source]] < at[nodes[target]]
    assert at["b"] == at["w x"]  # an input stands just before its first use


def test_two_edges_between_the_same_boxes_are_labelled_on_either_side():
    fig = plots.flow_diagram({"w": "w", "u": "w w"}, [("w", "u", "2"), ("w", "u", "2")])
    first, second = (t.get_position()[1] for t in fig.axes[0].texts if t.get_text() == "2")
    ends = [t.xy[1] for t in fig.axes[0].texts if isinstance(t, Annotation)]
    assert first > max(ends) > min(ends) > second


def test_a_flow_refuses_strangers_and_circles():
    with pytest.raises(ValueError, match=r"join nodes of the graph, got \['c'\]"):
        plots.flow_diagram({"a": "a", "b": "b"}, [("a", "c")])
    with pytest.raises(ValueError, match="no cycle"):
        plots.flow_diagram({"a": "a", "b": "b"}, [("a", "b"), ("b", "a")])


# ---------------------------------------------------------------- contrast


def properties(opening):
    """Return the --fig-* colours of the style sheet's first block that starts so."""
    block = CSS.read_text(encoding="utf-8").split(opening + " {", 1)[1].split("}", 1)[0]
    return dict(re.findall(r"--(fig-[\w-]+|book-[\w-]+): (#[0-9a-f]{6});", block))


def contrast(a, b):
    """Return the contrast ratio of WCAG 2.2, https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio."""

    def luminance(color):
        channels = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
        linear = np.where(
            channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4
        )
        return linear @ [0.2126, 0.7152, 0.0722]

    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


def test_black_on_white_has_the_contrast_twenty_one():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


@pytest.mark.parametrize("ground", [":root", 'html[data-theme="dark"]'])
def test_marks_and_words_have_contrast_on_both_grounds(ground):
    colors = properties(ground)
    paper, tint = colors["fig-paper"], colors["book-tint"]
    for name in set(plots.COLORS) - {"forward", "adjoint", "grid", "paper"} | {"ochre", "indigo"}:
        assert contrast(colors[f"fig-{name}"], paper) >= 3, name
        words = colors.get(f"fig-{name}-text", colors[f"fig-{name}"])
        assert contrast(words, paper) >= 4.5, name
    for name in ("fig-ink", "fig-muted", "book-link", "book-code", "book-trap"):
        assert contrast(colors[name], paper) >= 4.5, name
        assert contrast(colors[name], tint) >= 4.5, name


def test_the_style_sheet_and_the_fallbacks_agree():
    colors = properties(":root")
    for name, color in svg._PALETTE.items():
        assert colors[f"fig-{name}"] == color
    for name, color in svg._TEXT_PALETTE.items():
        assert colors[f"fig-{name}-text"] == color


def test_print_is_on_light_ground_whatever_the_theme():
    assert properties('  html[data-theme="dark"]') == properties(":root")


@pytest.mark.parametrize("width", [6.8, 1.6])
def test_numbers_below_the_axes_do_not_touch(width):
    fig, axes = plots.subplots(1, 2, width=width, height=2.0)
    for ax in axes:
        ax.plot([0.15, 3.0], [0, 1])
        ax.set_xscale("log")  # matplotlib labels minor ticks of less than a decade and a half
    axes[0].set_yticks([])
    html = plots.show(fig, alt="Two panels.").html
    assert "\N{MULTIPLICATION SIGN}" not in html


def test_numbers_that_have_room_stay():
    fig, ax = plots.subplots()
    ax.plot([0, 1], [0, 1])
    whole = plots.show(fig, alt="A line.").html.split("figure-small")[0]
    assert re.findall(r">([01]\.\d)<", whole)[:6] == ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]
