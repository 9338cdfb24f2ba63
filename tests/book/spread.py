"""Measure by how much results differ between machines, so that tolerances follow from it.

``python -m tests.book.spread [05 ...]`` executes chapters under every variant, compares each with
what is stored, and writes down for every cell the largest deviation and under which variant it
was seen (``spread.csv``). A cell may declare about twice what was measured; `test_spread.py` holds
declarations to these measurements.
"""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from decimal import ROUND_CEILING, Decimal
from pathlib import Path

from nbformat import NotebookNode

from tests.book import chapters
from tests.book.execute import FAILURES, execute
from tests.book.nbval_tolerance.declarations import MAX_PIXELS, Rules, read_rules
from tests.book.nbval_tolerance.figures import decode, displacement
from tests.book.nbval_tolerance.outputs import DRAWING, GLUED, IMAGES, Part, flatten, tokenise
from tests.book.nbval_tolerance.tokens import deviation
from tests.book.normalise import write
from tests.book.stored import IGNORE
from tests.book.variants import VARIANTS, run

__all__ = ["MARGIN", "TABLE", "Spread", "grain", "judge", "measure", "read_table", "suggest"]

TABLE = Path(__file__).with_name("spread.csv")
# A tolerance may be this many times the largest deviation seen: the variants are a sample.
MARGIN = 5


@dataclass
class Spread:
    """The largest deviation that one cell showed.

    Attributes
    ----------
    chapter, cell : str
    abs, rel : float
        Of a number with a fraction: absolute, and relative to the stored number.
    integers : float
        Of a whole number, absolute.
    figure : int
        The slack in pixels with which its figure agrees.
    worst : str
        The variant, for the last of these that grew.
    other : str
        What differed besides: a conclusion that flips, if it is a word.
    """

    chapter: str
    cell: str
    abs: float = 0.0
    rel: float = 0.0
    integers: float = 0.0
    figure: int = 1
    worst: str = ""
    other: str = ""

    @property
    def any(self) -> bool:
        """Whether anything differed at all."""
        return bool(self.worst)


def measure(spread: Spread, stored: NotebookNode, fresh: NotebookNode, variant: str) -> None:
    """Widen a cell's spread by what one more run of it shows."""
    before = asdict(spread)
    old, new = flatten(stored.outputs), flatten(fresh.outputs)
    if [(p.place, p.mime) for p in old] != [(p.place, p.mime) for p in new]:
        spread.other = "other outputs"
    else:
        for one, another in zip(old, new, strict=True):
            if one.content != another.content:
                _measure_part(spread, one, another)
    if asdict(spread) != before:
        spread.worst = variant


def _measure_part(spread: Spread, old: Part, new: Part) -> None:
    if old.mime.removeprefix(GLUED) in IMAGES:
        slack = displacement(decode(old.content), decode(new.content), largest=MAX_PIXELS)
        if slack is None:
            spread.other = f"figure beyond {MAX_PIXELS} px"
        else:
            spread.figure = max(spread.figure, slack)
        return
    if old.mime == DRAWING:
        spread.other = "a drawing, which is compared to the letter"
        return
    tokens, run_tokens = tokenise(old.mime, old.content), tokenise(new.mime, new.content)
    if len(tokens) != len(run_tokens):
        spread.other = f"{old.place}: other rows or words"
        return
    for one, another in zip(tokens, run_tokens, strict=True):
        gap = deviation(one, another)
        if gap is None:
            if one.text != another.text:
                spread.other = f"{one.text} or {another.text}"
        elif one.integer and another.integer:
            spread.integers = max(spread.integers, float(gap))
        elif one.value is not None:
            spread.abs = max(spread.abs, float(gap))
            spread.rel = max(spread.rel, float(gap / abs(one.value)) if one.value else 0.0)


def suggest(spread: Spread) -> str:
    """Say what the cell may declare: twice the spread, rounded up to one digit.

    Examples
    --------
    >>> suggest(Spread("05", "table", abs=0.0043, rel=0.1))
    '"nbval": {"abs": 0.009}'
    """
    declared = []
    largest = max(spread.abs, spread.integers)
    if largest:
        declared.append(f'"abs": {_round_up(2 * largest):g}')
    if spread.integers:
        declared.append('"integers": true')
    if spread.figure > 1:
        declared.append(f'"figure": {min(2 * spread.figure, MAX_PIXELS)}')
    return f'"nbval": {{{", ".join(declared)}}}' if declared else "nothing"


def _round_up(value: float) -> float:
    exact = Decimal(str(value))
    unit = Decimal(1).scaleb(exact.adjusted())
    return float((exact / unit).to_integral_value(ROUND_CEILING) * unit)


def grain(cell: NotebookNode) -> float:
    """Return one unit in the last place of the finest number with a fraction that a cell prints.

    The least by which a printed number can differ at all: on one more machine, rounding may go the
    other way, whatever the spread over those that were tried.
    """
    places = [
        token.value.as_tuple().exponent
        for part in flatten(cell.outputs)
        if part.mime.removeprefix(GLUED) not in (DRAWING, *IMAGES)
        for token in tokenise(part.mime, part.content)
        if token.value is not None and token.value.is_finite() and not token.integer
    ]
    return float(Decimal(1).scaleb(min(places))) if places else 0.0


