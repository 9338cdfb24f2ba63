"""A Keras model as a graph that can be edited: calls of operations on values.

`bn_companion.build.conversion` makes a graph of a model and a new model of a graph.
"""

import functools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import keras

__all__ = ["Call", "Graph", "Part", "Value"]


@dataclass(eq=False)
class Value:
    """What flows from one call to the next; `shape` is None for what an edit has inserted."""

    shape: tuple[int | None, ...] | None = None


@dataclass(eq=False)
class Part:
    """An operation of the model to be: a copy of `source`.

    A part that is called more than once is a shared layer.

    Attributes
    ----------
    source : keras.Operation
        The operation that is copied.
    changes : dict
        Entries of the configuration that differ from those of `source`.
    fresh : bool
        Whether its weights start from their initializers even where weights are copied.
    inner : Graph or None
        The graph of a nested Sequential or Functional model.
    """

    source: Any
    changes: dict[str, Any] = field(default_factory=dict)
    fresh: bool = False
    inner: "Graph | None" = None

    @property
    def name(self) -> str:
        """Its name, unique among the parts of a graph."""
        return str(self.changes.get("name", self.source.name))


@dataclass(eq=False)
class Call:
    """One call of a part; `args` and `kwargs` are structures with a `Value` for each tensor."""

    part: Part
    args: Any
    kwargs: Any
    outputs: list[Value]

    @functools.cached_property
    def inputs(self) -> list[Value]:
        """The values that go in, in order."""
        leaves = keras.tree.flatten((self.args, self.kwargs))
        return [leaf for leaf in leaves if isinstance(leaf, Value)]

    def rewire(self, old: Value, new: Value) -> None:
        """Let `new` go in where `old` went."""
        for name in ("args", "kwargs"):
            setattr(self, name, _swapped(getattr(self, name), old, new))
        del self.inputs

    @property
    def chained(self) -> bool:
        """Whether one value goes in and one comes out."""
        return len(self.outputs) == 1 and len(self.inputs) == 1

    @property
    def options(self) -> dict[str, Any]:
        """The keyword arguments that are no tensors, such as ``training``."""
        return {
            name: value
            for name, value in self.kwargs.items()
            if not any(isinstance(leaf, Value) for leaf in keras.tree.flatten(value))
        }


@dataclass(eq=False)
class Graph:
    """The calls of one model, in an order in which they can be carried out."""

    source: Any
    inputs: list[Value]
    outputs: Any
    calls: list[Call]

    @property
    def leaving(self) -> list[Value]:
        """The values that are outputs of the model."""
        return [leaf for leaf in keras.tree.flatten(self.outputs) if isinstance(leaf, Value)]

    def producer(self, value: Value) -> Call | None:
        """Return the call that `value` comes out of; None for an input of the model."""
        return next((call for call in self.calls if value in call.outputs), None)

    def consumers(self, value: Value) -> list[Call]:
        """Return the calls that `value` goes into; the model's outputs are not among them."""
        return [call for call in self.calls if value in call.inputs]

    def only_consumer(self, value: Value) -> Call | None:
        """Return the one call that `value` goes into, if nothing else takes it."""
        if value in self.leaving:
            return None
        takers = self.consumers(value)
        return takers[0] if len(takers) == 1 else None

    def names(self) -> set[str]:
        """Return the names that are taken."""
        return {call.part.name for call in self.calls} | {
            value._keras_history.operation.name for value in self.source.inputs
        }

    def replace(self, old: Value, new: Value, *, within: Call | None = None) -> None:
        """Let `new` go wherever `old` went, or only into the call `within`."""
        for call in self.calls if within is None else [within]:
            if old in call.inputs:
                call.rewire(old, new)
        if within is None:
            self.outputs = _swapped(self.outputs, old, new)

    def insert(self, part: Part, value: Value, *, into: Call | None = None, **kwargs: Any) -> Call:
        """Call `part` on `value`, between it and all its takers, or only the call `into`."""
        made = Call(part, (value,), kwargs, [Value(value.shape)])
        self.replace(value, made.outputs[0], within=into)
        source = self.producer(value)
        index = 0 if source is None else self.calls.index(source) + 1
        self.calls.insert(self.calls.index(into) if into else index, made)
        return made

    def remove(self, call: Call) -> None:
        """Take out a call of one output: its first input goes where its output went."""
        self.calls.remove(call)
        self.replace(call.outputs[0], call.inputs[0])

    def paths(self) -> dict["Graph", str]:
        """Return what stands in front of a layer's name: the models that it is nested in."""
        found = {self: ""}
        for graph in self.walk():
            for call in graph.calls:
                if call.part.inner is not None:
                    found.setdefault(call.part.inner, f"{found[graph]}{call.part.name}/")
        return found

    def hidden_layers(self) -> "Iterator[tuple[Graph, Part, Any]]":
        """Yield the layers inside of other layers, which are no part of any graph."""
        for graph in self.walk():
            for part in dict.fromkeys(call.part for call in graph.calls):
                if part.inner is None and isinstance(part.source, keras.Layer):
                    for layer in part.source._flatten_layers(include_self=False):
                        yield graph, part, layer

    def walk(self) -> Iterator["Graph"]:
        """Yield this graph and those of all nested models, each once, from the outside in."""
        seen: list[Graph] = []
        pending = [self]
        while pending:
            graph = pending.pop(0)
            if graph not in seen:
                seen.append(graph)
                pending += [call.part.inner for call in graph.calls if call.part.inner]
        yield from seen


def _swapped(structure: Any, old: Value, new: Value) -> Any:
    return keras.tree.map_structure(lambda leaf: new if leaf is old else leaf, structure)
