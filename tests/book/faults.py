"""Faults to plant in a stored notebook, one at a time.

A fault edits a copy of the stored notebook; what the run produces stays as it is. Numbers are
moved by the least printable step that the cell's tolerance does not allow, measured from the
fresh number, so a comparison that is a little too generous is found out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import ROUND_FLOOR, Decimal
from typing import Any, NamedTuple

from nbformat import NotebookNode
from nbformat.v4 import new_output

from tests.book.faults_in_figures import spoil, spoil_drawing
from tests.book.nbval_tolerance.declarations import Rules, read_rules
from tests.book.nbval_tolerance.outputs import DRAWING, GLUED, IMAGES, is_record, tokenise
from tests.book.nbval_tolerance.tokens import Token
from tests.book.stored import IGNORE

__all__ = ["KINDS", "Fault", "plant"]

# Every kind must have been planted somewhere in the book for its score to mean something.
KINDS = (
    "number moved",
    "word changed",
    "output deleted",
    "output repeated",
    "outputs in another order",
    "output of another cell",
    "glued name changed",
    "figure: colours swapped",
    "figure: series missing",
    "figure: marks moved",
    "figure: axes stretched",
    "figure: glyph missing",
    "figure: another figure",
    "drawing: colour changed",
    "drawing: mark missing",
    "drawing: mark moved",
    "count removed",
    "notebook stripped",
    "alt text removed",
    "warning stored",
    "tolerance misspelt",
    "number typed in prose",
)


class Fault(NamedTuple):
    """One fault: what kind, where, and how to plant it in a copy of the notebook."""

    kind: str
    where: str
    cell: int
    plant: Callable[[NotebookNode], None]


def plant(stored: NotebookNode, fresh: NotebookNode) -> Iterator[Fault]:
    """Yield every fault that can be planted in a notebook.

    Parameters
    ----------
    stored : NotebookNode
        The notebook as it is stored; it is not changed.
    fresh : NotebookNode
        The same after one execution.
    """
    for index, (cell, new) in enumerate(zip(stored.cells, fresh.cells, strict=True)):
        if cell.cell_type == "markdown":
            yield _prose(index, cell)
        elif cell.cell_type == "code":
            yield from _whole_cell(index, cell)
            # Nothing is claimed of an output that is declared not to be compared.
            if IGNORE not in cell.metadata.get("tags", []):
                yield from _outputs(index, cell)
                yield from _contents(index, cell, new, stored)

    def strip(notebook: NotebookNode) -> None:
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.execution_count, cell.outputs = None, []

    yield Fault("notebook stripped", "all cells", 0, strip)


def _prose(index: int, cell: NotebookNode) -> Fault:
    def typed(notebook: NotebookNode) -> None:
        notebook.cells[index].source += "\n\nIt reached an accuracy of 0.93."

    return Fault("number typed in prose", cell.id, index, typed)


def _whole_cell(index: int, cell: NotebookNode) -> Iterator[Fault]:
    def edit(kind: str, change: Callable[[NotebookNode], Any]) -> Fault:
        return Fault(kind, cell.id, index, lambda notebook: change(notebook.cells[index]))

    warning = new_output("stream", name="stderr", text="a warning\n")
    yield edit("count removed", lambda c: c.update(execution_count=None))
    yield edit("warning stored", lambda c: c.outputs.append(warning))
    yield edit("tolerance misspelt", lambda c: c.metadata.update(tags=["nbval-abs=0,02"]))
    if cell.metadata.get("mystnb", {}).get("image"):
        yield edit("alt text removed", lambda c: c.metadata.mystnb.pop("image"))


def _outputs(index: int, cell: NotebookNode) -> Iterator[Fault]:
    def edit(kind: str, number: int, change: Callable[[list[Any]], Any]) -> Fault:
        where = f"{cell.id}, output {number + 1}"
        return Fault(kind, where, index, lambda notebook: change(notebook.cells[index].outputs))

    def swap(outputs: list[Any], number: int) -> None:
        outputs[number - 1 : number + 1] = outputs[number], outputs[number - 1]

    for n, output in enumerate(cell.outputs):
        yield edit("output deleted", n, lambda outputs, n=n: outputs.pop(n))
        yield edit("output repeated", n, lambda outputs, n=n: outputs.insert(n, outputs[n]))
        before = cell.outputs[n - 1]
        # What is stored and not shown has no place among what is shown.
        if n and output != before and is_record(output) == is_record(before):
            yield edit("outputs in another order", n, lambda outputs, n=n: swap(outputs, n))
        if output.get("metadata", {}).get("scrapbook"):
            yield edit(
                "glued name changed",
                n,
                lambda outputs, n=n: outputs[n].metadata.scrapbook.update(name="another"),
            )


def _contents(
    index: int, cell: NotebookNode, new: NotebookNode, notebook: NotebookNode
) -> Iterator[Fault]:
    rules = read_rules(cell.metadata)
    for n, (old, fresh) in enumerate(zip(cell.outputs, new.outputs, strict=True)):
        for path, content in _slots(old):
            kind = path[-1].removeprefix(GLUED)
            where = f"{cell.id}, output {n + 1}"
            if kind in IMAGES:
                spoilt = spoil(content, _other_figures(notebook, content), rules.figure)
                edits = [(f"figure: {name}", "", picture) for name, picture in spoilt]
            elif kind == DRAWING:
                edits = [(f"drawing: {name}", "", svg) for name, svg in spoil_drawing(content)]
            else:
                edits = list(_text(kind, content, _at(fresh, path), rules))
            for name, detail, edited in edits:

                def change(
                    made: NotebookNode, n: int = n, path: Any = path, edited: str = edited
                ) -> None:
                    _at(made.cells[index].outputs[n], path[:-1])[path[-1]] = edited

                yield Fault(name, f"{where}{detail}", index, change)
    others = [c.outputs for c in notebook.cells if c.cell_type == "code" and c.outputs]
    stale = next((o for o in others if o != cell.outputs), None)
    if cell.outputs and stale:

        def replace(made: NotebookNode) -> None:
            made.cells[index].outputs = stale

        yield Fault("output of another cell", cell.id, index, replace)


def _slots(output: NotebookNode) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield where an output keeps a content that is compared, and the content."""
    for key in ("text", "evalue"):
        if key in output:
            yield (key,), output[key]
    for mime, content in output.get("data", {}).items():
        if isinstance(content, str):
            yield ("data", mime), content


