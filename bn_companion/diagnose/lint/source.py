"""A source as one module to check: the text of a file, or the code cells of a notebook."""

import ast
import bisect
import io
import re
import tokenize
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from bn_companion.diagnose.finding import SourcePosition
from bn_companion.diagnose.lint.magics import hide_magics, parse_quietly
from bn_companion.diagnose.lint.noqa import silenced
from bn_companion.diagnose.lint.notebook import CodeCell, NotebookError, read_cells

__all__ = ["Chunk", "Failure", "Source"]

_LINE_END = re.compile(r"\r\n|\r|\n")
_MARK = "\ufeff"
STRING_NAME = "<string>"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a file, or a cell, cannot be checked."""

    where: SourcePosition
    message: str


@dataclass(frozen=True)
class Chunk:
    """A text that is parsed by itself: a file or a cell."""

    text: str
    before: int  # lines of the chunks before this one
    cell: CodeCell | None = None
    magics: dict[str, str] = field(default_factory=dict)

    @cached_property
    def lines(self) -> list[str]:
        """The lines, without their ends."""
        return _LINE_END.split(self.text)

    @cached_property
    def silenced(self) -> dict[int, frozenset[str] | None]:
        """The codes that comments silence, by line of the chunk."""
        return silenced(self.text)


@dataclass(slots=True)
class Source:
    """A file, or a string, and what came of parsing it.

    Parameters
    ----------
    name : str
        As it was named, for the positions.
    text : str
        All of the file, decoded; empty if that failed.
    chunks : list of Chunk
        What could be parsed.
    tree : ast.Module
        The chunks as one module; lines run through all of them.
    displayed : frozenset of ast.AST
        Statements at the end of a cell, whose value is shown.
    failures : list of Failure
        What could not be parsed.
    """

    name: str
    text: str = ""
    encoding: str = "utf-8"
    is_notebook: bool = False
    chunks: list[Chunk] = field(default_factory=list)
    tree: ast.Module = field(default_factory=lambda: ast.Module([], []))
    displayed: frozenset[ast.AST] = frozenset()
    failures: list[Failure] = field(default_factory=list)

    @classmethod
    def of_text(cls, text: str, name: str = STRING_NAME) -> "Source":
        """Return the source of a module that is given as text."""
        return cls(name).with_text(text)

    @classmethod
    def of_file(cls, path: Path) -> "Source":
        """Return the source of a ``.py`` or ``.ipynb`` file; what is wrong with it is a failure."""
        name = str(path)
        try:
            data = path.read_bytes()
        except OSError as error:
            made = cls(name)
            made._fail(f"cannot be read: {error.strerror or error}")
            return made
        return cls.of_bytes(data, name, notebook=path.suffix == ".ipynb")

    @classmethod
    def of_bytes(cls, data: bytes, name: str, *, notebook: bool) -> "Source":
        """Return the source of a file's content."""
        made = cls(name, is_notebook=notebook)
        try:
            # The mark that some editors put at the beginning stays part of the text.
            made.encoding = "utf-8" if notebook else _encoding(data).removesuffix("-sig")
            made.text = data.decode(made.encoding)
        except (SyntaxError, UnicodeDecodeError, LookupError):
            made._fail("not a text file" if b"\0" in data else "cannot be decoded")
            return made
        if "\0" in made.text:
            made._fail("not a text file")
        else:
            made._parse()
        return made

    def with_text(self, text: str) -> "Source":
        """Return the same file with another text."""
        made = Source(self.name, text, self.encoding, self.is_notebook)
        made._parse()
        return made

    def _parse(self) -> None:
        if self.is_notebook:
            self._add_notebook()
        else:
            self._add(self.text.removeprefix(_MARK), None)

    def _fail(self, message: str, line: int = 1, column: int = 1, cell: int | None = None) -> None:
        where = SourcePosition(self.name, max(line, 1), max(column, 1), cell=cell)
        self.failures.append(Failure(where, message))

    def _add_notebook(self) -> None:
        try:
            cells = read_cells(self.text.removeprefix(_MARK))
        except NotebookError as error:
            self._fail(str(error), error.line, error.column)
            return
        for cell in cells:
            hidden = hide_magics(cell.text)
            if hidden is not None:
                self._add(hidden[0], cell, hidden[1])

    def _add(self, text: str, cell: CodeCell | None, magics: dict[str, str] | None = None) -> None:
        """Parse a text and put it behind what is there."""
        last = self.chunks[-1] if self.chunks else None
        chunk = Chunk(text, last.before + len(last.lines) if last else 0, cell, magics or {})
        number = cell.number if cell else None
        if "\0" in text:
            self._fail("not a text file", cell=number)
            return
        try:
            tree = parse_quietly(text)
        except SyntaxError as error:
            self._fail(f"syntax error: {error.msg}", error.lineno or 1, error.offset or 1, number)
            return
        except ValueError:  # half of a character, which no encoding has
            self._fail("not text", cell=number)
            return
        except (RecursionError, MemoryError):
            self._fail("nested too deeply to be checked", cell=number)
            return
        if chunk.before:
            ast.increment_lineno(tree, chunk.before)
        self.chunks.append(chunk)
        self.tree.body.extend(tree.body)
        if cell and tree.body and not text.rstrip().endswith(";"):
            self.displayed |= {tree.body[-1]}

    def chunk_of(self, line: int) -> Chunk:
        """Return the chunk that holds a line of the whole."""
        starts = [chunk.before for chunk in self.chunks]
        return self.chunks[bisect.bisect_left(starts, line) - 1]

    def position(self, line: int, column: int) -> SourcePosition:
        """Return the position of a place in the tree, whose columns count bytes from 0."""
        chunk = self.chunk_of(line)
        within = line - chunk.before
        number = chunk.cell.number if chunk.cell else None
        text = chunk.lines[within - 1] if within <= len(chunk.lines) else ""
        if not text.isascii():
            column = len(text.encode()[:column].decode(errors="ignore"))
        return SourcePosition(self.name, within, column + 1, cell=number)


def _encoding(data: bytes) -> str:
    """Return the encoding that a Python file declares; UTF-8 without a declaration."""
    return tokenize.detect_encoding(io.BytesIO(data).readline)[0]
