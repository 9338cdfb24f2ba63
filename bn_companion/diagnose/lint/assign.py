"""Statements that run straight on: assignments, imports, and what a function returns."""

import ast
from typing import TYPE_CHECKING

from bn_companion.diagnose.lint.calls import Caller
from bn_companion.diagnose.lint.evaluate import Evaluator
from bn_companion.diagnose.lint.names import Scope, Symbol
from bn_companion.diagnose.lint.values import (
    OUTPUT,
    UNKNOWN,
    Chain,
    Items,
    Layer,
    Local,
    Me,
    Output,
    State,
    Value,
    Values,
)

if TYPE_CHECKING:
    from bn_companion.diagnose.lint.analysis import Analysis

__all__ = ["Binder"]

_UNKNOWN: Values = frozenset([UNKNOWN])


class Binder(Caller):
    """Run simple statements of one scope."""

    def __init__(self, analysis: "Analysis", scope: Scope, method: tuple[Me, str] | None) -> None:
        Evaluator.__init__(self, analysis.facts, scope, State(), method[0] if method else None)
        if method:
            self.me_name = method[1]
        self.analysis = analysis
        self.returned: set[Value] = set()
        #: Run for one call, with its arguments: what is returned goes to that caller alone.
        self.for_one_call = False
        node = scope.node
        self.first = isinstance(node, ast.FunctionDef) and node.name in ("__init__", "build")

    def st_other(self, node: ast.stmt) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self.look(child)

    def st_Expr(self, node: ast.Expr) -> None:
        values = self.ev(node.value)
        for value in values:
            if isinstance(value, Output):
                if node in self.analysis.displayed:
                    value.layer.output_read = True
                value.layer.discarded = True
                if value.layer.attribute_of and getattr(self.scope.node, "name", "") != "call":
                    value.layer.output_read = True

    def st_Assign(self, node: ast.Assign) -> None:
        if len(node.targets) == 1:
            (target,) = node.targets
            if isinstance(target, ast.Tuple | ast.List) and isinstance(node.value, ast.Tuple):
                parts = (*target.elts, *node.value.elts)
                same = len(target.elts) == len(node.value.elts)
                if same and not any(isinstance(part, ast.Starred) for part in parts):
                    values = [self.ev(value) for value in node.value.elts]
                    for part, value in zip(target.elts, values, strict=True):
                        self.bind(part, value)
                    return
        value = self.ev(node.value)
        for target in node.targets:
            self.bind(target, value)

    def st_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value:
            self.bind(node.target, self.ev(node.value))

    def st_AugAssign(self, node: ast.AugAssign) -> None:
        values = self.ev(node.value)
        target = node.target
        if isinstance(target, ast.Name):
            held = self.state.variables.get(target.id, _UNKNOWN)
            if isinstance(node.op, ast.Add) and len(held) == 1:
                (items,) = held
                if isinstance(items, Items):
                    self.grow(items, values, whole=True)
                    return
            self.escape(held)
            self.bind(target, _UNKNOWN)
        else:
            self.drop(_as_load(target))
        self.escape(values)

    def bind(self, target: ast.expr, values: Values) -> None:
        if isinstance(target, ast.Name):
            self.bind_name(target.id, values)
        elif isinstance(target, ast.Starred):
            self.escape(values)
            self.bind(target.value, _UNKNOWN)
        elif isinstance(target, ast.Tuple | ast.List):
            held = None
            if len(values) == 1:
                (value,) = values
                held = self.state.items.get(value) if isinstance(value, Items) else None
            starred = any(isinstance(part, ast.Starred) for part in target.elts)
            if held is None or starred or len(held) != len(target.elts):
                self.escape(values)
                held = (_UNKNOWN,) * len(target.elts)
            for part, value_of_part in zip(target.elts, held, strict=True):
                self.bind(part, value_of_part)
        elif isinstance(target, ast.Attribute):
            self.bind_attribute(target, values)
        else:
            self.drop(_as_load(target))
            self.escape(values)

    def bind_name(self, name: str, values: Values) -> None:
        """Assign to a variable."""
        if name.startswith("_"):
            self.use(values)
        outside = name in self.scope.declared_outside
        if self.scope is self.analysis.top and name in self.analysis.top.strings:
            # A name in a string may be exported by __all__, or looked up.
            self.escape(value for value in values if isinstance(value, Layer))
        if outside or name in self.scope.captured or self.scope.is_class:
            changed = outside or name in self.scope.captured_and_changed
            for value in values:
                if isinstance(value, Chain):
                    value.shared |= changed
                    value.kept |= changed
                elif not isinstance(value, Symbol | Local):
                    self.escape([value])
        self.state.variables[name] = values

    def bind_attribute(self, target: ast.Attribute, values: Values) -> None:
        """Assign to an attribute: of the instance, or of something else."""
        base = self.ev(target.value)
        if len(base) == 1:
            (me,) = base
            if isinstance(me, Me):
                self.analysis.attributes[me.owner].setdefault(target.attr, set()).update(values)
                for value in values:
                    if isinstance(value, Layer):
                        value.attribute_of = me.owner
                        value.attribute_names.add(target.attr)
                    elif isinstance(value, Chain):
                        value.kept = True
                    elif isinstance(value, Output) or (isinstance(value, Items) and not self.first):
                        self.escape([value])
                return
        for value in base:
            if isinstance(value, Layer):  # bn.trainable = False
                self.escape([value])
        self.escape(values)

    def st_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self.imported(alias.asname or alias.name.partition(".")[0])
        self.facts.imports[node] = self.guards > 0

    def st_ImportFrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            if alias.name != "*":
                self.imported(alias.asname or alias.name)
        self.facts.imports[node] = self.guards > 0

    def imported(self, name: str) -> None:
        """Take a name for what it is where all its bindings agree."""
        self.state.variables.pop(name, None)

    def st_Delete(self, node: ast.Delete) -> None:
        for target in node.targets:
            if not isinstance(target, ast.Name):
                self.drop(_as_load(target))

    def st_Pass(self, node: ast.stmt) -> None:
        pass

    st_Global = st_Nonlocal = st_Pass

    # --- the end of a function ---

    def give(self, values: Values) -> None:
        """Return `values` to the caller."""
        self.returned |= values
        if self.for_one_call:
            return
        final = (
            self.me is not None
            and getattr(self.scope.node, "name", "") == "call"
            and self.analysis.is_keras_class(self.me.owner, frozenset(["Model"]))
        )
        for value in values:
            if isinstance(value, Chain):
                self.open_end(value, OUTPUT)
            elif isinstance(value, Output) and final:
                self.consume(value, OUTPUT)
            elif isinstance(value, Items) and self.state.items.get(value) is not None:
                for element in self.state.items[value] or ():
                    self.returned_element(element)
            else:
                self.escape([value])

    def returned_element(self, values: Values) -> None:
        """Return one element of a list or tuple."""
        for value in values:
            if isinstance(value, Chain):
                self.open_end(value, OUTPUT)
            else:
                self.escape([value])


def _as_load(target: ast.expr) -> ast.expr | None:
    """Return what a target such as ``d[bn]`` evaluates."""
    return target.value if isinstance(target, ast.Subscript | ast.Attribute) else None
