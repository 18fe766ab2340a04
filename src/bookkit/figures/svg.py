"""One inline SVG a figure: text stays text, colours follow the page, bytes repeat.

Whatever drew the picture (matplotlib in `plots`, Graphviz in `pytorch.graphs`), `picture`
turns its SVG into HTML for the page:

- colours of the palette become CSS custom properties, ``var(--fig-class0, #0072B2)``, so that
  light, dark and print are one drawing; the fallback serves a plain notebook;
- ids are renumbered and prefixed by a digest of the figure, so that figures on one page cannot
  collide and two builds give the same bytes;
- a title and a description are there for whoever listens, and the data behind the picture
  stand in a table that folds away.
"""

import hashlib
import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from numbers import Integral, Real
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np

__all__ = ["COLORS", "CYCLE", "MAX_ROWS", "PHONE_WIDTH", "Picture", "data_table", "picture"]

# name: colour on the light ground. The dark ground's partners stand in book/assets/book.css.
_PALETTE = {
    "class0": "#0072b2",
    "class1": "#d55e00",
    "parameter": "#009e73",
    "loss": "#cc79a7",
    "ochre": "#8a6d00",
    "indigo": "#5b4fc4",
    "reference": "#6b7280",
    "ink": "#222832",
    "muted": "#59636e",
    "grid": "#dfe3e8",
    "paper": "#ffffff",
}
# Words need more contrast than marks: in text, these colours are darkened.
_TEXT_PALETTE = {
    "class1": "#b34a00",
    "parameter": "#007a58",
    "loss": "#a64b7f",
}

COLORS: dict[str, str] = {
    **_PALETTE,
    "forward": _PALETTE["class0"],
    "adjoint": _PALETTE["class1"],
}
"""What each colour means, everywhere in the book."""

CYCLE: list[str] = [
    _PALETTE[name] for name in ("class0", "class1", "parameter", "loss", "ochre", "indigo")
]
"""Colours of several curves in one panel."""

MAX_ROWS = 200
"""Rows that a table behind a figure shows at most."""

PHONE_WIDTH = 268.0
"""Points: on a phone of 360 pixels, type of 9 points in a drawing so wide has 11 pixels."""

# Colours that drawing programs write when nobody chose one.
_VARIABLE = {hex_: name for name, hex_ in _PALETTE.items()} | {"#000000": "ink"}
_KEYWORDS = {"black": "#000000", "white": "#ffffff"}
_PIXELS_PER_POINT = 100 / 72  # a figure 6.8 inches wide fills the column of 680 pixels
_TOLERANCE = 0.04  # points by which a shortened stroke may deviate
_SMALLEST_SCALE = 0.76  # 10 pt is then 10.6 pixels; narrower screens scroll inside the figure
_LEAST = 0.85  # to which a window may shrink, to stand beside another on a phone
_WIDEST_WHOLE = 325.0  # points: a narrower drawing with several panels is shown whole on a phone
# matplotlib's script capitals lie in a font's private area; these are Unicode's.
_SCRIPT_CAPITALS = {0xE22D + k: letter for k, letter in enumerate("𝒜ℬ𝒞𝒟ℰℱ𝒢ℋℐ𝒥𝒦ℒℳ𝒩𝒪𝒫𝒬ℛ𝒮𝒯𝒰𝒱𝒲𝒳𝒴𝒵")}


@dataclass(frozen=True, repr=False)
class Picture:
    """A figure as a page shows it: HTML where it can be drawn, the alt text elsewhere.

    Attributes
    ----------
    alt
        What the figure shows, in words.
    html
        The inline SVG and, where there are data, the table behind it.
    """

    alt: str
    html: str

    def __repr__(self) -> str:
        """Return the alt text: what a terminal, and a reader without HTML, gets."""
        return self.alt

    def _repr_html_(self) -> str:
        return self.html

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/html": self.html, "text/plain": self.alt}


