"""Say under the title of a chapter how long it takes to read.

Words are counted as a reader meets them: those of the text and of the code, without what is closed
at first (solutions and other boxes that open), formulas and outputs.
"""

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

WORDS_A_MINUTE = 200  # a little below the usual speed for prose in English
_UNREAD = {"cell_output", "dropdown", "solution", "toggle", "glossary"}


def words(node: nodes.Node) -> int:
    """Count the words below a node that are on the page when it opens."""
    if isinstance(node, nodes.Text):
        return len(node.astext().split())
    if isinstance(node, (nodes.math, nodes.math_block, nodes.comment, nodes.raw)):
        return 0
    if isinstance(node, nodes.Element) and _UNREAD & set(node.get("classes", ())):
        return 0
    return sum(words(child) for child in node.children)


def add_reading_time(app: Sphinx, doctree: nodes.document) -> None:
    """Write the line under the title of a notebook; other pages are looked up, not read."""
    title = next(iter(doctree.findall(nodes.title)), None)
    if title is None or not app.env.doc2path(app.env.docname).endswith(".ipynb"):
        return
    minutes = max(1, round(words(doctree) / WORDS_A_MINUTE))
    unit = "minute" if minutes == 1 else "minutes"
    line = nodes.paragraph("", f"About {minutes} {unit} to read", classes=["reading-time"])
    title.parent.insert(title.parent.index(title) + 1, line)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    # Behind sharing, which takes the first paragraph for a description.
    app.connect("doctree-read", add_reading_time, priority=700)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
