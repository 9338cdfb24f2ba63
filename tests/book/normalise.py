"""The one form in which notebooks are stored, so that a diff shows only what changed."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from tests.book.nbval_tolerance.outputs import arrange

__all__ = ["CELL_METADATA", "METADATA", "normalise", "text_of", "write"]

METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
# What authors write. The rest is an editor's state or an execution's time.
CELL_METADATA = ("mystnb", "nbval", "tags")


def normalise(notebook: NotebookNode) -> NotebookNode:
    """Bring a notebook into the stored form, in place, and return it.

    Cell ids, sources and outputs stay. Execution counts are renumbered, outputs arranged as they
    are compared, and a traceback is cut to its last line: the rest holds paths of one machine.
    """
    notebook.metadata = nbformat.from_dict(METADATA)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    count = 0
    for cell in notebook.cells:
        kept = {k: cell.metadata[k] for k in CELL_METADATA if cell.metadata.get(k)}
        cell.metadata = nbformat.from_dict(kept)
        if cell.cell_type != "code":
            continue
        # An emptied or never executed cell keeps no count: that must show.
        if cell.execution_count is not None:
            count += 1
            cell.execution_count = count
        cell.outputs = arrange(cell.outputs)
        for output in cell.outputs:
            output.pop("transient", None)
            if output.output_type == "execute_result":
                output.execution_count = cell.execution_count
            elif output.output_type == "error":
                output.traceback = [f"{output.ename}: {output.evalue}"]
    return notebook


def text_of(notebook: NotebookNode) -> str:
    """Return the file's text: sorted keys, one line end at the end."""
    text: str = nbformat.v4.writes(notebook)  # `nbformat.writes` would repair it
    return text.rstrip("\n") + "\n"


def write(notebook: NotebookNode, path: Path) -> None:
    """Replace a stored notebook whole or not at all."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=".part")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text_of(notebook))
        Path(name).chmod(path.stat().st_mode if path.exists() else 0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
