"""Execute chapters afresh and store what changed: ``python -m tests.book.execute [05 ...]``.

A chapter whose outputs all agree with the stored ones, within what its cells declare, keeps its
stored outputs to the byte. A chapter with a cell that fails is left as it was.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path

from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from tests.book import chapters
from tests.book.environment import settle
from tests.book.nbval_tolerance.declarations import read_rules
from tests.book.nbval_tolerance.outputs import compare_cell
from tests.book.normalise import normalise, text_of, write

__all__ = ["Outcome", "execute", "run_cells", "update"]

TIMEOUT = 300
FAILURES = (CellExecutionError, CellTimeoutError, DeadKernelError)


@dataclass
class Outcome:
    """What became of one chapter."""

    path: Path
    cells: int
    seconds: float = 0.0
    changes: list[str] = field(default_factory=list)
    error: str = ""
    written: bool = False

    def __str__(self) -> str:
        verdict = "FAILED, kept as it was" if self.error else "unchanged"
        if self.written:
            verdict = f"{len(self.changes)} outputs changed" if self.changes else "normalised"
        head = f"{self.path.name:<40} {self.cells:3} cells {self.seconds:7.1f} s  {verdict}"
        return "\n".join([head, *(f"  {line}" for line in self.changes or [self.error] if line)])


def run_cells(notebook: NotebookNode, folder: Path) -> Iterator[NotebookNode]:
    """Execute a notebook in place, yielding each code cell once it has run.

    Parameters
    ----------
    notebook : NotebookNode
    folder : Path
        Where the kernel runs: the folder of the notebook, as with nbval.
    """
    settle()
    client = NotebookClient(
        notebook,
        timeout=TIMEOUT,
        kernel_name="python3",
        record_timing=False,
        resources={"metadata": {"path": str(folder)}},
    )
    with client.setup_kernel():
        for index, cell in enumerate(notebook.cells):
            if cell.cell_type == "code":
                client.execute_cell(cell, index)
                yield cell


def execute(notebook: NotebookNode, folder: Path) -> NotebookNode:
    """Return an executed and normalised copy of a notebook."""
    fresh = deepcopy(notebook)
    for _ in run_cells(fresh, folder):
        pass
    return normalise(fresh)


def update(path: Path, *, everything: bool = False) -> Outcome:
    """Execute one chapter and store it if an output changed beyond its tolerance.

    Parameters
    ----------
    path : Path
    everything : bool
        Store the fresh outputs even where all agree.
    """
    stored = chapters.read(path)
    outcome = Outcome(path, sum(c.cell_type == "code" for c in stored.cells))
    start = time.perf_counter()
    try:
        fresh = execute(stored, path.parent)
    except FAILURES as error:
        outcome.error = str(error).strip().splitlines()[-1]
        return outcome
    finally:
        outcome.seconds = time.perf_counter() - start
    code = [(o, n) for o, n in zip(stored.cells, fresh.cells, strict=True) if o.cell_type == "code"]
    for number, (old, new) in enumerate(code):
        if old.execution_count is None:
            outcome.changes.append(f"cell {number}: had not been run")
        elif "nbval-ignore-output" not in old.metadata.get("tags", []):
            found = compare_cell(old.outputs, new.outputs, read_rules(old.metadata))
            outcome.changes += [f"cell {number}, {difference}" for difference in found]
    # All or nothing: a table and a sentence of one chapter must come from the same run.
    result = fresh if outcome.changes or everything else normalise(stored)
    if text_of(result) != path.read_text(encoding="utf-8"):
        write(result, path)
        outcome.written = True
    return outcome


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.book.execute", description=__doc__)
    parser.add_argument("chapters", nargs="*", help="all if none is named")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument(
        "--everything", action="store_true", help="store fresh outputs even where all agree"
    )
    options = parser.parse_args(arguments)
    failed = 0
    with ProcessPoolExecutor(options.workers) as pool:
        jobs = [
            pool.submit(update, path, everything=options.everything)
            for path in chapters.find(options.chapters)
        ]
        for job in as_completed(jobs):
            outcome = job.result()
            failed += bool(outcome.error)
            print(outcome, flush=True)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