def _at(node: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        node = node[key]
    return node


def _text(mime: str, stored: str, fresh: str, rules: Rules) -> Iterator[tuple[str, str, str]]:
    mime = "text/plain" if "/" not in mime else mime
    tokens, run = tokenise(mime, stored), tokenise(mime, fresh)
    cursor = 0
    for number, token in enumerate(tokens):
        at = stored.find(token.text, cursor)
        if at < 0:  # an HTML entity, which the tokens hold resolved
            continue
        cursor = at + len(token.text)
        if token.value is not None:
            reference = run[number] if number < len(run) else token
            edited = _moved(token, reference, rules)
            kind = "number moved"
        elif token.text.isalpha() and len(token.text) > 2:
            edited = token.text[:-1] + ("x" if token.text[-1] != "x" else "y")
            kind = "word changed"
        else:
            continue
        detail = f": {token.text} -> {edited}"
        yield kind, detail, stored[:at] + edited + stored[cursor:]


def _moved(token: Token, fresh: Token, rules: Rules) -> str:
    """Return the nearest number of the same precision that the fresh one does not allow."""
    old = fresh.value if fresh.value is not None else token.value
    assert old is not None
    step = Decimal(1).scaleb(int(Decimal(str(token.value)).as_tuple().exponent))
    # The tolerance is relative to the stored number, that is to the moved one.
    exact = rules.numeric and token.integer and fresh.integer and not rules.integers
    absolute, relative = (Decimal(0), Decimal(0)) if exact else _tolerances(rules)
    allowed = (absolute + relative * abs(old)) / (1 - relative)
    steps = (allowed / step).to_integral_value(ROUND_FLOOR) + 1
    moved = old + (step * steps).copy_sign(old)
    return f"{moved:f}" if "e" not in token.text.lower() else f"{moved:e}"


def _tolerances(rules: Rules) -> tuple[Decimal, Decimal]:
    return Decimal(str(rules.abs)), Decimal(str(rules.rel))


def _other_figures(notebook: NotebookNode, but: str) -> list[str]:
    return [
        content
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        for mime, content in output.get("data", {}).items()
        if mime in IMAGES and content != but
    ]
