"""What a name in a source stands for: scopes, imports, aliases, and the paths of Keras.

A name is known only where every binding of it that could be meant is an import, or an alias of
one, and all agree. A class, a parameter or a loop variable of the same name makes it unknown.
"""

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from bn_companion.diagnose.lint.catalog import FRAGMENT_NAMES

__all__ = ["Scope", "Symbol", "canonical"]

# Where Keras lives. The second item: does Keras 3 stand behind it? Where Keras 2 does, nothing
# can be said about migration.
_ROOTS = (
    ("tensorflow.compat.v1.keras", False),
    ("tensorflow.compat.v2.keras", True),
    ("tensorflow.contrib.keras.api.keras", False),
    ("tensorflow.contrib.keras", False),
    ("tensorflow.python.keras", False),
    ("tensorflow.keras", True),
    ("tf_keras", False),
    ("keras.api", True),
    ("keras", True),
)


@dataclass(frozen=True, slots=True)
class Symbol:
    """A dotted path; for Keras, however it was reached, one that starts with ``keras``."""

    path: str
    root: str = field(default="", compare=False)
    current: bool = field(default=True, compare=False)

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition(".")[2]

    @property
    def is_keras(self) -> bool:
        """Whether the path belongs to Keras."""
        return bool(self.root)

    def member(self, name: str) -> "Symbol":
        """Return what the attribute `name` of this module or class stands for."""
        if self.root:
            return Symbol(f"{self.path}.{name}", self.root, self.current)
        return canonical(f"{self.path}.{name}")


@lru_cache(maxsize=4096)
def canonical(path: str) -> Symbol:
    """Return the symbol of a dotted path as it is imported."""
    for root, current in _ROOTS:
        if path == root or path.startswith(root + "."):
            return Symbol("keras" + path[len(root) :], root, current)
    return Symbol(path)


@dataclass(eq=False, slots=True)
class Scope:
    """A module, class, function or lambda, with what each of its names is bound to.

    A binding is a dotted path (an import), an expression (a plain assignment) or None. A number
    and a call are resolved to themselves.
    """

    node: ast.AST
    parent: "Scope | None" = None
    bindings: dict[str, list[str | ast.expr | None]] = field(default_factory=dict)
    declared_outside: set[str] = field(default_factory=set)
    loads: set[str] = field(default_factory=set)
    changed: set[str] = field(default_factory=set)
    stars: list[str] = field(default_factory=list)
    inner: list["Scope"] = field(default_factory=list)
    captured: set[str] = field(default_factory=set)
    captured_and_changed: set[str] = field(default_factory=set)
    resolved: dict[str, "Symbol | ast.expr | None"] = field(default_factory=dict)
    fragment: bool = False
    has_keras: bool = True
    #: On the module alone: attributes of anything but `self`, and how often short strings occur.
    foreign: set[str] = field(default_factory=set)
    strings: Counter[str] = field(default_factory=Counter)

    @property
    def is_class(self) -> bool:
        """Whether the scope is the body of a class, which functions inside do not see."""
        return isinstance(self.node, ast.ClassDef)

    @property
    def is_function(self) -> bool:
        """Whether names bound here are gone when the scope is left."""
        return isinstance(self.node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)

    def outer(self) -> Iterator["Scope"]:
        """Yield the scopes that a free name of this one is looked up in."""
        scope = self.parent
        while scope:
            if not scope.is_class:
                yield scope
            scope = scope.parent

    def words(self) -> set[str]:
        """Return all names, attributes and short strings of the module."""
        found = self.foreign | set(self.strings)
        waiting = [self]
        while waiting:
            scope = waiting.pop()
            found |= scope.loads | set(scope.bindings)
            waiting += scope.inner
        return found

    def binds(self, name: str) -> bool:
        """Whether `name` is local to this scope."""
        return name in self.bindings and name not in self.declared_outside

    def resolve(self, name: str) -> Symbol | ast.expr | None:
        """Return what `name` stands for when it is not a variable of the running scope."""
        if name not in self.resolved:
            self.resolved[name] = self._resolve(name)
        return self.resolved[name]

    def _resolve(self, name: str) -> Symbol | ast.expr | None:
        for scope in (self, *self.outer()):
            if scope.binds(name):
                return scope._agreed(name)
        top = self
        while top.parent:
            top = top.parent
        return top._unbound(name)

    def dotted(self, node: ast.expr) -> Symbol | None:
        """Return the symbol that an expression such as ``tf.keras.layers`` stands for."""
        if isinstance(node, ast.Name):
            found = self.resolve(node.id)
            return found if isinstance(found, Symbol) else None
        if isinstance(node, ast.Attribute):
            base = self.dotted(node.value)
            return base and base.member(node.attr)
        return None

    def _agreed(self, name: str) -> Symbol | ast.expr | None:
        bindings = self.bindings[name]
        if len(bindings) == 1 and isinstance(bindings[0], ast.Constant | ast.Call):
            return bindings[0]
        found: set[Symbol] = set()
        for binding in bindings:
            if isinstance(binding, str):
                found.add(canonical(binding))
            elif isinstance(binding, ast.expr) and not _mentions(binding, name):
                symbol = self.dotted(binding)
                if symbol is None:
                    return None
                found.add(symbol)
            else:
                return None
        return found.pop() if len(found) == 1 else None

    def _unbound(self, name: str) -> Symbol | None:
        """Resolve a name that nothing in the file binds: a star import, or a fragment."""
        keras = [star for star in self.stars if canonical(star).is_keras]
        if keras:
            home = FRAGMENT_NAMES.get(name)
            if home is None or len(keras) < len(self.stars):
                return None
            fits = [s for s in keras if home.rpartition(".")[0].startswith(canonical(s).path)]
            # `from keras.layers import *` and an old submodule such as keras.layers.core.
            fits += [s for s in keras if canonical(s).path.startswith(home.rpartition(".")[0])]
            return canonical(f"{fits[0]}.{name}") if fits else None
        if self.fragment and not self.stars and name in FRAGMENT_NAMES:
            return canonical(FRAGMENT_NAMES[name])
        return None


def _mentions(node: ast.expr, name: str) -> bool:
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name) and node.id == name
