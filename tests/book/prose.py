r"""Prose owns no numbers: find measured numbers that an author typed by hand.

A *measured* number is a result: it can go stale when code or data change. In plain text these
count as measured: decimals, percentages, times and sizes with a unit, ratios (``3x``, ``twice as
fast``), fractions (``9 of 10``), numbers with an error or in scientific notation, and whole
numbers behind a hedge (``about 300``). Not measured: whole numbers, references (``section 4.1``),
versions (``Python 3.12``), *settings*, which are written as code (`` `0.1` ``), and mathematics,
unless the formula is nothing but a number.

A measured number is in order where a cell glues it, or where its sentence (in a table: its row)
carries a citation.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.amsmath import amsmath_plugin
from mdit_py_plugins.colon_fence import colon_fence_plugin
from mdit_py_plugins.deflist import deflist_plugin
from mdit_py_plugins.dollarmath import dollarmath_plugin
from mdit_py_plugins.myst_blocks import myst_block_plugin
from mdit_py_plugins.myst_role import myst_role_plugin

__all__ = ["Finding", "find_measured", "find_measured_in_cell", "measured", "passages"]

_PARSER = (
    MarkdownIt("commonmark")
    .enable("table")
    .use(myst_role_plugin)
    .use(dollarmath_plugin)
    .use(colon_fence_plugin)
    .use(deflist_plugin)
    .use(amsmath_plugin)
    .use(myst_block_plugin)
)

# Characters of the private use area stand for what is no prose of the author's.
_CITATION, _ELSEWHERE = "\ue000", "\ue001"

# Directives that hold no prose. Any other is read, known or not.
_NOT_PROSE = re.compile(
    r"(code|code-block|code-cell|sourcecode|literalinclude|math|eval-rst|toctree|tableofcontents|"
    r"bibliography|raw|mermaid|glue(:\w+)?)$"
)
# ... whose argument is a target and not a title.
_TARGET = re.compile(r"(figure|image|solution(-start|-end)?|exercise-(start|end)|include)$")
_REFERENCE_ROLES = re.compile(r"(glue|cite|math|eq|ref|numref|doc|download|term|index)\b")
_SPOKEN_OPTIONS = re.compile(r"^:(alt|caption):\s*(.*)$")
_OPTION = re.compile(r"^:[\w-]+:")

_WORDS = "two|three|four|five|six|seven|eight|nine|ten|twelve|twenty|thirty|fifty|hundred|thousand"
_NUMBER = r"(?<![\w.])\d[\d,]*"
_NAMED = re.compile(
    r"(?:\b(?:sections?|sec\.|chapters?|figures?|fig\.|tables?|equations?|eq\.|algorithms?|"
    r"appendix|versions?|release|python|keras|tensorflow|numpy|jupyter book|cuda)|§)"
    r"\s*v?[\d.]*\d\+?(?:\s*(?:,|and|or|to|-|\N{EN DASH})\s*\d[\d.]*(?![\w%]))*",
    re.IGNORECASE,
)
_MEASURED = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"{_NUMBER}(?:\.\d+)?\s?(?:\\?%|per\s?cent\b|(?:percentage )?points?\b)",
        r"(?<![\w.])\d*\.\d+(?:e[+\-\N{MINUS SIGN}]?\d+)?(?!\.?\w)",
        r"(?<![\w.])\d+e[+\-\N{MINUS SIGN}]?\d+\b",
        r"±\s?\d+",
        rf"(?:{_NUMBER}|\b(?:{_WORDS}))\s?-?fold\b",
        rf"{_NUMBER}\s?[x\N{{MULTIPLICATION SIGN}}](?!\s?\d|\w)",
        rf"(?:{_NUMBER}|\b(?:{_WORDS}))\s?times\s(?:as|more|less|fewer|the|\w+er)\b",
        r"\b(?:twice|half|thrice) as\b",
        rf"{_NUMBER}\s?(?:[munµ]?s|sec|seconds?|minutes?|hours?|[kmg]i?b|(?:mega|giga)?bytes?)\b",
        rf"(?:{_NUMBER}|\b(?:{_WORDS}))\s(?:out of|of|in)\s(?:the\s)?(?:\d+|(?:{_WORDS})\b)",
        r"(?<![\w./])\d+/\d+(?![\w/])",
        rf"(?:\b(?:about|around|roughly|approximately|nearly|almost|circa)\s|[~≈])\s?{_NUMBER}",
    )
)
_BARE_FORMULA = re.compile(r"^(?:\\(?:approx|sim|pm)|[<>=±~\s+-])*\d[\d.,]*\s*(?:\\?%)?$")
_P_VALUE = re.compile(r"^p\s*(?:[<>=]|\\(?:approx|leq?|geq?|ll)\b)\s*[\d.]+")
_SENTENCE_END = re.compile(r"(?<=[.!?:;])[\"')\]]*\s+(?=[\"'(\[]*[A-Z0-9\ue000\ue001])")


class Finding(NamedTuple):
    """A measured number, and the sentence it stands in."""

    line: int
    number: str
    sentence: str

    def __str__(self) -> str:
        sentence = self.sentence.replace(_CITATION, "[cite]").replace(_ELSEWHERE, "...")
        return f"line {self.line}: {self.number!r} in {sentence!r}"


def find_measured(markdown: str) -> list[Finding]:
    """Find the measured numbers in a text that no cell and no citation answers for.

    Examples
    --------
    >>> [f.number for f in find_measured("It reached 0.93 after `20` epochs of $x$.")]
    ['0.93']
    >>> find_measured("It reached {glue:text}`accuracy` with momentum `0.9` (section 4.1).")
    []
    >>> find_measured("They reached 74.8% {cite:p}`ioffe2015`.")
    []
    """
    return [
        Finding(line, number, sentence)
        for line, passage in passages(markdown)
        for sentence in _SENTENCE_END.split(passage)
        if _CITATION not in sentence
        for number in measured(sentence)
    ]


def find_measured_in_cell(cell: Any) -> list[Finding]:
    """Find them in a notebook's cell: in its text, or in a figure's caption and alt text."""
    texts = [cell.source] if cell.cell_type == "markdown" else []
    texts += _strings(cell.metadata.get("mystnb", {}))
    return [finding for text in texts for finding in find_measured(text)]


def measured(sentence: str) -> list[str]:
    """Return the measured numbers in a sentence of plain text.

    Examples
    --------
    >>> measured("Keras 3.12 and section 4.1: twice as fast on 9 of 10 seeds, about 300 steps")
    ['twice as', '9 of 10', 'about 300']
    """
    rest = _NAMED.sub(" ", sentence)
    found = sorted(
        (match.start(), -match.end(), match.group())
        for pattern in _MEASURED
        for match in pattern.finditer(rest)
    )
    kept: list[str] = []
    last = -1
    for start, end, number in found:
        if start >= last:
            kept.append(number.strip())
            last = -end
    return kept


def passages(markdown: str, *, first_line: int = 1) -> Iterator[tuple[int, str]]:
    """Yield the author's own words, a paragraph or table row at a time, with their line."""
    row: list[str] | None = None
    for token in _PARSER.parse(markdown):
        line = first_line + (token.map[0] if token.map else 0)
        if token.type == "tr_open":
            row = []
        elif token.type == "tr_close":
            # A row is one passage, so that one citation answers for all of its numbers.
            yield line, " | ".join(row or [])
            row = None
        elif token.type == "inline":
            text = _plain(token.children or [])
            if row is None:
                yield line, text
            else:
                row.append(text)
        elif token.type == "html_block":
            yield line, re.sub(r"<[^>]*>", " ", token.content)
        elif token.type in {"fence", "colon_fence"}:
            yield from _directive(token, line)


