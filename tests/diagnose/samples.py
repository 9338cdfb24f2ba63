"""The corpus of snippets, and what is expected of each."""

import re
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).with_name("snippets")
_TITLE = re.compile(r"^=== (.+)\n", re.MULTILINE)
_MARKS = re.compile(r"#:((?: BN\d{3}:\d+)+)$")


@dataclass(frozen=True)
class Snippet:
    """A piece of source, and the findings that its marks ask for: line, column, code."""

    title: str
    text: str
    expected: frozenset[tuple[int, int, str]]


def read(name: str) -> list[Snippet]:
    """Return the snippets of ``snippets/<name>.txt``."""
    parts = _TITLE.split((FOLDER / f"{name}.txt").read_text(encoding="utf-8"))[1:]
    found = []
    for title, text in zip(parts[::2], parts[1::2], strict=True):
        expected = set()
        for number, line in enumerate(text.splitlines(), 1):
            if marks := _MARKS.search(line):
                for mark in marks[1].split():
                    code, column = mark.split(":")
                    expected.add((number, int(column), code))
        found.append(Snippet(title, text, frozenset(expected)))
    return found


def read_repairs() -> list[tuple[str, str, str]]:
    """Return title, text before and text after of each repair in ``snippets/repairs.txt``."""
    parts = _TITLE.split((FOLDER / "repairs.txt").read_text(encoding="utf-8"))[1:]
    found = []
    for title, text in zip(parts[::2], parts[1::2], strict=True):
        lines = [line if line.strip() else " \n" for line in text.splitlines(keepends=True)]
        before, after = (
            "".join(line[1:] for line in lines if line[0] in kinds) for kinds in (" -", " +")
        )
        found.append((title, before, after))
    return found


CORRECT = read("correct")
FAULTY = read("faulty")
REPAIRS = read_repairs()
