"""The style of every drawing: type, lines, and the second cue beside colour."""

from typing import Any

import matplotlib
from cycler import cycler
from matplotlib.figure import Figure

from bookkit.figures.svg import COLORS, CYCLE

__all__ = ["LINESTYLES", "MARKERS", "subplots"]

MARKERS = ["o", "s", "^", "D", "v", "P"]
"""Marks of classes 0, 1, ...: the cue beside `CYCLE`."""

LINESTYLES: list[Any] = ["--", "-", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 2))]
"""Strokes of several curves: the cue beside `CYCLE` (class 0 dashed, class 1 solid)."""

_STYLE: Any = {  # the stubs know option names as literals only
    "axes.edgecolor": COLORS["muted"],
    "axes.facecolor": "none",
    "axes.grid": False,
    "axes.labelcolor": COLORS["ink"],
    "axes.labelsize": 10,
    "axes.linewidth": 0.8,
    "axes.prop_cycle": cycler(color=CYCLE),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": COLORS["ink"],
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "figure.constrained_layout.h_pad": 0.07,  # inches: titles keep off the panel above
    "figure.constrained_layout.w_pad": 0.05,
    "figure.facecolor": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # ships with matplotlib: the same layout everywhere
    "font.size": 10,
    "grid.color": COLORS["grid"],
    "grid.linewidth": 0.6,
    "hatch.color": COLORS["muted"],
    "image.cmap": "cividis",
    "legend.fontsize": 9,
    "legend.frameon": False,
    "lines.linewidth": 1.5,
    "lines.markersize": 5,
    "patch.edgecolor": COLORS["ink"],
    "patch.facecolor": COLORS["class0"],
    "savefig.facecolor": "none",
    "text.color": COLORS["ink"],
    "xtick.color": COLORS["muted"],
    "xtick.labelcolor": COLORS["ink"],
    "xtick.labelsize": 9,
    "ytick.color": COLORS["muted"],
    "ytick.labelcolor": COLORS["ink"],
    "ytick.labelsize": 9,
}


def subplots(
    n_rows: int = 1,
    n_cols: int = 1,
    *,
    width: float = 6.8,
    height: float = 3.0,
    **options: Any,
) -> tuple[Figure, Any]:
    """Return a figure and its axes in the book's style, which stays in force.

    Parameters
    ----------
    n_rows, n_cols
        The grid of axes; one Axes alone, an array of them otherwise.
    width, height
        Inches; 6.8 fills the column.
    **options
        Further options of `matplotlib.figure.Figure.subplots`, such as ``sharey=True``.

    Examples
    --------
    >>> fig, (left, right) = subplots(1, 2, sharey=True)
    >>> fig.get_size_inches().tolist()
    [6.8, 3.0]
    """
    matplotlib.rcParams.update(_STYLE)
    fig = Figure(figsize=(width, height), layout="constrained")
    return fig, fig.subplots(n_rows, n_cols, **options)
