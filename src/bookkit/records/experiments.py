"""Experiments too dear for a build: run once, recorded, and checked against a reduced case.

An experiment is a module in the folder ``experiments`` whose function ``run`` takes a seed and
returns numbers. The command

    python -m bookkit.records NAME

runs it for every seed and writes ``book/records/NAME.json``, which a page reads with `load`. The
record says which code, machine and versions made it; ``--check`` compares a reduced case with it.
"""

import importlib
import inspect
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from bookkit.records.dependencies import Modules

__all__ = ["Experiment", "Record", "experiment", "find", "load", "names"]

Value = float | Sequence[float]
Result = dict[str, Value]

_ROOT = Path(__file__).resolve().parents[3]
_RECORDS = _ROOT / "book" / "records"
_INSTALLED = Path(__file__).with_name("installed")  # the copy that a wheel carries


@dataclass(frozen=True)
class Experiment:
    """A function of a seed, and how to run and check it.

    Attributes
    ----------
    function : callable
        ``function(seed, **settings)`` returns numbers and lists of numbers by name. Its settings
        are keyword-only and have defaults: those of the record.
    seeds : tuple of int
        What the record is made of.
    cost : float
        Seconds that one seed takes, roughly: the estimate until one has been measured.
    reduced : mapping
        The settings of the reduced case, which runs in a few seconds, for the first seed.
    tolerance : mapping
        Which results of the reduced case are compared with the record, and how far each may be
        off: relative, and absolute below 1.
    mnist : bool
        Whether it reads MNIST. Then only MNIST itself is recorded, never the substitute digits;
        the reduced case is recorded for both.
    """

    function: Callable[..., Result]
    seeds: tuple[int, ...]
    cost: float
    reduced: Mapping[str, Any]
    tolerance: Mapping[str, float]
    mnist: bool

    def __post_init__(self) -> None:
        """Read like the function: its docstring and its signature."""
        object.__setattr__(self, "__doc__", self.function.__doc__)
        object.__setattr__(self, "__wrapped__", self.function)

    def __call__(self, seed: int, **settings: Any) -> Result:
        """Run one seed, with other settings than the record's if any are given."""
        return self.function(seed, **settings)

    @property
    def module(self) -> str:
        """The module that holds it."""
        return self.function.__module__

    @property
    def name(self) -> str:
        """The last part of the module's name."""
        return self.module.rpartition(".")[2]

    @property
    def summary(self) -> str:
        """The first line of the function's docstring."""
        return (self.function.__doc__ or "").strip().partition("\n")[0]

    @property
    def settings(self) -> dict[str, Any]:
        """The settings that the record is made with."""
        parameters = inspect.signature(self.function).parameters.values()
        return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}

    def digest(self) -> str:
        """Return the digest of the code that it uses; what runs experiments is left out."""
        return _digest(self.module)


def experiment(
    *,
    seeds: Iterable[int],
    cost: float,
    reduced: Mapping[str, Any],
    tolerance: Mapping[str, float],
    mnist: bool = False,
) -> Callable[[Callable[..., Result]], Experiment]:
    """Make a function an experiment: see `Experiment` for the parameters.

    Raises
    ------
    ValueError
        If there is no seed or one twice, nothing is to be compared, or `reduced` names something
        that is no setting.

    Examples
    --------
    >>> @experiment(seeds=range(3), cost=1, reduced={"n": 2}, tolerance={"squares": 0})
    ... def run(seed, *, n=1000):
    ...     return {"squares": [float((seed + i) ** 2) for i in range(n)]}
    >>> run.settings
    {'n': 1000}
    >>> run(2, **run.reduced)
    {'squares': [4.0, 9.0]}
    """

    def register(function: Callable[..., Result]) -> Experiment:
        made = Experiment(function, tuple(seeds), cost, dict(reduced), dict(tolerance), mnist)
        if not made.seeds or len(set(made.seeds)) < len(made.seeds):
            raise ValueError(
                f"seeds must be at least one number, none twice, got {made.seeds}. "
                "Pass range(10), for example."
            )
        if not made.tolerance:
            raise ValueError(
                "tolerance must name at least one result, got none. Say by what the reduced case "
                "is to be compared, and how closely."
            )
        if unknown := set(reduced) - set(made.settings):
            raise ValueError(
                f"reduced must name keyword-only settings of the function, which are "
                f"{sorted(made.settings)}, got {sorted(unknown)}. Add them, with defaults."
            )
        return made

    return register


def names() -> list[str]:
    """Return the names of all experiments.

    Examples
    --------
    >>> "seed_spread" in names()
    True
    """
    return sorted(
        path.stem
        for path in _ROOT.joinpath("experiments").glob("*.py")
        if not path.stem.startswith("_")
    )


