"""Where the chapters are, and how they are named on a command line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import nbformat
from nbformat import NotebookNode

__all__ = ["BOOK", "ROOT", "find", "read"]

ROOT = Path(__file__).resolve().parents[2]
BOOK = ROOT / "book"


def find(names: Sequence[str] = ()) -> list[Path]:
    """Return the chapters named: by path, by file name or by its beginning (`05`); all if none.

    Raises
    ------
    ValueError
        If a name fits no chapter: a typo must not shrink what is verified.
    """
    every = sorted(BOOK.glob("*.ipynb"))
    if not names:
        return every
    chosen: list[Path] = []
    for name in names:
        path = Path(name)
        fits = [path] if path.is_file() else [p for p in every if p.name.startswith(path.name)]
        if not fits:
            raise ValueError(f"no chapter is called {name!r}")
        chosen += [p for p in fits if p not in chosen]
    return chosen


def read(path: Path) -> NotebookNode:
    """Read a notebook as it is stored: `nbformat.read` would repair what the checks look for."""
    stored: NotebookNode = nbformat.v4.reads(path.read_text(encoding="utf-8"))
    return stored
