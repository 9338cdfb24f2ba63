"""Repair what docutils and autodoc leave unreadable, at build time."""

import re
from typing import Any

from sphinx.application import Sphinx

_NOTE = re.compile(r"^(\s*)\.\. \[(\d)\] ")
_CITE = re.compile(r"\[(\d)\]_")


def plain_references(app: Sphinx, *arguments: Any) -> None:
    """Turn the numbered references of a docstring into a list.

    Footnote labels are unique within a page, and the API page holds many docstrings that each
    start at ``[1]``.
    """
    lines: list[str] = arguments[-1]
    lines[:] = [_CITE.sub(r"[\1]", _NOTE.sub(r"\1\2. ", line)) for line in lines]


def current_roles(app: Sphinx, page: str, template: str, context: dict[str, Any], *_: Any) -> None:
    """Give the entries of the bibliography the role that their list allows.

    docutils writes ``doc-biblioentry``, which ARIA has withdrawn: to a screen reader the list
    has no items.
    """
    if body := context.get("body"):
        context["body"] = body.replace('role="doc-biblioentry"', 'role="listitem"')


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("autodoc-process-docstring", plain_references)
    app.connect("html-page-context", current_roles)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