def find(name: str) -> Experiment:
    """Return an experiment by its name.

    Raises
    ------
    ValueError
        If there is none of that name.

    Examples
    --------
    >>> find("seed_spread").mnist
    True
    """
    if name not in names():
        raise ValueError(
            f"name must be that of an experiment, got {name!r}. Choose one of {', '.join(names())}."
        )
    if str(_ROOT) not in sys.path:
        sys.path.append(str(_ROOT))
    run: Experiment = importlib.import_module(f"experiments.{name}").run
    return run


@dataclass(frozen=True)
class Record:
    """What an experiment gave, and where, when and with which code.

    Attributes
    ----------
    fields : dict
        The file's content: ``results`` has an entry for each seed with its ``seed``, ``result``
        and ``cpu_seconds``, ``reduced`` one for each data set; the others are provenance.
    """

    fields: dict[str, Any]

    @property
    def name(self) -> str:
        """The experiment's name."""
        return str(self.fields["experiment"])

    @property
    def command(self) -> str:
        """What to type to make the record again."""
        return f"python -m bookkit.records {self.name}"

    @property
    def seeds(self) -> list[int]:
        """The seeds, in the order of all values."""
        return [entry["seed"] for entry in self.fields["results"]]

    @property
    def settings(self) -> dict[str, Any]:
        """The settings that every seed ran with."""
        return dict(self.fields["settings"])

    @property
    def results(self) -> dict[int, Result]:
        """What each seed gave."""
        return {entry["seed"]: entry["result"] for entry in self.fields["results"]}

    def values(self, key: str) -> list[Any]:
        """Return one result for every seed, in the order of `seeds`.

        Raises
        ------
        ValueError
            If the experiment has no result of that name.
        """
        results = list(self.results.values())
        if any(key not in result for result in results):
            known = ", ".join(results[0])
            raise ValueError(f"key must be one of {known}, got {key!r}. Choose one of them.")
        return [result[key] for result in results]

    @property
    def provenance(self) -> str:
        """Where the numbers come from, in a sentence or two of Markdown for a page."""
        fields = self.fields
        day = date.fromisoformat(fields["date"])
        versions = ", ".join(f"{name} {version}" for name, version in fields["versions"].items())
        n_threads = fields["threads"]
        threads = "one thread" if n_threads == 1 else f"{n_threads} threads"
        data = f" The data are {fields['data']}." if fields["data"] else ""
        return (
            f"Recorded on {day.day} {day:%B %Y} with {_words(self.seeds)}, in "
            f"{fields['cpu_seconds']:.0f} CPU seconds on {threads} ({fields['processor']}), with "
            f"{versions}.{data} To repeat it: `{self.command}`."
        )

    @property
    def is_stale(self) -> bool:
        """Whether code that the experiment uses has changed since.

        A page does not ask: what its cells print is kept. The build asks, and says so.
        """
        return _digest(self.fields["module"]) != str(self.fields["digest"])


def _stored(file: str) -> Path:
    """Return a record's place: in the checkout, or where an installed package has its copy."""
    checkout, installed = _RECORDS / file, _INSTALLED / file
    return installed if installed.exists() and not checkout.exists() else checkout


def load(name: str, path: Path | None = None) -> Record:
    """Read an experiment's record.

    Parameters
    ----------
    name : str
        The experiment's name.
    path : pathlib.Path, optional
        The file; by default ``book/records/NAME.json`` in the checkout that this package is in, or
        the copy that an installed package carries.

    Raises
    ------
    FileNotFoundError
        If there is no such file: it names the command that makes it.

    Examples
    --------
    >>> record = load("seed_spread")
    >>> len(record.values("test_error")) == len(record.seeds)
    True
    """
    path = path or _stored(f"{name}.json")
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise FileNotFoundError(
            f"the record of an experiment must be in {path.name}, which does not exist in "
            f"{path.parent}. Make it with: python -m bookkit.records {name}"
        ) from None
    return Record(json.loads(text))


def _digest(module: str) -> str:
    """Return the digest of an experiment's code."""
    modules = Modules()
    return modules.digest(module, without=[__name__]) if module in modules.paths else ""


def _words(seeds: list[int]) -> str:
    """Say which seeds were used."""
    if len(seeds) == 1:
        return f"the seed {seeds[0]}"
    if seeds == list(range(seeds[0], seeds[-1] + 1)):
        return f"the seeds {seeds[0]} to {seeds[-1]}"
    return f"the seeds {', '.join(map(str, seeds))}"
