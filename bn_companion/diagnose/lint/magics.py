"""IPython's magics in a cell, hidden from the parser without moving anything else.

A line such as ``%matplotlib inline`` becomes a name that stands for it, so that lines and columns
stay what they are and the cell can be written back.
"""

import ast
import re
import warnings

__all__ = ["hide_magics", "parse_quietly", "show_magics"]

# Cell magics whose body is Python that runs here; all others hold something else.
_PYTHON_BODY = frozenset(["time", "timeit", "capture", "prun", "memit", "mprun"])
_CELL_MAGIC = re.compile(r"\s*%%\s*(\w+)")
_LINE_MAGIC = re.compile(
    r"\s*(?:[%!?]|[\w.,\s]+=\s*[%!]|(?:pip|conda|cd|ls|ll|cat|mkdir|rm|cp|mv|pwd|git)\b(?!\s*[=(.\[]))"
    r"|.*\?\s*$"
)


def parse_quietly(text: str) -> ast.Module:
    r"""Parse Python without the warnings that invalid escapes such as ``"\d"`` draw."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(text)


def hide_magics(text: str) -> tuple[str, dict[str, str]] | None:
    r"""Return a cell with names for its magics, and the lines that they stand for.

    Returns
    -------
    tuple of str and dict, or None
        None for a cell that is not Python, such as ``%%bash``.

    Examples
    --------
    >>> from bn_companion.diagnose.lint.magics import hide_magics, show_magics
    >>> hidden, magics = hide_magics("%matplotlib inline\nx = 1")
    >>> hidden, magics
    ('magic_0_\nx = 1', {'magic_0_': '%matplotlib inline'})
    >>> show_magics(hidden, magics)
    '%matplotlib inline\nx = 1'
    """
    cell = _CELL_MAGIC.match(text)
    if cell and cell[1] not in _PYTHON_BODY:
        return None
    lines = re.split(r"(\r\n|\r|\n)", text)  # every second one is a line's end
    hidden: dict[str, str] = {}

    def hide(number: int, indent: str | None = None) -> bool:
        line = lines[2 * number]
        if indent is None:
            indent = line[: len(line) - len(line.lstrip(" \t"))]
        name = f"magic_{len(hidden)}_"
        while name in text:
            name = "_" + name
        hidden[name] = line
        lines[2 * number] = indent + name
        # A shell command may go on behind a backslash.
        continued = line.endswith("\\") and 2 * (number + 1) < len(lines)
        return hide(number + 1, indent) if continued else True

    if cell:
        hide(text[: cell.end()].count("\n"))
    while True:
        try:
            parse_quietly("".join(lines))
        except SyntaxError as error:
            number = (error.lineno or 1) - 1
            known = 2 * number < len(lines)
            if known and _LINE_MAGIC.match(lines[2 * number]) and hide(number):
                continue
        except (ValueError, RecursionError, MemoryError):
            pass
        return "".join(lines), hidden


def show_magics(text: str, hidden: dict[str, str]) -> str:
    """Return a cell with its magics back."""
    for name, line in hidden.items():
        written = line.replace("\\", r"\\")  # a replacement reads backslashes
        text = re.sub(rf"^[ \t]*{name}", written, text, count=1, flags=re.MULTILINE)
    return text
