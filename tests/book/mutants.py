"""Plant faults in the chapters and count what the verification catches.

``python -m tests.book.mutants [05 ...]``, which is `make mutants`: each chapter is executed once,
every fault in the stored outputs is compared against that run, and every fault in the code (from
``planted.toml``) is executed. Exits with 1 if a fault survives.
"""

from __future__ import annotations

import argparse
import os
import sys
import tomllib
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from copy import deepcopy
from pathlib import Path
from typing import NamedTuple

from nbformat import NotebookNode

from tests.book import chapters
from tests.book.execute import FAILURES, execute, run_cells
from tests.book.faults import KINDS, plant
from tests.book.nbval_tolerance.declarations import DeclarationError, read_rules
from tests.book.nbval_tolerance.outputs import compare_cell
from tests.book.prose import find_measured_in_cell
from tests.book.stored import IGNORE, problems

__all__ = ["CODE", "Result", "objections", "plant_in_code", "plant_in_outputs", "planted_code"]

CODE = "code changed"
_PLANTED = Path(__file__).with_name("planted.toml")


class Result(NamedTuple):
    """What became of one fault: what caught it, or nothing."""

    chapter: str
    kind: str
    where: str
    caught: str


def objections(
    stored: NotebookNode, fresh: NotebookNode, *, cells: Sequence[int] | None = None
) -> list[str]:
    """Return what the verification has against a stored notebook, given one run of it.

    Parameters
    ----------
    stored, fresh : NotebookNode
    cells : sequence of int, optional
        The cells to look at first, where only those can differ.
    """
    for index in range(len(stored.cells)) if cells is None else cells:
        found = [str(finding) for finding in find_measured_in_cell(stored.cells[index])]
        found += _compare(stored.cells[index], fresh.cells[index])
        if found:
            return found
    return problems(stored)


def _compare(cell: NotebookNode, fresh: NotebookNode) -> list[str]:
    if cell.cell_type != "code" or IGNORE in cell.metadata.get("tags", []):
        return []
    try:
        rules = read_rules(cell.metadata)
    except DeclarationError as error:  # pytest stops at it, when it collects the notebook
        return [str(error)]
    return [str(difference) for difference in compare_cell(cell.outputs, fresh.outputs, rules)]


def plant_in_outputs(name: str, stored: NotebookNode, fresh: NotebookNode) -> list[Result]:
    """Plant each fault in the stored outputs and text of a notebook.

    Raises
    ------
    ValueError
        If the notebook does not pass as it is: then everything would look caught.
    """
    before = objections(stored, fresh)
    if before:
        raise ValueError(f"{name} does not pass before anything is planted: {before[0]}")
    results = []
    for fault in plant(stored, fresh):
        faulty = deepcopy(stored)
        fault.plant(faulty)
        caught = objections(faulty, fresh, cells=[fault.cell])
        results.append(Result(name, fault.kind, fault.where, caught[0] if caught else ""))
    return results


def planted_code() -> list[dict[str, str]]:
    """Return the faults in code, each with its chapter, find, replace and why."""
    faults: list[dict[str, str]] = tomllib.loads(_PLANTED.read_text(encoding="utf-8"))["fault"]
    return faults


def plant_in_code(fault: dict[str, str], path: Path) -> Result:
    """Change the code of the one cell that holds it and run the chapter until a cell objects.

    Raises
    ------
    ValueError
        If what is to be replaced does not stand exactly once in the chapter, or if a cell before
        it differs already: that would look like the fault being caught.
    """
    stored = chapters.read(path)
    faulty = deepcopy(stored)
    code = [c for c in faulty.cells if c.cell_type == "code"]
    if sum(c.source.count(fault["find"]) for c in code) != 1:
        raise ValueError(f"{fault['find']!r} must stand exactly once in {path.name}")
    edited = next(c for c in code if fault["find"] in c.source)
    edited.source = edited.source.replace(fault["find"], fault["replace"])
    by_id = {c.id: c for c in stored.cells}
    where = f"{edited.id}: {fault['find']} -> {fault['replace']}"
    edited_yet = False
    try:
        for run in run_cells(faulty, path.parent):
            edited_yet = edited_yet or run.id == edited.id
            found = _compare(by_id[run.id], run)
            if found and not edited_yet:
                raise ValueError(f"{path.stem} does not pass before its code changes: {found[0]}")
            if found:
                return Result(path.stem, CODE, where, f"{run.id}: {found[0]}")
    except FAILURES as error:
        return Result(path.stem, CODE, where, str(error).strip().splitlines()[-1])
    return Result(path.stem, CODE, where, "")


def _chapter(path: Path) -> list[Result]:
    stored = chapters.read(path)
    return plant_in_outputs(path.stem, stored, execute(stored, path.parent))


def _edit(fault: dict[str, str], path: Path) -> list[Result]:
    return [plant_in_code(fault, path)]


def _title(fault: dict[str, str]) -> str:
    return f"{fault['chapter']}, {fault['find'][:24]}"


def score(results: Sequence[Result]) -> str:
    """Return a table of how many faults of each kind were planted and caught."""
    planted = Counter(r.kind for r in results)
    caught = Counter(r.kind for r in results if r.caught)
    rows = [f"{k:<28}{planted[k]:>8}{caught[k]:>8}" for k in (*KINDS, CODE)]
    total = f"{'all':<28}{planted.total():>8}{caught.total():>8}"
    return "\n".join([f"{'kind of fault':<28}{'planted':>8}{'caught':>8}", *rows, total])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.book.mutants", description=__doc__)
    parser.add_argument("chapters", nargs="*", help="all if none is named")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    options = parser.parse_args(arguments)
    paths = {path.stem: path for path in chapters.find(options.chapters)}
    results: list[Result] = []
    errors: list[ValueError] = []

    def collect(jobs: dict[Future[list[Result]], str]) -> None:
        for job in as_completed(jobs):
            try:
                new = job.result()
            except ValueError as error:
                print(f"NOT PLANTED  {error}", flush=True)
                errors.append(error)
                continue
            results.extend(new)
            print(
                f"{jobs[job]:<44} {sum(bool(r.caught) for r in new)} of {len(new)} caught",
                flush=True,
            )

    with ProcessPoolExecutor(options.workers) as pool:
        collect({pool.submit(_chapter, path): name for name, path in paths.items()})
        # Only where the chapter passes unchanged: elsewhere any change would look caught.
        passing = {r.chapter for r in results}
        edits = [fault for fault in planted_code() if fault["chapter"] in passing]
        collect({pool.submit(_edit, f, paths[f["chapter"]]): _title(f) for f in edits})
    survivors = [r for r in results if not r.caught]
    print("", score(results), "", sep="\n")
    for r in survivors:
        print(f"SURVIVED  {r.chapter}: {r.kind}, {r.where}")
    return int(bool(survivors or errors))


if __name__ == "__main__":
    sys.exit(main())
