"""The record of ``make bench``, and the targets that it is held against.

``make bench`` (in the folder ``benchmarks``) times the book's NumPy network and its competitors in
turn, in many rounds, and writes all times to ``book/records/speed.json``. The page *How fast is
it?* reads them here. Everything that the page or the command line says is computed from the times
by the functions below, none of it is stored.
"""

import json
import statistics
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from bookkit.records import experiments

__all__ = ["Accuracy", "Ratio", "Record", "Row", "accuracies", "load", "paired_ratio", "table"]

_CURE = "Make it with: make bench"

_EXPERIMENTS = {
    "pytorch": "augmented_pytorch",
    "numpy": "augmented_numpy",
    "long": "augmented_long",
}

SMALL, LARGE = ("a", "e"), ("b", "c", "d")  # where overhead rules, and where arithmetic does


@dataclass(frozen=True)
class Ratio:
    """The median of paired ratios, with the lowest and the highest."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{_digits(self.median)} ({_digits(self.low)} to {_digits(self.high)})"


def paired_ratio(times: Sequence[float], others: Sequence[float]) -> Ratio:
    """Compare two contestants round by round.

    Parameters
    ----------
    times, others : sequence of float
        Seconds, one a round, in the same order.

    Returns
    -------
    Ratio
        Of the quotients ``times[k] / others[k]``. What slows one round down cancels.

    Raises
    ------
    ValueError
        If there are no times, not as many of the one as of the other, or one is not positive.

    Examples
    --------
    >>> print(paired_ratio([2.0, 60.0, 4.0], [1.0, 20.0, 1.0]))  # the second round was disturbed
    3.00 (2.00 to 4.00)
    """
    if not times or len(times) != len(others) or min(*times, *others) <= 0:
        raise ValueError(
            "times must be positive, and as many on both sides, got "
            f"{list(times)} and {list(others)}. Pass one of each a round."
        )
    ratios = [one / other for one, other in zip(times, others, strict=True)]
    return Ratio(statistics.median(ratios), min(ratios), max(ratios))


@dataclass(frozen=True)
class Row:
    """One target: what was asked, what was measured, and whether that is enough.

    Attributes
    ----------
    what, target, measured : str
        For a table.
    met : bool or None
        None where nothing was measured.
    is_stretch : bool
        Whether this is a wish beyond the target.
    """

    what: str
    target: str
    measured: str
    met: bool | None
    is_stretch: bool = False

    @property
    def verdict(self) -> str:
        """Say in words whether the target is met."""
        return {True: "met", False: "not met", None: "not measured"}[self.met]


@dataclass(frozen=True)
class Accuracy:
    """What an experiment on MNIST gave: test errors by seed, and the dearest seed's CPU seconds."""

    errors: Sequence[float]
    cpu_seconds: float


@dataclass(frozen=True)
class Record:
    """All times of one run of ``make bench``.

    Attributes
    ----------
    fields : dict
        The file's content.
    """

    fields: dict[str, Any]

    def __post_init__(self) -> None:
        """Refuse a record that lacks something or holds nonsense."""
        try:
            _ = self.rows(), self.provenance
            rounds = self.fields["rounds"]
            for task in self.fields["steps"].values():
                if any(len(times["cpu"]) != rounds for times in task["contestants"].values()):
                    raise ValueError(f"there are not {rounds} rounds of everything")
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ValueError(
                f"the record of the speed must be complete, but is damaged ({error!r}). {_CURE}"
            ) from None

    def task(self, workload: str) -> dict[str, Any]:
        """Return what is known of a workload: sizes, batch, steps, the contestants' times."""
        return dict(self.fields["steps"][workload])

    def label(self, workload: str) -> str:
        """Return the widths of a workload's network, such as 10-100-1."""
        return "-".join(map(str, self.task(workload)["sizes"]))

    def microseconds(self, workload: str, contestant: str) -> float:
        """Return the median processor time of one training step, in microseconds."""
        task = self.task(workload)
        seconds: float = statistics.median(task["contestants"][contestant]["cpu"])
        return 1e6 * seconds / int(task["steps"])

    def ratio(self, workload: str, contestant: str, to: str = "numpy") -> Ratio:
        """Return how many times as long one contestant takes as another."""
        contestants = self.task(workload)["contestants"]
        return paired_ratio(contestants[contestant]["cpu"], contestants[to]["cpu"])

    def data_route(self) -> Ratio:
        """Return how many times as long the loader takes as slices of one array."""
        contestants = self.fields["data_route"]["contestants"]
        return paired_ratio(contestants["loader"]["cpu"], contestants["slices"]["cpu"])

    def start_up(self, one: str, other: str) -> Ratio:
        """Return how many times as long one import takes as another, the interpreter included."""
        programs = self.fields["start_up"]
        return paired_ratio(programs[one]["cpu"], programs[other]["cpu"])

    def deviations(self) -> dict[str, dict[str, float]]:
        """Return the largest relative difference of any loss, by workload and optimizer."""
        return {name: dict(values) for name, values in self.fields["parity"].items()}

    def rows(self, accuracies: Mapping[str, Accuracy] | None = None) -> list[Row]:
        """Hold the times against the targets.

        Parameters
        ----------
        accuracies : mapping of str to Accuracy, optional
            What "pytorch", "numpy" and "long" (PyTorch, twelve times as long) reached on MNIST with
            distorted images.

        Returns
        -------
        list of Row
        """
        rows, accuracies = [], accuracies or {}
        for name in (*SMALL, *LARGE):
            label, bound = self.label(name), 7.0 if name in SMALL else 1.0
            ratio, other = self.ratio(name, "pytorch"), self.ratio(name, "scikit-learn")
            what = f"{label}: PyTorch's time / NumPy's"
            rows.append(_at_least(what, ratio, bound))
            if name in SMALL:
                rows.append(_at_least(what, ratio, 10.0, is_stretch=True))
            else:
                products = self.ratio(name, "numpy", to="products")
                what = f"{label}: NumPy's time / bare products'"
                rows.append(_at_most(what, products, 1.5, is_stretch=True))
            rows.append(_at_least(f"{label}: scikit-learn's time / NumPy's", other, 1.0))
        worst = max(d for values in self.deviations().values() for d in values.values())
        what = "losses in float64: largest relative difference of NumPy and PyTorch"
        rows.append(Row(what, "at most 1e-12", f"{worst:.1e}", worst <= 1e-12))
        rows.append(
            _at_least("ten epochs of digits: loader's time / slices'", self.data_route(), 20.0)
        )
        rows.append(
            _at_most(
                "import: time of mlpbook.scratch / NumPy's", self.start_up("scratch", "numpy"), 2.0
            )
        )
        torch = bool(self.fields["start_up"]["scratch"]["loads_torch"])
        said = "PyTorch" if torch else "no PyTorch"
        rows.append(Row("import: what mlpbook.scratch loads", "no PyTorch", said, not torch))
        for name, half, seconds, bound in (
            ("pytorch", "PyTorch", 100, 0.70),
            ("numpy", "NumPy", 100, 1.00),
            ("long", "PyTorch", 1200, 0.45),  # two cores for 600 seconds
        ):
            what = f"MNIST test error, {half}, {seconds:,} CPU seconds"
            row = _accuracy_row(what, accuracies.get(name), bound, seconds)
            rows.append(replace(row, is_stretch=name == "long"))
        return rows

    @property
    def provenance(self) -> str:
        """Where the numbers come from, in a sentence or two for a page."""
        day = date.fromisoformat(self.fields["date"])
        versions = self.fields["versions"].items()
        return (
            f"Recorded on {day.day} {day:%B %Y}, in {self.fields['rounds']} rounds, on one thread "
            f"of {self.fields['processor']}, with "
            f"{', '.join(f'{name} {version}' for name, version in versions)}. "
            "To repeat it: `make bench`."
        )


