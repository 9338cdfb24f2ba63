"""How ``input_dim=`` and ``batch_input_shape=`` become an `Input` in front of the first layer."""

import ast

from bn_companion.diagnose.lint.analysis import Analysis
from bn_companion.diagnose.lint.facts import CallFact
from bn_companion.diagnose.lint.problem import Edit
from bn_companion.diagnose.lint.spelling import spell
from bn_companion.diagnose.lint.values import Layer

__all__ = ["input_edits"]

_SEQUENCES = frozenset(["LSTM", "GRU", "SimpleRNN", "Conv1D", "Convolution1D"])
_ARGUMENTS = ("input_dim", "input_length", "batch_input_shape")


def input_edits(analysis: Analysis, fact: CallFact, kind: str) -> tuple[Edit, ...]:
    """Return how the arguments that tell a layer its input's shape are rewritten.

    Only where the layer is the first of a Sequential that is built in the same block, or is fed by
    other layers and needs no such argument; else there is nothing mechanical about it.
    """
    call = fact.node
    given = {k.arg: ast.unparse(k.value) for k in call.keywords if k.arg in _ARGUMENTS}
    removals = tuple(Edit(call, "remove", (name,)) for name in given if name)
    layer = next((la for (node, _), la in analysis.facts.layers.items() if node is call), None)
    if layer is None or ("batch_input_shape" in given and "input_dim" in given):
        return ()
    if layer.producers and all(isinstance(p, Layer) for p in layer.producers):
        return removals
    if "batch_input_shape" in given:
        shape = f"batch_shape={given['batch_input_shape']}"
    elif "input_dim" not in given:
        return ()
    elif kind in _SEQUENCES:
        shape = f"({given.get('input_length', 'None')}, {given['input_dim']})"
    elif "input_length" in given:
        return ()
    else:
        shape = f"({given['input_dim']},)"
    chain = next((c for c in analysis.facts.chains.values() if c.first is layer), None)
    if chain is None or not isinstance(chain.site, ast.Call):
        return ()
    parents = {
        child: node for node in ast.walk(analysis.tree) for child in ast.iter_child_nodes(node)
    }
    outer = parents.get(call)
    if isinstance(outer, ast.List) and outer.elts[0] is call and parents.get(outer) is chain.site:
        written = spell(analysis, "keras.Input", also="keras.layers.Input", like="keras")
        if written is None:
            return ()
        return *removals, Edit(call, "element_before", (f"{written[0]}({shape})",)), *written[1]
    if not (isinstance(outer, ast.Call) and isinstance(outer.func, ast.Attribute)):
        return ()
    statement, made = parents.get(outer), parents.get(chain.site)
    together = parents.get(statement) is parents.get(made) if statement and made else False
    if not isinstance(statement, ast.Expr) or not isinstance(made, ast.Assign) or not together:
        return ()
    written = spell(analysis, "keras.Input", also="keras.layers.Input", like="keras")
    if written is None:
        return ()
    line = f"{ast.unparse(outer.func)}({written[0]}({shape}))"
    return *removals, Edit(statement, "before", (line,)), *written[1]
