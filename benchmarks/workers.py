"""What workers are worth: one sweep in this process, in loky's workers and on a Dask cluster.

    python -m benchmarks.workers [--seeds 8] [--epochs 40] [--rounds 3] [--workers 2]

The convnet on digits: what does not stack is trained one run after the other, and spread over
processes. Each way is started first, with one epoch of a chunk for each of its workers; then the
ways take turns with the sweep itself. Medians over the rounds.
"""

import argparse
import os
import statistics
import time
from contextlib import ExitStack
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import joblib
import pandas as pd

import bn_companion as bn
from benchmarks.networks import Case, cases, machine

HERE, START, SWEEP = "this process", "to start, s", "sweep, s"


def ways_of(workers: int, stack: ExitStack) -> dict[str, tuple[int, dict[str, Any]]]:
    """Return the ways to train, by name: number of workers, and what joblib is told."""
    ways: dict[str, tuple[int, dict[str, Any]]] = {
        HERE: (1, {"n_jobs": 1}),
        f"loky, {workers} workers": (workers, {"backend": "loky", "n_jobs": workers}),
    }
    try:
        from distributed import Client, LocalCluster  # noqa: PLC0415 (the extra "cluster")
    except ImportError:
        return ways
    for number in (1, workers):
        cluster = LocalCluster(n_workers=number, threads_per_worker=1, dashboard_address=None)
        client = stack.enter_context(Client(stack.enter_context(cluster), set_as_default=False))
        name = f"Dask, {number} worker{'s' * (number > 1)}"
        ways[name] = (number, {"backend": "dask", "client": client})
    return ways


def compare(
    case: Case, *, seeds: int, epochs: int, chunk_size: int, rounds: int, workers: int
) -> pd.DataFrame:
    """Return the seconds to start and the seconds of the sweep, one row a way."""

    def seconds(how: dict[str, Any], seeds: int, epochs: int) -> float:
        begin = time.perf_counter()
        with joblib.parallel_config(**how):
            bn.sweep(
                case.build,
                case.dataset,
                seeds=seeds,
                learning_rates=0.05,
                epochs=epochs,
                batch_size=case.batch_size,
                chunk_size=chunk_size,
                progress=False,
            )
        return time.perf_counter() - begin

    with ExitStack() as stack:
        ways = ways_of(workers, stack)
        start = {name: seconds(how, number * chunk_size, 1) for name, (number, how) in ways.items()}
        spent: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(rounds):
            for name, (_, how) in ways.items():
                spent[name].append(seconds(how, seeds, epochs))
    sweep = {name: statistics.median(times) for name, times in spent.items()}
    return pd.DataFrame({START: start, SWEEP: sweep})


def worth_from(table: pd.DataFrame, way: str, *, beside: str, machines: int = 1) -> float | None:
    """Return from how many seconds on the way `beside` it another one earns back its start."""
    gain = 1 - table[SWEEP][way] / machines / table[SWEEP][beside]
    return float(table[START][way] / gain) if gain > 0 else None


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=joblib.cpu_count())
    options = vars(parser.parse_args())
    print(machine())
    print(f"convnet on digits, {options['seeds']} runs of {options['epochs']} epochs")
    case = next(case for case in cases() if case.conv)
    table = compare(case, chunk_size=1, **options)
    for one in (HERE, "Dask, 1 worker"):
        if one in table.index:
            table[f"times {one}"] = table[SWEEP][one] / table[SWEEP]
    print(table.round(2).to_string())
    worth = worth_from(table, table.index[1], beside=HERE)
    if worth is not None:
        print(f"loky's workers pay off for a sweep of more than {worth:.0f} s in this process")


if __name__ == "__main__":
    main()
