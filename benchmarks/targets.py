"""The targets that ``make bench`` holds its times against: floors that must hold, and goals."""

from collections.abc import Sequence
from dataclasses import dataclass

from bookkit.records.timing import SMALL, Record


@dataclass(frozen=True)
class Row:
    """One ratio: whether it should be large or small, what was measured, floor and goal."""

    what: str
    measured: str
    value: float
    floor: float
    goal: float | None = None
    at_least: bool = True

    @property
    def verdict(self) -> str:
        """The result in one word or two."""
        sign = 1 if self.at_least else -1
        if sign * self.value < sign * self.floor:
            return "MISSED"
        met = self.goal is None or sign * self.value >= sign * self.goal
        return "goal met" if met else "floor met"


def rows(record: Record) -> list[Row]:
    """Return every target with what was measured."""
    found = []
    for name in record.workloads:
        label, is_small = record.label(name), name in SMALL
        fused, plain = record.ratio(name, "pytorch", to="fused"), record.ratio(name, "pytorch")
        if is_small:
            found.append(Row(f"{label}: PyTorch / fused", str(fused), fused.median, 8, 12))
        else:
            floor, goal = (1.5, 1.3) if name == "b" else (1.3, 1.15)
            ratio = record.ratio(name, "fused", to="products")
            what = f"{label}: fused / bare products"
            found.append(Row(what, str(ratio), ratio.median, floor, goal, at_least=False))
        floor = 4 if is_small else 1
        found.append(Row(f"{label}: PyTorch / plain", str(plain), plain.median, floor))
        sklearn = record.ratio(name, "scikit-learn")
        found.append(Row(f"{label}: scikit-learn / plain", str(sklearn), sklearn.median, 1))
    route = record.data_route()
    found.append(Row("ten epochs of digits: loader / slices", str(route), route.median, 20))
    start = record.start_up("scratch", "numpy")
    found.append(
        Row("import: mlpbook.scratch / NumPy", str(start), start.median, 2, at_least=False)
    )
    return found


def table(rows: Sequence[Row]) -> str:
    """Return the rows as lines of text, in columns."""
    lines = [("what", "measured", "floor", "goal", "verdict")]
    for r in rows:
        sign = ">=" if r.at_least else "<="
        goal = "" if r.goal is None else f"{sign} {r.goal:g}"
        lines.append((r.what, r.measured, f"{sign} {r.floor:g}", goal, r.verdict))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(f"{text:{width}}" for text, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )
