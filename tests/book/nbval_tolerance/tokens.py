"""Text as words and numbers, compared token by token.

Only a number that stands alone is a number: digits glued to letters (``conv2d_1``, ``float32``,
``0x7f``, ``10ms``) and dotted versions (``2.21.0``) are words, and words must be equal. Rows
must match; the blanks within a row need not, because padding follows the width of the numbers.
"""

from __future__ import annotations

import re
from decimal import Decimal, localcontext
from html.parser import HTMLParser
from typing import NamedTuple

from tests.book.nbval_tolerance.declarations import Rules

__all__ = ["Token", "compare_tokens", "deviation", "tokenise_html", "tokenise_text"]

_MINUS = "\N{MINUS SIGN}"

_TOKEN = re.compile(
    rf"""
    (?P<newline>\n)
  | (?P<number>
        (?<![\w.])                          # not glued to what stands before
        (?:(?<![)\]])[+\-{_MINUS}])?        # a sign, unless it reads as an operator: (a)-1
        (?: (?<![\[(,{{]) \d{{1,3}}(?:,\d{{3}})+(?!,?\d) (?:\.\d+)?    # 1,234 but not [100,200]
          | \d+(?:\.\d*)?
          | \.\d+ )
        (?:[eE][+\-{_MINUS}]?\d+)?
        (?!\.?\w)                           # not glued to what follows: 2d, 2.21.0
    )
  | (?P<rule>(?P<stroke>[-=_~\u2500-\u257f])(?P=stroke){{2,}})    # a table's rule
  | (?P<word>\w+(?:\.\w+)*)
  | (?P<mark>\S)
    """,
    re.VERBOSE,
)


class Token(NamedTuple):
    """A word, or a number with its value."""

    text: str
    line: int
    value: Decimal | None = None
    start: int = -1

    @property
    def integer(self) -> bool:
        """Whether the number is printed without a fraction or an exponent.

        ``1.`` counts as one: reading it as a decimal would let "seed 20." become "seed 21.".
        """
        return self.value is not None and not re.search(r"\.\d|[eE]", self.text)


def tokenise_text(text: str, *, first_line: int = 1) -> list[Token]:
    """Cut a text into tokens; every line end is a token of its own.

    Examples
    --------
    >>> [t.text for t in tokenise_text("conv2d_1: loss=.40, (341, 30), 95%")]
    ['conv2d_1', ':', 'loss', '=', '.40', ',', '(', '341', ',', '30', ')', ',', '95', '%']
    >>> [str(t.value) for t in tokenise_text("1,234 -0.5 1e-3 2.21.0 float32") if t.value]
    ['1234', '-0.5', '0.001']
    """
    tokens: list[Token] = []
    line = first_line
    # A blank before a line end, and line ends at the very end, are never seen.
    clean = re.sub(r"[ \t]+(?=\n)", "", text).rstrip()
    for match in _TOKEN.finditer(clean):
        word = match.group()
        value = None
        if match.lastgroup == "number":
            value = Decimal(word.replace(",", "").replace(_MINUS, "-"))
        elif match.lastgroup == "rule":
            word = word[:3]
        tokens.append(Token(word, line, value, match.start()))
        line += match.lastgroup == "newline"
    return tokens


class _Html(HTMLParser):
    """Tags whole, so that an attribute is never a number; text in between as tokens."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tokens: list[Token] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tokens.append(Token(self.get_starttag_text() or tag, self.getpos()[0]))

    def handle_endtag(self, tag: str) -> None:
        self.tokens.append(Token(f"</{tag}>", self.getpos()[0]))

    def handle_comment(self, data: str) -> None:
        self.tokens.append(Token(f"<!--{data}-->", self.getpos()[0]))

    def handle_data(self, data: str) -> None:
        # HTML has no rows but its tags.
        found = tokenise_text(data, first_line=self.getpos()[0])
        self.tokens += [t for t in found if t.text != "\n"]


def tokenise_html(html: str) -> list[Token]:
    """Cut HTML into tags, words and numbers.

    Examples
    --------
    >>> [t.text for t in tokenise_html('<td class="c2">0.93</td>')]
    ['<td class="c2">', '0.93', '</td>']
    """
    parser = _Html()
    parser.feed(html)
    parser.close()
    return parser.tokens


def deviation(stored: Token, fresh: Token) -> Decimal | None:
    """How far two numbers lie apart; None unless both are numbers.

    Decimals, not floats: a tolerance of 0.02 must accept 0.93 for 0.91, which floats do not.
    """
    if stored.value is None or fresh.value is None:
        return None
    with localcontext() as context:
        context.clear_traps()
        return abs(stored.value - fresh.value)


def compare_tokens(stored: list[Token], fresh: list[Token], rules: Rules) -> str | None:
    """Say what differs first, or None where everything agrees within the rules.

    Examples
    --------
    >>> rules = Rules(abs=0.02)
    >>> compare_tokens(tokenise_text("acc 0.91"), tokenise_text("acc  0.93"), rules)
    >>> compare_tokens(tokenise_text("acc 0.91"), tokenise_text("acc 0.94"), rules)
    'line 1: stored 0.91, fresh 0.94; they differ by 0.03, allowed 0.02 (abs=0.02)'
    """
    for old, new in zip(stored, fresh, strict=False):
        if old.text == new.text:
            continue
        gap = deviation(old, new)
        where = f"line {old.line}: stored {_show(old)}, fresh {_show(new)}"
        if gap is None or old.value is None:
            return f"{where}; only numbers may differ"
        if old.integer and new.integer and not rules.integers and gap != 0:
            return f"{where}; whole numbers must be equal unless the cell declares `integers`"
        allowed = Decimal(str(rules.abs)) + Decimal(str(rules.rel)) * abs(old.value)
        # Written so that a deviation that is not a number fails.
        if not gap <= allowed:
            used = [(k, v) for k, v in (("abs", rules.abs), ("rel", rules.rel)) if v]
            declared = ", ".join(f"{k}={v:g}" for k, v in used)
            return f"{where}; they differ by {gap:f}, allowed {allowed.normalize():f} ({declared})"
    if len(stored) != len(fresh):
        longer, name = (stored, "stored") if len(stored) > len(fresh) else (fresh, "fresh")
        extra = longer[min(len(stored), len(fresh))]
        return f"line {extra.line}: {_show(extra)} is only in the {name} output"
    return None


def _show(token: Token) -> str:
    if token.text == "\n":
        return "the end of the line"
    return token.text if token.value is not None else repr(token.text)