def _directive(token: Token, line: int) -> Iterator[tuple[int, str]]:
    match = re.match(r"\{([^}]+)\}\s*(.*)", token.info.strip())
    if not match or _NOT_PROSE.match(match[1]):
        return
    if match[2] and not _TARGET.match(match[1]):
        yield from passages(match[2], first_line=line)
    body: list[str] = []
    options = True
    for text in token.content.splitlines():
        spoken = _SPOKEN_OPTIONS.match(text)
        options = options and bool(_OPTION.match(text))
        # Blank lines in the place of options keep the numbers of the lines right.
        body.append(spoken[2] if options and spoken else "" if options else text)
    yield from passages("\n".join(body), first_line=line + 1)


def _plain(children: Iterable[Token]) -> str:
    text = ""
    for token in children:
        if token.type in {"text", "text_special"}:
            text += token.content
        elif token.type in {"softbreak", "hardbreak"}:
            text += " "
        elif token.type == "image":
            text += _plain(token.children or [])
        elif token.type == "code_inline":
            # A setting, unless it is a percentage: nobody sets one in code.
            text += token.content if re.search(r"\d\s?%", token.content) else _ELSEWHERE
        elif token.type.startswith("math"):
            content = token.content.strip()
            bare = _BARE_FORMULA.match(content) or _P_VALUE.match(content)
            text += content if bare else _ELSEWHERE
        elif token.type == "myst_role":
            name = token.meta["name"]
            if name.startswith("cite"):
                text += _CITATION
            else:
                text += _ELSEWHERE if _REFERENCE_ROLES.match(name) else token.content
    return text


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for item in items for text in _strings(item)]
