"""Small notebooks for the tests of the verification: NumPy and matplotlib only, quick to run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

__all__ = ["DRAWING", "FIGURE", "code", "notebook", "prose", "write"]

FIGURE = """\
import matplotlib.pyplot as plt
figure, axes = plt.subplots(figsize=(4, 3))
for shift, name in [(0.1, "none"), (0.4, "before"), (0.7, "after")]:
    axes.plot([0, 5, 10], [shift, shift + 0.2, shift + 0.25], label=name)
axes.set(ylim=(0, 1), xlabel="epoch", ylabel="accuracy")
axes.legend()
plt.show()"""

DRAWING = """\
from IPython.display import SVG
SVG('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9">'
    '<path d="M 1 1 L 8 1" style="stroke: #0072b2"/>'
    '<path d="M 1 4 L 8 4" style="stroke: #d55e00"/></svg>')"""

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