def load(path: Path | None = None) -> Record:
    """Read the record of ``make bench``.

    Parameters
    ----------
    path : pathlib.Path, optional
        The file; by default ``book/records/speed.json`` of the checkout that this package is in, or
        the copy that an installed package carries.

    Raises
    ------
    FileNotFoundError
        If there is none.
    ValueError
        If it is damaged.
    """
    path = path or experiments._stored("speed.json")
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FileNotFoundError(
            f"the record of the speed must be in {path.name}, which does not exist in "
            f"{path.parent}. {_CURE}"
        ) from None
    except ValueError as error:
        raise ValueError(
            f"the record of the speed, {path.name}, must be JSON, but is damaged ({error}). {_CURE}"
        ) from None
    return Record(fields)


def accuracies() -> dict[str, Accuracy]:
    """Return what both halves reached on MNIST with distorted images, where it is recorded."""
    found = {}
    for half, name in _EXPERIMENTS.items():
        with suppress(FileNotFoundError):
            record = experiments.load(name)
            seconds = max(entry["cpu_seconds"] for entry in record.fields["results"])
            found[half] = Accuracy(record.values("test_error"), seconds)
    return found


def table(rows: Sequence[Row]) -> str:
    """Return the rows as lines of text, in columns.

    Examples
    --------
    >>> print(table([Row("speed", "at least 7.0", "8.0 (7.5 to 8.1)", True)]))
    what   target        measured          verdict
    speed  at least 7.0  8.0 (7.5 to 8.1)  met
    """
    head = ("what", "target", "measured", "verdict")
    lines = [head, *((r.what, _wish(r), r.measured, r.verdict) for r in rows)]
    widths = [max(len(line[k]) for line in lines) for k in range(len(head))]
    return "\n".join(
        "  ".join(f"{text:{width}}" for text, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _wish(row: Row) -> str:
    return f"{row.target} (stretch)" if row.is_stretch else row.target


def _at_least(what: str, ratio: Ratio, bound: float, *, is_stretch: bool = False) -> Row:
    return Row(what, f"at least {bound:.1f}", str(ratio), ratio.median >= bound, is_stretch)


def _at_most(what: str, ratio: Ratio, bound: float, *, is_stretch: bool = False) -> Row:
    return Row(what, f"at most {bound:.1f}", str(ratio), ratio.median <= bound, is_stretch)


def _accuracy_row(what: str, accuracy: Accuracy | None, bound: float, seconds: float) -> Row:
    target = f"at most {bound:.2f} %"
    if accuracy is None:
        return Row(what, target, "no record", None)
    mean = 100 * statistics.fmean(accuracy.errors)
    measured = f"{mean:.2f} %, {len(accuracy.errors)} seeds, {accuracy.cpu_seconds:.0f} CPU seconds"
    return Row(what, target, measured, mean <= bound and accuracy.cpu_seconds <= seconds)


def _digits(value: float) -> str:
    """Write a ratio with the digits that it deserves."""
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"
