"""BN101 and BN102: arguments of Keras 1 or 2; and the way to all findings in calls."""

import ast
from collections.abc import Iterator

from bn_companion.diagnose.lint import old_arguments as old
from bn_companion.diagnose.lint.analysis import Analysis
from bn_companion.diagnose.lint.facts import CallFact
from bn_companion.diagnose.lint.inputs import input_edits
from bn_companion.diagnose.lint.keywords import droppable, edits_for, refused
from bn_companion.diagnose.lint.methods import find_in_method
from bn_companion.diagnose.lint.names import Symbol
from bn_companion.diagnose.lint.old_arguments import Gone
from bn_companion.diagnose.lint.positions import find_positions
from bn_companion.diagnose.lint.problem import Edit, Problem
from bn_companion.diagnose.lint.schedule import schedule_edits

__all__ = ["find_old_calls"]


def find_old_calls(analysis: Analysis) -> Iterator[Problem]:
    """Yield the calls that Keras 3 refuses, ignores, or takes to mean something else."""
    about_keras = _is_about_keras(analysis)
    for fact in analysis.facts.calls.values():
        if fact.guarded:
            continue
        symbol = _callee(fact)
        if symbol is not None:
            yield from _arguments(analysis, fact, symbol)
            yield from find_positions(fact, symbol)
        elif (
            fact.receiver is not None and about_keras and isinstance(fact.node.func, ast.Attribute)
        ):
            yield from find_in_method(analysis, fact, fact.node.func)


def _callee(fact: CallFact) -> Symbol | None:
    """Return the one thing of Keras 3 that is called, by its path without moved modules."""
    if len(fact.callees) != 1:
        return None
    (symbol,) = fact.callees
    if isinstance(symbol, Symbol) and symbol.path == "functools.partial" and fact.node.args:
        found = fact.scope.dotted(fact.node.args[0])
        return found if found and found.is_keras and found.current else None
    if not isinstance(symbol, Symbol) or not symbol.is_keras or not symbol.current:
        return None
    for home in ("keras.layers.", "keras.src.layers."):
        if symbol.path.startswith(home):
            return Symbol("keras.layers." + symbol.name, symbol.root)
    return symbol


def _is_about_keras(analysis: Analysis) -> bool:
    """Whether the methods in this source can be those of a model of Keras 3."""
    symbols = [symbol for symbol, _ in analysis.facts.symbols.values() if symbol.is_keras]
    if symbols:
        return all(symbol.current for symbol in symbols)
    imports = analysis.facts.imports
    return analysis.top.fragment and (not imports or _imports_keras(analysis))


def _imports_keras(analysis: Analysis) -> bool:
    for node in analysis.facts.imports:
        module = getattr(node, "module", None) or ""
        if module.split(".")[0] in ("keras", "tensorflow"):
            return True
        if any(alias.name.split(".")[0] in ("keras", "tensorflow") for alias in node.names):
            return True
    return False


# --- arguments of classes and functions ---


def _arguments(analysis: Analysis, fact: CallFact, symbol: Symbol) -> Iterator[Problem]:
    table = old.arguments_of(symbol.path)
    if not table:
        return
    call = fact.node
    given = {keyword.arg: keyword for keyword in call.keywords if keyword.arg}
    for keyword in call.keywords:
        gone = table.get(keyword.arg or "")
        if gone is None or keyword.arg is None:
            continue
        if keyword.arg in ("input_dim", "input_length", "batch_input_shape"):
            edits = input_edits(analysis, fact, symbol.name)
        elif keyword.arg == "decay" and not droppable(keyword.value, gone):
            edits = schedule_edits(analysis, fact, symbol)
        elif keyword.arg in ("nb_row", "nb_col"):
            whole = {"nb_row", "nb_col"} <= set(given) and "kernel_size" not in given
            edits = (Edit(call, "window_of", ("nb_row", "nb_col")),) if whole else ()
        elif keyword.arg == "lr" and _decays(given, table):
            # The schedule takes the place of both.
            edits = schedule_edits(analysis, fact, symbol) or edits_for(call, keyword, gone, given)
        else:
            edits = edits_for(call, keyword, gone, given)
        yield refused(keyword, gone, symbol.name, edits)


def _decays(given: dict[str, ast.keyword], table: dict[str, Gone]) -> bool:
    return "decay" in given and not droppable(given["decay"].value, table["decay"])
