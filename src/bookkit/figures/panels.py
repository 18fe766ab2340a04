"""Where a figure may be cut, so that its panels stand below each other on a phone.

A figure with panels side by side is drawn once. On a narrow screen the page shows the same drawing
through several windows, one for each panel: `panels` finds the windows. It cuts between rows first,
then each row between its columns, and never through a panel's labels, titles or legends.
"""

import itertools
import math
from collections.abc import Iterable, Sequence

from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch
from matplotlib.text import Text

__all__ = ["extent", "panels"]

Box = tuple[float, float, float, float]
"""Left, top, right and bottom, in points from the figure's upper left corner."""

_POINTS_PER_INCH = 72
_LINE = 282.0  # points that a piece of a diagram may be wide: 0.8 times that on a phone


def panels(fig: Figure) -> list[list[Box]]:
    """Return the windows of a figure, row by row from the top, each row from the left.

    Together they cover the figure. What belongs together is not cut: a color bar and its panel, a
    line from one panel to another, a label that reaches into the next panel.

    Parameters
    ----------
    fig
        The figure; its layout is computed.

    Returns
    -------
    One list of boxes for each row, in points.

    Examples
    --------
    >>> from bookkit.figures.style import subplots
    >>> fig, _ = subplots(2, 3, width=6.0, height=4.0)
    >>> [len(row) for row in panels(fig)]
    [3, 3]
    """
    fig.draw_without_rendering()
    width, height = (_POINTS_PER_INCH * inches for inches in fig.get_size_inches())
    if len(fig.axes) == 1 and not fig.axes[0].axison:
        return _lines(fig, width, height)
    boxes = _boxes(fig.get_children()[1:], fig)
    rows = []
    edges = _cuts([(box[1], box[3]) for box in boxes], height)
    for top, bottom in itertools.pairwise(edges):
        inside = [(box[0], box[2]) for box in boxes if top <= (box[1] + box[3]) / 2 <= bottom]
        columns = _cuts(inside, width)
        rows.append([(a, top, b, bottom) for a, b in itertools.pairwise(columns)])
    return rows


def extent(fig: Figure) -> Box:
    """Return the box that holds everything drawn, in points; its layout is computed.

    Examples
    --------
    >>> from bookkit.figures.style import subplots
    >>> fig, ax = subplots(width=2.0)
    >>> _ = ax.set_xlabel("longer than a figure two inches wide, by far")
    >>> extent(fig)[2] > 2 * 72
    True
    """
    fig.draw_without_rendering()
    box, *others = _boxes(fig.get_children()[1:], fig)
    for other in others:
        box = _union(box, other)
    return box


def _boxes(artists: Iterable[Artist], fig: Figure) -> list[Box]:
    """Return what each artist covers, in points; nothing for one that is not drawn."""
    scale, height = _POINTS_PER_INCH / fig.dpi, _POINTS_PER_INCH * fig.get_figheight()
    boxes: list[Box] = []
    for artist in artists:
        covered = artist.get_tightbbox() if artist.get_visible() else None
        if covered is None or max(covered.width, covered.height) <= 0:
            continue
        x0, y0, x1, y1 = (scale * float(value) for value in covered.extents)
        box = (x0, height - y1, x1, height - y0)
        if artist.get_label() == "<colorbar>" and boxes:  # it joins the panel drawn before it
            box = _union(boxes.pop(), box)
        boxes.append(box)
    return boxes


def _lines(fig: Figure, width: float, height: float) -> list[list[Box]]:
    """Return the windows of a diagram, which breaks like a line of text: only arrows are cut.

    Where its boxes and words leave no room for a cut, the diagram stays whole.
    """
    ax = fig.axes[0]
    solid = [image.get_window_extent() for image in ax.images]
    solid += [
        patch.get_window_extent() for patch in ax.patches if not isinstance(patch, FancyArrowPatch)
    ]
    for text in ax.texts:
        if text.get_text():  # an arrow is an annotation without words
            solid.append(Text.get_window_extent(text))
            if (frame := text.get_bbox_patch()) is not None:
                solid.append(frame.get_window_extent())
    scale = _POINTS_PER_INCH / fig.dpi
    edges = _cuts([(scale * box.x0, scale * box.x1) for box in solid], width)
    taken = [0.0]
    for edge, following in itertools.pairwise([*edges[1:], math.inf]):
        if following - taken[-1] > _LINE and edge > taken[-1]:
            taken.append(edge)
    if max(b - a for a, b in itertools.pairwise(taken)) > _LINE:
        return [[(0.0, 0.0, width, height)]]
    return [[(a, 0.0, b, height)] for a, b in itertools.pairwise(taken)]


def _union(a: Box, b: Box) -> Box:
    return (min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3]))


def _cuts(intervals: Iterable[Sequence[float]], length: float) -> list[float]:
    """Return the edges of the pieces: both ends, and the middle of each gap between intervals."""
    edges = [0.0]
    reached: float | None = None
    for start, end in sorted(tuple(interval) for interval in intervals):
        if reached is not None and start > reached:
            edges.append((reached + start) / 2)
        reached = end if reached is None else max(reached, end)
    return [*edges, length]
