"""How time and memory grow with replicas, width, depth and data, and what pays off from where.

    python -m benchmarks.growth > benchmarks/growth.txt

Networks like the 64-64 of the digits; one number grows at a time. Each line is a process of its
own, so that its peak memory is its own. The last lines are drawn from the measured numbers: how
many replicas a chunk should have, from where on more processes are worth their start, and from
where on a cluster is.
"""

import dataclasses
import json
import math
import os
import resource
import statistics
import subprocess
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pandas as pd

AXES = {
    "replicas": (1, 2, 4, 8, 12, 16, 24, 48, 96),
    "units": (16, 64, 256, 1024),
    "layers": (1, 2, 4, 8),
    "examples": (500, 2000, 8000, 32000),
}
_SECONDS_A_LINE = 2.0
# Chunks narrower by a little are as good as the fastest, and leave memory.
_AS_GOOD_AS = 1.05


@dataclasses.dataclass(frozen=True)
class Point:
    """What is trained, side by side in one program."""

    replicas: int = 12
    units: int = 64
    layers: int = 2
    examples: int = 1000

    def measure(self) -> dict[str, float]:
        """Return microseconds a step and run, also of the processor, seconds until ready, peak."""
        from benchmarks.networks import Case, random_pixels  # noqa: PLC0415
        from benchmarks.speed import engine_epoch, seconds  # noqa: PLC0415

        data = random_pixels(self.examples, inputs=64)
        case = Case("mlp", data, (self.units,) * self.layers, "relu", batch_size=32)
        begin = time.perf_counter()
        epoch, side = engine_epoch(case, self.replicas)
        epoch()
        ready = time.perf_counter() - begin
        spent, processor = [], time.process_time()
        while sum(spent) < _SECONDS_A_LINE:
            spent.append(seconds(epoch))
        processor = (time.process_time() - processor) / len(spent)
        scale = 1e6 / math.ceil(self.examples / case.batch_size) / side
        return {
            "us a step and run": scale * statistics.median(spent),
            "us of processor": scale * processor,
            "ready, s": ready,
            "peak, MiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }

    def measured_apart(self) -> dict[str, float]:
        """Measure in a process of its own."""
        said = subprocess.run(
            [sys.executable, "-m", "benchmarks.growth", json.dumps(dataclasses.asdict(self))],
            check=True,
            stdout=subprocess.PIPE,
        ).stdout
        measured: dict[str, float] = json.loads(said.splitlines()[-1])
        return measured


def table_of(axis: str) -> pd.DataFrame:
    """Return a row for every value on one axis, all else being as in `Point`."""
    rows = {
        value: Point(**{axis: value}).measured_apart()  # type: ignore[arg-type]
        for value in AXES[axis]
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(axis)


def chunking(replicas: pd.DataFrame) -> tuple[int, str]:
    """Return how many replicas a chunk should have, and why."""
    cost, peak = replicas["us a step and run"], replicas["peak, MiB"]
    best = int(cost[cost <= _AS_GOOD_AS * cost.min()].index[0])
    last = int(cost.index[-1])
    each = (peak[last] - peak.iloc[0]) / (last - cost.index[0])
    alone = f"a step of one run costs {cost[1]:.0f} us alone, {cost[best]:.0f} us among {best}"
    costs = f"and each replica takes {each:.1f} MiB"
    if best == last:
        return best, f"chunks may have {best} replicas or more: {alone}, {costs}"
    return best, (
        f"chunks pay off beyond {best} replicas: {alone}, {cost[last]:.0f} us among {last}, {costs}"
    )


def more_machines(chunk: int) -> list[str]:
    """Return the table of ways to train one sweep, and from where on they are worth their start."""
    import joblib  # noqa: PLC0415

    from benchmarks.networks import cases  # noqa: PLC0415
    from benchmarks.workers import HERE, compare, worth_from  # noqa: PLC0415

    count = joblib.cpu_count()
    options = {"seeds": 4 * chunk, "epochs": 60, "chunk_size": chunk, "rounds": 3}
    table = compare(cases()[0], workers=count, **options)
    loky, *dask = table.index[1:]
    lines = [f"digits 64-64, {4 * chunk} runs in 4 chunks", table.round(2).to_string(), ""]
    worth = worth_from(table, loky, beside=HERE)
    lines.append(
        f"{count} processes do not pay off on this machine"
        if worth is None
        else f"{count} processes pay off beyond {worth:.0f} s of training in one"
    )
    if dask:
        worth = worth_from(table, dask[-1], beside=loky, machines=2)
        lines.append(
            "a cluster of two such machines does not pay off"
            if worth is None
            else f"a cluster of two such machines pays off beyond {worth:.0f} s of training on one"
        )
    return lines


def main() -> None:
    """Print the tables, and what follows from them."""
    from benchmarks.networks import machine  # noqa: PLC0415

    print(machine(), end="\n\n")
    tables = {}
    for axis in AXES:
        tables[axis] = table_of(axis)
        print(tables[axis].round(1).to_string(), end="\n\n", flush=True)
    best, said = chunking(tables["replicas"])
    lines = more_machines(best)
    print("\n".join([*lines[:2], "", said, *lines[3:]]))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(Point(**json.loads(sys.argv[1])).measure()))
    else:
        main()
