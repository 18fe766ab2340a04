"""Figures in the book's style: draw on an Axes, then `show` it as one inline SVG.

Every figure is made in these steps::

    fig, ax = plots.subplots()
    ax.plot(x, y, color=plots.COLORS["class0"])
    plots.show(fig, alt="The loss falls by half.", data={"x": x, "loss": y})

Colour means the same thing everywhere (`COLORS`), and never stands alone: classes differ by
marker, curves by line style. Only this module and `diagrams` know matplotlib.
"""

import io
import itertools
import math
import textwrap
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Annotation, Text
from matplotlib.ticker import NullFormatter
from numpy.typing import ArrayLike, NDArray

from bookkit.figures.diagrams import flow_diagram, network_diagram
from bookkit.figures.panels import extent, panels
from bookkit.figures.style import LINESTYLES, MARKERS, subplots
from bookkit.figures.svg import COLORS, CYCLE, PHONE_WIDTH, Picture, picture

__all__ = [
    "COLORS",
    "CYCLE",
    "LINESTYLES",
    "MARKERS",
    "decision_regions",
    "digits",
    "flow_diagram",
    "halo",
    "label_line",
    "network_diagram",
    "scatter_classes",
    "show",
    "signed_field",
    "signed_image",
    "subplots",
]

Array = NDArray[Any]
Score = Callable[[Array], Array]

_MARGIN = 2.0  # points that a drawing for a phone may reach over its edge
_GRID_POINTS = 161  # a side; contour lines interpolate between them


def show(
    fig: Figure,
    *,
    alt: str,
    data: Mapping[str, Sequence[Any]] | None = None,
    table: str = "",
) -> Picture:
    """Turn a figure into one inline SVG, with the data behind it in a table that folds away.

    Parameters
    ----------
    fig
        The figure; it is closed.
    alt
        The finding in words; not empty.
    data
        Columns of the table behind the picture, by name.
    table
        What the table lists, one line; optional.

    Raises
    ------
    ValueError, TypeError
        See `bookkit.figures.svg.picture`.

    Examples
    --------
    >>> fig, ax = subplots()
    >>> _ = ax.plot([0, 1], [2, 3])
    >>> show(fig, alt="A line rises.", data={"x": [0, 1], "y": [2, 3]})
    A line rises.
    """
    hidden = _thin(fig)
    whole = _svg(fig)
    rows = panels(fig)
    widest = max((box[2] - box[0] for row in rows for box in row), default=0.0)
    narrow = None
    if widest > PHONE_WIDTH and all(len(row) == 1 for row in rows) and _narrow(fig, hidden):
        narrow = _svg(fig)
    plt.close(fig)
    return picture(whole, alt=alt, data=data, table=table, rows=rows, narrow=narrow)


def _svg(fig: Figure) -> str:
    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "mlpbook"}):
        fig.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    return buffer.getvalue()


def _narrow(fig: Figure, hidden: Sequence[Text]) -> bool:
    """Lay a figure out anew for a phone, and return whether everything still fits into it."""
    if not all(ax.axison for ax in fig.axes):  # a diagram: its parts have fixed places
        return False
    width, height = PHONE_WIDTH / 72, fig.get_figheight()
    fig.set_size_inches(width, height)
    for text in hidden:
        text.set_visible(True)
    for ax in fig.axes:
        _break(ax.xaxis.label, width * fig.dpi)
        _break(ax.yaxis.label, height * fig.dpi)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # no room is left for the axes
        try:
            _thin(fig)
            left, _, right, _ = extent(fig)
        except UserWarning:
            return False
    return left >= -_MARGIN and right <= PHONE_WIDTH + _MARGIN


def _thin(fig: Figure) -> list[Text]:
    """Hide the numbers of every other tick below axes where they touch; return what is hidden."""
    fig.draw_without_rendering()
    hidden: list[Text] = []
    for ax in fig.axes:
        if ax.name == "3d" or not _touch(ax):
            continue
        ax.xaxis.set_minor_formatter(NullFormatter())
        fig.draw_without_rendering()
        if _touch(ax):
            hidden += _numbers(ax)[1::2]
    for text in hidden:
        text.set_visible(False)
    return hidden


def _touch(ax: Axes) -> bool:
    """Whether two numbers below the axes touch."""
    boxes = [text.get_window_extent().intervalx for text in _numbers(ax)]
    return any(left[1] > right[0] for left, right in itertools.pairwise(boxes))


