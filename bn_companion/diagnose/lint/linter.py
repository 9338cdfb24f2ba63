"""`lint`: the questions of `audit`, asked of a source, and what of it belongs to Keras 1 and 2."""

import ast
import gc
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bn_companion.diagnose.codes import CODES, expand
from bn_companion.diagnose.finding import Finding, SourcePosition
from bn_companion.diagnose.lint.analysis import analyse
from bn_companion.diagnose.lint.files import SUFFIXES, find_files
from bn_companion.diagnose.lint.migration import find_old_calls
from bn_companion.diagnose.lint.moved import find_moved
from bn_companion.diagnose.lint.problem import Problem
from bn_companion.diagnose.lint.source import Source
from bn_companion.diagnose.lint.wiring import find_wiring

__all__ = ["Checked", "check", "check_file", "chosen_codes", "lint"]

# A source without any of these words has nothing to do with Keras.
_WORDS = re.compile(
    r"keras|BatchNorm|Convolution\dD|nb_epoch|show_accuracy|Sequential\(|SGD\(|\.add\(Dense"
)


@dataclass(frozen=True, slots=True)
class Checked:
    """A finding, and the problem behind it that `rewrite` may solve; a failure has none."""

    finding: Finding
    problem: Problem | None


def lint(
    source: str | Path,
    *,
    select: str | Iterable[str] | None = None,
    ignore: str | Iterable[str] = (),
) -> list[Finding]:
    """Find what is wrong with the batch normalization of a source, and what Keras 3 refuses in it.

    Nothing is imported or run, and TensorFlow is not needed. Where a source leaves a doubt (a layer
    that comes from elsewhere, a branch, a class of the same name) nothing is reported.

    Parameters
    ----------
    source : str or pathlib.Path
        Source code as a string; or the path of a ``.py`` or ``.ipynb`` file, or of a folder, which
        is searched at any depth.
    select : str or iterable of str, optional
        Codes, or beginnings of codes (``"BN1"``), that are wanted; all of them by default.
    ignore : str or iterable of str, default ()
        Codes, or beginnings of codes, that are not.

    Returns
    -------
    list of Finding
        By place. `Finding.where` is a string ``file:line:column`` and has these parts as
        attributes. A file that cannot be parsed is a finding, too: ``BN000``, which no option
        hides. A comment ``# noqa: BN002`` silences a code on its line, ``# noqa`` all of them.

    Raises
    ------
    TypeError
        If `source` is neither a string nor a path, or `select` or `ignore` are no strings.
    ValueError
        If there is no such file, or no source in the folder; if a code does not exist; if a string
        names a file, for which a path is needed.

    Examples
    --------
    >>> from bn_companion import lint
    >>> source = '''
    ... from keras import layers, Sequential
    ... model = Sequential([layers.Dense(64), layers.BatchNormalization(), layers.ReLU()])
    ... '''
    >>> (finding,) = lint(source)
    >>> finding.where, finding.code
    ('<string>:3:21', 'BN002')
    >>> finding.message
    'the bias of this Dense is removed again by the BatchNormalization on line 3'
    >>> finding.remedy
    'Write `use_bias=False`.'
    >>> lint(source, ignore="BN002")
    []
    """
    codes = chosen_codes(select, ignore)
    if isinstance(source, str):
        if "\n" not in source and source.endswith(SUFFIXES):
            raise ValueError(
                "`source` must be source code when it is a string; give a file as a pathlib.Path. "
                f"Received: {source!r}"
            )
        return [checked.finding for checked in check(Source.of_text(source), codes)]
    if not isinstance(source, Path):
        raise TypeError(
            "`source` must be source code (str) or a pathlib.Path. "
            f"Received: {type(source).__name__}"
        )
    try:
        files = find_files(source)
    except ValueError as error:
        raise ValueError(
            f"`source` must be a source or a folder of them. Received: {error}"
        ) from None
    return [checked.finding for file in files for checked in check_file(file, codes)[1]]


def chosen_codes(
    select: str | Iterable[str] | None, ignore: str | Iterable[str] = ()
) -> frozenset[str]:
    """Return the codes that are wanted."""
    wanted = frozenset(CODES) if select is None else expand(select, argument="select")
    return (wanted - expand(ignore, argument="ignore")) | {"BN000"}


@contextmanager
def _no_collections() -> Iterator[None]:
    """Hold Python's search for garbage cycles back while one file is looked at.

    The many nodes of a tree set it off again and again although hardly any of them is garbage;
    that took half of the time.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def check_file(path: Path, codes: frozenset[str]) -> tuple[Source, list[Checked]]:
    """Return a file and the findings in it, by place."""
    with _no_collections():
        source = Source.of_file(path)
        return source, check(source, codes)


def check(source: Source, codes: frozenset[str]) -> list[Checked]:
    """Return the findings in one source, by place."""
    found = [
        Checked(CODES["BN000"].at(failure.where, failure.message), None)
        for failure in source.failures
    ]
    try:
        problems = list(_problems(source)) if _may_concern_keras(source) else []
    except RecursionError:
        where = SourcePosition(source.name, 1, 1)
        return [Checked(CODES["BN000"].at(where, "nested too deeply to be checked"), None)]
    for problem in problems:
        if problem.code not in codes or _is_silenced(source, problem):
            continue
        where = source.position(*_place(problem))
        message = problem.message
        if problem.there is not None:
            message = message.replace("{there}", _named(source, problem.there, where.cell))
        finding = CODES[problem.code].at(where, message, remedy=problem.remedy)
        found.append(Checked(finding, problem))
    return sorted(found, key=_order)


def _may_concern_keras(source: Source) -> bool:
    return any(_WORDS.search(chunk.text) for chunk in source.chunks)


def _problems(source: Source) -> Iterator[Problem]:
    analysis = analyse(source.tree, source.displayed)
    for rule in (find_wiring, find_old_calls, find_moved):
        yield from rule(analysis)


def _place(problem: Problem) -> tuple[int, int]:
    node = problem.node
    return problem.at or (getattr(node, "lineno", 1), getattr(node, "col_offset", 0))


def _named(source: Source, node: ast.AST, cell: int | None) -> str:
    """Return how a message names another place, as seen from a cell."""
    place = source.position(getattr(node, "lineno", 1), 0)
    return f"line {place.line}" + ("" if place.cell == cell else f" of cell {place.cell}")


def _order(checked: Checked) -> tuple[int, int, int, str]:
    where = checked.finding.where
    assert isinstance(where, SourcePosition)
    return where.cell or 0, where.line, where.column, checked.finding.code


def _is_silenced(source: Source, problem: Problem) -> bool:
    """Whether a comment stands on the first or the last line of what the finding is about."""
    first = _place(problem)[0]
    chunk = source.chunk_of(first)
    comments = chunk.silenced
    if not comments:
        return False
    for line in {first, getattr(problem.node, "end_lineno", None) or first}:
        within = line - chunk.before
        if within in comments:
            codes = comments[within]
            if codes is None or problem.code in codes:
                return True
    return False
