"""BN104: arguments without a name, whose place means something else today."""

import ast
import re
from collections.abc import Iterator

from bn_companion.diagnose.lint.facts import CallFact
from bn_companion.diagnose.lint.names import Symbol
from bn_companion.diagnose.lint.problem import Edit, Problem

__all__ = ["find_positions"]

_KERAS_1 = frozenset(
    (
        *("border_mode", "subsample", "init", "dim_ordering", "W_regularizer", "b_regularizer"),
        *("W_constraint", "b_constraint", "bias", "nb_filter"),
    )
)
_MODULES_OF_WINDOWS = {"Convolution2D": 2, "SeparableConvolution2D": 2, "Convolution3D": 3}
_ROW = re.compile(r"(^|_)(nb_)?(rows?|cols?|columns?|w|h|width|height|x|y)(_|$|\d)", re.IGNORECASE)


def find_positions(fact: CallFact, symbol: Symbol) -> Iterator[Problem]:
    """Yield the call if the place of an argument means something else today."""
    call, kind = fact.node, symbol.name
    args = call.args
    if any(isinstance(arg, ast.Starred) for arg in args):
        return
    if symbol.path == "keras.layers.BatchNormalization" and args and _is_float(args[0]):
        edits = (Edit(call, "name", ("0", "epsilon")),) if len(args) == 1 else ()
        yield Problem(
            "BN104",
            call,
            "the first argument of BatchNormalization was epsilon and is the axis today",
            "Write `epsilon=`.",
            edits,
        )
    elif symbol.path == "keras.layers.Dense" and len(args) > 1 and _is_int(args[1]):
        yield Problem(
            "BN104",
            call,
            "the second argument of Dense is the activation today, not a number of units",
            "Write `Dense(units)`, and `keras.Input((features,))` in front of the first layer.",
        )
    elif symbol.path == "keras.optimizers.SGD" and len(args) > 2 and _is_number(args[2]):
        yield Problem(
            "BN104",
            call,
            "the third argument of SGD was decay and is nesterov today",
            "Name the arguments.",
        )
    elif symbol.path.startswith("keras.layers."):
        yield from _window(call, kind)


def _window(call: ast.Call, kind: str) -> Iterator[Problem]:
    """Find ``Convolution2D(32, 3, 3)``, whose second 3 is the stride today."""
    axes = _MODULES_OF_WINDOWS.get(kind)
    old_style = any(keyword.arg in _KERAS_1 for keyword in call.keywords)
    if axes is None and old_style and kind in ("Conv2D", "SeparableConv2D"):
        axes = 2
    if axes is None or len(call.args) != axes + 1:
        return
    sizes = call.args[1:]
    if any(isinstance(size, ast.Tuple | ast.List) for size in sizes):
        return
    if not (old_style or _is_window(sizes)):
        return
    text = ", ".join(ast.unparse(arg) for arg in call.args)
    size = ", ".join(ast.unparse(arg) for arg in sizes)
    effect = "takes the last number for the strides" if axes == 2 else "fails"
    yield Problem(
        "BN104",
        call,
        f"`{kind}({text})` was a kernel of ({size}); today it {effect}",
        f"Write `{kind}({ast.unparse(call.args[0])}, ({size}))`.",
        (Edit(call, "window", ("1", str(axes))),),
    )


def _is_window(sizes: list[ast.expr]) -> bool:
    """Whether two or three arguments are the sides of a window, and not a size and a stride."""
    if all(_is_int(size) for size in sizes):
        numbers = [int(ast.unparse(size)) for size in sizes]
        if len(numbers) == 3:
            return True
        # (3, 1) and (3, 2) may well be a size and a stride, and (1, 1) is the same as both.
        return numbers[1] > numbers[0] or numbers[0] == numbers[1] > 1
    names = [ast.unparse(size) for size in sizes]
    if not all(isinstance(size, ast.Name | ast.Attribute) for size in sizes):
        return False
    return all(_ROW.search(name) for name in names)


def _is_int(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) is int


def _is_float(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) is float


def _is_number(node: ast.expr) -> bool:
    return _is_int(node) or _is_float(node)
