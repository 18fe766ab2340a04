"""Tests of the book's equations: how two numbers are compared, and the report that pages show."""

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tools.equations.printed import COMPARISONS, equation, evaluate, key_of
from tools.equations.tex import ShapeError, statements

MEASURED: dict[str, float] = {}  # a test's node id: the largest deviation that it measured


def deviation(left: object, right: object) -> float:
    """Return the largest difference, relative to the larger magnitude, absolute below 1."""
    left, right = (np.asarray(side) for side in (left, right))
    if left.shape != right.shape:
        raise ValueError(f"both sides must have one shape, got {left.shape} and {right.shape}.")
    if left.size == 0:
        raise ValueError("both sides are empty: nothing would be compared.")
    left, right = (side.astype(float) if side.dtype == object else side for side in (left, right))
    with np.errstate(invalid="ignore"):
        scale = np.maximum(1.0, np.maximum(np.abs(left), np.abs(right)))
        ratio = np.where(left == right, 0.0, np.abs(left - right) / scale)
    return float(np.inf if np.isnan(ratio).any() else ratio.max())


@pytest.fixture
def agree(request: pytest.FixtureRequest) -> Iterator[Callable[[object, object], None]]:
    """Assert that two arrays of one shape agree to the tolerance of the test's equation marker."""
    tolerances = [
        marker.kwargs["tolerance"]
        for marker in request.node.iter_markers("equation")
        if "tolerance" in marker.kwargs
    ]
    if not tolerances:
        raise ValueError("agree needs @pytest.mark.equation(label, tolerance=...) on the test.")
    tolerance, used = min(tolerances), False

    def agree(left: object, right: object) -> None:
        nonlocal used
        used = True
        measured = deviation(left, right)
        key = request.node.nodeid
        MEASURED[key] = max(measured, MEASURED.get(key, 0.0))
        assert measured <= tolerance, (
            f"the sides differ by {measured:.3g}, more than {tolerance:g}:\n{left}\n{right}"
        )

    yield agree
    if not used:
        pytest.fail("the test asked for agree and never called it")


class Printed:
    """Displayed TeX whose sides are evaluated and compared: what the fixture `printed` gives."""

    def __init__(self, tex: str, agree: Callable[[object, object], None]) -> None:
        self.tex, self.agree = tex, agree
        self.given: set[str] = set()
        self.used: set[str] = set()
        self.evaluated: set[str] = set()
        self.skip: tuple[str, ...] = ()
        self.failed = False

    def __call__(
        self,
        symbols: dict[str, Any],
        indices: dict[str, Any] | None = None,
        *,
        skip: tuple[str, ...] = (),
        **options: Any,
    ) -> dict[str, list[Any]]:
        """Evaluate statements (see `printed.evaluate`), compare their sides, and return them."""
        self.skip, self.failed = skip, True
        found, used = evaluate(self.tex, symbols, indices, skip=skip, **options)
        self.given |= {key_of(name, value) for name, value in symbols.items()}
        self.used |= used
        for statement in found:
            self.evaluated.add(statement.left)
            pairs = zip(statement.sides, statement.sides[1:], strict=False)
            for (left, right), sign in zip(pairs, statement.relations, strict=True):
                if np.shape(left) != np.shape(right):
                    raise ShapeError(f"{statement.left}: {np.shape(left)} {sign} {np.shape(right)}")
                if sign in ("=", r"\leftarrow"):
                    self.agree(left, right)
                else:
                    assert np.all(COMPARISONS[sign](left, right)), f"{left} {sign} {right}"
        self.failed = False
        return {statement.left.replace(" ", ""): statement.sides for statement in found}

    def finish(self) -> None:
        """See that every statement was evaluated, and every symbol used."""
        if missed := {s.left for s in statements(self.tex, self.skip)} - self.evaluated:
            pytest.fail(f"printed, but not evaluated: {missed}")
        if idle := self.given - self.used:
            pytest.fail(f"given, but not printed: {idle}")


@pytest.fixture
def printed(request: pytest.FixtureRequest, agree: Callable[..., None]) -> Iterator[Printed]:
    """Evaluate the TeX that the page prints under the label of the test's equation marker."""
    (marker,) = request.node.iter_markers("equation")
    printed = Printed(equation(marker.args[0]), agree)
    yield printed
    if not printed.failed:
        printed.finish()


@pytest.fixture
def misprint() -> Callable[[str, float], Printed]:
    """Make a `Printed` of other TeX, compared to a tolerance."""

    def misprint(tex: str, tolerance: float) -> Printed:
        def agree(left: object, right: object) -> None:
            assert deviation(left, right) <= tolerance

        return Printed(tex, agree)

    return misprint


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Keep what was measured for the page of all equations."""
    path = session.config.rootpath / "_build" / "equations.json"
    report = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for item in session.items:
        file, name = Path(item.path), getattr(item, "originalname", item.name)
        for marker in item.iter_markers("equation"):
            place = file.relative_to(session.config.rootpath).as_posix()
            key = f"{place}::{name}::{marker.args[0]}"
            measured = MEASURED.get(item.nodeid)
            digest = hashlib.sha256(file.read_bytes()).hexdigest()
            earlier = report.get(key, {}) if key in SEEN else {}
            values = [v for v in (measured, earlier.get("deviation")) if v is not None]
            SEEN.add(key)
            report[key] = {"digest": digest, "deviation": max(values, default=None)}
    if SEEN:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(report, indent=1, sort_keys=True) + "\n", encoding="utf-8")


SEEN: set[str] = set()  # keys written in this run: a parametrised test counts its worst case
