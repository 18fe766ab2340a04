"""Data-parallel training: real jobs of two processes on this machine, without data."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from mlpbook.pytorch import distributed
from mlpbook.pytorch.network import MLP
from mlpbook.shared.files import read_state

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="processes are killed by signals"),
]

LAUNCH = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
EPOCHS = 120
OPTIONS = f"--synthetic 41 --batch-size 20 --hidden 8 --epochs {EPOCHS} --dtype float64".split()
SOURCE = str(Path(distributed.__file__).parents[2])

STEPS = """
import sys
import numpy as np, torch, torch.distributed as dist
from mlpbook.pytorch.distributed import shard, step
from mlpbook.pytorch.network import MLP
dist.init_process_group("gloo")
rank, state = dist.get_rank(), {}
data = np.load(sys.argv[1])
X, y = torch.as_tensor(data["X"]), torch.as_tensor(data["y"])
for name, sizes, weighted in (
    ("even", [6, 6, 6], True), ("uneven", [7, 5, 7], True), ("alone", [1, 1, 1], True),
    ("unweighted", [7, 5, 7], False), ("unweighted even", [6, 6, 6], False),
):
    model = MLP([3, 4, 10], rng=np.random.default_rng(0), dtype=torch.float64)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5, momentum=0.9)
    for number, n in enumerate(sizes):
        mine = shard(np.arange(n), rank, dist.get_world_size())
        loss = step(model, optimizer, X[mine], y[mine], weighted=weighted)
        state[f"{name} {number} loss"] = loss
        for k, p in enumerate(model.parameters()):
            state[f"{name} {number} {k}"] = p.detach().numpy().copy()
            state[f"{name} {number} gradient {k}"] = p.grad.numpy().copy()
np.savez(f"{sys.argv[2]}{rank}.npz", **state)
dist.destroy_process_group()
"""


def start(*arguments: str, n_processes: int = 2) -> "subprocess.Popen[str]":
    """Start a job of several processes."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": SOURCE}
    return subprocess.Popen(
        [*LAUNCH, f"--nproc-per-node={n_processes}", *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(job: "subprocess.Popen[str]") -> tuple[int, str, str]:
    """Wait for a job; return its exit status, output and errors."""
    output, errors = job.communicate(timeout=60)
    return job.returncode, output, errors


def run_module(checkpoint: Path, *more: str) -> "subprocess.Popen[str]":
    module = "mlpbook.pytorch.distributed"
    return start("-m", module, *OPTIONS, "--checkpoint", str(checkpoint), *more)


def workers(job: "subprocess.Popen[str]") -> list[int]:
    """Return the process ids of a job's workers, oldest first."""
    listing = subprocess.check_output(["ps", "-eo", "pid=,ppid=,args="], text=True)
    rows = [line.split(maxsplit=2) for line in listing.splitlines()]
    mine = [int(r[0]) for r in rows if int(r[1]) == job.pid and "mlpbook" in r[2]]
    return sorted(mine)


def wait_for(path: Path, job: "subprocess.Popen[str]") -> None:
    """Wait until a file exists."""
    deadline = time.monotonic() + 50
    while not path.exists():
        assert job.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[float], str]:
    """The losses of a job that nothing disturbed, and its standard error."""
    path = tmp_path_factory.mktemp("whole") / "run.npz"
    status, output, errors = finish(run_module(path))
    assert status == 0, errors
    assert output.count("mean loss") == EPOCHS  # one process reports
    return read_state(path)["losses"].tolist(), errors


@pytest.fixture(scope="module", params=[2, 3])
def steps(request, tmp_path_factory) -> tuple[dict[str, np.ndarray], ...]:
    """What two or three processes had after each of three steps, for several batch sizes."""
    folder = tmp_path_factory.mktemp("steps")
    rng = np.random.default_rng(1)
    np.savez(folder / "data.npz", X=rng.standard_normal((7, 3)), y=rng.integers(10, size=7))
    script = folder / "steps.py"
    script.write_text(STEPS, encoding="utf-8")
    arguments = (str(script), str(folder / "data.npz"), str(folder / "rank"))
    status, _, errors = finish(start(*arguments, n_processes=request.param))
    assert status == 0, errors
    return tuple(dict(np.load(folder / f"rank{rank}.npz")) for rank in range(request.param))


def whole_batch(sizes: list[int]) -> dict[str, np.ndarray]:
    """Return what one process gets that holds the whole batch."""
    rng = np.random.default_rng(1)
    X, y = torch.as_tensor(rng.standard_normal((7, 3))), torch.as_tensor(rng.integers(10, size=7))
    model = MLP([3, 4, 10], rng=np.random.default_rng(0), dtype=torch.float64)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5, momentum=0.9)
    state = {}
    for number, n in enumerate(sizes):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(X[:n]), y[:n])
        loss.backward()
        optimizer.step()
        state[f"{number} loss"] = np.array(loss.item())
        for k, p in enumerate(model.parameters()):
            assert p.grad is not None
            state[f"{number} {k}"] = p.detach().numpy().copy()
            state[f"{number} gradient {k}"] = p.grad.numpy().copy()
    return state


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("even", [6, 6, 6]),
        ("uneven", [7, 5, 7]),
        ("alone", [1, 1, 1]),
        ("unweighted even", [6, 6, 6]),
    ],
)
def test_every_step_of_several_processes_is_that_of_the_whole_batch(steps, name, sizes):
    for key, expected in whole_batch(sizes).items():
        for process in steps:
            np.testing.assert_allclose(process[f"{name} {key}"], expected, rtol=0, atol=1e-12)


