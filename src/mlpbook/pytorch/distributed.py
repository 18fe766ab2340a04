r"""Data-parallel training: several processes, each with its share of every batch.

Start it with PyTorch's launcher, on one machine::

    torchrun --standalone --nproc-per-node 2 -m mlpbook.pytorch.distributed \
        --epochs 5 --checkpoint run.npz

Options: ``--epochs --batch-size --hidden --learning-rate --seed --checkpoint FILE --resume``
``--dtype float64|float32 --device cpu|cuda``, and ``--measure``, which times the all-reduce instead
of training. The batch size is that of all processes together, so that another number of processes
computes the same steps, up to rounding. The processes talk over gloo, or over NCCL on GPUs.

When a process dies, the others cannot go on: each ends with one line. The checkpoint is replaced
after every epoch, whole or not at all; the same command with ``--resume`` goes on from it.
"""

import argparse
import os
import re
import signal
import socket
import statistics
import sys
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.optim import Optimizer

from mlpbook.data import batches, load_mnist
from mlpbook.pytorch.network import MLP
from mlpbook.shared.files import read_state, write_state

__all__ = ["all_reduce_seconds", "load_checkpoint", "main", "save_checkpoint", "shard", "step"]

MOMENTUM = 0.9
TIMEOUT = timedelta(seconds=60)  # after which a process that does not answer counts as dead
PAYLOADS = (1_000, 10_000, 100_000, 1_000_000)  # numbers


def shard(batch: np.ndarray[Any, Any], rank: int, n_processes: int) -> np.ndarray[Any, Any]:
    """Return the part of a batch that one process works on; sizes differ by 1 at most.

    >>> [shard(np.arange(5), rank, 2).tolist() for rank in range(2)]
    [[0, 2, 4], [1, 3]]
    """
    return batch[rank::n_processes]


def step(
    model: nn.Module, optimizer: Optimizer, X: Tensor, y: Tensor, *, weighted: bool = True
) -> float:
    """Make one step on a batch of which this process holds X, y; return the batch's mean loss.

    Unless `weighted`, all shards count alike, which is wrong where their sizes differ.
    """
    optimizer.zero_grad()
    outputs = model(X)  # a shard is empty where there are more processes than samples
    loss = nn.functional.cross_entropy(outputs, y) if len(y) else 0 * outputs.sum()
    loss.backward()
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    weight = len(y) if weighted else 1
    parts = [g.flatten() for g in gradients] + [loss.detach().view(1)]
    total = torch.cat([weight * torch.cat(parts), parts[-1].new_full((1,), weight)])
    dist.all_reduce(total)  # the sum over all processes, in one message
    average = total[:-1] / total[-1]
    sizes = [g.numel() for g in gradients]
    for gradient, mean in zip(gradients, torch.split(average[:-1], sizes), strict=True):
        gradient.copy_(mean.view_as(gradient))
    optimizer.step()  # the same on every process
    return float(average[-1])


def save_checkpoint(
    path: Path, model: nn.Module, optimizer: Optimizer, losses: Sequence[float], settings: str
) -> None:
    """Write parameters, velocities and the losses by epoch: the new file replaces the old one."""
    state = {"losses": np.array(losses), "settings": np.array(settings)}
    for number, p in enumerate(model.parameters()):
        velocity = optimizer.state[p]["momentum_buffer"]
        state[f"parameter{number}"] = p.detach().cpu().numpy()
        state[f"velocity{number}"] = velocity.cpu().numpy()
    new = path.with_name(f"{path.name}.new")
    write_state(new, state)
    with new.open("rb") as file:
        os.fsync(file.fileno())  # on the disk before it takes the name
    os.replace(new, path)


def load_checkpoint(
    path: Path, model: nn.Module, optimizer: Optimizer, settings: str
) -> list[float]:
    """Restore what `save_checkpoint` wrote; return the losses. Nothing in the file is executed.

    Raises
    ------
    OSError
        If there is no such file.
    ValueError
        If it is another kind of file, or of a run with other settings.
    """
    state = read_state(path)
    if (found := str(state.get("settings", "no settings"))) != settings:
        raise ValueError(f"{path} must be of a run with {settings}, got {found}. Use its options.")
    for number, p in enumerate(model.parameters()):
        parameter, velocity = (
            torch.as_tensor(state[f"{name}{number}"], device=p.device)
            for name in ("parameter", "velocity")
        )
        with torch.no_grad():
            p.copy_(parameter)
        optimizer.state[p]["momentum_buffer"] = velocity
    return [float(loss) for loss in state["losses"]]


