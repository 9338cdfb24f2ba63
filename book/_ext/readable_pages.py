"""Repair what docutils and autodoc leave unreadable, at build time."""

import re
from typing import Any

from sphinx.application import Sphinx

import bn_companion

_NOTE = re.compile(r"^(\s*)\.\. \[(\d)\] ")
_CITE = re.compile(r"\[(\d)\]_")
_STAR = re.compile(r"(?<=[(\s])\*(?=\w+[,)])")


def plain_docstring(app: Sphinx, *arguments: Any) -> None:
    """Let a docstring be written for people where reStructuredText would stumble.

    Numbered references become a list: footnote labels are unique within a page, and the API page
    holds many docstrings that each start at ``[1]``. The star in a shape such as
    (n, *input_shape) is no emphasis.
    """
    lines: list[str] = arguments[-1]
    lines[:] = [_plain(line) for line in lines]


def _plain(line: str) -> str:
    if line.lstrip().startswith((">>>", "...")):
        return line
    line = _CITE.sub(r"[\1]", _NOTE.sub(r"\1\2. ", line))
    return line if "`" in line else _STAR.sub(r"\*", line)


def current_roles(app: Sphinx, page: str, template: str, context: dict[str, Any], *_: Any) -> None:
    """Give the entries of the bibliography the role that their list allows.

    docutils writes ``doc-biblioentry``, which ARIA has withdrawn: to a screen reader the list
    has no items.
    """
    if body := context.get("body"):
        context["body"] = body.replace('role="doc-biblioentry"', 'role="listitem"')


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    # autodoc will import TensorFlow; done here, its start-up lines stay off the build's output.
    bn_companion.reproducible()
    # Ahead of napoleon, which writes stars of its own.
    app.connect("autodoc-process-docstring", plain_docstring, priority=400)
    app.connect("html-page-context", current_roles)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
