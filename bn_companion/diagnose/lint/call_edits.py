"""Edits of one call as LibCST holds it: arguments renamed, removed, added, with their layout."""

from collections.abc import Callable

import libcst as cst

__all__ = ["CALL_EDITS"]

_TIGHT = cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace(""))
_Space = cst.BaseParenthesizableWhitespace


def _find(call: cst.Call, name: str) -> int:
    for index, arg in enumerate(call.args):
        if arg.keyword is not None and arg.keyword.value == name:
            return index
    raise LookupError(name)


def _with(call: cst.Call, index: int, arg: cst.Arg) -> cst.Call:
    return call.with_changes(args=[*call.args[:index], arg, *call.args[index + 1 :]])


def _spaces(arg: cst.Arg) -> _Space | None:
    """Return what stands behind the comma of an argument, None without a comma."""
    return arg.comma.whitespace_after if isinstance(arg.comma, cst.Comma) else None


def _without_comment(space: _Space) -> _Space:
    if isinstance(space, cst.ParenthesizedWhitespace):
        line = space.first_line.with_changes(comment=None, whitespace=cst.SimpleWhitespace(""))
        return space.with_changes(first_line=line, empty_lines=[])
    return space


def rename(call: cst.Call, old: str, new: str) -> cst.Call:
    """``f(old=1)`` becomes ``f(new=1)``."""
    index = _find(call, old)
    return _with(call, index, call.args[index].with_changes(keyword=cst.Name(new)))


def replace(call: cst.Call, old: str, new: str, value: str) -> cst.Call:
    """``f(old=1)`` becomes ``f(new=value)``."""
    index = _find(call, old)
    changed = {"keyword": cst.Name(new), "value": cst.parse_expression(value)}
    return _with(call, index, call.args[index].with_changes(**changed))


def put(call: cst.Call, name: str, value: str) -> cst.Call:
    """``f(1)`` becomes ``f(1, name=value)``, laid out like the arguments before it."""
    try:
        return replace(call, name, name, value)
    except LookupError:
        pass
    new = cst.Arg(cst.parse_expression(value), keyword=cst.Name(name), equal=_TIGHT)
    if not call.args:
        return call.with_changes(args=[new])
    *before, last = call.args
    end, trailing = _spaces(last), last.whitespace_after_arg
    between: _Space = cst.SimpleWhitespace(" ")
    if before and (space := _spaces(before[-1])) is not None:
        between = _without_comment(space)
    elif end is not None and isinstance(call.whitespace_before_args, cst.ParenthesizedWhitespace):
        between = _without_comment(call.whitespace_before_args)
    if end is not None:  # a trailing comma stays one, and a comment stays where it is
        new = new.with_changes(comma=cst.Comma(whitespace_after=_without_comment(end)))
        if isinstance(end, cst.ParenthesizedWhitespace) and isinstance(
            between, cst.ParenthesizedWhitespace
        ):
            between = end.with_changes(last_line=between.last_line, indent=between.indent)
    elif isinstance(trailing, cst.ParenthesizedWhitespace):
        new = new.with_changes(whitespace_after_arg=_without_comment(trailing))
        if trailing.first_line.comment is not None:
            # The comment stays on its line, and the new argument starts another.
            lined_up = between
            if isinstance(call.whitespace_before_args, cst.ParenthesizedWhitespace):
                lined_up = call.whitespace_before_args
            between = trailing
            if isinstance(lined_up, cst.ParenthesizedWhitespace):
                between = trailing.with_changes(
                    last_line=lined_up.last_line, indent=lined_up.indent
                )
        elif not before and isinstance(call.whitespace_before_args, cst.ParenthesizedWhitespace):
            between = cst.SimpleWhitespace(" ")
    last = last.with_changes(
        comma=cst.Comma(whitespace_after=between), whitespace_after_arg=cst.SimpleWhitespace("")
    )
    return call.with_changes(args=[*before, last, new])