def _numbers(ax: Axes) -> list[Text]:
    """Return the visible numbers below the axes, from the left."""
    inside = sorted(ax.get_xlim())
    texts = [
        tick.label1
        for tick in [*ax.xaxis.get_major_ticks(), *ax.xaxis.get_minor_ticks()]
        if inside[0] <= tick.get_loc() <= inside[1]
        and tick.label1.get_visible()
        and tick.label1.get_text()
    ]
    return sorted(texts, key=lambda text: float(text.get_window_extent().x0))


def _break(label: Text, pixels: float) -> None:
    """Break a label that is longer than the figure into lines."""
    box = label.get_window_extent()
    share = max(box.width, box.height) / (0.9 * pixels)
    if share > 1 and "\n" not in label.get_text() and "$" not in label.get_text():
        text = label.get_text()
        label.set_text(textwrap.fill(text, math.ceil(len(text) / math.ceil(share)) + 2))


def halo(text: Text) -> Text:
    """Give a text an edge in the colour of the ground, so that lines behind it do not disturb."""
    text.set_gid("halo")
    return text


def label_line(
    ax: Axes,
    line: Line2D,
    text: str,
    *,
    x: float | None = None,
    dy: float = 4.0,
) -> Annotation:
    """Write a curve's name on the curve, in its colour.

    Parameters
    ----------
    ax, line
        The axes and a line in them.
    text
        The name.
    x
        Where, in data units, above the line; by default to the right of its last point.
    dy
        Points above the line; negative is below. Ignored without `x`.

    Raises
    ------
    ValueError
        If the line has no point at which to stand.
    """
    xs = np.asarray(line.get_xdata(), dtype=float)
    ys = np.asarray(line.get_ydata(), dtype=float)
    finite = np.isfinite(xs) & np.isfinite(ys)
    if not finite.any():
        raise ValueError(
            f"label_line needs a line with finite points, got none for {text!r}. "
            "Plot the line first."
        )
    xs, ys = xs[finite], ys[finite]
    if x is None:
        anchor, offset = (xs[-1], ys[-1]), (5.0, 0.0)
        alignment: dict[str, Any] = {"ha": "left", "va": "center"}
    else:
        order = np.argsort(xs, kind="stable")
        xs, ys = xs[order], ys[order]
        anchor, offset = (x, float(np.interp(x, xs, ys))), (0.0, dy)
        # On a slope the text stands on the side from which the curve turns away.
        step = 0.02 * np.ptp(xs)
        rise = float(np.interp(x + step, xs, ys) - np.interp(x - step, xs, ys))
        steep = np.sign(rise * dy) if abs(rise) > 0.01 * np.ptp(ys) else 0
        alignment = {
            "ha": {-1: "left", 0: "center", 1: "right"}[int(steep)],
            "va": "bottom" if dy >= 0 else "top",
        }
    label = ax.annotate(
        text,
        anchor,
        xytext=offset,
        textcoords="offset points",
        color=line.get_color(),
        annotation_clip=False,
        **alignment,
    )
    halo(label)
    return label


def scatter_classes(
    ax: Axes,
    X: ArrayLike,
    y: ArrayLike,
    *,
    size: float = 22.0,
    alpha: float = 0.85,
    labels: Sequence[str] | None = None,
) -> None:
    """Draw labelled points: class 0 as blue circles, class 1 as vermilion squares, and so on.

    Parameters
    ----------
    ax
        The axes.
    X
        Points of shape (n_samples, 2).
    y
        Classes 0, 1, ... (at most six), or -1 and +1; shape (n_samples,).
    size, alpha
        Area of a mark in square points; its opacity.
    labels
        Names of the classes for a legend; none by default.

    Raises
    ------
    ValueError
        If the shapes do not agree or a class has no colour.
    """
    X = np.asarray(X)
    y = np.asarray(y).reshape(-1)
    if X.ndim != 2 or X.shape[1] != 2 or len(X) != len(y):
        raise ValueError(
            "scatter_classes needs X of shape (n_samples, 2) and y of shape (n_samples,), got "
            f"{X.shape} and {y.shape}. Choose two features to draw."
        )
    classes = np.where(y == -1, 0, y).astype(int) if (y == -1).any() else y.astype(int)
    whole = np.array_equal(classes, np.where(y == -1, classes, y))
    if len(y) and not (whole and 0 <= classes.min() <= classes.max() < len(CYCLE)):
        raise ValueError(
            f"scatter_classes draws classes 0 to {len(CYCLE) - 1}, or -1 and +1, got classes "
            f"{np.unique(y).tolist()}. Renumber them."
        )
    for k in np.unique(classes):
        ax.scatter(
            X[classes == k, 0],
            X[classes == k, 1],
            s=size,
            c=CYCLE[k],
            marker=MARKERS[k],
            alpha=alpha,
            linewidths=0.5,
            edgecolors=COLORS["paper"],
            label=None if labels is None else labels[k],
            zorder=3,
        )


