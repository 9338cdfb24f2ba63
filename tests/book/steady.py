"""Verify the book again and again, on other machines' stand-ins and here.

``python -m tests.book.steady [05 ...] [--runs 10]``, which is `make steady`: the notebooks must
pass once under each variant, and then every time. Exits with 1 if any run fails.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from collections.abc import Sequence

from tests.book import chapters
from tests.book.variants import AS_IT_IS, ONE_CORE, VARIANTS, run

__all__ = ["main"]

LOGS = chapters.ROOT / "verification-failures" / "steady"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.book.steady", description=__doc__)
    parser.add_argument("chapters", nargs="*", help="all if none is named")
    parser.add_argument("--runs", type=int, default=10, help="on this machine as it is")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    options = parser.parse_args(arguments)
    paths = [str(path) for path in chapters.find(options.chapters)]
    LOGS.mkdir(parents=True, exist_ok=True)
    # The stand-ins first: they are the likelier to fail.
    plan = [v for v in VARIANTS if v != AS_IT_IS] + [AS_IT_IS] * options.runs
    failed = 0
    for number, variant in enumerate(plan, start=1):
        log = LOGS / f"{number:02}-{variant.replace(' ', '-')}.log"
        start = time.perf_counter()
        # One worker a core: more would only measure how they wait for each other.
        workers = 1 if variant == ONE_CORE else options.workers
        status = run(variant, "pytest", [*_NBVAL, "-n", str(workers), *paths], log=log)
        seconds = time.perf_counter() - start
        summary = _last_line(log.read_text(encoding="utf-8"))
        print(f"{number:2} of {len(plan)}  {variant:<16} {seconds:6.0f} s  {summary}", flush=True)
        if status != 0:
            failed += 1
            print(f"    see {log.relative_to(chapters.ROOT)}", flush=True)
    print(f"{len(plan) - failed} of {len(plan)} runs passed")
    return int(failed > 0)


_NBVAL = [
    *("--nbval", "--nbval-current-env", "--nbval-cell-timeout", "300"),
    *("--dist", "loadfile", "-q", "--color=no", "-p", "no:cacheprovider"),
]


def _last_line(log: str) -> str:
    """Return what pytest counted, without its time."""
    line = log.strip().splitlines()[-1] if log.strip() else "no output"
    return re.sub(r" in [\d.]+s.*", "", line.strip("= "))


if __name__ == "__main__":
    sys.exit(main())
