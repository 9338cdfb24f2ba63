"""What is said of an argument of old, and how one is rewritten by itself."""

import ast

from bn_companion.diagnose.lint.old_arguments import Gone
from bn_companion.diagnose.lint.problem import Edit, Problem

__all__ = ["droppable", "edits_for", "refused"]


def refused(keyword: ast.keyword, gone: Gone, whose: str, edits: tuple[Edit, ...]) -> Problem:
    """Return the finding that `whose` argument is refused, or taken with a warning."""
    if gone.ignored:
        verb = "is ignored by" if keyword.arg == "decay" else "draws a warning from"
        message = f"`{keyword.arg}=` of {whose} {verb} Keras 3"
    else:
        message = f"Keras 3 refuses `{keyword.arg}=` of {whose}"
    remedy = gone.hint or f"Write `{gone.new}=`."
    if droppable(keyword.value, gone):
        remedy = "Leave it out."
    return Problem("BN102" if gone.ignored else "BN101", keyword, message, remedy, edits)


def droppable(value: ast.expr, gone: Gone) -> bool:
    """Whether the argument can be left out with this value, and nothing changes."""
    if ... in gone.drop:
        return True
    return isinstance(value, ast.Constant) and any(
        value.value == allowed and type(value.value) is type(allowed) for allowed in gone.drop
    )


def edits_for(
    call: ast.Call, keyword: ast.keyword, gone: Gone, given: dict[str, ast.keyword]
) -> tuple[Edit, ...]:
    """Return how one argument is rewritten, if that is all there is to it."""
    name = keyword.arg or ""
    if droppable(keyword.value, gone):
        return (Edit(call, "remove", (name,)),)
    if gone.new is None or gone.new in given:
        return ()
    if gone.values is None:
        return (Edit(call, "rename", (name, gone.new)),)
    values = dict(gone.values)
    if isinstance(keyword.value, ast.Constant) and keyword.value.value in values:
        return (Edit(call, "replace", (name, gone.new, values[keyword.value.value])),)
    return ()
