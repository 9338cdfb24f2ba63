"""``--fix``: what is mechanical, written into the source with all else left as it stands.

LibCST keeps every blank and comment, so that a file differs only where something was repaired.
It is imported here and in `call_edits` alone.
"""

import ast
from collections import defaultdict
from collections.abc import Sequence
from typing import TypeAlias

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider

from bn_companion.diagnose.lint.call_edits import CALL_EDITS
from bn_companion.diagnose.lint.linter import check
from bn_companion.diagnose.lint.magics import show_magics
from bn_companion.diagnose.lint.notebook import replace_cells
from bn_companion.diagnose.lint.problem import Edit, Problem
from bn_companion.diagnose.lint.source import Chunk, Source

__all__ = ["repaired"]

_MAX_ROUNDS = 8  # one repair can make way for another: a new name, then a missing argument
# The kind of thing at a place, and where it begins and ends.
_Place: TypeAlias = tuple[str, int, int, int, int]
_KIND = {
    **dict.fromkeys(CALL_EDITS, "call"),
    "element_before": "element",
    "swap": "attribute",
    "before": "statement",
    "imports": "import",
    "module": "import",
    "import_after": "import",
}


def repaired(source: Source, codes: frozenset[str]) -> Source:
    """Return the source with everything repaired that can be; itself where there is nothing.

    Only findings that are wanted and not silenced are repaired. What results parses, and repairing
    it again changes nothing.
    """
    for _ in range(_MAX_ROUNDS):
        problems = [c.problem for c in check(source, codes) if c.problem and c.problem.edits]
        text = _rewritten(source, problems)
        if text is None or text == source.text:
            break
        again = source.with_text(text)
        if len(again.failures) > len(source.failures):
            break
        source = again
    return source


def _rewritten(source: Source, problems: Sequence[Problem]) -> str | None:
    """Return the text with these problems solved, as far as each can be solved as a whole."""
    chunks = {source.chunk_of(_line(e.node)).before for p in problems for e in p.edits}
    modules = {c.before: _Module(c) for c in source.chunks if c.before in chunks}
    for problem in problems:
        places = [(source.chunk_of(_line(edit.node)), edit) for edit in problem.edits]
        if all(modules[chunk.before].holds(edit) for chunk, edit in places):
            for chunk, edit in places:
                modules[chunk.before].plan(edit)
    texts = {before: module.text() for before, module in modules.items() if module.planned}
    if not texts:
        return None
    mark = "\ufeff" if source.text.startswith("\ufeff") else ""
    if not source.is_notebook:
        return mark + texts[0]
    by_place = {chunk.before: chunk for chunk in source.chunks}
    cells = []
    for before, text in texts.items():
        chunk = by_place[before]
        if chunk.cell is not None:
            cells.append((chunk.cell, show_magics(text, chunk.magics)))
    return mark + replace_cells(source.text.removeprefix(mark), cells)


def _line(node: ast.AST) -> int:
    return int(getattr(node, "lineno", 0))


class _Module:
    """A chunk as LibCST holds it, and what is to be done to it."""

    def __init__(self, chunk: Chunk) -> None:
        self.chunk = chunk
        self.lines = chunk.lines
        # LibCST loses some blank lines at the very end; they are kept aside.
        text = chunk.text.rstrip()
        self.tail = chunk.text[len(text) :]
        module = cst.parse_module(text)
        self.wrapper = MetadataWrapper(module, unsafe_skip_copy=True)
        finder = _Finder()
        self.wrapper.visit(finder)
        self.places = finder.places if module.code == text else set()
        self.planned: dict[_Place, list[Edit]] = defaultdict(list)

    def _place(self, edit: Edit) -> _Place:
        node = edit.node
        start = self._point(_line(node), getattr(node, "col_offset", 0))
        end = self._point(getattr(node, "end_lineno", 0), getattr(node, "end_col_offset", 0))
        return (_KIND[edit.action], *start, *end)

    def _point(self, line: int, column: int) -> tuple[int, int]:
        """Return a point in lines of the chunk and characters, from one in bytes."""
        line -= self.chunk.before
        text = self.lines[line - 1]
        return line, column if text.isascii() else len(text.encode()[:column].decode())

    def holds(self, edit: Edit) -> bool:
        """Whether there is something at the place of an edit that it can change."""
        return self._place(edit) in self.places

    def plan(self, edit: Edit) -> None:
        """Take up an edit, once."""
        edits = self.planned[self._place(edit)]
        if (edit.action, edit.arguments) not in [(e.action, e.arguments) for e in edits]:
            edits.append(edit)

    def text(self) -> str:
        """Return the text with all edits made."""
        return self.wrapper.visit(_Rewriter(self.planned)).code + self.tail


