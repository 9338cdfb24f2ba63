"""Small notebooks for the tests of the verification: NumPy and matplotlib only, quick to run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

__all__ = ["FIGURE", "code", "notebook", "prose", "write"]

FIGURE = """\
import matplotlib.pyplot as plt
figure, axes = plt.subplots(figsize=(4, 3))
for shift, name in [(0.1, "none"), (0.4, "before"), (0.7, "after")]:
    axes.plot([0, 5, 10], [shift, shift + 0.2, shift + 0.25], label=name)
axes.set(ylim=(0, 1), xlabel="epoch", ylabel="accuracy")
axes.legend()
plt.show()"""

METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def code(source: str, name: str, *tags: str, **metadata: Any) -> NotebookNode:
    """Make a code cell; its name becomes its id."""
    if tags:
        metadata["tags"] = list(tags)
    return new_code_cell(source, id=name, metadata=metadata)


def prose(source: str, name: str) -> NotebookNode:
    """Make a markdown cell; its name becomes its id."""
    return new_markdown_cell(source, id=name)


def notebook(*cells: NotebookNode) -> NotebookNode:
    """Make a notebook with the book's metadata."""
    return new_notebook(cells=list(cells), metadata=METADATA)


def write(made: NotebookNode, path: Path) -> Path:
    """Write a notebook and return where."""
    nbformat.write(made, path)
    return path
