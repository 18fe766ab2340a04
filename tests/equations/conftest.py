"""Tests of the book's equations: how two numbers are compared, and the report that pages show."""

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

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
