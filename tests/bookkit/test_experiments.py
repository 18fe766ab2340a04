"""Every record against a reduced run of its experiment; and the command that makes records."""

import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import bookkit.records.experiments as experiments
from bookkit.records.__main__ import check, finished, main, record, substitute_digits, write
from bookkit.records.dependencies import Modules
from bookkit.records.experiments import Record, experiment, find, load, names
from mlpbook.data import load_mnist

ROOT = Path(__file__).parents[2]
RECORDS = ROOT / "book" / "records"

# ---------------------------------------------------------------------------------------------
# The records in the repository.


@pytest.mark.parametrize("name", names())
def test_a_reduced_run_gives_what_is_recorded(name):
    assert check(find(name), load(name)) == []


@pytest.mark.parametrize("name", names())
def test_a_record_keeps_the_reduced_case_for_every_data_set_that_a_test_may_find(name):
    data = [case["data"] for case in load(name).fields["reduced"]]
    assert data == (["MNIST", "substitute"] if find(name).mnist else [""])


@pytest.mark.parametrize("name", names())
def test_a_page_reads_the_record(name):
    pages = [path.read_text(encoding="utf-8") for path in (ROOT / "book").rglob("*.md")]
    assert any(re.search(rf"\bload\w*\(\s*[\"']{name}[\"']", text) for text in pages)


def test_every_record_has_its_experiment():
    records = [json.loads(path.read_text(encoding="utf-8")) for path in RECORDS.glob("*.json")]
    made = {record["experiment"] for record in records if "experiment" in record}
    assert made == set(names())


# ---------------------------------------------------------------------------------------------
# A small experiment, and what can go wrong with it.


@experiment(seeds=range(4), cost=0.01, reduced={"n": 3}, tolerance={"curve": 1e-12, "size": 0})
def run(seed, *, n=10, shift=0.0):
    """Count from a seed."""
    return {"curve": [seed + shift + 0.1 * i for i in range(n)], "size": 28.0, "mean": seed + n}


@pytest.fixture
def made(tmp_path):
    return record(run, tmp_path / "run.json", seeds=run.seeds, threads=1, show=False)


def changed(function):
    """The small experiment with another function in its place."""
    return dataclasses.replace(run, function=function)


def test_a_record_holds_what_each_seed_gave(made, tmp_path):
    again = load("run", tmp_path / "run.json")
    assert again == made
    assert again.seeds == [0, 1, 2, 3]
    assert again.values("mean") == [10, 11, 12, 13]
    assert again.results[2] == run(2)
    assert again.settings == {"n": 10, "shift": 0.0}
    with pytest.raises(ValueError, match="key must be one of curve, size, mean, got 'meen'"):
        again.values("meen")


def test_an_unchanged_experiment_agrees_with_its_record(made):
    assert check(run, made) == []


def other_curve(seed, *, n=10, shift=0.0):
    return run(seed, n=n, shift=shift + 1e-9)


def other_size(seed, *, n=10, shift=0.0):
    return run(seed, n=n) | {"size": 29.0}


def not_a_number(seed, *, n=10, shift=0.0):
    return run(seed, n=n) | {"size": float("nan")}


def shorter(seed, *, n=10, shift=0.0):
    return run(seed, n=n - 1)


def other_default(seed, *, n=11, shift=0.0):
    return run(seed, n=n)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (other_curve, r"curve is \[1e-09, .*recorded \[0\.0, "),
        (other_size, r"size is 29\.0, recorded 28\.0"),
        (not_a_number, r"size is nan, recorded 28\.0"),
        (shorter, "curve is "),
        (other_default, "the settings are .*'n': 11"),
    ],
)
def test_a_changed_experiment_does_not_agree(made, function, message):
    assert re.search(message, "\n".join(check(changed(function), made)))


def test_a_changed_number_in_the_full_result_is_found(made):
    fields = json.loads(json.dumps(made.fields))
    fields["results"][0]["result"]["curve"][1] += 1e-9
    assert "the full run begins" in "\n".join(check(run, Record(fields)))


