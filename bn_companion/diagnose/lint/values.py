"""What an expression can be in the abstract run of a source, and the state that the run carries.

A layer is known by the call that builds it: one call is one layer here, however often it runs.
What may happen on some path is recorded as if it did, so that "every consumer is ..." can be
trusted and "some consumer is ..." cannot.
"""

import ast
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from bn_companion.diagnose.lint.names import Symbol

__all__ = [
    "ELSEWHERE",
    "FOREIGN",
    "OUTPUT",
    "PLAIN",
    "UNKNOWN",
    "Chain",
    "Const",
    "Items",
    "Layer",
    "Local",
    "Me",
    "Output",
    "Partial",
    "State",
    "Value",
    "Values",
]

#: Consumers of a layer's output that are no layer: anything at all, and the model's own output.
ELSEWHERE: Final = "elsewhere"
OUTPUT: Final = "output"


@dataclass(frozen=True, slots=True)
class Opaque:
    """Something of which nothing is known, or known not to matter."""

    what: str


UNKNOWN: Final = Opaque("unknown")
#: An object of another library, or of a class of this source: not Keras, whatever its methods.
FOREIGN: Final = Opaque("foreign")
PLAIN: Final = Opaque("plain")


@dataclass(frozen=True, slots=True)
class Const:
    """An integer; `by_format` when it was chosen by the data format."""

    value: int
    by_format: bool = False


@dataclass(eq=False, slots=True)
class Layer:
    """A Keras layer, with all that happens to it anywhere."""

    symbol: Symbol
    call: ast.Call
    arguments: dict[str, ast.expr] | None
    local: bool  # built in a function, whose variables are gone when it ends
    guarded: bool  # built where an error is expected
    on_trial: bool = False  # built in a test, where building it may be all that is wanted
    values: dict[str, "Values"] = field(default_factory=dict)
    producers: set["Layer | Opaque"] = field(default_factory=set)
    consumers: set["Layer | str"] = field(default_factory=set)
    places: set[ast.AST] = field(default_factory=set)  # where it is called or added
    used: bool = False
    called: bool = False
    escaped: bool = False
    output_read: bool = False
    discarded: bool = False
    training_is_fixed: bool = False
    attribute_of: ast.ClassDef | None = None
    attribute_names: set[str] = field(default_factory=set)

    @property
    def kind(self) -> str:
        """The name of the class."""
        return self.symbol.name


@dataclass(frozen=True, slots=True)
class Output:
    """What a layer returns when it is called."""

    layer: Layer


@dataclass(eq=False, slots=True)
class Chain:
    """A Keras model. For a Sequential, the state knows the layer that it ends in so far."""

    site: ast.AST
    members: set[Layer] = field(default_factory=set)
    first: Layer | None = None
    shared: bool = False  # may be extended from elsewhere at any time
    kept: bool = False  # lives on behind the scope that builds it
    opaque: bool = False
    borrowed: bool = False  # a parameter, known to be a model because layers are added to it


@dataclass(eq=False, slots=True)
class Items:
    """A list or tuple; its elements are in the state."""

    site: ast.AST


@dataclass(frozen=True, slots=True)
class Me:
    """The instance that a method is called on."""

    owner: ast.ClassDef


@dataclass(frozen=True, slots=True)
class Local:
    """A function or class of this source."""

    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda


@dataclass(frozen=True, slots=True)
class Partial:
    """A layer's class with some arguments given: ``functools.partial(Conv2D, padding="same")``."""

    symbol: Symbol
    call: ast.Call


Value: TypeAlias = Opaque | Const | Symbol | Layer | Output | Chain | Items | Me | Local | Partial
Values: TypeAlias = frozenset[Value]


@dataclass(slots=True)
class State:
    """Variables, how far each Sequential is built, and what each list holds, at one point."""

    variables: dict[str, Values] = field(default_factory=dict)
    ends: dict[Chain, frozenset[Layer | Opaque]] = field(default_factory=dict)
    items: dict[Items, tuple[Values, ...] | None] = field(default_factory=dict)

    def copy(self) -> "State":
        """Return a state that can go its own way."""
        return State(dict(self.variables), dict(self.ends), dict(self.items))

    def join(self, other: "State | None", lose: Callable[[Values], None]) -> "State":
        """Return the state where two paths meet; None stands for a path that ends before.

        `lose` is told what a list held that is not the same on both.
        """
        if other is None:
            return self
        joined = self.copy()
        for name, values in other.variables.items():
            joined.variables[name] = joined.variables.get(name, values) | values
        for chain, ends in other.ends.items():
            joined.ends[chain] = joined.ends.get(chain, ends) | ends
        for items, elements in other.items.items():
            mine = joined.items.setdefault(items, elements)
            if mine == elements:
                continue
            if mine is not None and elements is not None and len(mine) == len(elements):
                joined.items[items] = tuple(a | b for a, b in zip(mine, elements, strict=True))
                continue
            joined.items[items] = None
            for values in (*(mine or ()), *(elements or ())):
                lose(values)
        return joined