def decision_regions(
    ax: Axes,
    score: Score,
    xlim: tuple[float, float],
    ylim: tuple[float, float],
    *,
    levels: Sequence[float] = (0,),
    n_points: int = _GRID_POINTS,
) -> None:
    """Shade where a classifier says which class, and draw the boundaries.

    Parameters
    ----------
    ax
        The axes; its limits are set.
    score
        Maps points (n, 2) to scores (n,) or (n, 1), positive for class 1; or to one score a
        class, (n, n_classes), of which the largest wins.
    xlim, ylim
        The window.
    levels
        Contours of a single score to draw: solid at 0, dotted elsewhere (margins).
    n_points
        Grid points a side.

    Raises
    ------
    ValueError
        If the score's shape is none of these.
    """
    grid_x, grid_y, scores = _evaluate(score, xlim, ylim, n_points)
    if scores.shape[-1] == 1:
        margins, colors = [-scores[..., 0], scores[..., 0]], CYCLE[:2]
    else:
        margins, colors = [], CYCLE
        for k in range(scores.shape[-1]):
            rivals = np.delete(scores, k, axis=-1).max(axis=-1)
            margins.append(scores[..., k] - rivals)
    for margin, color in zip(margins, colors, strict=False):
        if margin.max() > 0:
            ax.contourf(grid_x, grid_y, margin, [0, np.inf], colors=[color], alpha=0.16, zorder=0)
            if scores.shape[-1] > 1:
                _contour(ax, grid_x, grid_y, margin, 0.0)
    if scores.shape[-1] == 1:
        for level in levels:
            _contour(ax, grid_x, grid_y, scores[..., 0], level)
    ax.set(xlim=xlim, ylim=ylim)


def signed_field(
    ax: Axes,
    f: Score,
    xlim: tuple[float, float],
    ylim: tuple[float, float],
    *,
    n_levels: int = 6,
    limit: float | None = None,
    n_points: int = _GRID_POINTS,
    labels: bool = False,
) -> NDArray[np.float64]:
    """Draw a function of the plane: blue below zero, vermilion above, a line at zero.

    The ground shows through at zero, so that the picture is right on a dark page as well.

    Parameters
    ----------
    ax
        The axes; its limits are set.
    f
        Maps points (n, 2) to values (n,) or (n, 1).
    xlim, ylim
        The window.
    n_levels
        Steps of shade on either side of zero.
    limit
        Where the shades end; by default the largest magnitude in the window.
    n_points
        Grid points a side.
    labels
        Write the values on contour lines.

    Returns
    -------
    The positive levels at which the shade changes; the negative ones mirror them.

    Raises
    ------
    ValueError
        If `f` gives more than one value a point, or values that are not finite.
    """
    grid_x, grid_y, values = _evaluate(f, xlim, ylim, n_points)
    if values.shape[-1] != 1:
        raise ValueError(
            f"signed_field needs one value a point, got {values.shape[-1]}. Choose a column."
        )
    values = values[..., 0]
    top = float(np.abs(values).max()) if limit is None else limit
    levels: NDArray[np.float64] = np.linspace(0, top, n_levels, endpoint=False)
    for signed, color in ((-values, COLORS["class0"]), (values, COLORS["class1"])):
        for level in levels:  # nested layers: no seams between neighbouring shades
            if signed.max() > level:
                ax.contourf(
                    grid_x, grid_y, signed, [level, np.inf], colors=[color], alpha=0.13, zorder=0
                )
    _contour(ax, grid_x, grid_y, values, 0.0)
    if labels:
        both = np.concatenate([-levels[:0:-1], levels[1:]])
        lines = ax.contour(
            grid_x, grid_y, values, both, colors=[COLORS["muted"]], linewidths=0.4, linestyles="-"
        )
        for text in ax.clabel(lines, fmt=lambda v: f"{v:.2g}".replace("-", "−"), fontsize=8):
            halo(text)
    ax.set(xlim=xlim, ylim=ylim)
    return levels


