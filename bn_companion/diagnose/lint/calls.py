"""What a call does: build a layer, feed one, grow a model, or hand things on to the unknown."""

import ast
from abc import abstractmethod

from bn_companion.diagnose.lint import catalog
from bn_companion.diagnose.lint.facts import CallFact
from bn_companion.diagnose.lint.models import Modeller
from bn_companion.diagnose.lint.names import Symbol
from bn_companion.diagnose.lint.values import (
    FOREIGN,
    UNKNOWN,
    Chain,
    Items,
    Layer,
    Local,
    Opaque,
    Output,
    Partial,
    Value,
    Values,
)

__all__ = ["Caller", "is_layer_class"]

_UNKNOWN: Values = frozenset([UNKNOWN])

# These look at what they are given, and keep nothing of it.
_LOOKERS = frozenset(["print", "len", "type", "isinstance", "repr", "str", "id", "hasattr", "dir"])
_LOOKING_FUNCTIONS = frozenset(
    (
        *("keras.utils.plot_model", "keras.utils.vis_utils.plot_model"),
        *("keras.utils.model_to_dot", "keras.backend.int_shape", "keras.backend.shape"),
        *("keras.backend.ndim", "keras.ops.shape", "tensorflow.shape", "tensorflow.rank"),
        *("keras.utils.visualize_util.plot", "keras.ops.ndim", "keras.backend.is_keras_tensor"),
        *("keras.utils.is_keras_tensor",),
    )
)
_MODEL_MAKERS = frozenset(
    ["load_model", "model_from_json", "model_from_yaml", "model_from_config", "clone_model"]
)
_NO_LAYERS = frozenset(["Input", "InputSpec", "Layer", "Wrapper"])


def is_layer_class(symbol: Symbol) -> bool:
    """Whether a symbol is a class of layers that comes with Keras."""
    return (
        symbol.path.startswith(("keras.layers.", "keras.src.layers."))
        and symbol.name[:1].isupper()
        and symbol.name not in _NO_LAYERS
    )


