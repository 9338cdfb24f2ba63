"""What an expression can be, and what evaluating it does to the layers that it touches."""

import ast
from abc import abstractmethod
from collections.abc import Callable
from typing import ClassVar

from bn_companion.diagnose.lint.conditions import asks_for_format, asks_for_version
from bn_companion.diagnose.lint.effects import Effects
from bn_companion.diagnose.lint.names import Symbol
from bn_companion.diagnose.lint.values import (
    PLAIN,
    UNKNOWN,
    Chain,
    Const,
    Items,
    Layer,
    Local,
    Me,
    Output,
    Value,
    Values,
)

__all__ = ["Evaluator"]

_UNKNOWN: Values = frozenset([UNKNOWN])
_PLAIN: Values = frozenset([PLAIN])

# Reading these of a layer, a tensor or a model does not use it as one.
_INERT = frozenset(
    (
        *("shape", "dtype", "name", "ndim", "rank", "get_shape", "_keras_shape"),
        *("output_shape", "input_shape", "input_spec", "count_params", "compute_output_shape"),
        *("built", "build"),
    )
)
_MODEL_METHODS = frozenset(
    (
        *("compile", "fit", "fit_generator", "evaluate", "evaluate_generator", "predict"),
        *("summary", "predict_generator", "predict_classes", "predict_proba", "save"),
        *("save_weights", "build", "load_weights", "train_on_batch", "test_on_batch"),
        *("predict_on_batch", "to_json", "to_yaml", "count_params", "get_config"),
        *("reset_states", "reset_metrics", "export", "name", "history", "metrics_names"),
        *("optimizer", "loss", "stop_training", "trainable", "input", "input_shape"),
        *("output_shape", "inputs", "metrics", "compute_loss", "call", "save_spec"),
        *("__class__",),
    )
)