def picture(
    source: str,
    *,
    alt: str,
    data: Mapping[str, Sequence[Any]] | None = None,
    table: str = "",
    css_class: str = "",
    rows: Sequence[Sequence[Sequence[float]]] = (),
    narrow: str | None = None,
) -> Picture:
    """Turn the SVG of a drawing program into a figure of the book.

    Parameters
    ----------
    source
        A whole SVG document. Its ``viewBox`` (in points) gives the size.
    alt
        The finding in words; not empty.
    data
        Columns of the table behind the picture, by name; columns of unequal lengths get
        tables of their own.
    table
        What the table lists, one line; optional.
    css_class
        One more CSS class for the figure.
    rows
        The windows through which a phone shows the drawing, see `bookkit.figures.panels`:
        rows of boxes (left, top, right, bottom) in points. One box or none: the whole drawing.
    narrow
        Another SVG document, at most `PHONE_WIDTH` wide, for a phone to show instead.

    Raises
    ------
    ValueError
        If `alt` is empty or a column is not one-dimensional.
    TypeError
        If `alt` is not a string or a column holds something else than numbers and words.

    Examples
    --------
    >>> svg = '<svg viewBox="0 0 72 72"><path d="M0 0L9 9" style="stroke: #0072b2"/></svg>'
    >>> figure = picture(svg, alt="A line rises.", data={"x": [0, 9]})
    >>> figure
    A line rises.
    >>> "stroke: var(--fig-class0, #0072b2)" in figure.html
    True
    """
    if not isinstance(alt, str):
        raise TypeError(f"alt must be a string, got {type(alt).__name__}. Describe the finding.")
    alt = " ".join(alt.split())
    if not alt:
        raise ValueError(
            "alt must say in words what the figure shows, got an empty text. "
            "Write the finding in one sentence."
        )
    details = "" if data is None else data_table(data, table)

    root, prefix, width = _prepare(source, alt)
    root.set("class", "figure-svg")
    root.set("role", "img")
    root.set("aria-labelledby", f"{prefix}desc")
    small = ""
    if narrow is not None:
        inner, _, inner_width = _prepare(narrow, alt)
        inner[:2] = []  # the wrapper has its words
        inner.set("class", "figure-window")
        inner.set("style", _style(inner_width))
        small = ET.tostring(inner, encoding="unicode")
    elif width > _WIDEST_WHOLE and sum(len(row) for row in rows) > 1:
        drawing = ET.Element("g", {"id": f"{prefix}drawing"})
        drawing.extend(root[2:])
        root[2:] = [drawing]
        small = _windows(rows, f"{prefix}drawing")
    smallest = f"min-width: {width * _PIXELS_PER_POINT * _SMALLEST_SCALE:.0f}px; "
    if small:
        small = (
            f'<div class="figure-small" role="img" aria-labelledby="{prefix}desc" '
            f'style="display: none">{small}</div>'
        )
    root.set("style", smallest + _style(width))
    classes = " ".join(filter(None, ["figure-drawing", css_class, small and "figure-has-small"]))
    return Picture(
        alt,
        f'<div class="{classes}" role="group" aria-label="Figure" tabindex="0" '
        f'style="overflow-x: auto">{ET.tostring(root, encoding="unicode")}{small}</div>{details}',
    )


def _prepare(source: str, alt: str) -> tuple[ET.Element, str, float]:
    """Return a drawing as the page shows it, the prefix of its ids, and its width in points."""
    root = ET.fromstring(source)
    _clean(root)
    width, height = (float(size) for size in root.attrib["viewBox"].split()[2:])
    _number_ids(root)
    _unwrap(root)
    digest = hashlib.sha256((alt + ET.tostring(root, encoding="unicode")).encode()).hexdigest()
    prefix = f"fig-{digest[:8]}-"
    _prefix_ids(root, prefix)

    first_sentence = re.split(r"(?<=[.!?])\s", alt)[0]
    title, description = ET.Element("title"), ET.Element("desc", {"id": f"{prefix}desc"})
    title.text, description.text = first_sentence, alt
    root[:0] = [title, description]
    root.attrib.clear()
    root.set("xmlns", "http://www.w3.org/2000/svg")
    root.set("viewBox", f"0 0 {width:g} {height:g}")
    return root, prefix, width