def train(options: argparse.Namespace, device: torch.device, dtype: torch.dtype) -> None:
    """Train an MLP on all processes of the group; the process of rank 0 reports and saves."""
    rank, n_processes = dist.get_rank(), dist.get_world_size()
    X, y = _digits(options.synthetic)
    X = torch.as_tensor((X - X.mean()) / X.std(), dtype=dtype, device=device)
    y = torch.as_tensor(y, device=device)
    sizes = [X.shape[1], *options.hidden, 10]
    model = MLP(sizes, rng=np.random.default_rng(options.seed), dtype=dtype, device=device)
    optimizer = torch.optim.SGD(model.parameters(), lr=options.learning_rate, momentum=MOMENTUM)
    settings = (
        f"sizes {sizes}, {len(X)} samples, batch size {options.batch_size}, learning rate "
        f"{options.learning_rate}, seed {options.seed}, {dtype}, {n_processes} processes"
    )
    losses: list[float] = []
    if options.resume:
        losses = load_checkpoint(options.checkpoint, model, optimizer, settings)
    n_steps = -(-len(X) // options.batch_size)
    for epoch in range(len(losses), options.epochs):
        rng = np.random.default_rng([options.seed, epoch])  # the same order on every process
        total = 0.0
        with _progress_bar(epoch, n_steps, show=rank == 0) as bar:
            for batch in batches(len(X), options.batch_size, rng=rng):
                mine = shard(batch, rank, n_processes)
                total += len(batch) * step(model, optimizer, X[mine], y[mine])
                bar.update()
        losses.append(total / len(X))
        if rank == 0:
            print(f"epoch {epoch + 1}: mean loss {losses[-1]:.6f}", flush=True)
            if options.checkpoint:
                save_checkpoint(options.checkpoint, model, optimizer, losses, settings)
    dist.barrier()  # no process leaves before the last checkpoint is written


def all_reduce_seconds(n_numbers: int, *, repeats: int, like: Tensor) -> float:
    """Return the median time of adding up vectors of this length, dtype and device.

    All processes of the group call it together; `like` gives dtype and device.
    """
    vector = like.new_ones(n_numbers)
    times = []
    for _ in range(repeats):
        dist.barrier()
        started = time.perf_counter()
        dist.all_reduce(vector)
        vector[0].item()  # waits for a GPU
        vector.fill_(1)
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line in one of the processes that torchrun starts; return its exit status."""
    options = _parser().parse_args(arguments)
    if options.resume and not options.checkpoint:
        print("error: --resume needs --checkpoint FILE", file=sys.stderr)
        return 2
    if "RANK" not in os.environ:
        print(
            "error: start this with torchrun --standalone --nproc-per-node 2 "
            "-m mlpbook.pytorch.distributed",
            file=sys.stderr,
        )
        return 2
    device = torch.device(options.device)
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    elif "lo" in dict(map(reversed, socket.if_nameindex())):  # type: ignore[arg-type]
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")  # all processes are on this machine
    signal.signal(signal.SIGTERM, _terminated)  # torchrun ends the others when one has died
    try:
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=TIMEOUT)
        dtype = getattr(torch, options.dtype)
        if options.measure:
            like = torch.ones(1, dtype=dtype, device=device)
            for n in PAYLOADS:
                seconds = all_reduce_seconds(n, repeats=20, like=like)
                if dist.get_rank() == 0:
                    print(f"{n} numbers, {n * like.element_size()} bytes: {1e3 * seconds:.3f} ms")
        else:
            train(options, device, dtype)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        return 2
    except (RuntimeError, _Terminated) as error:
        if not (isinstance(error, _Terminated) or re.search("gloo|nccl", str(error), re.I)):
            raise  # an error of this process
        saved = options.checkpoint and options.checkpoint.exists()
        hint = f"Go on from {options.checkpoint} with --resume." if saved else "Nothing was saved."
        print(f"\nerror: another process of this job has died. {hint}", file=sys.stderr, flush=True)
        os._exit(1)  # without waiting for the others
    dist.destroy_process_group()
    return 0


class _Terminated(Exception):
    """torchrun has ended this process."""


def _terminated(*_: object) -> None:
    raise _Terminated("terminated")


def _digits(n_synthetic: int | None) -> tuple[Any, Any]:
    """Return MNIST's training images and labels, or as many random ones, for tests."""
    if n_synthetic is None:
        return load_mnist().flat()[:2]
    rng = np.random.default_rng(0)
    return rng.standard_normal((n_synthetic, 20)), rng.integers(10, size=n_synthetic)


def _progress_bar(epoch: int, n_steps: int, *, show: bool) -> Any:
    from tqdm import tqdm

    return tqdm(total=n_steps, desc=f"epoch {epoch + 1}", unit="step", disable=not show)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="torchrun -m mlpbook.pytorch.distributed")
    parser.add_argument("--epochs", type=int, default=5, help="passes over the data (default 5)")
    parser.add_argument("--batch-size", type=int, default=256, help="of all processes together")
    parser.add_argument("--hidden", type=int, nargs="*", default=[256], help="hidden widths")
    parser.add_argument("--learning-rate", type=float, default=0.05)
    parser.add_argument("--seed", type=int, default=0, help="of the start and the order")
    parser.add_argument("--checkpoint", type=Path, metavar="FILE", help="written every epoch")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint")
    parser.add_argument("--dtype", choices=["float32", "float64"], default="float32")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--measure", action="store_true", help="time the all-reduce and stop")
    parser.add_argument("--synthetic", type=int, help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
