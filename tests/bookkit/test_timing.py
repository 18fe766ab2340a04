"""The record of the benchmarks, on hand-made times, and the targets."""

import json

import pytest

from benchmarks.bench import earlier_runs
from benchmarks.targets import rows, table
from bookkit.records.timing import Record, load, paired_ratio

# Two rounds. PyTorch takes 8 and 12 times as long as the plain step, which takes twice as long as
# the fused one, and four times as long as the products.
TIMES = {
    "numpy": [1e-3, 1e-3],
    "fused": [0.5e-3, 0.5e-3],
    "pytorch": [8e-3, 12e-3],
    "scikit-learn": [5e-3, 5e-3],
    "products": [0.25e-3, 0.25e-3],
}
SIZES = {"a": [10, 100, 1], "e": [2, 16, 16, 1], "b": [784, 32, 10], "c": [784, 256, 10]}


def contestants(**changed):
    return {name: {"cpu": cpu, "wall": cpu} for name, cpu in (TIMES | changed).items()}


def fields():
    return {
        "date": "2026-03-01",
        "processor": "a processor",
        "versions": {"Python": "3.11"},
        "rounds": 2,
        "steps": {
            name: {"sizes": SIZES.get(name, [784, 800, 10]), "steps": 250}
            | {"contestants": contestants()}
            for name in "aebcd"
        },
        "data_route": {
            "contestants": {"loader": {"cpu": [3.0, 5.0]}, "slices": {"cpu": [0.1] * 2}}
        },
        "start_up": {"numpy": {"cpu": [0.1, 0.2]}, "scratch": {"cpu": [0.15, 0.3]}},
        "earlier": [],
    }


def test_the_ratio_is_the_median_of_paired_ratios_and_not_the_ratio_of_medians():
    # pairs 1, 1, 10: median 1. Medians 3 and 2 would give 1.5.
    ratio = paired_ratio([1.0, 3.0, 20.0], [1.0, 3.0, 2.0])
    assert (ratio.median, ratio.low, ratio.high) == (1.0, 1.0, 10.0)
    with pytest.raises(ValueError, match="zip"):
        paired_ratio([1.0], [1.0, 2.0])


def test_a_record_answers_what_the_page_asks():
    record = Record(fields())
    assert record.label("e") == "2-16-16-1"
    assert record.microseconds("a", "numpy") == pytest.approx(4.0)  # 1 ms for 250 steps
    assert record.ratio("a", "pytorch", to="fused").median == 20
    assert record.data_route().median == 40
    assert record.start_up("scratch", "numpy").median == pytest.approx(1.5)
    assert record.provenance.startswith("Recorded on 1 March 2026, in 2 rounds, on one thread of")


def test_the_medians_of_earlier_runs_are_kept(tmp_path):
    path = tmp_path / "speed.json"
    assert earlier_runs(path) == []
    path.write_text(json.dumps(fields()))
    (run,) = earlier_runs(path)
    assert run["medians"]["pytorch / fused"]["a"] == 20
    record = Record(fields() | {"earlier": [run]})
    assert record.medians("a", "pytorch", "fused") == [20, 20]
    assert record.n_runs == 2
    path.write_text("{}")
    assert earlier_runs(path) == []


def test_a_missing_record_names_the_command(tmp_path):
    with pytest.raises(FileNotFoundError, match="make bench"):
        load(tmp_path / "speed.json")


def test_floors_and_goals_are_told_apart():
    found = {row.what: row.verdict for row in rows(Record(fields()))}
    assert found["10-100-1: PyTorch / fused"] == "goal met"  # 20 of 12
    assert found["784-800-10: fused / bare products"] == "MISSED"  # 2 of 1.3
    slow = fields()
    slow["steps"]["a"]["contestants"] = contestants(pytorch=[5e-3, 5e-3])  # 10 times the fused step
    found = {row.what: row.verdict for row in rows(Record(slow))}
    assert found["10-100-1: PyTorch / fused"] == "floor met"


def test_the_table_is_aligned():
    lines = table(rows(Record(fields()))).splitlines()
    column = lines[0].index("verdict")
    assert {line[column:] for line in lines[1:]} <= {"goal met", "floor met", "MISSED"}
