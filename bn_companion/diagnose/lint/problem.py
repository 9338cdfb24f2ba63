"""What a rule hands on: the place in the tree, what to say of it, and how it can be rewritten."""

import ast
from dataclasses import dataclass

__all__ = ["Edit", "Problem"]


@dataclass(frozen=True, slots=True)
class Edit:
    """One change of a source that `rewrite` knows how to make.

    Parameters
    ----------
    node : ast.AST
        The call, statement or expression that is changed.
    action : str
        A name from `bn_companion.diagnose.lint.rewrite.ACTIONS`.
    arguments : tuple of str
        What the action needs, as source text.
    """

    node: ast.AST
    action: str
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding, before its place is a position; without edits it cannot be fixed."""

    code: str
    node: ast.AST
    message: str
    remedy: str | None = None
    edits: tuple[Edit, ...] = ()
    # Where the finding stands, if not where the node begins: a line, and a column in bytes.
    at: tuple[int, int] | None = None
    # Another place that the message speaks of, as {there}.
    there: ast.AST | None = None