def _style(width: float) -> str:
    pixels = round(width * _PIXELS_PER_POINT)
    return (
        f"width: {pixels}px; max-width: min(100%, {pixels}px); height: auto; "
        f"fill: {_variable('ink')}; stroke-linejoin: round; "
        "font-family: var(--fig-font, system-ui, sans-serif)"
    )


def _windows(rows: Sequence[Sequence[Sequence[float]]], drawing: str) -> str:
    """Return the drawing as seen through each window, one wrapping line for each row."""
    lines = []
    for row in rows:
        windows = "".join(
            f'<svg class="figure-window" viewBox="{x0:.1f} {y0:.1f} {x1 - x0:.1f} {y1 - y0:.1f}" '
            f'style="flex: 1 1 {_LEAST * (x1 - x0) * _PIXELS_PER_POINT:.0f}px; '
            f'{_style(x1 - x0)}"><use href="#{drawing}"/></svg>'
            for x0, y0, x1, y1 in row
        )
        lines.append(f'<div class="figure-row">{windows}</div>')
    return "".join(lines)


def data_table(data: Mapping[str, Sequence[Any]], title: str = "") -> str:
    """Return the data behind a figure as HTML tables that fold away.

    Numbers have four significant digits. Of more than `MAX_ROWS` rows, evenly spaced ones are
    shown, the first and the last among them.
    """
    columns = {str(name): _column(str(name), values) for name, values in data.items()}
    if not columns:
        raise ValueError(
            "data must hold at least one column, got none. Leave data out if there is no table."
        )
    by_length: dict[int, dict[str, list[str]]] = {}
    for name, cells in columns.items():
        by_length.setdefault(len(cells), {})[name] = cells
    tables = "".join(_table(length, group) for length, group in by_length.items())
    heading = f"<p>{html.escape(title)}</p>" if title else ""
    return (
        '<details class="figure-data"><summary>Data behind this figure</summary>'
        f'<div class="figure-data-body" role="group" aria-label="Data" tabindex="0">'
        f"{heading}{tables}</div></details>"
    )


def _table(length: int, columns: dict[str, list[str]]) -> str:
    rows = np.arange(length)
    note = ""
    if length > MAX_ROWS:
        rows = np.unique(np.linspace(0, length - 1, MAX_ROWS).round().astype(int))
        note = f"<p>{len(rows)} of {length} rows, evenly spaced.</p>"
    head = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{cells[row]}</td>" for cells in columns.values()) + "</tr>"
        for row in rows
    )
    return f"{note}<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _column(name: str, values: Sequence[Any]) -> list[str]:
    if isinstance(values, (str, bytes)) or not hasattr(values, "__len__"):
        raise TypeError(
            f"data[{name!r}] must be a sequence of numbers or words, got "
            f"{type(values).__name__}. Wrap a single value in a list."
        )
    shape = getattr(values, "shape", (len(values),))
    if len(shape) != 1:
        raise ValueError(
            f"data[{name!r}] must be one-dimensional, got shape {tuple(shape)}. "
            "Give each of its columns a name."
        )
    return [_cell(name, value) for value in values]


def _cell(name: str, value: Any) -> str:
    if hasattr(value, "item"):  # a NumPy or PyTorch scalar
        value = value.item()
    if isinstance(value, str):
        return html.escape(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Integral):
        return str(int(value))
    if isinstance(value, Real):
        return f"{float(value):.4g}"
    raise TypeError(
        f"data[{name!r}] must hold numbers or words, got {type(value).__name__}. "
        "Convert it to a float or a str."
    )


