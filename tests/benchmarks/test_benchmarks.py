"""The benchmarks on tiny tasks: correct work, not speed."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.protocol import measure, run_block
from benchmarks.training_steps import CONTESTANTS, WORKLOADS, check_learning

TINY = {
    "a": replace(WORKLOADS["a"], n_samples=20, batch_size=8, epochs=40),
    "e": replace(WORKLOADS["e"], n_samples=20, batch_size=8, epochs=40),
    "c": replace(WORKLOADS["c"], sizes=(20, 8, 3), n_samples=30, batch_size=8, epochs=20),
}


@pytest.mark.parametrize("task", TINY.values(), ids=TINY)
def test_numpy_and_pytorch_do_the_same_work_and_scikit_learn_learns_too(task):
    pytest.importorskip("torch")
    with np.errstate(all="raise"):
        curves = {name: contestant(task)()() for name, contestant in CONTESTANTS.items()}
    assert curves.pop("products") is None
    check_learning(curves)
    assert all(len(curve) == task.epochs for curve in curves.values())
    assert curves["numpy"] == pytest.approx(curves["pytorch"], rel=1e-3)
    assert curves["fused"] == pytest.approx(curves["numpy"], rel=1e-3)


@pytest.mark.parametrize("name", ["numpy", "fused"])
def test_every_run_starts_from_the_same_network(name):
    start = CONTESTANTS[name](TINY["a"])
    assert start()() == start()()


@pytest.mark.parametrize("name", "ae")
def test_every_rung_of_the_ladder_computes_the_plain_steps_losses(name):
    from benchmarks.ladder import LADDER, check_same_losses

    task = replace(TINY[name], n_samples=20, batch_size=20)
    curves = {rung: contestant(task)()() for rung, contestant in LADDER.items()}
    check_same_losses(curves)
    assert {len(curve) for curve in curves.values()} == {task.steps}
    with pytest.raises(RuntimeError, match="flat must compute the plain step's losses"):
        check_same_losses(curves | {"flat": curves["plain"][::-1]})


def test_every_part_of_pytorchs_step_runs():
    pytest.importorskip("torch")
    from benchmarks.pytorch_parts import CONTESTANTS as PARTS

    for part in PARTS.values():
        for task in TINY.values():
            part(replace(task, epochs=1))()()


def test_the_five_workloads_have_the_shapes_and_steps_of_their_names():
    steps = {name: task.steps for name, task in WORKLOADS.items()}
    assert steps == {"a": 250, "e": 2000, "b": 100, "c": 100, "d": 20}
    for task in WORKLOADS.values():
        X, y = task.data()
        assert X.shape == (task.n_samples, task.sizes[0])
        assert X.dtype == np.float32
        assert y.shape[0] == task.n_samples
        assert y.dtype == (np.int64 if task.is_classification else np.float32)


def test_live_processes_take_turns_and_each_round_has_a_time_of_each():
    contestants = {name: CONTESTANTS[name] for name in ("numpy", "products")}
    seen = []
    times = measure(contestants, TINY["a"], rounds=3, check=seen.append, shortest=0.002)
    assert [len(t.cpu) for t in times.values()] == [3, 3]
    assert min(cpu for t in times.values() for cpu in (*t.cpu, *t.wall)) > 0
    [results] = seen
    assert len(results["numpy"]) == TINY["a"].epochs
    assert results["products"] is None


def test_an_error_in_a_contestant_reaches_whoever_measures():
    broken = replace(TINY["a"], activation="Nonsense")
    with pytest.raises(AttributeError, match="Nonsense"):
        measure({"numpy": CONTESTANTS["numpy"]}, broken, rounds=1, shortest=0.002)


def test_a_block_reports_the_mean_of_its_runs_and_times_nothing_else(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("benchmarks.protocol.time.process_time", lambda: now[0])
    monkeypatch.setattr("benchmarks.protocol.time.perf_counter", lambda: 2 * now[0])
    durations = iter([1.0, 2.0, 6.0])

    def start():
        now[0] += 100  # making ready is not timed

        def train():
            now[0] += next(durations)
            return "result"

        return train

    assert run_block(start, 3) == (3.0, 6.0, "result")


@pytest.mark.parametrize("last", [1.0, 0.95, 2.0, math.nan, math.inf])
def test_a_run_that_does_not_learn_is_not_timed(last):
    with pytest.raises(RuntimeError, match="scikit-learn must learn while it is timed"):
        check_learning({"scikit-learn": [1.0, last], "products": None})


@pytest.mark.parametrize("curve", [[1.001, 0.5], [1.0, 0.6]])
def test_losses_that_differ_between_numpy_and_pytorch_are_not_timed(curve):
    check_learning({"numpy": [1.0, 0.5], "pytorch": [1.00001, 0.51]})
    with pytest.raises(RuntimeError, match="numpy and PyTorch must compute the same losses"):
        check_learning({"numpy": [1.0, 0.5], "pytorch": curve})


def test_all_routes_of_the_data_bring_the_same_digits(monkeypatch):
    pytest.importorskip("torchvision")
    from benchmarks import data_route

    monkeypatch.setattr(data_route, "EPOCHS", 1)
    monkeypatch.setattr(data_route, "N_IMAGES", 40)
    monkeypatch.setattr(data_route, "BATCH_SIZE", 16)
    results = {name: route(None)()() for name, route in data_route.ROUTES.items()}
    data_route.check_same_digits(results)
    assert 40_000 <= results["loader"] < 41_000  # 40 images, whose labels are at most 9
    with pytest.raises(RuntimeError, match="same digits"):
        data_route.check_same_digits({**results, "loader": 0.0})


def test_an_import_is_timed_in_an_interpreter_of_its_own():
    from benchmarks.start_up import start

    seconds, mebibytes, torch = start("import sys")
    assert 0 < seconds < 5
    assert 1 < mebibytes < 100  # an interpreter, not this process
    assert not torch
    assert start("import sys; sys.modules['torch'] = sys")[2]


def test_times_are_written_with_six_digits_and_losses_beside_them(tmp_path):
    from benchmarks.bench import contestants, digits, write
    from benchmarks.protocol import Times

    assert digits([0.123456789, 1234.56789, 1.5e-7]) == [0.123457, 1234.57, 1.5e-7]
    times = {"one": Times([2.0, 1.5, 1.0], [0.5], [0.6]), "two": Times(None, [0.1], [0.2])}
    found = contestants(times)
    assert found["one"] == {"cpu": [0.5], "wall": [0.6], "first_loss": 2.0, "last_loss": 1.0}
    assert found["two"] == {"cpu": [0.1], "wall": [0.2]}
    write(found, tmp_path / "new" / "speed.json")
    assert json.loads((tmp_path / "new" / "speed.json").read_text()) == found
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["speed.json"]
