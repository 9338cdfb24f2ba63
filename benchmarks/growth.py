"""How time and memory grow with the number of replicas in one program.

    python -m benchmarks.growth

Each line is a process of its own, so that its peak memory is its own; the 64-64 network on digits.
"""

import os
import resource
import subprocess
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

REPLICAS = (1, 2, 4, 8, 12, 16, 32, 64, 128)


def one(replicas: int) -> None:
    """Print one line of the table."""
    import statistics  # noqa: PLC0415

    from benchmarks.networks import cases  # noqa: PLC0415
    from benchmarks.speed import engine_epoch, seconds  # noqa: PLC0415

    case = cases()[0]
    begin = time.perf_counter()
    epoch, _ = engine_epoch(case, replicas)
    epoch()
    ready = time.perf_counter() - begin
    spent = statistics.median(seconds(epoch) for _ in range(20))
    steps = -(-len(case.dataset.x_train) // case.batch_size)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{replicas:8d} {1e6 * spent / steps / replicas:14.1f} {ready:10.1f} {peak:12.0f}",
        flush=True,
    )


def main() -> None:
    """Print the table."""
    print("replicas  us/step and run  ready, s  peak, MiB", flush=True)
    for replicas in REPLICAS:
        subprocess.run([sys.executable, "-m", "benchmarks.growth", str(replicas)], check=True)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        one(int(sys.argv[1]))
    else:
        main()
