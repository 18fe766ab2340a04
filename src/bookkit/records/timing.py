"""The record of ``make bench``, from which the page *How fast is it?* computes what it says.

``make bench`` (in the folder ``benchmarks``) times the book's NumPy network and its competitors in
turn, in many rounds, and writes all times to ``book/records/speed.json``.
"""

import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from bookkit.records import experiments

__all__ = ["Ratio", "Record", "load", "paired_ratio"]

SMALL, LARGE = ("a", "e"), ("b", "c", "d")  # dominated by calls, and by arithmetic

PAIRS = (
    ("pytorch", "numpy"),
    ("pytorch", "fused"),
    ("scikit-learn", "numpy"),
    ("numpy", "fused"),
    ("numpy", "products"),
    ("fused", "products"),
)
"""The pairs of contestants whose ratios are kept from earlier runs."""


@dataclass(frozen=True)
class Ratio:
    """The median of paired ratios, with the lowest and the highest."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.low:.2f} to {self.high:.2f})"


def paired_ratio(times: Sequence[float], others: Sequence[float]) -> Ratio:
    """Compare two contestants round by round: whatever slows a round down cancels.

    >>> print(paired_ratio([2.0, 60.0, 4.0], [1.0, 20.0, 1.0]))  # the second round was disturbed
    3.00 (2.00 to 4.00)
    """
    ratios = [one / other for one, other in zip(times, others, strict=True)]
    return Ratio(statistics.median(ratios), min(ratios), max(ratios))


@dataclass(frozen=True)
class Record:
    """All times of one or more runs of ``make bench``, and what the page asks of them."""

    fields: dict[str, Any]

    @property
    def workloads(self) -> list[str]:
        """The names of the workloads."""
        return list(self.fields["steps"])

    def task(self, workload: str) -> dict[str, Any]:
        """Return a workload's sizes, batch size, steps, and the contestants' times."""
        return dict(self.fields["steps"][workload])

    def label(self, workload: str) -> str:
        """Return the widths of a workload's network, such as 10-100-1."""
        return "-".join(map(str, self.task(workload)["sizes"]))

    def microseconds(self, workload: str, contestant: str, part: str = "steps") -> float:
        """Return the median processor time of one training step, in microseconds."""
        seconds = statistics.median(self._cpu(workload, contestant, part))
        return 1e6 * seconds / int(self.task(workload)["steps"])

    def ratio(
        self, workload: str, contestant: str, to: str = "numpy", part: str = "steps"
    ) -> Ratio:
        """Return how many times as long one contestant takes as another."""
        return paired_ratio(self._cpu(workload, contestant, part), self._cpu(workload, to, part))

    def medians(self, workload: str, contestant: str, to: str) -> list[float]:
        """Return the median ratio of this run, and those of the earlier runs that are kept."""
        earlier = [run["medians"][f"{contestant} / {to}"] for run in self.fields["earlier"]]
        return [self.ratio(workload, contestant, to).median, *(run[workload] for run in earlier)]

    @property
    def n_runs(self) -> int:
        """Number of runs from which `medians` come."""
        return 1 + len(self.fields["earlier"])

    def data_route(self) -> Ratio:
        """Return how many times as long the loader takes as slices of one array."""
        contestants = self.fields["data_route"]["contestants"]
        return paired_ratio(contestants["loader"]["cpu"], contestants["slices"]["cpu"])

    def start_up(self, one: str, other: str) -> Ratio:
        """Return how many times as long one import takes as another, interpreter included."""
        programs = self.fields["start_up"]
        return paired_ratio(programs[one]["cpu"], programs[other]["cpu"])

    def _cpu(self, workload: str, contestant: str, part: str) -> list[float]:
        task = self.fields[part][workload]
        times: list[float] = task["contestants"][contestant]["cpu"]
        return times

    @property
    def provenance(self) -> str:
        """The source of the numbers, in a sentence or two for a page."""
        day = date.fromisoformat(self.fields["date"])
        versions = ", ".join(f"{name} {number}" for name, number in self.fields["versions"].items())
        return (
            f"Recorded on {day.day} {day:%B %Y}, in {self.fields['rounds']} rounds, on one thread "
            f"of {self.fields['processor']}, with {versions}. To repeat it: `make bench`."
        )


def load(path: Path | None = None) -> Record:
    """Read the record of ``make bench``, by default ``book/records/speed.json``.

    Raises
    ------
    FileNotFoundError
        If there is none.
    ValueError
        If it is no JSON.
    """
    path = path or experiments._stored("speed.json")
    try:
        return Record(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no {path}. Make it with: make bench") from None