class Evaluator(Effects):
    """Evaluate expressions in one scope, in one state."""

    methods: ClassVar[dict[type[ast.expr], Callable[..., Values]]] = {}

    def ev(self, node: ast.expr | None) -> Values:
        """Return what `node` can be, and record what evaluating it does."""
        if node is None:
            return _PLAIN
        kind = type(node)
        method = self.methods.get(kind)
        if method is None:
            found = getattr(type(self), f"ev_{kind.__name__}", Evaluator.ev_other)
            self.methods[kind] = method = found
        return method(self, node)

    def look(self, node: ast.expr | None) -> Values:
        """Evaluate `node` for something that looks at it and keeps nothing."""
        return self.use(self.ev(node))

    def drop(self, node: ast.expr | None) -> None:
        """Evaluate `node` for something that is not followed further."""
        self.escape(self.ev(node))

    def ev_other(self, node: ast.expr) -> Values:
        """Evaluate an operation that is not followed: its operands go elsewhere."""
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self.drop(child)
        return _UNKNOWN

    def ev_Constant(self, node: ast.Constant) -> Values:
        return frozenset([Const(node.value)]) if type(node.value) is int else _PLAIN

    def ev_UnaryOp(self, node: ast.UnaryOp) -> Values:
        values = self.ev(node.operand)
        if isinstance(node.op, ast.USub) and all(isinstance(v, Const) for v in values):
            return frozenset(Const(-v.value) for v in values if isinstance(v, Const))
        if not isinstance(node.op, ast.Not):
            self.escape(values)
        return _PLAIN if isinstance(node.op, ast.Not) else _UNKNOWN

    def ev_JoinedStr(self, node: ast.JoinedStr) -> Values:
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                self.look(part.value)
        return _PLAIN

    def ev_Compare(self, node: ast.Compare) -> Values:
        for part in (node.left, *node.comparators):
            self.look(part)
        return _PLAIN

    def ev_Name(self, node: ast.Name) -> Values:
        values = self.state.variables.get(node.id)
        if values is None:
            values = self.free(node.id)
        for value in values:
            if isinstance(value, Symbol):
                self.facts.symbols[node] = value, self.guards > 0
        return self.use(values)

    def free(self, name: str) -> Values:
        """Return what a name stands for that is no variable of the running scope."""
        if self.me and not self.scope.binds(name) and name == self.me_name:
            return frozenset([self.me])
        found = self.scope.resolve(name)
        if isinstance(found, Symbol):
            return frozenset([found])
        if isinstance(found, ast.Constant):
            return self.ev_Constant(found)
        if isinstance(found, ast.Call):
            return self.call_named(found)
        return self.function_named(name)

    def call_named(self, call: ast.Call) -> Values:
        """Return what a variable of another scope is that only this call is assigned to."""
        return _UNKNOWN

    me_name = "self"

    def function_named(self, name: str) -> Values:
        """Return the function or class of this source that `name` stands for."""
        return _UNKNOWN

    def ev_Attribute(self, node: ast.Attribute) -> Values:
        return self.member(node, self.ev(node.value))

    def member(self, node: ast.Attribute, of: Values) -> Values:
        """Return what an attribute can be, when that which it belongs to is known already."""
        found: set[Value] = set()
        for value in of:
            if isinstance(value, Symbol):
                symbol = value.member(node.attr)
                self.facts.symbols.pop(node.value, None)
                self.facts.symbols[node] = symbol, self.guards > 0
                found.add(symbol)
            elif isinstance(value, Me):
                found |= self.use(self.attribute(value, node.attr))
            elif isinstance(value, Chain):
                found |= self.tap(value, node.attr)
            else:
                if node.attr not in _INERT:
                    self.escape([value])
                found.add(UNKNOWN)
        return frozenset(found)

    def tap(self, chain: Chain, attribute: str) -> Values:
        """Return what a model's attribute can be; its layers may be reached through most."""
        if attribute in ("output", "outputs"):
            ends = self.state.ends.get(chain, frozenset([UNKNOWN]))
            return frozenset(Output(end) if isinstance(end, Layer) else end for end in ends)
        if attribute not in _MODEL_METHODS:
            self.escape(chain.members)
        return _UNKNOWN

    def ev_IfExp(self, node: ast.IfExp) -> Values:
        by_version = asks_for_version(node.test)
        self.guards += by_version
        self.look(node.test)
        values = self.either([node.body, node.orelse])
        self.guards -= by_version
        if all(isinstance(value, Const) for value in values) and asks_for_format(node.test):
            return frozenset(Const(v.value, True) for v in values if isinstance(v, Const))
        return values

    def ev_BoolOp(self, node: ast.BoolOp) -> Values:
        first, *others = node.values
        by_version = asks_for_version(first)
        self.guards += by_version
        values = self.ev(first)
        for other in others:  # perhaps not evaluated at all
            before = self.state.copy()
            values |= self.ev(other)
            self.state = before.join(self.state, self.escape)
        self.guards -= by_version
        return values

    def either(self, nodes: list[ast.expr]) -> Values:
        """Evaluate one of two expressions, nobody knows which."""
        before = self.state.copy()
        values = self.ev(nodes[0])
        after, self.state = self.state, before
        values |= self.ev(nodes[1])
        self.state = after.join(self.state, self.escape)
        return values

    def ev_NamedExpr(self, node: ast.NamedExpr) -> Values:
        values = self.ev(node.value)
        self.bind(node.target, values)
        return values

    @abstractmethod
    def bind(self, target: ast.expr, values: Values) -> None:
        """Assign `values` to a target."""

    def ev_List(self, node: ast.List | ast.Tuple) -> Values:
        elements: list[Values] | None = []
        for part in node.elts:
            if not isinstance(part, ast.Starred):
                values = self.ev(part)
                self.use(values)
                if elements is None:
                    self.escape(values)
                else:
                    elements.append(values)
                continue
            inner = self.contents(self.ev(part.value))
            if inner is None or elements is None:
                for lost in (*(elements or ()), *(inner or ())):
                    self.escape(lost)
                elements = None
            else:
                elements.extend(inner)
        items = self.facts.items.setdefault(node, Items(node))
        self.state.items[items] = None if elements is None else tuple(elements)
        return frozenset([items])

    ev_Tuple = ev_List

    def contents(self, values: Values) -> tuple[Values, ...] | None:
        """Return the elements of a list that is known exactly; else let its elements go."""
        if len(values) == 1:
            (value,) = values
            if isinstance(value, Items):
                return self.state.items.get(value)
        self.escape(values)
        return None

    def ev_BinOp(self, node: ast.BinOp) -> Values:
        left, right = self.ev(node.left), self.ev(node.right)
        if isinstance(node.op, ast.Add) and any(isinstance(v, Items) for v in left | right):
            first, second = self.contents(left), self.contents(right)
            if first is not None and second is not None:
                items = self.facts.items.setdefault(node, Items(node))
                self.state.items[items] = first + second
                return frozenset([items])
        self.escape(left | right)
        return _UNKNOWN

    def ev_Subscript(self, node: ast.Subscript) -> Values:
        base, index = self.ev(node.value), self.ev(node.slice)
        if len(base) == 1 and len(index) == 1:
            (items,), (at,) = base, index
            if isinstance(items, Items) and isinstance(at, Const):
                elements = self.state.items.get(items)
                if elements is not None and -len(elements) <= at.value < len(elements):
                    return self.use(elements[at.value])
        self.escape(base | index)
        return _UNKNOWN

    def ev_ListComp(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp) -> Values:
        self.comprehension(node.generators, [node.elt])
        return _UNKNOWN

    ev_SetComp = ev_GeneratorExp = ev_ListComp

    def ev_DictComp(self, node: ast.DictComp) -> Values:
        self.comprehension(node.generators, [node.key, node.value])
        return _UNKNOWN

    def comprehension(self, loops: list[ast.comprehension], results: list[ast.expr]) -> None:
        """Evaluate a comprehension: its elements go into something that is not followed."""
        for _ in range(2):  # never, once, and once more
            before = self.state.copy()
            for loop in loops:
                self.drop(loop.iter)
                self.bind(loop.target, _UNKNOWN)
                for condition in loop.ifs:
                    self.look(condition)
            for result in results:
                self.drop(result)
            self.state = before.join(self.state, self.escape)

    def ev_Lambda(self, node: ast.Lambda) -> Values:
        return frozenset([Local(node)])