class _Placed(cst.CSTTransformer):
    METADATA_DEPENDENCIES = (PositionProvider,)

    def place(self, kind: str, node: cst.CSTNode) -> _Place:
        at = self.get_metadata(PositionProvider, node)
        return kind, at.start.line, at.start.column, at.end.line, at.end.column


class _Finder(_Placed):
    """Collect the places where something can be changed."""

    def __init__(self) -> None:
        super().__init__()
        self.places: set[_Place] = set()

    def visit_Call(self, node: cst.Call) -> None:
        self.places.add(self.place("call", node))

    def visit_Attribute(self, node: cst.Attribute) -> None:
        self.places.add(self.place("attribute", node))

    def visit_List(self, node: cst.List) -> None:
        self.places |= {self.place("element", element.value) for element in node.elements}

    def visit_SimpleStatementLine(self, node: cst.SimpleStatementLine) -> None:
        if len(node.body) == 1:
            (part,) = node.body
            kind = "import" if isinstance(part, cst.Import | cst.ImportFrom) else "statement"
            self.places.add(self.place(kind, part))


class _Rewriter(_Placed):
    """Make the planned edits."""

    def __init__(self, planned: dict[_Place, list[Edit]]) -> None:
        super().__init__()
        self.planned = planned

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.Call:
        for edit in self.planned.get(self.place("call", original_node), ()):
            updated_node = CALL_EDITS[edit.action](updated_node, *edit.arguments)
        return updated_node

    def leave_Attribute(
        self, original_node: cst.Attribute, updated_node: cst.Attribute
    ) -> cst.BaseExpression:
        for edit in self.planned.get(self.place("attribute", original_node), ()):
            made = cst.parse_expression(edit.arguments[0])
            return made.with_changes(lpar=updated_node.lpar, rpar=updated_node.rpar)
        return updated_node

    def leave_List(self, original_node: cst.List, updated_node: cst.List) -> cst.List:
        elements: list[cst.BaseElement] = []
        for before, element in zip(original_node.elements, updated_node.elements, strict=True):
            for edit in self.planned.get(self.place("element", before.value), ()):
                space = updated_node.lbracket.whitespace_after
                if isinstance(space, cst.SimpleWhitespace):
                    space = cst.SimpleWhitespace(" ")
                comma = cst.Comma(whitespace_after=space)
                elements.append(cst.Element(cst.parse_expression(edit.arguments[0]), comma=comma))
            elements.append(element)
        return updated_node.with_changes(elements=elements)

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> cst.SimpleStatementLine | cst.FlattenSentinel[cst.SimpleStatementLine]:
        if len(original_node.body) != 1:
            return updated_node
        (part,) = original_node.body
        edits = [
            *self.planned.get(self.place("statement", part), ()),
            *self.planned.get(self.place("import", part), ()),
        ]
        if not edits:
            return updated_node
        before: list[cst.SimpleStatementLine] = []
        after: list[cst.SimpleStatementLine] = []
        for edit in edits:
            if edit.action == "module":
                statement = cst.ensure_type(updated_node.body[0], cst.ImportFrom)
                changed = statement.with_changes(module=cst.parse_expression(edit.arguments[0]))
                updated_node = updated_node.with_changes(body=[changed])
                continue
            lines = [_statement(text) for text in edit.arguments]
            if edit.action == "before":
                # A comment above the statement stays above what comes in front of it.
                before = [
                    *before,
                    lines[0].with_changes(leading_lines=updated_node.leading_lines),
                ]
                updated_node = updated_node.with_changes(leading_lines=[])
            elif edit.action == "import_after":
                after += lines
            else:
                updated_node = updated_node.with_changes(body=lines[0].body)
                after = [*lines[1:], *after]
        return cst.FlattenSentinel([*before, updated_node, *after])


def _statement(text: str) -> cst.SimpleStatementLine:
    return cst.ensure_type(cst.parse_statement(text), cst.SimpleStatementLine)
