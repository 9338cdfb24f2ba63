"""What a stored notebook must be before comparing its outputs proves anything.

Each check takes a notebook and yields what is wrong with it. Together they close the ways in
which nbval passes without having compared: a stripped notebook, an ignored cell, a warning.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from tests.book.nbval_tolerance.declarations import DeclarationError, read_rules
from tests.book.nbval_tolerance.outputs import DRAWING, GLUED, IMAGES
from tests.book.normalise import CELL_METADATA, METADATA, normalise, text_of

__all__ = ["CHECKS", "IGNORE", "is_normal", "problems"]

IGNORE = "nbval-ignore-output"
# A cell whose output is not compared says so to the reader, in the text beside it.
CONFESSION = "not compared"

MAX_LINES = 20  # of code in a cell: a phone's screen
MAX_TEXT = 8_000  # characters of one output
MAX_IMAGE = 250_000  # ... of a figure, as base64
MAX_DRAWING = 120_000  # ... of a vector graphic
MAX_EXPLORER = 120_000  # ... of a figure in which the reader chooses, with all of its runs
MAX_NOTEBOOK = 1_500_000
MAX_IGNORED = 1  # cells a chapter

# Types that the comparison understands; a widget or a script would go past it.
MIMES = {"text/plain", "text/html", "text/markdown", "text/latex", DRAWING, *IMAGES}

_EXPLORER = '<div class="bn-explorer">'
_PATH = re.compile(r"(?<![\w:/.~])/(?:home|Users|root|tmp|var|usr|opt|mnt|private|srv)/|\b[A-Z]:\\")
_CLOCK = re.compile(
    r"\bwall time\b|\bCPU times\b|\b\d\d?:\d\d(?::\d\d)?\b|\b(?:19|20)\d\d-\d\d-\d\d\b"
    r"|\b\d[\d.,]*[ \t]*(?:[munµ]?s|secs?|seconds?|min|minutes?)\b|\bit/s\b|\bs/it\b",
    re.IGNORECASE,
)
# nbval's comments; tags are visible in JupyterLab and on a diff, comments hide in the source.
_COMMENT = re.compile(r"^\s*#\s*(?:NBVAL_|PYTEST_VALIDATE)", re.MULTILINE)

Problems = Iterator[str]
Check = Callable[[NotebookNode], Problems]


def problems(notebook: NotebookNode) -> list[str]:
    """Return everything that is wrong with a stored notebook."""
    return [problem for check in CHECKS for problem in check(notebook)]


def is_normal(path: Path, notebook: NotebookNode) -> bool:
    """Whether the file is byte for byte what `make notebooks` would write."""
    return path.read_text(encoding="utf-8") == text_of(normalise(notebook))


def _code(notebook: NotebookNode) -> Iterator[tuple[str, NotebookNode]]:
    code = [c for c in notebook.cells if c.cell_type == "code"]
    return ((f"cell {number} ({c.get('id')})", c) for number, c in enumerate(code))


def _tags(cell: NotebookNode) -> list[str]:
    tags: list[str] = cell.metadata.get("tags", [])
    return tags


def counts(notebook: NotebookNode) -> Problems:
    """Every code cell was run, once, in order."""
    for expected, (name, cell) in enumerate(_code(notebook), start=1):
        if not cell.source.strip():
            yield f"{name} is empty"
        if cell.execution_count != expected:
            yield f"{name} has count {cell.execution_count}, expected {expected}"
        for output in cell.outputs:
            if output.get("execution_count", expected) != expected:
                yield f"{name} holds the output of count {output.execution_count}"


def streams_and_errors(notebook: NotebookNode) -> Problems:
    """No stderr; an error exactly where one is declared."""
    for name, cell in _code(notebook):
        declared = {"raises-exception", "nbval-raises-exception"} & set(_tags(cell))
        errors = [o for o in cell.outputs if o.output_type == "error"]
        if errors and not declared:
            yield f"{name} holds an error that is not declared"
        if declared and not errors:
            yield f"{name} declares an error that did not happen"
        if any(o.output_type == "stream" and o.name != "stdout" for o in cell.outputs):
            yield f"{name} holds stderr"


def paths_and_clocks(notebook: NotebookNode) -> Problems:
    """Nothing of one machine or one moment."""
    for name, cell in _code(notebook):
        words = _words(cell)
        if any(_PATH.search(text) for text in [cell.source, *words]):
            yield f"{name} holds an absolute path"
        clock = next((m for text in words for m in [_CLOCK.search(text)] if m), None)
        if clock and IGNORE not in _tags(cell):
            yield f"{name} holds a time: {clock.group()!r}"


def sizes(notebook: NotebookNode) -> Problems:
    """Short cells, small outputs."""
    for name, cell in _code(notebook):
        lines = len(cell.source.splitlines())
        if lines > MAX_LINES:
            yield f"{name} has {lines} lines, at most {MAX_LINES}"
        for mime, text in _texts(cell):
            if len(text) > (limit := _limit(mime.removeprefix(GLUED), text)):
                yield f"{name} holds {len(text)} characters of {mime}, at most {limit}"
    if len(text_of(notebook)) > MAX_NOTEBOOK:
        yield f"the notebook is larger than {MAX_NOTEBOOK} bytes"


def _limit(mime: str, text: str) -> int:
    if mime in IMAGES:
        return MAX_IMAGE
    if mime == "text/html" and text.startswith(_EXPLORER):
        return MAX_EXPLORER
    return MAX_DRAWING if mime == DRAWING else MAX_TEXT


def kinds(notebook: NotebookNode) -> Problems:
    """Only outputs that the comparison understands."""
    for name, cell in _code(notebook):
        for output in cell.outputs:
            for mime in output.get("data", {}):
                if mime.removeprefix(GLUED) not in MIMES:
                    yield f"{name} holds {mime}, which is not compared"


def metadata(notebook: NotebookNode) -> Problems:
    """One kernel, and no traces of an editor."""
    if notebook.metadata != METADATA:
        yield f"the notebook's metadata is not {json.dumps(METADATA)}"
    for cell in notebook.cells:
        extra = set(cell.metadata) - set(CELL_METADATA)
        if extra:
            yield f"{cell.get('id')} has metadata {sorted(extra)}"


def identities(notebook: NotebookNode) -> Problems:
    """Every cell has an id of its own: diffs, tolerances and planted faults go by it."""
    ids = [cell.get("id") for cell in notebook.cells]
    if None in ids:
        yield "a cell has no id"
    yield from (f"two cells are called {i}" for i in dict.fromkeys(ids) if ids.count(i) > 1)
    if None in ids or len(set(ids)) < len(ids):
        return  # nbformat would mend these, with a warning
    try:
        nbformat.validate(deepcopy(notebook))
    except nbformat.ValidationError as error:
        yield f"not a notebook: {str(error).splitlines()[0]}"


def declarations(notebook: NotebookNode) -> Problems:
    """Readable tolerances, nothing skipped, few cells ignored and each explained."""
    ignored = 0
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type != "code":
            continue
        name = cell.get("id")
        try:
            read_rules(cell.metadata)
        except DeclarationError as error:
            yield f"{name}: {error}"
        if "nbval-skip" in _tags(cell):
            yield f"{name} is skipped"
        if _COMMENT.search(cell.source):
            yield f"{name} steers nbval by a comment; use a tag"
        if IGNORE in _tags(cell):
            ignored += 1
            beside = notebook.cells[max(index - 1, 0) : index + 2]
            if not any(c.cell_type == "markdown" and CONFESSION in c.source for c in beside):
                yield f"{name} is ignored, but no text beside it says {CONFESSION!r} and why"
    if ignored > MAX_IGNORED:
        yield f"{ignored} cells are ignored, at most {MAX_IGNORED}"


def alternatives(notebook: NotebookNode) -> Problems:
    """A figure is alone in its cell and has a text for those who cannot see it."""
    for name, cell in _code(notebook):
        figures = sum(bool({DRAWING, *IMAGES} & set(o.get("data", {}))) for o in cell.outputs)
        if figures > 1:
            yield f"{name} shows {figures} figures, of which only one can have an alt text"
        alt = cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")
        if figures and len(alt.split()) < 3:
            yield f"{name} shows a figure without an alt text (mystnb.image.alt)"


def _texts(cell: NotebookNode) -> Iterator[tuple[str, str]]:
    for output in cell.outputs:
        if output.output_type == "stream":
            yield "text/plain", output.text
        elif output.output_type == "error":
            yield "text/plain", "\n".join([output.evalue, *output.traceback])
        for mime, content in output.get("data", {}).items():
            yield mime, content if isinstance(content, str) else json.dumps(content)


def _words(cell: NotebookNode) -> list[str]:
    """The texts in which words stand: a figure's base64 spells anything."""
    return [text for mime, text in _texts(cell) if mime.removeprefix(GLUED) not in IMAGES]


CHECKS: tuple[Check, ...] = (
    counts,
    streams_and_errors,
    paths_and_clocks,
    sizes,
    kinds,
    metadata,
    identities,
    declarations,
    alternatives,
)
