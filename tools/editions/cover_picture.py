"""The cover: what a small network has learned of two spirals, drawn while the edition is made."""

import io

import numpy as np
from matplotlib import font_manager
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from bookkit.figures.svg import COLORS
from mlpbook.data import spirals
from mlpbook.scratch.layers import Tanh
from mlpbook.scratch.losses import CrossEntropyLoss
from mlpbook.scratch.network import MLP
from mlpbook.scratch.optimizers import SGD
from mlpbook.scratch.training import fit
from tools.editions import whole_book

GROUND = LinearSegmentedColormap.from_list("ground", ["#b5d8ee", "#f4f7f9", "#f9d5b8"])
PAPER, INK, MUTED = COLORS["paper"], COLORS["ink"], COLORS["muted"]


def draw_art(ax: Axes) -> None:
    """Draw the spirals, and the network's answer everywhere around them, edge to edge."""
    rng = np.random.default_rng(0)
    X, y = spirals(300, noise=0.02, rng=rng, turns=1.25)
    model = MLP([2, 16, 16, 2], Tanh, rng=rng)
    optimizer = SGD(model.parameters(), lr=0.05, momentum=0.9)
    fit(model, CrossEntropyLoss(), optimizer, X, y, epochs=100, batch_size=30, rng=rng)

    figure = ax.get_figure(root=True)
    assert figure is not None
    width, height = figure.get_size_inches() * np.array(ax.get_position().bounds[2:])
    half = 1.3 * np.array([1, height / width])
    side = np.linspace(-1, 1, 401)
    points = np.stack(np.meshgrid(half[0] * side, half[1] * side), axis=-1)
    logits = model(points.reshape(-1, 2))
    score = (logits[:, 1] - logits[:, 0]).reshape(side.size, side.size)
    levels = np.array([-8, -4, -2, -1, 1, 2, 4, 8])
    at = points[..., 0], points[..., 1], score
    ax.contourf(*at, levels=[-1e9, *levels, 1e9], colors=GROUND(np.linspace(0, 1, 9)))
    ax.contour(*at, levels=levels, colors=PAPER, linewidths=0.6, linestyles="solid")
    ax.contour(*at, levels=[0], colors=INK, linewidths=1.8)
    for label, name, marker in ((0, "class0", "o"), (1, "class1", "s")):
        x1, x2 = X[y == label].T
        ax.scatter(
            x1, x2, s=42, c=COLORS[name], marker=marker, edgecolors=PAPER, linewidths=0.8, zorder=3
        )
    ax.set(xlim=(-half[0], half[0]), ylim=(-half[1], half[1]))
    ax.axis("off")


def save(fig: Figure, dpi: int) -> bytes:
    """Return a figure as PNG."""
    buffer = io.BytesIO()
    fig.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
    plt.close(fig)
    return buffer.getvalue()


def art(width: float, height: float, dpi: int = 220) -> bytes:
    """Return the picture alone, of a size in inches."""
    fig = plt.figure(figsize=(width, height))
    draw_art(fig.add_axes((0, 0, 1, 1)))
    return save(fig, dpi)


def cover(title: str, subtitle: str, author: str) -> bytes:
    """Return the cover of the e-book, 1600 by 2400 pixels."""
    fig = plt.figure(figsize=(8, 12), facecolor=PAPER)
    draw_art(fig.add_axes((0, 0.36, 1, 0.64)))
    files = (
        (whole_book.SERIF, "SourceSerifPro-Semibold.ttf"),
        (whole_book.SANS, "SourceSansPro-Regular.ttf"),
    )
    bold, plain = (font_manager.FontProperties(fname=whole_book.font_file(*file)) for file in files)
    fig.text(0.08, 0.30, "\n".join(title.rsplit(" ", 1)), font=bold, size=50, color=INK, va="top")
    fig.text(0.08, 0.145, subtitle, font=plain, size=18, color=MUTED, va="top", linespacing=1.4)
    fig.text(0.08, 0.05, author, font=plain, size=17, color=INK)
    return save(fig, 200)