def _variable(name: str, *, text: bool = False) -> str:
    if text and name in _TEXT_PALETTE:
        return f"var(--fig-{name}-text, {_TEXT_PALETTE[name]})"
    return f"var(--fig-{name}, {_PALETTE[name]})"


def _swap_colors(style: str, *, text: bool) -> str:
    def swap(match: re.Match[str]) -> str:
        name = _VARIABLE.get(match.group().lower())
        return match.group() if name is None else _variable(name, text=text)

    return re.sub(r"#[0-9a-fA-F]{6}\b", swap, style)


def _clean(root: ET.Element) -> None:
    """Drop what would leak into the page, and let the page's style sheet reach the rest."""
    for parent in root.iter():
        for child in list(parent):
            tag = child.tag.split("}")[-1] if isinstance(child.tag, str) else "comment"
            if tag in {"metadata", "style", "title", "comment"}:
                parent.remove(child)
    for element in root.iter():
        element.tag = element.tag.split("}")[-1]
        if element.text is not None and element.tag != "tspan":
            element.text = element.text.strip()
        element.tail = None
        for key in list(element.attrib):
            value = element.attrib.pop(key)
            _set_attribute(element, key.split("}")[-1], value)
    for text in root.iter("text"):
        _join_letters(text)
    for group in root.iter():
        role = group.get("id", "")
        if role.startswith("halo"):
            ground = f"paint-order: stroke; stroke: {_variable('paper')}; stroke-width: 3px"
            for text in group.iter("text"):
                _add_style(text, ground)
        elif role.startswith("ink"):
            group.set("class", "figure-ink")


def _set_attribute(element: ET.Element, key: str, value: str) -> None:
    is_text = element.tag in {"text", "tspan"}
    if key in {"d", "points"}:
        value = _shorten_path(value)
    elif key in {"x", "y"}:
        value = _round(value)
    elif key == "transform" and "matrix" not in value and "scale" not in value:
        value = _round(value)
        if value.startswith("rotate(-0 ") or value.startswith("rotate(0 "):
            return
    if key in {"fill", "stroke"}:  # var() works in a style only
        _add_style(element, _swap_colors(f"{key}: {_KEYWORDS.get(value, value)}", text=is_text))
    elif key == "style":
        parts = [part.strip() for part in value.split(";")]
        kept = "; ".join(part for part in parts if part and not part.startswith("font-family"))
        if kept:
            _add_style(element, _swap_colors(kept, text=is_text))
    elif key not in {"class", "font-family", "space"}:
        element.set(key, value)


def _join_letters(text: ET.Element) -> None:
    """Join the letters of a word that mathtext placed one by one.

    Every reader's font has its own widths: only the word's start keeps its place.
    """
    previous: ET.Element | None = None
    end = 0.0
    for span in list(text.iter("tspan")):
        span.text = (span.text or "").translate(_SCRIPT_CAPITALS)
        place, size = span.get("x", ""), re.search(r"font-size: ([\d.]+)", span.get("style", ""))
        if size is None or " " in place or not place:
            previous = None
            continue
        widest = 1.1 if span.text in "mwMW" else 0.5 if span.text in "ijlftr ,.()" else 0.9
        if (
            previous is not None
            and previous.get("style") == span.get("style")
            and previous.get("y") == span.get("y")
            and float(place) <= end
        ):
            previous.text = (previous.text or "") + span.text
            text.remove(span)
        else:
            previous = span
        end = float(place) + widest * float(size.group(1))


def _add_style(element: ET.Element, style: str) -> None:
    old = element.get("style", "").strip().rstrip(";")
    element.set("style", f"{old}; {style}" if old else style)


def _round(numbers: str) -> str:
    """Keep two decimals: a hundredth of a point is less than anybody sees."""
    rounded = re.sub(
        r"-?\d+\.\d+(?:e-?\d+)?",
        lambda match: f"{float(match.group()):.2f}".rstrip("0").rstrip("."),
        numbers,
    )
    return re.sub(r"-0(?![\d.])", "0", rounded)


