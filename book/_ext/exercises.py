"""What a class needs: a book without solutions, and a table of all exercises.

With ``BOOK_WITHOUT_SOLUTIONS`` set, solutions are taken out after parsing, and with them the ways
to a notebook that still holds them. The option ``hide_solutions`` of sphinx-exercise is not used:
of a solution that spans several cells it hides the title alone.

The directive ``exercise-table`` has a row for each chapter that has exercises, and a column for
each difficulty, read from the end of an exercise's title: *Count before you look (easy)*.
"""

import os
import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx_exercise.nodes import exercise_subtitle, solution_node

SWITCH = "BOOK_WITHOUT_SOLUTIONS"
GRADES = ("easy", "medium", "hard")
_TITLE = re.compile(r"\(?(?P<title>.+) \((?P<grade>\w+)\)\)?")


class exercise_table(nodes.General, nodes.Element):  # noqa: N801
    """Stands for the table until all chapters have been read."""


class ExerciseTable(SphinxDirective):
    """``{exercise-table}``, without arguments."""

    def run(self) -> list[nodes.Node]:
        """Leave the place of the table."""
        return [exercise_table()]


def hide_solutions(app: Sphinx, config: Any) -> None:
    """Leave nothing in the theme that leads to a notebook with its solutions."""
    if os.environ.get(SWITCH):
        config.html_copy_source = config.html_show_sourcelink = False
        config.html_theme_options.update(use_download_button=False, launch_buttons={})


def drop_solutions(app: Sphinx, doctree: nodes.document) -> None:
    """Take every solution out of a page, with all of its cells."""
    if os.environ.get(SWITCH):
        for node in list(doctree.findall(solution_node)):
            node.parent.remove(node)


def fill_tables(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Write the table, with links from this page."""
    for place in list(doctree.findall(exercise_table)):
        place.replace_self(_table(app, page))


def _table(app: Sphinx, page: str) -> nodes.table:
    rows: dict[str, dict[str, list[nodes.Node]]] = {}
    for label, entry in getattr(app.env, "sphinx_exercise_registry", {}).items():
        subtitle = next(iter(entry["node"].findall(exercise_subtitle)), None)
        found = subtitle and _TITLE.fullmatch(subtitle.astext().strip())
        if not found or found["grade"] not in GRADES:
            continue
        address = app.builder.get_relative_uri(page, entry["docname"])
        link = nodes.reference("", found["title"], refuri=f"{address}#{label}", internal=True)
        row = rows.setdefault(entry["docname"], {grade: [] for grade in GRADES})
        row[found["grade"]].append(nodes.paragraph("", "", link))
    body = nodes.tbody()
    for chapter in sorted(rows):  # their names start with their numbers
        title = nodes.paragraph("", app.env.titles[chapter].astext())
        cells = [[title], *rows[chapter].values()]
        body += nodes.row("", *(nodes.entry("", *cell) for cell in cells))
    head = ("Chapter", *(grade.capitalize() for grade in GRADES))
    group = nodes.tgroup(cols=len(head))
    group += [nodes.colspec(colwidth=1) for _ in head]
    header = nodes.row("", *(nodes.entry("", nodes.paragraph("", text)) for text in head))
    group += [nodes.thead("", header), body]
    return nodes.table("", group, classes=["exercises"])


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_node(exercise_table)
    app.add_directive("exercise-table", ExerciseTable)
    app.connect("config-inited", hide_solutions, priority=900)
    app.connect("doctree-read", drop_solutions, priority=100)
    app.connect("doctree-resolved", fill_tables)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
