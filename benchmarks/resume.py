"""How long a sweep whose store is full of runs takes until it trains the first new one.

    python -m benchmarks.resume [--runs 10000]

The store is read and checked, builders and data are compared with those that it was made with, and
the model of the new run is built. The first epoch of a process compiles its program as well, with
and without a store; that is told apart.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import bn_companion as bn
from benchmarks.networks import cases, machine
from bn_companion.train.stacked import StackedProgram
from bn_companion.train.store import Store

CASE = cases()[0]


def sweep(store: Path, seeds: Iterable[int]) -> None:
    """Train one epoch of the 64-64 network on digits from every seed that is not in the store."""
    bn.sweep(
        {"digits": CASE.build},
        CASE.dataset,
        seeds=seeds,
        learning_rates=0.05,
        epochs=1,
        store=store,
        n_jobs=1,
        progress=False,
    )


def seconds(store: Path, seeds: Iterable[int]) -> tuple[float, float]:
    """Return the seconds from the call to its first epoch, and those of that epoch."""
    told: list[float] = []
    train_epoch = StackedProgram.train_epoch

    def timed(*arguments: Any) -> Any:
        told.append(time.perf_counter())
        result = train_epoch(*arguments)
        told.append(time.perf_counter())
        return result

    StackedProgram.train_epoch = timed  # type: ignore[method-assign]
    try:
        begin = time.perf_counter()
        sweep(store, seeds)
    finally:
        StackedProgram.train_epoch = train_epoch  # type: ignore[method-assign]
    return told[0] - begin, told[1] - told[0]


def main() -> None:
    """Print the seconds of a new store and of a full one."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=10_000)
    runs = parser.parse_args().runs
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder, "runs.sqlite")
        first, epoch = seconds(store, [0])
        print(f"new store: {first:.2f} s to the first epoch, {epoch:.2f} s for it, compiled")
        row = next(iter(Store(store).rows().values()))
        Store(store).add((*row[:2], seed, *row[3:]) for seed in range(1, runs))
        size = store.stat().st_size / 2**20
        first, epoch = seconds(store, range(runs + 1))
        print(
            f"{runs:,} runs stored ({size:.1f} MiB): {first:.2f} s to the first new epoch, "
            f"{epoch:.2f} s for it"
        )


if __name__ == "__main__":
    main()