def judge(spread: Spread, rules: Rules, *, grain: float = 0.0) -> str:
    """Say what is wrong with a declaration, given what was measured; empty where it follows.

    A tolerance below the spread fails on some machine. One far above it was not derived from it,
    and lets wrong results pass; `grain` counts as a spread that every printed number has.
    """
    return next(_problems(spread, rules, grain), "")


def _problems(spread: Spread, rules: Rules, grain: float) -> Iterator[str]:
    if spread.other:
        yield f"more than a number differs: {spread.other}"
    if spread.integers and not rules.integers:
        yield f"whole numbers differ by {spread.integers:g}"
    if not rules.numeric and spread.abs:
        yield f"numbers differ by {spread.abs:g}, nothing is declared"
    largest = max(spread.abs, spread.integers)
    if rules.numeric and rules.abs < largest and (rules.rel < spread.rel or spread.integers):
        yield f"numbers differ by {largest:g}, relative {spread.rel:g}: more than is declared"
    limits = {"abs": max(largest, grain), "rel": spread.rel, "figure": spread.figure}
    for name, seen in limits.items():
        declared = getattr(rules, name)
        if declared > MARGIN * seen:
            yield f"`{name}` {declared:g} is more than {MARGIN} times the spread of {seen:g}"
    if rules.figure < spread.figure:
        yield f"the figure moves by {spread.figure} px, declared {rules.figure}"


def read_table() -> dict[tuple[str, str], Spread]:
    """Return what was measured, by chapter and cell."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        rows = [
            Spread(
                row["chapter"],
                row["cell"],
                float(row["abs"]),
                float(row["rel"]),
                float(row["integers"]),
                int(row["figure"]),
                row["worst"],
                row["other"],
            )
            for row in csv.DictReader(file)
        ]
    return {(row.chapter, row.cell): row for row in rows}


def write_table(spreads: Iterable[Spread]) -> None:
    """Write down what was measured, in the order of chapters and cells."""
    with TABLE.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, [f.name for f in fields(Spread)], lineterminator="\n")
        table.writeheader()
        for spread in sorted(spreads, key=lambda s: (s.chapter, s.cell)):
            table.writerow(
                {k: f"{v:.3g}" if isinstance(v, float) else v for k, v in asdict(spread).items()}
            )


def _capture(paths: Sequence[Path], folder: Path) -> int:
    """Execute chapters in this process's environment and keep what they gave."""
    failed = 0
    for path in paths:
        try:
            write(execute(chapters.read(path), path.parent), folder / path.name)
        except FAILURES as error:
            failed += 1
            print(f"{path.name}: {error}")
    return int(failed > 0)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.book.spread", description=__doc__)
    parser.add_argument("chapters", nargs="*", help="all if none is named")
    parser.add_argument("--capture", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    paths = chapters.find(options.chapters)
    if options.capture:
        return _capture(paths, options.capture)
    stored = {path: chapters.read(path) for path in paths}
    spreads = {
        (path.stem, cell.id): Spread(path.stem, cell.id)
        for path, notebook in stored.items()
        for cell in notebook.cells
        if cell.cell_type == "code" and IGNORE not in cell.metadata.get("tags", [])
    }
    with tempfile.TemporaryDirectory() as name:
        for variant in VARIANTS:
            folder = Path(name) / variant
            folder.mkdir()
            command = ["--capture", str(folder), *map(str, paths)]
            if run(variant, "tests.book.spread", command, log=folder / "log"):
                print((folder / "log").read_text(encoding="utf-8"))
                return 1
            for path, notebook in stored.items():
                fresh = {c.id: c for c in chapters.read(folder / path.name).cells}
                for cell in notebook.cells:
                    if (path.stem, cell.id) in spreads:
                        measure(spreads[path.stem, cell.id], cell, fresh[cell.id], variant)
            print(f"measured under: {variant}", flush=True)
    differing = [s for s in spreads.values() if s.any]
    for s in differing:
        print(f"{s.chapter}, {s.cell}: {asdict(s)}\n    declare {suggest(s)}")
    others = read_table() if TABLE.exists() else {}
    measured = {path.stem for path in paths}
    write_table([*differing, *(s for s in others.values() if s.chapter not in measured)])
    cells = {(path.stem, cell.id): cell for path, nb in stored.items() for cell in nb.cells}
    wrong = {}
    for key, s in spreads.items():
        problem = judge(s, read_rules(cells[key].metadata), grain=grain(cells[key]))
        if problem:
            wrong[f"{s.chapter}, {s.cell}"] = problem
    for where, problem in wrong.items():
        print(f"{where}: {problem}")
    print(f"{len(differing)} cells differ, {len(wrong)} declarations do not follow from that")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