class Caller(Modeller):
    """Evaluate calls, too."""

    @abstractmethod
    def call_local(self, node: ast.Call, function: Local) -> Values:
        """Return what calling a function or class of this source can return."""

    def ev_Call(self, node: ast.Call) -> Values:
        receiver = None
        if isinstance(node.func, ast.Attribute):
            receiver = self.ev(node.func.value)
            handled = self.method(node, node.func.attr, receiver)
            if handled is not None:
                self.note(node, _UNKNOWN, receiver)
                return handled
            callees = self.member(node.func, receiver)
        else:
            callees = self.ev(node.func)
        self.note(node, callees, receiver)
        found: set[Value] = set()
        for callee in callees:
            found |= self.apply(node, callee)
        return frozenset(found)

    def note(self, node: ast.Call, callees: Values, receiver: Values | None) -> None:
        """Remember the call for the rules about arguments."""
        known = self.facts.calls.get(node)
        if known is not None:  # it is evaluated once more: in a loop, or for another caller
            callees |= known.callees
            receiver = None if receiver is None else receiver | (known.receiver or frozenset())
        self.facts.calls[node] = CallFact(node, callees, receiver, self.scope, self.guards > 0)

    def lose_arguments(self, node: ast.Call) -> None:
        """Hand the arguments on to something that is not followed."""
        for arg in node.args:
            self.drop(arg.value if isinstance(arg, ast.Starred) else arg)
        for keyword in node.keywords:
            self.drop(keyword.value)

    # --- methods of what is known ---

    def method(self, node: ast.Call, name: str, receiver: Values) -> Values | None:
        """Follow a method of a model or a list; None where the method is not one of those."""
        one = not node.keywords and len(node.args) == 1
        if name == "add" and one and all(isinstance(v, Chain | Opaque) for v in receiver):
            return self.add(node, receiver)
        if name in ("append", "extend") and one and len(receiver) == 1:
            (items,) = receiver
            if isinstance(items, Items):
                return self.grow(items, self.ev(node.args[0]), whole=name == "extend")
        if name == "pop" and all(isinstance(v, Chain) for v in receiver):
            self.escape(receiver)
        return None

    # --- what is called ---

    def apply(self, node: ast.Call, callee: Value) -> Values:
        """Return what calling `callee` can return."""
        if isinstance(callee, Symbol):
            return self.apply_symbol(node, callee)
        if isinstance(callee, Layer):
            return self.feed_layer(node, callee)
        if isinstance(callee, Partial):
            return self.build(node, callee.symbol, callee.call)
        if isinstance(callee, Chain):
            self.lose_arguments(node)
            self.open_end(callee)
        elif isinstance(callee, Local):
            return self.call_local(node, callee)
        elif self.only_looks(node):
            for arg in (*node.args, *(keyword.value for keyword in node.keywords)):
                self.look(arg.value if isinstance(arg, ast.Starred) else arg)
        else:
            self.escape([callee])
            self.lose_arguments(node)
        return _UNKNOWN

    def call_named(self, call: ast.Call) -> Values:
        func = self.scope.dotted(call.func)
        what = self.scope.dotted(call.args[0]) if func and call.args else None
        if func and what and func.path == "functools.partial" and is_layer_class(what):
            return frozenset([Partial(what, call)])
        return _UNKNOWN

    def only_looks(self, node: ast.Call) -> bool:
        """Whether a builtin is called that keeps nothing, such as ``print``."""
        func = node.func
        return (
            isinstance(func, ast.Name)
            and func.id in _LOOKERS
            and not any(scope.binds(func.id) for scope in (self.scope, *self.scope.outer()))
        )

    def apply_symbol(self, node: ast.Call, symbol: Symbol) -> Values:
        """Return what calling an imported class or function can return."""
        path, name = symbol.path, symbol.name
        if is_layer_class(symbol):
            return self.build(node, symbol)
        if symbol.is_keras and name == "Sequential":
            return self.sequential(node)
        if symbol.is_keras and name in ("Model", "Functional"):
            return self.functional(node)
        if symbol.is_keras and (
            name in _MODEL_MAKERS or (path.startswith("keras.applications") and name[:1].isupper())
        ):
            self.lose_arguments(node)
            return frozenset([self.facts.chains.setdefault(node, Chain(node, opaque=True))])
        if path == "functools.partial" and node.args:
            first = self.ev(node.args[0])
            if len(first) == 1 and not any(isinstance(a, ast.Starred) for a in node.args):
                (what,) = first
                if isinstance(what, Symbol) and is_layer_class(what):
                    for keyword in node.keywords:
                        self.drop(keyword.value)
                    return frozenset([Partial(what, node)])
        if path in _LOOKING_FUNCTIONS:
            for arg in (*node.args, *(keyword.value for keyword in node.keywords)):
                self.look(arg.value if isinstance(arg, ast.Starred) else arg)
            return _UNKNOWN
        self.lose_arguments(node)
        is_class = not symbol.is_keras and name[:1].isupper()
        return frozenset([FOREIGN if is_class else UNKNOWN])

    def build(self, node: ast.Call, symbol: Symbol, preset: ast.Call | None = None) -> Values:
        """Return the layer that a call of its class builds."""
        key = (node, symbol.path)
        layer = self.facts.layers.get(key)
        if layer is None:
            arguments = catalog.positional(symbol.name, node)
            if preset is not None and arguments is not None:
                given = {k.arg: k.value for k in preset.keywords if k.arg is not None}
                whole = len(given) == len(preset.keywords) and len(preset.args) == 1
                arguments = given | arguments if whole else None
            layer = Layer(
                symbol, node, arguments, local=self.scope.is_function, guarded=self.guards > 0
            )
            scopes = (self.scope, *self.scope.outer())
            layer.on_trial = any(getattr(s.node, "name", "").startswith("test") for s in scopes)
            self.facts.layers[key] = layer
        self.lose_arguments(node)
        for name, value in (layer.arguments or {}).items():
            layer.values[name] = layer.values.get(name, frozenset()) | self.peek(value)
        return frozenset([layer])

    def peek(self, node: ast.expr) -> Values:
        """Return what a name or a number can be, without any effect."""
        if isinstance(node, ast.Name):
            values = self.state.variables.get(node.id)
            return self.free(node.id) if values is None else values
        if isinstance(node, ast.Constant | ast.UnaryOp | ast.IfExp):
            return self.ev(node)
        symbol = self.scope.dotted(node)
        return frozenset([symbol]) if symbol else _UNKNOWN

    def feed_layer(self, node: ast.Call, layer: Layer) -> Values:
        """Return the output of a layer that is called on tensors."""
        layer.used = layer.called = True
        layer.places.add(node)
        for position, arg in enumerate(node.args):
            if position and isinstance(arg, ast.Constant) and arg.value is not None:
                layer.training_is_fixed = True
            self.feed(layer, self.ev(arg.value if isinstance(arg, ast.Starred) else arg))
        for keyword in node.keywords:
            if keyword.arg == "inputs":
                self.feed(layer, self.ev(keyword.value))
                continue
            constant = isinstance(keyword.value, ast.Constant) and keyword.value.value is not None
            if keyword.arg is None or (keyword.arg == "training" and constant):
                layer.training_is_fixed = True
            self.drop(keyword.value)
        return frozenset([Output(layer)])

    def feed(self, layer: Layer, values: Values) -> None:
        """Record what goes into a layer."""
        for value in values:
            if isinstance(value, Output):
                self.link(value.layer, layer)
            elif isinstance(value, Items):
                elements = self.state.items.get(value)
                if elements is None:
                    layer.producers.add(UNKNOWN)
                for element in elements or ():
                    self.feed(layer, element)
            else:
                layer.producers.add(UNKNOWN)
                self.escape([value])
