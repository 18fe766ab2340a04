"""Time training steps only: python benchmarks/speed.py [WORKLOAD ...] [--rounds N] [--only ...].

Prints, for each workload and contestant, the median microseconds of processor and wall time a
step, how many times as long as NumPy it took (median of the paired ratios, lowest, highest), and
the mean loss of the first and the last epoch. Writes nothing. To compare with another version of
the package, name its folder: PYTHONPATH=/other/src python benchmarks/speed.py
"""

import argparse
import statistics

from benchmarks.protocol import Times, measure
from benchmarks.training_steps import CONTESTANTS, WORKLOADS, Workload, check_learning
from bookkit.records.timing import paired_ratio


def report(task: Workload, times: dict[str, Times]) -> str:
    """Return the lines to print for one workload."""
    lines = [
        f"{task.name}: {'-'.join(map(str, task.sizes))}, batch {task.batch_size}, "
        f"{task.steps} steps",
        f"  {'':14}{'CPU us/step':>12}{'wall':>9}   times NumPy's            loss",
    ]
    for name, t in times.items():
        cpu, wall = (1e6 * statistics.median(values) / task.steps for values in (t.cpu, t.wall))
        ratio = str(paired_ratio(t.cpu, times["numpy"].cpu)) if "numpy" in times else ""
        losses = f"{t.result[0]:.4f} to {t.result[-1]:.4f}" if t.result else ""
        lines.append(f"  {name:14}{cpu:12.1f}{wall:9.1f}   {ratio:24} {losses}")
    return "\n".join(lines)


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help=", ".join(WORKLOADS))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", nargs="+", default=list(CONTESTANTS), choices=list(CONTESTANTS))
    arguments = parser.parse_args()
    if unknown := set(arguments.workloads) - set(WORKLOADS):
        parser.error(f"there is no workload {', '.join(unknown)}: there are {', '.join(WORKLOADS)}")
    contestants = {name: CONTESTANTS[name] for name in arguments.only}
    for name in arguments.workloads or WORKLOADS:
        task = WORKLOADS[name]
        times = measure(contestants, task, rounds=arguments.rounds, check=check_learning)
        print(report(task, times), flush=True)


if __name__ == "__main__":
    main()