def remove(call: cst.Call, name: str) -> cst.Call:
    """``f(1, name=2)`` becomes ``f(1)``; a comment behind the argument is kept."""
    index = _find(call, name)
    args = list(call.args)
    gone = args.pop(index)
    if index == len(args):
        if args:
            args[-1] = _last(args[-1], gone)
        return call.with_changes(args=args)
    space = _spaces(gone)
    start = call.whitespace_before_args
    if not index and isinstance(space, cst.ParenthesizedWhitespace):
        comment = space.first_line.comment
        if comment is not None and isinstance(start, cst.ParenthesizedWhitespace):
            line = cst.EmptyLine(start.indent, start.last_line, comment)
            start = start.with_changes(empty_lines=[*start.empty_lines, line])
        return call.with_changes(args=args, whitespace_before_args=start)
    if index and isinstance(space, cst.ParenthesizedWhitespace):
        previous = args[index - 1]
        before = _spaces(previous)
        comment = space.first_line.comment
        if isinstance(before, cst.ParenthesizedWhitespace):
            lines = [*before.empty_lines]
            if comment is not None:
                lines.append(cst.EmptyLine(before.indent, before.last_line, comment))
            kept: _Space = before.with_changes(empty_lines=[*lines, *space.empty_lines])
        else:
            kept = space
        args[index - 1] = previous.with_changes(comma=cst.Comma(whitespace_after=kept))
    return call.with_changes(args=args)


def _last(arg: cst.Arg, gone: cst.Arg) -> cst.Arg:
    """Return an argument that ends the call where the one behind it did."""
    between, end = _spaces(arg), _spaces(gone)
    rest = gone.whitespace_after_arg if end is None else end
    if isinstance(between, cst.ParenthesizedWhitespace) and between.first_line.comment is not None:
        if isinstance(rest, cst.ParenthesizedWhitespace):
            lines = [*between.empty_lines, *rest.empty_lines]
            if (comment := rest.first_line.comment) is not None:
                lines.append(cst.EmptyLine(between.indent, between.last_line, comment))
            between = between.with_changes(
                empty_lines=lines, last_line=rest.last_line, indent=rest.indent
            )
        rest = between
    if end is None:
        return arg.with_changes(comma=cst.MaybeSentinel.DEFAULT, whitespace_after_arg=rest)
    return arg.with_changes(comma=cst.Comma(whitespace_after=rest))


def name_position(call: cst.Call, position: str, name: str) -> cst.Call:
    """``f(1, 2)`` becomes ``f(1, name=2)``."""
    index = int(position)
    return _with(call, index, call.args[index].with_changes(keyword=cst.Name(name), equal=_TIGHT))


def _tuple(values: list[cst.BaseExpression]) -> cst.Tuple:
    comma = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
    elements = [cst.Element(value, comma=comma) for value in values[:-1]]
    return cst.Tuple([*elements, cst.Element(values[-1])])


def window(call: cst.Call, first: str, count: str) -> cst.Call:
    """``Convolution2D(32, 3, 3)`` becomes ``Convolution2D(32, (3, 3))``."""
    start, stop = int(first), int(first) + int(count)
    sides = call.args[start:stop]
    whole = sides[-1].with_changes(value=_tuple([arg.value for arg in sides]))
    return call.with_changes(args=[*call.args[:start], whole, *call.args[stop:]])


def window_of(call: cst.Call, *names: str) -> cst.Call:
    """``f(nb_row=3, nb_col=3)`` becomes ``f(kernel_size=(3, 3))``."""
    places = [_find(call, name) for name in names]
    whole = _tuple([call.args[place].value for place in places])
    for name in names[1:]:
        call = remove(call, name)
    index = _find(call, names[0])
    changed = call.args[index].with_changes(keyword=cst.Name("kernel_size"), value=whole)
    return _with(call, index, changed)


def schedule(call: cst.Call, rate: str, name: str) -> cst.Call:
    """``f(lr=a, decay=b)`` becomes ``f(learning_rate=name(a, decay_steps=1, decay_rate=b))``."""
    text = f"{name}(rate, decay_steps=1, decay_rate=decay)"
    made = cst.ensure_type(cst.parse_expression(text), cst.Call)
    start = call.args[_find(call, rate)].value
    decay = call.args[_find(call, "decay")].value
    made = _with(made, 0, made.args[0].with_changes(value=start))
    made = _with(made, 2, made.args[2].with_changes(value=decay))
    call = remove(call, "decay")
    index = _find(call, rate)
    changed = call.args[index].with_changes(keyword=cst.Name("learning_rate"), value=made)
    return _with(call, index, changed)


def method(call: cst.Call, name: str) -> cst.Call:
    """``model.fit_generator(...)`` becomes ``model.fit(...)``."""
    func = cst.ensure_type(call.func, cst.Attribute)
    call = call.with_changes(func=func.with_changes(attr=cst.Name(name)))
    try:
        return rename(call, "generator", "x")
    except LookupError:
        return call


CALL_EDITS: dict[str, Callable[..., cst.Call]] = {
    "rename": rename,
    "replace": replace,
    "set": put,
    "remove": remove,
    "name": name_position,
    "window": window,
    "window_of": window_of,
    "schedule": schedule,
    "method": method,
}