def _evaluate(
    f: Score, xlim: tuple[float, float], ylim: tuple[float, float], n_points: int
) -> tuple[Array, Array, Array]:
    """Return the grid (n_points,), (n_points,) and the values (n_points, n_points, n_values)."""
    grid_x, grid_y = np.linspace(*xlim, n_points), np.linspace(*ylim, n_points)
    points = np.stack(np.meshgrid(grid_x, grid_y), axis=-1).reshape(-1, 2)
    values = np.asarray(f(points), dtype=float)
    if values.ndim not in (1, 2) or len(values) != len(points) or values.size == 0:
        raise ValueError(
            f"the function must map points {points.shape} to values ({len(points)},) or "
            f"({len(points)}, n), got shape {values.shape}. Is the batch the first axis?"
        )
    if not np.isfinite(values).all():
        raise ValueError(
            "the function must be finite in the window, got NaN or infinity. "
            "Choose another window, or a score in place of a probability's logarithm."
        )
    return grid_x, grid_y, values.reshape(n_points, n_points, -1)


def _contour(ax: Axes, grid_x: Array, grid_y: Array, values: Array, level: float) -> None:
    if values.min() < level < values.max():
        ax.contour(
            grid_x,
            grid_y,
            values,
            [level],
            colors=[COLORS["ink"] if level == 0 else COLORS["reference"]],
            linewidths=1.3 if level == 0 else 1.0,
            linestyles="-" if level == 0 else ":",
            zorder=2,
        )


def digits(
    images: ArrayLike,
    labels: Iterable[object] | None = None,
    *,
    n_cols: int = 10,
    width: float = 6.8,
) -> Figure:
    """Draw a grid of grey images, ink on paper, each with a label above it.

    Parameters
    ----------
    images
        Shape (n, height, width); the largest value of all is full ink, 0 is none.
    labels
        One text an image; none by default.
    n_cols
        Images in a row.
    width
        Inches.

    Raises
    ------
    ValueError
        If the images have another number of axes, or labels are missing.

    Examples
    --------
    >>> fig = digits(np.eye(8).reshape(1, 8, 8), ["a diagonal"], n_cols=1)
    >>> [ax.get_title(loc="left") for ax in fig.axes]
    ['a diagonal']
    """
    images = np.asarray(images, dtype=float)
    if images.ndim != 3 or len(images) == 0:
        raise ValueError(
            "digits needs images of shape (n, height, width), n at least 1, got "
            f"{images.shape}. Did you forget to reshape rows to images?"
        )
    texts = [""] * len(images) if labels is None else [str(label) for label in labels]
    if len(texts) != len(images):
        raise ValueError(
            f"digits needs one label an image, got {len(texts)} labels for {len(images)} images. "
            "Select the labels with the same indices as the images."
        )
    n_rows = -(-len(images) // n_cols)
    lines = max(text.count("\n") + 1 for text in texts) if any(texts) else 0
    side = width / n_cols
    fig, axes = subplots(
        n_rows, n_cols, width=width, height=n_rows * (side + 0.16 * lines), squeeze=False
    )
    top = images.max() or 1.0
    for ax, image, text in zip(axes.flat, images, texts, strict=False):
        grey = (255 * (1 - np.clip(image / top, 0, 1))).round().astype(np.uint8)
        drawn = ax.imshow(np.stack([grey] * 3, axis=-1), interpolation="none")
        drawn.set_gid("ink")
        ax.set_title(text, fontsize=9, pad=2)
    for ax in axes.flat:
        ax.set_axis_off()
    return fig


def signed_image(ax: Axes, values: ArrayLike, *, limit: float | None = None) -> float:
    """Draw a matrix or an image of weights: blue below zero, vermilion above, nothing at zero.

    Parameters
    ----------
    ax
        The axes.
    values
        Shape (height, width).
    limit
        The magnitude of full colour; by default the largest there is.

    Returns
    -------
    The magnitude of full colour.
    """
    values = np.asarray(values, dtype=float)
    if values.ndim != 2:
        raise ValueError(
            f"signed_image needs values of shape (height, width), got {values.shape}. "
            "Reshape a row of weights to its image."
        )
    top = (float(np.abs(values).max()) or 1.0) if limit is None else limit
    rgba = np.empty((*values.shape, 4))
    for sign, name in ((-1, "class0"), (1, "class1")):
        color = [int(COLORS[name][i : i + 2], 16) / 255 for i in (1, 3, 5)]
        rgba[np.sign(values) == sign, :3] = color
    rgba[values == 0, :3] = 0
    rgba[..., 3] = np.clip(np.abs(values) / top, 0, 1)
    ax.imshow((255 * rgba).round().astype(np.uint8), interpolation="none")
    return top