def test_another_reduced_case_or_other_seeds_need_a_new_record(made):
    assert check(dataclasses.replace(run, reduced={"n": 4}), made)
    assert check(dataclasses.replace(run, seeds=(0, 1, 2)), made)
    assert check(dataclasses.replace(run, tolerance={"mean": 0}), made)


def test_an_interrupted_run_keeps_its_seeds_and_goes_on(tmp_path):
    path, ran = tmp_path / "run.json", []

    def stopping(seed, *, n=10, shift=0.0):
        ran.append(seed)
        if ran == [0, 1, 2]:
            raise KeyboardInterrupt
        return run(seed, n=n)

    with pytest.raises(KeyboardInterrupt):
        record(changed(stopping), path, seeds=range(4), threads=1, show=False)
    assert not path.exists()
    made = record(changed(stopping), path, seeds=range(4), threads=1, show=False)
    assert ran == [0, 1, 2, 2, 3, 0]  # the last one is the reduced case
    assert made.seeds == [0, 1, 2, 3]
    assert [entry.name for entry in tmp_path.iterdir()] == ["run.json"]


@pytest.mark.parametrize("key", ["digest", "settings", "versions", "threads", "processor"])
def test_seeds_finished_under_other_conditions_are_not_used(tmp_path, capsys, key):
    path, result = tmp_path / "run.json.partial", {"seed": 0, "result": {}}
    fields = dict.fromkeys(["date", "digest", "settings", "versions", "threads", "processor"], 1)
    write(path, fields | {"results": [result]})
    assert finished(path, fields | {"date": 2}) == {0: result}
    assert finished(path, fields | {key: 2}) == {}
    assert f"because of another {key}" in capsys.readouterr().err


def test_a_torn_file_of_finished_seeds_is_not_used(tmp_path, capsys):
    path = tmp_path / "run.json.partial"
    path.write_text('{"digest": "ab', encoding="utf-8")
    assert finished(path, {"digest": "ab"}) == {}
    assert "not used" in capsys.readouterr().err


