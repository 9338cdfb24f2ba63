"""Comments that silence findings: ``# noqa`` all of a line, ``# noqa: BN002`` one code."""

import io
import re
import tokenize

__all__ = ["silenced"]

_NOQA = re.compile(
    r"#\s*noqa(?P<codes>\s*:\s*(?P<list>[A-Z]+[0-9]+(?:[,\s]+[A-Z]+[0-9]+)*))?(?![\w:-])",
    re.IGNORECASE,
)


def silenced(text: str) -> dict[int, frozenset[str] | None]:
    r"""Return the silenced codes by line, counted from 1; None stands for all of them.

    Only comments count: the same words in a string silence nothing.

    Examples
    --------
    >>> from bn_companion.diagnose.lint.noqa import silenced
    >>> silenced("a = 1  # noqa\nb = 2  # noqa: BN002\nc = '# noqa'\n")
    {1: None, 2: frozenset({'BN002'})}
    """
    if "noqa" not in text.lower():
        return {}
    found: dict[int, frozenset[str] | None] = {}
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT and (match := _NOQA.search(token.string)):
                codes = match["list"]
                line = token.start[0]
                found[line] = (
                    None if codes is None else frozenset(re.split(r"[,\s]+", codes.upper()))
                )
    except (tokenize.TokenError, SyntaxError):
        pass  # what parses as a tree but not as tokens: the comments up to here
    return found
