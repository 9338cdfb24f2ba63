"""Notebooks as they stand on disk: code cells with their place in the JSON text.

A cell is written back by replacing its lines where they stand, so that indentation, the order of
keys, outputs and the last newline stay what they were.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

__all__ = ["CodeCell", "NotebookError", "read_cells", "replace_cells"]

_BLANK = re.compile(r"[ \t\r\n]*")


class NotebookError(ValueError):
    """A text that is no notebook; `line` and `column` say where, counted from 1."""

    def __init__(self, message: str, line: int = 1, column: int = 1) -> None:
        super().__init__(message)
        self.line, self.column = line, column


@dataclass(frozen=True, slots=True)
class CodeCell:
    """A code cell: its number among all cells, from 1, its text, and the keys that lead to it."""

    number: int
    text: str
    path: tuple[str | int, ...]


def read_cells(text: str) -> list[CodeCell]:
    """Return the code cells of a notebook in Python, of format 4 or 3.

    Raises
    ------
    NotebookError
        If the text is not JSON, or not a notebook.
    """
    try:
        notebook = json.loads(text)
    except json.JSONDecodeError as error:
        message = f"not valid JSON: {error.msg}"
        raise NotebookError(message, error.lineno, error.colno) from error
    except RecursionError as error:
        raise NotebookError("nested too deeply to be a notebook") from error
    if not isinstance(notebook, dict):
        raise NotebookError("not a notebook: the JSON is not an object")
    paths = _paths(notebook)
    if not _is_python(notebook):
        return []
    found = []
    for number, path in enumerate(paths, 1):
        cell = _at(notebook, path)
        if not isinstance(cell, dict) or cell.get("cell_type") != "code":
            continue
        key = "source" if "source" in cell else "input"
        source = cell.get(key, "")
        lines = [source] if isinstance(source, str) else source
        if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
            raise NotebookError(f"not a notebook: the source of cell {number} is not text")
        found.append(CodeCell(number, "".join(lines), (*path, key)))
    return found


def _paths(notebook: dict[str, Any]) -> list[list[str | int]]:
    if isinstance(notebook.get("cells"), list):
        return [["cells", i] for i in range(len(notebook["cells"]))]
    sheets = notebook.get("worksheets")
    if isinstance(sheets, list) and all(
        isinstance(s, dict) and isinstance(s.get("cells", []), list) for s in sheets
    ):
        return [
            ["worksheets", s, "cells", i]
            for s, sheet in enumerate(sheets)
            for i in range(len(sheet.get("cells", [])))
        ]
    raise NotebookError("not a notebook: there is no list of cells")


def _is_python(notebook: dict[str, Any]) -> bool:
    metadata = notebook.get("metadata")
    if not isinstance(metadata, dict):
        return True
    for key, name in (("kernelspec", "language"), ("language_info", "name")):
        entry = metadata.get(key)
        language = entry.get(name) if isinstance(entry, dict) else None
        if isinstance(language, str) and language:
            return language.lower() in ("python", "python3", "ipython", "ipython3")
    return True


def _at(value: Any, path: list[str | int]) -> Any:
    for key in path:
        value = value[key]
    return value


# --- places in the text ---


def _skip(text: str, at: int) -> int:
    match = _BLANK.match(text, at)
    return match.end() if match else at


def _members(text: str, at: int) -> list[tuple[str | int, int, int]]:
    """Return key, start and end of each member of the object or list that starts at `at`."""
    found: list[tuple[str | int, int, int]] = []
    is_object, at = text[at] == "{", _skip(text, at + 1)
    while text[at] not in "}]":
        key: str | int = len(found)
        if is_object:
            key, at = _value(text, at)
            at = _skip(text, _skip(text, at) + 1)  # the colon
        end = _value(text, at)[1]
        found.append((key, at, end))
        at = _skip(text, end)
        if text[at] == ",":
            at = _skip(text, at + 1)
    return found


def _value(text: str, at: int) -> tuple[Any, int]:
    return json.JSONDecoder().raw_decode(text, at)


def _spans(text: str, paths: list[tuple[str | int, ...]]) -> list[tuple[int, int]]:
    """Return where the values at these paths start and end."""
    known: dict[int, list[tuple[str | int, int, int]]] = {}
    found = []
    for path in paths:
        start, end = _skip(text, 0), len(text)
        for key in path:
            if start not in known:
                known[start] = _members(text, start)
            # Of two equal keys in an object the last one counts, as in json.loads.
            start, end = [(a, b) for name, a, b in known[start] if name == key][-1]
        found.append((start, end))
    return found


def replace_cells(text: str, changes: list[tuple[CodeCell, str]]) -> str:
    """Return the JSON text with new sources for some cells, and nothing else changed."""
    spans = _spans(text, [cell.path for cell, _ in changes])
    for (start, end), (_, source) in sorted(
        zip(spans, changes, strict=True), key=lambda pair: pair[0], reverse=True
    ):
        text = text[:start] + _written(text[start:end], source) + text[end:]
    return text


def _written(before: str, source: str) -> str:
    """Return a source as JSON in the manner of the one that it replaces."""
    ascii_only = "\\u" in before and before.isascii()

    def dump(line: str) -> str:
        return json.dumps(line, ensure_ascii=ascii_only)

    if before[0] != "[":
        return dump(source)
    members = [(_value(before, start)[0], start, end) for _, start, end in _members(before, 0)]
    old, new = [line for line, _, _ in members], source.splitlines(keepends=True)
    same = 0  # lines at the beginning, then at the end, that stay as they are written
    while same < min(len(old), len(new)) and old[same] == new[same]:
        same += 1
    rest = 0
    while rest < min(len(old), len(new)) - same and old[-1 - rest] == new[-1 - rest]:
        rest += 1
    head = before[: members[0][1]]
    between = before[members[0][2] : members[1][1]] if len(members) > 1 else "," + head[1:]
    parts = [dump(line) for line in new[same : len(new) - rest]]
    if same:
        parts.insert(0, before[members[0][1] : members[same - 1][2]])
    if rest:
        parts.append(before[members[-rest][1] : members[-1][2]])
    return head + between.join(parts) + before[members[-1][2] :]
