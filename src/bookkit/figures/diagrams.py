"""Networks and computation graphs, drawn the same way in every chapter.

Forward values are blue and run to the right, adjoints are vermilion and run to the left,
parameters are green with round corners. Shapes stand on the edges.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from bookkit.figures.style import subplots
from bookkit.figures.svg import COLORS

__all__ = ["flow_diagram", "network_diagram"]

_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_BAR = "\u0304"  # combining macron: the adjoint of what stands before it
_SHOWN = 6  # units of a layer; more are elided
_TEXT_AT = 0.45  # the part of an edge after which its text stands
_CHARACTER = 0.085  # inches that a character takes at 10 pt, generously


def _canvas(width: float, height: float) -> tuple[Figure, Any]:
    """Return a figure whose data units are inches."""
    fig, ax = subplots(width=width, height=height)
    fig.set_layout_engine("none")
    ax.set_position((0, 0, 1, 1))
    ax.set(xlim=(0, width), ylim=(0, height))
    ax.set_axis_off()
    return fig, ax


def _arrow(ax: Any, start: tuple[float, float], end: tuple[float, float], color: str) -> None:
    ax.annotate(
        "",
        xy=end,
        xytext=start,
        arrowprops={
            "arrowstyle": "-|>,head_width=0.22,head_length=0.45",
            "color": color,
            "linewidth": 1.3,
            "shrinkA": 0,
            "shrinkB": 0,
        },
        annotation_clip=False,
    )


def network_diagram(
    sizes: Sequence[int],
    *,
    labels: Sequence[str] | None = None,
    shapes: bool = True,
    adjoint: bool = False,
    width: float = 6.8,
    height: float | None = None,
) -> Figure:
    r"""Draw a layered network: units in columns, weights between them, shapes on the edges.

    Parameters
    ----------
    sizes
        Units of each layer, input first. Of more than six, five are drawn.
    labels
        Names of the columns; by default x, a₁, a₂, ..., and z with the last layer's number.
    shapes
        Write parameters and their shapes above the weights.
    adjoint
        Draw the way back as well: adjoints under the values, with their shapes.
    width, height
        Inches.

    Raises
    ------
    ValueError
        If there are fewer than two layers, a layer is empty, or labels are missing.

    Examples
    --------
    >>> fig = network_diagram([784, 32, 10])
    >>> [text.get_text() for text in fig.axes[0].texts if "W" in text.get_text()]
    ['W₁ (32, 784)\nb₁ (32,)', 'W₂ (10, 32)\nb₂ (10,)']
    """
    n_layers = len(sizes) - 1
    if n_layers < 1 or min(sizes) < 1:
        raise ValueError(
            f"sizes must hold two or more positive widths, got {list(sizes)}. "
            "Give the input's width first and the output's last."
        )
    if labels is None:
        numbers = [str(k).translate(_SUBSCRIPTS) for k in range(len(sizes))]
        labels = ["x", *(f"a{number}" for number in numbers[1:-1]), f"z{numbers[-1]}"]
    if len(labels) != len(sizes):
        raise ValueError(
            f"labels must name every column, got {len(labels)} labels for {len(sizes)} columns. "
            "Name the input as well."
        )

    head = 0.85 if shapes else 0.3
    foot = 1.15 if adjoint else 0.5
    rows = max(min(size, _SHOWN) for size in sizes)
    if height is None:
        height = head + foot + 0.34 * rows + 0.1
    fig, ax = _canvas(width, height)
    margin = 0.75
    xs = [margin + k * (width - 2 * margin) / n_layers for k in range(len(sizes))]
    middle = foot + (height - head - foot) / 2

    columns = []
    for x, size in zip(xs, sizes, strict=True):
        n_slots = min(size, _SHOWN)
        step = (height - head - foot) / rows
        ys = [middle + step * ((n_slots - 1) / 2 - k) for k in range(n_slots)]
        if size > _SHOWN:
            ax.text(x, ys[3], "⋮", ha="center", va="center", fontsize=13)
            del ys[3]
        columns.append(ys)

    for k in range(n_layers):
        line_x, line_y = [], []
        for start in columns[k]:
            for end in columns[k + 1]:
                line_x += [xs[k], xs[k + 1], float("nan")]
                line_y += [start, end, float("nan")]
        ax.plot(line_x, line_y, color=COLORS["reference"], linewidth=0.5, alpha=0.55, zorder=1)

    for k, (x, ys) in enumerate(zip(xs, columns, strict=True)):
        ax.scatter(
            [x] * len(ys),
            ys,
            s=130,
            c=COLORS["paper"],
            edgecolors=COLORS["forward"],
            linewidths=1.4,
            zorder=3,
        )
        name = f"{labels[k]}  ({sizes[k]},)" if shapes else labels[k]
        ax.text(x, foot - 0.2, name, ha="center", va="center", color=COLORS["forward"])
        if adjoint:
            bar = labels[k][0] + _BAR + labels[k][1:]
            name = f"{bar}  ({sizes[k]},)" if shapes else bar
            ax.text(x, foot - 0.5, name, ha="center", va="center", color=COLORS["adjoint"])

    names = [
        f"{label}  ({size},)" if shapes else label
        for label, size in zip(labels, sizes, strict=True)
    ]
    reach = 0.13 + _CHARACTER * max(len(name) for name in names) / 2
    for k in range(n_layers):
        centre = (xs[k] + xs[k + 1]) / 2
        left, right = xs[k] + reach, xs[k + 1] - reach
        _arrow(ax, (left, foot - 0.2), (right, foot - 0.2), COLORS["forward"])
        if adjoint:
            _arrow(ax, (right, foot - 0.5), (left, foot - 0.5), COLORS["adjoint"])
        if shapes:
            number = str(k + 1).translate(_SUBSCRIPTS)
            n_in, n_out = sizes[k], sizes[k + 1]
            ax.text(
                centre,
                height - 0.36,
                f"W{number} ({n_out}, {n_in})\nb{number} ({n_out},)",
                ha="center",
                va="center",
                fontsize=9,
                color=COLORS["parameter"],
                bbox={
                    "boxstyle": "round,pad=0.35",
                    "facecolor": "none",
                    "edgecolor": COLORS["parameter"],
                },
            )
            if adjoint:
                ax.text(
                    centre,
                    0.3,
                    f"W{_BAR}{number} ({n_out}, {n_in})\nb{_BAR}{number} ({n_out},)",
                    ha="center",
                    va="center",
                    fontsize=9,
                    color=COLORS["adjoint"],
                )
    return fig


def flow_diagram(
    nodes: Mapping[str, str],
    edges: Sequence[tuple[str, ...]],
    *,
    parameters: Collection[str] = (),
    loss: Collection[str] = (),
    adjoints: Mapping[tuple[str, str], str] | None = None,
    positions: Mapping[str, tuple[float, float]] | None = None,
    width: float | None = None,
    height: float | None = None,
) -> Figure:
    """Draw a computation graph from left to right, with values or shapes on its edges.

    Parameters
    ----------
    nodes
        What is written in each box, by name.
    edges
        ``(source, target)`` or ``(source, target, text)``: forward, the text above; below the
        last of several edges between the same boxes. Break long texts into lines.
    parameters
        Names of nodes drawn as parameters: green, round corners.
    loss
        Names of nodes drawn as the loss: heavy edge.
    adjoints
        Text below the edge ``(source, target)``, for the adjoint that runs back along it.
    positions
        Column and row of nodes (row 0 at the top, fractions allowed); by default the column
        follows the longest way from an input, and rows follow the order of `nodes`.
    width, height
        Inches.

    Raises
    ------
    ValueError
        If an edge names an unknown node, or the graph has a cycle.

    Examples
    --------
    >>> fig = flow_diagram(
    ...     {"w": "w", "x": "x", "z": "w x"},
    ...     [("w", "z", "2"), ("x", "z", "3")],
    ...     parameters={"w"},
    ...     adjoints={("w", "z"): "3"},
    ... )
    >>> sorted(text.get_text() for text in fig.axes[0].texts if text.get_text())
    ['2', '3', '3', 'w', 'w x', 'x']
    """
    pairs = [(edge[0], edge[1]) for edge in edges]
    adjoints = {} if adjoints is None else adjoints
    mentioned = {name for pair in [*pairs, *adjoints] for name in pair}
    unknown = sorted({*mentioned, *parameters, *loss} - set(nodes))
    if unknown or not set(adjoints) <= set(pairs):
        raise ValueError(
            f"edges and adjoints must join nodes of the graph, got {unknown or sorted(adjoints)}. "
            "Add the node or the edge, or correct the name."
        )
    places = _places(list(nodes), pairs) | dict(positions or {})
    n_columns = 1 + max(column for column, _ in places.values())
    n_rows = 1 + max(row for _, row in places.values())
    width = max(3.4, 1.36 * n_columns) if width is None else width
    height = 0.3 + 0.8 * n_rows if height is None else height
    fig, ax = _canvas(width, height)

    half = {name: 0.13 + _CHARACTER * _longest_line(text) / 2 for name, text in nodes.items()}
    margin = 0.06 + max(half.values())
    span = (width - 2 * margin) / max(n_columns - 1, 1)
    step = (height - 0.3) / n_rows
    at = {
        name: (margin + column * span, height - 0.15 - (row + 0.5) * step)
        for name, (column, row) in places.items()
    }

    leaves, enters = _ports(pairs, at)
    for k, (edge, leave, enter) in enumerate(zip(edges, leaves, enters, strict=True)):
        (x0, y0), (x1, y1) = at[edge[0]], at[edge[1]]
        x0, y0 = x0 + half[edge[0]] + 0.02, y0 + leave
        x1, y1 = x1 - half[edge[1]] - 0.02, y1 + enter
        length = math.hypot(x1 - x0, y1 - y0)
        up = ((y0 - y1) / length, (x1 - x0) / length)
        back = adjoints.get((edge[0], edge[1]))
        lift = 0.0 if back is None else 0.045
        # The lowest of several edges between the same boxes has its text below.
        lowest = pairs[k] in pairs[:k] and pairs[k] not in pairs[k + 1 :]
        side = -1 if back is None and lowest else 1
        # Away from the middle, so that the texts of edges that meet keep apart.
        x, y = (x0 + _TEXT_AT * (x1 - x0), y0 + _TEXT_AT * (y1 - y0))
        for text, sign, kind in ((" ".join(edge[2:]), 1, "forward"), (back, -1, "adjoint")):
            if text is None:
                continue
            start = (x0 + sign * lift * up[0], y0 + sign * lift * up[1])
            end = (x1 + sign * lift * up[0], y1 + sign * lift * up[1])
            _arrow(ax, *((start, end) if sign > 0 else (end, start)), COLORS[kind])
            reach = abs(up[0]) * _CHARACTER * _longest_line(text) / 2
            away = side * sign * (lift + 0.1 + 0.07 * text.count("\n") + reach)
            ax.text(
                x + away * up[0], y + away * up[1], text, ha="center", va="center",
                fontsize=9, color=COLORS[kind], gid="halo", zorder=4,
            )  # fmt: skip

    for name, text in nodes.items():
        x, y = at[name]
        kind = "parameter" if name in parameters else "loss" if name in loss else "muted"
        corners = "round,pad=0,rounding_size=0.12" if kind == "parameter" else "square,pad=0"
        tall = 0.16 + 0.09 * text.count("\n")
        ax.add_patch(
            FancyBboxPatch(
                (x - half[name], y - tall),
                2 * half[name],
                2 * tall,
                boxstyle=corners,
                facecolor=COLORS["paper"],
                edgecolor=COLORS[kind],
                linewidth=2.4 if kind == "loss" else 1.2,
                zorder=3,
            )
        )
        ax.text(x, y, text, ha="center", va="center", zorder=4)
    return fig


def _ports(
    pairs: Sequence[tuple[str, str]], at: Mapping[str, tuple[float, float]]
) -> tuple[list[float], list[float]]:
    """Return how far above a box's middle each edge leaves and enters: edges fan out."""
    sides = []
    for here, there in ((0, 1), (1, 0)):
        offsets = [0.0] * len(pairs)
        for name in at:
            own = [k for k, pair in enumerate(pairs) if pair[here] == name]
            own.sort(key=lambda k: -at[pairs[k][there]][1])
            for rank, k in enumerate(own):
                offsets[k] = 0.0 if len(own) == 1 else 0.08 * (1 - 2 * rank / (len(own) - 1))
        sides.append(offsets)
    return sides[0], sides[1]


def _longest_line(text: str) -> int:
    return max(len(line) for line in text.split("\n"))


def _places(
    names: Sequence[str], pairs: Sequence[tuple[str, str]]
) -> dict[str, tuple[float, float]]:
    """Return column and row of each node; an input stands just before what uses it first."""
    column = dict.fromkeys(names, 0)
    for _ in names:
        moved = False
        for source, target in pairs:
            if column[target] < column[source] + 1:
                column[target] = column[source] + 1
                moved = True
        if not moved:
            break
    else:
        raise ValueError(
            f"the graph must have no cycle, got one among {sorted(names)}. "
            "Turn the edge around that leads back."
        )
    targets = {target for _, target in pairs}
    for name in names:
        users = [column[target] for source, target in pairs if source == name]
        if name not in targets and users:
            column[name] = min(users) - 1
    tallest = max(list(column.values()).count(c) for c in column.values())
    places: dict[str, tuple[float, float]] = {}
    for c in set(column.values()):
        members = [name for name in names if column[name] == c]
        offset = (tallest - len(members)) / 2
        for k, name in enumerate(members):
            places[name] = (c, k + offset)
    return places
