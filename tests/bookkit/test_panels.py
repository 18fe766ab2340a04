"""Windows onto a figure's panels: they cover it, and cut through nothing."""

import itertools
import re

import pytest
from matplotlib.patches import ConnectionPatch

from bookkit.figures import plots
from bookkit.figures.panels import extent, panels
from bookkit.figures.svg import PHONE_WIDTH


@pytest.mark.parametrize(("n_rows", "n_cols"), [(1, 1), (1, 3), (2, 2), (3, 1)])
def test_a_grid_is_cut_into_its_panels(n_rows, n_cols):
    fig, _ = plots.subplots(n_rows, n_cols, width=6.0, height=4.0)
    assert [len(row) for row in panels(fig)] == [n_cols] * n_rows


def test_the_windows_cover_the_figure_without_overlap():
    fig, _ = plots.subplots(2, 3, width=6.0, height=4.0)
    boxes = list(itertools.chain(*panels(fig)))
    assert sum((x1 - x0) * (y1 - y0) for x0, y0, x1, y1 in boxes) == pytest.approx(
        72 * 6.0 * 72 * 4.0
    )
    assert min(box[0] for box in boxes) == 0 == min(box[1] for box in boxes)


def test_each_window_holds_its_panel_with_its_labels():
    fig, axes = plots.subplots(1, 2, width=6.8, height=3.0)
    for ax in axes:
        ax.set(xlabel="epoch", ylabel="loss (nats)", title="a panel")
    row = panels(fig)[0]
    for ax, (x0, y0, x1, y1) in zip(axes, row, strict=True):
        box = ax.get_tightbbox().extents * 72 / fig.dpi
        assert x0 <= box[0] < box[2] <= x1
        assert y0 <= 216 - box[3] < 216 - box[1] <= y1


def test_a_color_bar_stays_with_its_panel():
    fig, axes = plots.subplots(1, 2, width=6.8, height=3.0)
    image = axes[1].imshow([[0.0, 1.0]])
    fig.colorbar(image, ax=axes[1])
    assert [len(row) for row in panels(fig)] == [2]


def test_a_line_from_one_panel_to_the_next_is_not_cut():
    fig, axes = plots.subplots(1, 2, width=6.8, height=3.0)
    fig.add_artist(ConnectionPatch((0.5, 0.5), (0.5, 0.5), "data", axesA=axes[0], axesB=axes[1]))
    assert [len(row) for row in panels(fig)] == [1]


def test_a_legend_below_all_panels_is_a_row_of_its_own():
    fig, axes = plots.subplots(1, 2, width=6.8, height=3.0)
    axes[0].plot([0, 1], label="one")
    fig.legend(loc="outside lower center")
    assert [len(row) for row in panels(fig)] == [2, 1]


def test_a_phone_sees_one_drawing_through_a_window_for_each_panel():
    fig, _ = plots.subplots(1, 2)
    html = plots.show(fig, alt="Two panels.").html
    (drawing,) = re.findall(r'<g id="(fig-\w+-drawing)"', html)
    assert html.count(f'<use href="#{drawing}"') == 2
    assert html.count('class="figure-svg"') == 1
    assert html.count('class="figure-window"') == 2


def test_a_wide_panel_alone_is_drawn_once_more_for_a_phone():
    fig, ax = plots.subplots()
    ax.set_xlabel("a label that is longer than the narrow drawing is wide, but breaks")
    html = plots.show(fig, alt="One panel.").html
    widths = [float(width) for width in re.findall(r'viewBox="0 0 ([\d.]+)', html)]
    assert widths == [pytest.approx(6.8 * 72), pytest.approx(PHONE_WIDTH)]


def test_what_does_not_fit_a_phone_is_drawn_once():
    fig, ax = plots.subplots()
    ax.annotate("a note that no narrow drawing can hold, " * 2, (1, 0), annotation_clip=False)
    assert plots.show(fig, alt="One panel.").html.count("<svg") == 1


def test_the_extent_of_a_figure_holds_what_sticks_out():
    fig, ax = plots.subplots(width=2.0)
    assert extent(fig)[2] <= 144
    ax.set_xlabel("longer than a figure two inches wide, by far")
    assert extent(fig)[2] > 144
