"""One finding: what `lint` says of a place in a source and `audit` of a layer in a model.

Nothing here, nor in `bn_companion.diagnose.codes`, imports TensorFlow or Keras.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from bn_companion._checks import no_member

__all__ = ["Finding", "Severity", "SourcePosition"]


class Severity(StrEnum):
    """How much a finding matters.

    Attributes
    ----------
    ERROR : str
        ``"error"``: the line fails today, or has no effect at all.
    WARNING : str
        ``"warning"``: it runs, and does not do what was meant.
    INFO : str
        ``"info"``: it works; something is wasted, or written in a way that is going away.

    Examples
    --------
    >>> from bn_companion import Severity
    >>> Severity("warning") is Severity.WARNING
    True
    >>> Severity("fatal")
    Traceback (most recent call last):
        ...
    ValueError: `severity` must be one of 'error', 'warning', 'info'. Received: 'fatal'
    """

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"

    @classmethod
    def _missing_(cls, value: object) -> "Severity":
        raise no_member("severity", cls, value)


class SourcePosition(str):
    """A place in a source: the string ``file:line:column``, with its parts as attributes.

    A string, because that is what a finding's `where` is for a model, too: a layer's name.

    Parameters
    ----------
    file : str
        As it was named, or ``"<string>"`` for source code that was passed in.
    line, column : int
        Counted from 1, in characters.
    cell : int, optional
        In a notebook, the number of the cell among all cells, counted from 1; the line is then
        counted within the cell, and the string reads ``file:cell 3:line:column``.

    Examples
    --------
    >>> from bn_companion.diagnose.finding import SourcePosition
    >>> SourcePosition("train.py", 12, 5)
    'train.py:12:5'
    >>> SourcePosition("train.ipynb", 2, 1, cell=3)
    'train.ipynb:cell 3:2:1'
    >>> SourcePosition("train.py", 12, 5).line
    12
    """

    file: str
    line: int
    column: int
    cell: int | None

    def __new__(  # noqa: D102 (the class says it)
        cls, file: str, line: int, column: int, *, cell: int | None = None
    ) -> "SourcePosition":
        within = "" if cell is None else f"cell {cell}:"
        made = super().__new__(cls, f"{file}:{within}{line}:{column}")
        made.file, made.line, made.column, made.cell = file, line, column, cell
        return made

    def __getnewargs_ex__(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (self.file, self.line, self.column), {"cell": self.cell}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, where, and what to do about it.

    Parameters
    ----------
    code : str
        Stable, such as ``"BN002"``; each one is explained on the page of codes.
    where : str
        A layer's name (`audit`), or a `SourcePosition`, which is the string
        ``"file:line:column"`` (`lint`).
    message : str
        What was found, in this very place.
    remedy : str
        What to do about it.
    severity : Severity or str
        ``"error"``, ``"warning"`` or ``"info"``.

    Raises
    ------
    ValueError
        If `severity` is none of the three.

    Examples
    --------
    >>> from bn_companion import lint
    >>> source = '''import keras
    ... model = keras.Sequential()
    ... keras.layers.BatchNormalization()
    ... '''
    >>> (finding,) = lint(source)
    >>> print(finding)
    <string>:3:1: BN001 error: this BatchNormalization is built and never used
    >>> finding.where.line, finding.severity.value
    (3, 'error')
    >>> print(finding.remedy.partition(",")[0])
    Put it where it belongs
    """

    code: str
    where: str
    message: str
    remedy: str
    severity: Severity | str

    def __post_init__(self) -> None:
        object.__setattr__(self, "severity", Severity(self.severity))

    def __str__(self) -> str:
        return f"{self.where}: {self.code} {self.severity}: {self.message}"