def test_a_result_that_is_not_finite_leaves_the_old_record(made, tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        write(tmp_path / "run.json", made.fields | {"results": [{"result": float("nan")}]})
    assert load("run", tmp_path / "run.json") == made
    assert [entry.name for entry in tmp_path.iterdir()] == ["run.json"]


def test_the_bar_says_how_long_before_and_after_the_first_seed(tmp_path, capsys):
    record(run, tmp_path / "run.json", seeds=(0, 1), threads=1)
    said = capsys.readouterr().err
    assert "about 0 s left, expected" in said
    assert said.index("expected") < said.index("measured")


# ---------------------------------------------------------------------------------------------
# Where it comes from.


def test_the_provenance_is_said_in_words():
    fields = {
        "experiment": "counting",
        "date": "2026-03-01",
        "data": "MNIST",
        "versions": {"Python": "3.11.2", "NumPy": "2.0.1"},
        "processor": "a good processor",
        "threads": 1,
        "cpu_seconds": 61.7,
        "results": [{"seed": 0}, {"seed": 1}, {"seed": 2}],
    }
    assert Record(fields).provenance == (
        "Recorded on 1 March 2026 with the seeds 0 to 2, in 62 CPU seconds on one thread (a good "
        "processor), with Python 3.11.2, NumPy 2.0.1. The data are MNIST. To repeat it: "
        "`python -m bookkit.records counting`."
    )
    fields |= {"threads": 2, "data": "", "results": [{"seed": 3}, {"seed": 5}]}
    assert "the seeds 3, 5, in 62 CPU seconds on 2 threads (a" in Record(fields).provenance
    assert "data" not in Record(fields).provenance


def test_a_record_is_stale_once_code_that_it_can_reach_does_something_else(tmp_path, monkeypatch):
    for folder in ("src", "experiments"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    source = tmp_path / "src"
    monkeypatch.setattr(experiments, "Modules", lambda: Modules(source))
    name = names()[0]
    fields = load(name).fields
    made = Record(fields | {"digest": experiments._digest(find(name).module)})
    made.fields["module"] = find(name).module
    assert not made.is_stale
    validation = source / "mlpbook" / "shared" / "validation.py"
    for path in (source / "bookkit" / "records" / "experiments.py", validation):  # nothing it uses
        with path.open("a", encoding="utf-8") as file:
            file.write("\n\ndef more():\n    return 1\n")
    assert not made.is_stale
    text = validation.read_text(encoding="utf-8")
    validation.write_text(text.replace("len(", "1 * len("), encoding="utf-8")
    assert made.is_stale


def test_a_record_of_an_experiment_that_is_gone_is_stale():
    assert Record({"module": "bookkit.records.experiments.gone", "digest": "0"}).is_stale


def test_a_missing_record_names_the_command_that_makes_it(tmp_path):
    with pytest.raises(FileNotFoundError, match="python -m bookkit.records nothing"):
        load("nothing", tmp_path / "nothing.json")


def test_an_experiment_needs_seeds_a_comparison_and_settings_that_exist():
    options = {"seeds": [0], "cost": 1, "reduced": {"n": 1}, "tolerance": {"mean": 0}}
    for change, message in (
        ({"seeds": []}, "seeds must be at least one number"),
        ({"seeds": [1, 1]}, "none twice"),
        ({"tolerance": {}}, "tolerance must name at least one result"),
        ({"reduced": {"m": 1}}, r"reduced must name .*\['n', 'shift'\], got \['m'\]"),
    ):
        with pytest.raises(ValueError, match=message):
            experiment(**options | change)(run.function)
    with pytest.raises(ValueError, match="name must be that of an experiment, got 'nothing'"):
        find("nothing")


# ---------------------------------------------------------------------------------------------
# The command.


def test_the_command_runs_one_thread_and_lists_without_a_name():
    code = "from bookkit.records.__main__ import main; import os, sys; main(['--list']); "
    code += "print(os.environ['OMP_NUM_THREADS'])"
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "7"}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    *rows, threads = done.stdout.splitlines()
    assert [row.split()[0] for row in rows] == names()
    assert threads == "1"


def test_importing_experiments_loads_no_numpy_whose_threads_would_be_settled():
    code = "import sys, bookkit.records.__main__; print('numpy' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_the_command_ends_with_one_line_for_what_it_cannot_do(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(os, "environ", os.environ.copy())
    assert main(["nothing"]) == 2
    assert capsys.readouterr().err.startswith("error: name must be that of an experiment")
    monkeypatch.setattr("bookkit.records.__main__._RECORDS", tmp_path / "no" / "checkout")
    assert main(["seed_spread"]) == 2
    assert "--output" in capsys.readouterr().err


def test_the_command_makes_all_records_that_are_old_or_missing(monkeypatch):
    states, made = {"one": "stale", "two": "recorded", "three": "no record"}, []
    module = "bookkit.records.__main__"
    monkeypatch.setattr(os, "environ", os.environ.copy())
    monkeypatch.setattr(f"{module}.names", lambda: list(states))
    monkeypatch.setattr(f"{module}.state", states.get)
    monkeypatch.setattr(f"{module}.find", lambda name: run)
    monkeypatch.setattr(f"{module}.record", lambda run, path, **_: made.append(path.stem))
    assert main(["--stale"]) == 0
    assert made == ["one", "three"]
    states.clear()
    assert main(["--stale"]) == 0
    assert made == ["one", "three"]
    assert main(["two"]) == 0
    assert made == ["one", "three", "two"]


def test_a_record_about_mnist_is_not_made_on_the_substitute(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(os, "environ", os.environ.copy())
    with substitute_digits():
        assert load_mnist().is_substitute
        assert main(["seed_spread", "--output", str(tmp_path / "x.json")]) == 2
    assert "must be made on MNIST, but these are scikit-learn's" in capsys.readouterr().err


def test_the_digits_in_use_come_back_after_the_substitute():
    before = os.environ["MLPBOOK_DATA"]
    with substitute_digits():
        assert os.environ["MLPBOOK_DATA"] != before
    assert os.environ["MLPBOOK_DATA"] == before
