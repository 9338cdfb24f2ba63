"""All outputs of a cell, stored against fresh.

Stricter than nbval where nbval passes silently: the order of outputs across kinds, the split
of a stream by a figure, the kind of an output, its metadata (where ``glue`` keeps its names) and
its images are compared.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from itertools import groupby, zip_longest
from typing import Any, NamedTuple

from nbval.plugin import coalesce_streams

from tests.book.nbval_tolerance.declarations import Rules
from tests.book.nbval_tolerance.figures import Array, compare_figures, decode
from tests.book.nbval_tolerance.tokens import (
    Token,
    compare_tokens,
    tokenise_html,
    tokenise_text,
)

__all__ = [
    "DRAWING",
    "IMAGES",
    "Difference",
    "arrange",
    "compare_cell",
    "flatten",
    "is_record",
    "tokenise",
]

IMAGES = ("image/png", "image/jpeg")
# A drawing is code that draws: it is compared as the text that it is, to the letter.
DRAWING = "image/svg+xml"
# What `glue` puts before the type of a value that it stores.
GLUED = "application/papermill.record/"

Output = Mapping[str, Any]


class Difference(NamedTuple):
    """One thing that differs: where, what, and for a figure the pictures."""

    where: str
    message: str
    stored: Array | None = None
    fresh: Array | None = None
    unexplained: Array | None = None

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"


class Part(NamedTuple):
    """One comparable part of an output: its place, its type and its content."""

    place: str
    mime: str
    content: Any


def flatten(outputs: Sequence[Output], clean: Callable[[Any], Any] = lambda s: s) -> list[Part]:
    """Take outputs apart into parts that can be compared one by one.

    Neighbouring pieces of a stream are joined, for the kernel cuts a stream where it likes.
    Execution counts and tracebacks are left out: they depend on how a notebook is run.
    """
    parts: list[Part] = []
    for number, output in enumerate(arrange(outputs), start=1):
        kind = output["output_type"]
        place = f"output {number} ({output.get('name', kind)})"
        if kind == "stream":
            parts.append(Part(place, "text/plain", clean(output["text"])))
        elif kind == "error":
            parts.append(Part(f"{place}, type", "exact", output["ename"]))
            parts.append(Part(f"{place}, message", "text/plain", clean(output["evalue"])))
        else:
            for mime, content in sorted(output["data"].items()):
                parts.append(Part(f"{place}, {mime}", mime, clean(content)))
            parts.append(Part(f"{place}, metadata", "exact", output.get("metadata") or {}))
    return parts


def arrange(outputs: Sequence[Output]) -> list[Output]:
    """Return what a cell shows, then what it only stored for the prose; streams joined.

    A value that ``glue`` stores without showing it has no place among what a reader sees, and it
    must not cut what is printed in two.
    """
    shown = [output for output in outputs if not is_record(output)]
    joined: list[Output] = []
    for name, group in groupby(shown, key=lambda output: output.get("name", "")):
        pieces = list(group)
        # nbval's joining also settles carriage returns and backspaces; it writes to its argument.
        joined += coalesce_streams(deepcopy(pieces)) if name else pieces
    return joined + [output for output in outputs if is_record(output)]


def compare_cell(
    stored: Sequence[Output],
    fresh: Sequence[Output],
    rules: Rules,
    *,
    clean: Callable[[Any], Any] = lambda s: s,
) -> list[Difference]:
    """Compare the outputs of one cell, stored against fresh.

    Parameters
    ----------
    stored, fresh : sequence of outputs, as nbformat has them
    rules : Rules
        What the cell declares.
    clean : callable
        Applied to every content before it is compared (nbval's sanitising).

    Returns
    -------
    list of Difference
        Empty where the outputs agree.
    """
    found: list[Difference] = []
    for old, new in zip_longest(flatten(stored, clean), flatten(fresh, clean)):
        # Past the first change of structure nothing lines up any more.
        if new is None:
            return [*found, Difference(old.place, "stored, but not produced by the run")]
        if old is None:
            return [*found, Difference(new.place, "produced by the run, but not stored")]
        if (old.place, old.mime) != (new.place, new.mime):
            return [*found, Difference(old.place, f"the run produced {new.place} here")]
        difference = _compare_part(old, new, rules)
        if difference:
            found.append(difference)
    return found


def tokenise(mime: str, content: Any) -> list[Token]:
    """Cut the content of a part into words and numbers, by its type."""
    if not isinstance(content, str):
        content = json.dumps(content, sort_keys=True, ensure_ascii=False)
    plain = mime.removeprefix(GLUED)
    return tokenise_html(content) if plain == "text/html" else tokenise_text(content)


def _compare_part(old: Part, new: Part, rules: Rules) -> Difference | None:
    if old.content == new.content:
        return None
    if old.mime.removeprefix(GLUED) in IMAGES:
        stored, fresh = decode(old.content), decode(new.content)
        message, unexplained = compare_figures(stored, fresh, pixels=rules.figure)
        return Difference(old.place, message, stored, fresh, unexplained) if message else None
    if rules.numeric and old.mime not in {"exact", DRAWING}:
        message = compare_tokens(
            tokenise(old.mime, old.content), tokenise(new.mime, new.content), rules
        )
        return Difference(old.place, message) if message else None
    return Difference(old.place, _first_difference(old.mime, old.content, new.content))


def _first_difference(mime: str, stored: Any, fresh: Any) -> str:
    if not isinstance(stored, str) or not isinstance(fresh, str) or mime == "exact":
        return f"stored {stored!r}, fresh {fresh!r}"
    lines = zip_longest(stored.split("\n"), fresh.split("\n"))
    for number, (old, new) in enumerate(lines, start=1):
        if old != new:
            return f"line {number}:\n    stored {_shorten(old)}\n    fresh  {_shorten(new)}"
    raise AssertionError("called for equal texts")


def _shorten(line: str | None, width: int = 100) -> str:
    if line is None:
        return "(no such line)"
    return repr(line if len(line) <= width else line[: width - 3] + "...")


def is_record(output: Output) -> bool:
    """Whether `glue` stored a value here without showing it."""
    data = output.get("data") or {}
    return bool(data) and all(mime.startswith(GLUED) for mime in data)
