"""Time the training step: python benchmarks/speed.py [WORKLOAD ...] [--rounds N] [--only NAME ...].

Prints, for each workload, the median microseconds of processor time a step for every contestant,
how many times as long as NumPy each took (median of paired ratios, lowest, highest), and the mean
loss of the first and the last epoch.
"""

import argparse
import statistics

from protocol import Times, measure, paired_ratio, workload
from workloads import CONTESTANTS, WORKLOADS, Workload


def table(task: Workload, times: dict[str, Times]) -> str:
    """Return the lines to print for one workload."""
    shape = "-".join(map(str, task.sizes))
    lines = [
        f"{task.name}: {shape}, batch {task.batch_size}, {task.steps} steps",
        f"  {'':14}{'CPU us/step':>12}{'wall':>9}   times NumPy's            loss",
    ]
    for name, t in times.items():
        cpu, wall = (1e6 * statistics.median(v) / task.steps for v in (t.cpu, t.wall))
        ratio = str(paired_ratio(t.cpu, times["numpy"].cpu)) if "numpy" in times else ""
        losses = "" if t.first_loss is None else f"{t.first_loss:.4f} to {t.last_loss:.4f}"
        lines.append(f"  {name:14}{cpu:12.1f}{wall:9.1f}   {ratio:24} {losses}")
    return "\n".join(lines)


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("workloads", nargs="*", default=list(WORKLOADS), metavar="WORKLOAD")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", nargs="+", default=list(CONTESTANTS), choices=list(CONTESTANTS))
    arguments = parser.parse_args()
    for name in arguments.workloads:
        task = workload(name)
        print(table(task, measure(task, arguments.only, rounds=arguments.rounds)), flush=True)


if __name__ == "__main__":
    main()
