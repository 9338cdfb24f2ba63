"""Models as they are built: ``Sequential([...])``, ``model.add(...)``, ``Model(x, y)``."""

import ast

from bn_companion.diagnose.lint.evaluate import Evaluator
from bn_companion.diagnose.lint.values import (
    ELSEWHERE,
    OUTPUT,
    PLAIN,
    UNKNOWN,
    Chain,
    Items,
    Layer,
    Opaque,
    Output,
    Values,
)

__all__ = ["Modeller"]

_UNKNOWN: Values = frozenset([UNKNOWN])


class Modeller(Evaluator):
    """Follow the building of models and of lists of layers."""

    def add(self, node: ast.Call, receiver: Values) -> Values:
        """Follow ``model.add(layer)``; a model that comes from elsewhere is known by that."""
        func, values = node.func, self.ev(node.args[0])
        chains = [value for value in receiver if isinstance(value, Chain)]
        if not chains and isinstance(func, ast.Attribute) and isinstance(func.value, ast.Name):
            name, layers = func.value.id, all(isinstance(v, Layer) for v in values)
            ours = name in self.state.variables or self.is_left_open(name)
            if layers and values and receiver == _UNKNOWN and ours:
                made = Chain(node, opaque=True, borrowed=True)
                chains = [self.facts.chains.setdefault(node, made)]
                self.state.variables[name] = frozenset(chains)
                receiver = frozenset(chains)
        if chains and all(chain.borrowed for chain in chains):
            receiver -= _UNKNOWN  # in a loop, what it was before the first layer was added
        for chain in chains:
            self.extend(chain, values, node)
        if not chains or len(chains) < len(receiver):
            self.escape(values)
        return frozenset([PLAIN])

    def is_left_open(self, name: str) -> bool:
        """Whether nothing in a fragment says what `name` is, as with the `model` of an answer."""
        scopes = [self.scope, *self.scope.outer()]
        return scopes[-1].fragment and not any(name in scope.bindings for scope in scopes)

    def extend(self, chain: Chain, values: Values, place: ast.AST) -> None:
        """Let the layers follow what the model ends in so far."""
        before = self.state.ends.get(chain, frozenset([UNKNOWN]))
        if chain.shared:
            self.open_end(chain)
        after: set[Layer | Opaque] = set()
        for value in values:
            if isinstance(value, Layer):
                value.used = value.called = True
                if not chain.members and not chain.opaque and len(values) == 1:
                    chain.first = value
                chain.members.add(value)
                value.places.add(place)
                for end in before:
                    self.link(end, value)
                after.add(value)
            else:
                for end in before:
                    if isinstance(end, Layer):
                        end.consumers.add(ELSEWHERE)
                self.escape([value])
                after.add(UNKNOWN)
        self.state.ends[chain] = frozenset(after)

    def link(self, producer: "Layer | Opaque", consumer: Layer) -> None:
        """Record that one layer feeds another."""
        consumer.producers.add(producer)
        if isinstance(producer, Layer):
            producer.output_read = True
            producer.consumers.add(consumer)

    def sequential(self, node: ast.Call) -> Values:
        """Return the model that ``Sequential([...])`` builds."""
        chain = self.facts.chains.setdefault(node, Chain(node))
        self.state.ends[chain] = frozenset([UNKNOWN])
        layers: ast.expr | None = node.args[0] if node.args else None
        for keyword in node.keywords:
            if keyword.arg == "layers":
                layers = keyword.value
            else:
                self.drop(keyword.value)
        for arg in node.args[1:]:
            self.drop(arg)
        if isinstance(layers, ast.Starred):
            self.drop(layers.value)
        elif layers is not None and not isinstance(layers, ast.Constant):
            held = self.contents(self.ev(layers))
            chain.opaque = held is None
            for values in held or ():
                self.extend(chain, values, node)
        return frozenset([chain])

    def functional(self, node: ast.Call) -> Values:
        """Return the model that ``Model(inputs, outputs)`` builds."""
        arguments = dict(zip(("inputs", "outputs"), node.args, strict=False))
        arguments |= {k.arg.rstrip("s") + "s": k.value for k in node.keywords if k.arg}
        for name, value in arguments.items():
            values = self.ev(value.value if isinstance(value, ast.Starred) else value)
            self.deliver(values, OUTPUT if name == "outputs" else ELSEWHERE)
        return frozenset([self.facts.chains.setdefault(node, Chain(node, opaque=True))])

    def deliver(self, values: Values, to: str) -> None:
        """Record that tensors, also those in lists, leave the network."""
        for value in values:
            if isinstance(value, Output):
                self.consume(value, to)
            elif isinstance(value, Items) and self.state.items.get(value) is not None:
                for element in self.state.items[value] or ():
                    self.deliver(element, to)
            else:
                self.escape([value])

    def grow(self, items: Items, values: Values, *, whole: bool) -> Values:
        """Append to a list."""
        self.use(values)
        held = self.state.items.get(items)
        more = self.contents(values) if whole else (values,)
        if held is None or more is None:
            for lost in (*(held or ()), *(more or ())):
                self.escape(lost)
            self.state.items[items] = None
        else:
            self.state.items[items] = held + more
        return frozenset([PLAIN])