def test_unweighted_averages_are_wrong_when_the_shards_differ_in_size(steps):
    expected = whole_batch([7, 5, 7])
    key = "0 gradient 0"
    assert np.abs(steps[0][f"unweighted {key}"] - expected[key]).max() > 1e-3
    assert np.array_equal(steps[0][f"unweighted {key}"], steps[1][f"unweighted {key}"])


def test_shards_hold_every_sample_once_and_differ_in_size_by_one_at_most():
    for n in range(1, 9):
        parts = [distributed.shard(np.arange(n), rank, 3) for rank in range(3)]
        assert sorted(np.concatenate(parts)) == list(range(n))
        assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_only_one_process_draws_the_progress_bar(uninterrupted):
    assert "epoch 1: 100%" in uninterrupted[1]
    assert uninterrupted[1].count("epoch 1: 100%") == 1


def test_a_job_whose_worker_was_killed_says_so_in_one_line_and_resumes_exactly(
    uninterrupted, tmp_path
):
    path = tmp_path / "run.npz"
    job = run_module(path)
    wait_for(path, job)
    os.kill(workers(job)[1], signal.SIGKILL)
    status, _, errors = finish(job)
    assert status != 0
    line = f"error: another process of this job has died. Go on from {path} with --resume."
    assert errors.splitlines().count(line) == 1
    assert 0 < len(read_state(path)["losses"]) < EPOCHS
    status, output, errors = finish(run_module(path, "--resume"))
    assert status == 0, errors
    assert output.count("mean loss") < EPOCHS
    assert read_state(path)["losses"].tolist() == uninterrupted[0]


def test_a_job_of_which_every_process_was_killed_resumes_exactly(uninterrupted, tmp_path):
    path = tmp_path / "run.npz"
    job = run_module(path)
    wait_for(path, job)
    for process in (*workers(job), job.pid):
        os.kill(process, signal.SIGKILL)
    finish(job)
    assert 0 < len(read_state(path)["losses"]) < EPOCHS
    status, _, errors = finish(run_module(path, "--resume"))
    assert status == 0, errors
    assert read_state(path)["losses"].tolist() == uninterrupted[0]


def test_a_checkpoint_of_other_settings_is_refused(tmp_path):
    model = MLP([3, 10], rng=np.random.default_rng(0))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    model(torch.ones(2, 3)).sum().backward()
    optimizer.step()
    distributed.save_checkpoint(tmp_path / "a.npz", model, optimizer, [1.0], "these settings")
    with pytest.raises(ValueError, match="must be of a run with others, got these settings"):
        distributed.load_checkpoint(tmp_path / "a.npz", model, optimizer, "others")
    assert distributed.load_checkpoint(tmp_path / "a.npz", model, optimizer, "these settings") == [
        1.0
    ]
    assert [file.name for file in tmp_path.iterdir()] == ["a.npz"]  # nothing is left beside it


def test_without_torchrun_the_command_says_how_to_start_it(monkeypatch, capsys):
    monkeypatch.delenv("RANK", raising=False)
    assert distributed.main([]) == 2
    assert "torchrun --standalone --nproc-per-node 2" in capsys.readouterr().err
    assert distributed.main(["--resume"]) == 2
    assert "--resume needs --checkpoint FILE" in capsys.readouterr().err


def test_the_all_reduce_of_one_process_is_timed(tmp_path):
    store = torch.distributed.FileStore(str(tmp_path / "store"), 1)
    torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    try:
        seconds = distributed.all_reduce_seconds(10, repeats=3, like=torch.ones(1))
    finally:
        torch.distributed.destroy_process_group()
    assert seconds > 0