def _shorten_path(path: str) -> str:
    """Leave out points of straight stretches, and digits that nobody sees."""
    if re.fullmatch(r"[MLz\d.\s-]+", path):
        path = " ".join(_shorten_line(part) for part in re.findall(r"M[^M]*", path))
    return " ".join(_round(path).split())


def _shorten_line(part: str) -> str:
    """Douglas and Peucker's rule on one stroke (doi:10.3138/FM57-6770-U75U-7727)."""
    points = np.array(re.findall(r"-?\d+(?:\.\d+)?", part), dtype=float).reshape(-1, 2)
    keep = {0, len(points) - 1}
    stack = [(0, len(points) - 1)]
    while stack:
        first, last = stack.pop()
        if last - first < 2:
            continue
        chord = points[last] - points[first]
        inner = points[first + 1 : last] - points[first]
        length = float(np.hypot(*chord))
        along = np.clip(inner @ chord / length**2, 0, 1)[:, None] * chord if length else 0.0
        distance = np.hypot(*(inner - along).T)
        farthest = int(distance.argmax())
        if distance[farthest] > _TOLERANCE:
            middle = first + 1 + farthest
            keep.add(middle)
            stack += [(first, middle), (middle, last)]
    kept = " L ".join(f"{x!r} {y!r}" for x, y in points[sorted(keep)].tolist())
    return f"M {kept}" + (" z" if part.rstrip().endswith("z") else "")


def _references(element: ET.Element) -> set[str]:
    return {
        found
        for key, value in element.attrib.items()
        if key == "href" or "url(#" in value
        for found in re.findall(r"url\(#([^)]+)\)" if "url(#" in value else r"^#(.+)", value)
    }


def _unwrap(parent: ET.Element) -> None:
    """Take away groups that say nothing and paths that draw nothing."""
    children: list[ET.Element] = []
    for child in parent:
        _unwrap(child)
        if child.tag == "g" and not child.attrib:
            children.extend(child)
        elif not (child.tag == "defs" and len(child) == 0) and not (
            child.tag == "path" and child.get("style") == "fill: none" and "id" not in child.attrib
        ):
            children.append(child)
    parent[:] = _share_style(children)


def _share_style(children: Sequence[ET.Element]) -> list[ET.Element]:
    """Put marks of one look into one group: a cloud of points then says its colours once."""
    shared: list[ET.Element] = []
    for (tag, style), run in groupby(children, lambda child: (child.tag, child.get("style"))):
        marks = list(run)
        # `opacity` of a group is not that of its members; all else is inherited
        if tag == "use" and style and len(marks) > 1 and not re.search(r"(^|; )opacity", style):
            group = ET.Element("g", {"style": style})
            for mark in marks:
                del mark.attrib["style"]
            group.extend(marks)
            marks = [group]
        shared += marks
    return shared


def _number_ids(root: ET.Element) -> None:
    """Renumber the ids that something refers to, in their order; drop all others."""
    used = set().union(*(_references(element) for element in root.iter()))
    number: dict[str, str] = {}
    for element in root.iter():
        name = element.attrib.pop("id", None)
        if name in used:
            element.set("id", number.setdefault(name, str(len(number) + 1)))
    _rename(root, number)


def _prefix_ids(root: ET.Element, prefix: str) -> None:
    names: dict[str, str] = {}
    for element in root.iter():
        if "id" in element.attrib:
            names[element.attrib["id"]] = prefix + element.attrib["id"]
            element.set("id", names[element.attrib["id"]])
    _rename(root, names)


def _rename(root: ET.Element, names: Mapping[str, str]) -> None:
    for element in root.iter():
        for key, value in element.attrib.items():
            if key == "href" and value.startswith("#"):
                element.set(key, "#" + names[value[1:]])
            elif "url(#" in value:
                element.set(
                    key, re.sub(r"url\(#([^)]+)\)", lambda m: f"url(#{names[m.group(1)]})", value)
                )
