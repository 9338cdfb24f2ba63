"""The abstract run of a source: the module, and every function and method that it holds.

`analyse` returns what `wiring` and `migration` judge. Nothing is imported and nothing is run.
"""

import ast
from collections import defaultdict
from functools import lru_cache

from bn_companion.diagnose.lint.facts import Facts
from bn_companion.diagnose.lint.flow import Function, Runner
from bn_companion.diagnose.lint.names import Scope
from bn_companion.diagnose.lint.scopes import collect
from bn_companion.diagnose.lint.values import (
    FOREIGN,
    PLAIN,
    UNKNOWN,
    Chain,
    Items,
    Local,
    Me,
    Value,
    Values,
)

__all__ = ["Analysis", "analyse"]

_UNKNOWN: Values = frozenset([UNKNOWN])
_MAX_DEPTH = 4  # of functions that are run for one call
_MAX_CALLS = 400  # of such runs in one source


class Analysis:
    """A source, its scopes, and the facts that the run of each scope adds."""

    def __init__(self, tree: ast.Module, displayed: frozenset[ast.AST] = frozenset()) -> None:
        self.tree = tree
        self.facts = Facts()
        self.displayed = displayed
        self.top, self.scopes = collect(tree)
        self.attributes: dict[ast.ClassDef, dict[str, set[Value]]] = defaultdict(dict)
        self.read: dict[ast.ClassDef, set[str]] = defaultdict(set)
        self.items: dict[ast.ClassDef, dict[Items, tuple[Values, ...] | None]] = {}
        self._done: dict[ast.AST, Values] = {}
        self.running: list[Function] = []
        self._calls_left = _MAX_CALLS
        self.functions = self._named()
        self.methods = {
            getattr(node, "name", "")
            for node, scope in self.scopes.items()
            if scope.is_function and scope.parent and scope.parent.is_class
        }

    def _named(self) -> dict[tuple[Scope, str], Local]:
        """Functions and classes by scope and name, where nothing else has that name."""
        found = {}
        for node in self.scopes:
            scope = self.scopes[node].parent
            if not scope or not isinstance(
                node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
            ):
                continue
            if len(scope.bindings.get(node.name, ())) == 1 and not node.decorator_list:
                found[scope, node.name] = Local(node)
        return found

    def run(self) -> "Analysis":
        """Run the module, then whatever it did not call; nothing where Keras has no part."""
        if not self.top.has_keras:
            return self
        module = Runner(self, self.top, None)
        module.block(self.tree.body)
        module.leave()
        for node in list(self.scopes):
            if isinstance(node, ast.ClassDef):
                self.run_class(node)
            elif isinstance(node, Function):
                self.run_function(node)
        return self

    def method_of(self, scope: Scope) -> tuple[Me, str] | None:
        """Return the instance that a function sees, and its name, if it is in a method."""
        inner: Scope | None = scope
        while inner and inner.parent:
            if inner.parent.is_class and isinstance(inner.node, Function):
                owner, function = inner.parent.node, inner.node
                static = isinstance(function, ast.Lambda) or any(
                    isinstance(d, ast.Name) and d.id in ("staticmethod", "classmethod")
                    for d in function.decorator_list
                )
                first = [*function.args.posonlyargs, *function.args.args][:1]
                if static or not first or not isinstance(owner, ast.ClassDef):
                    return None
                return Me(owner), first[0].arg
            inner = inner.parent
        return None

    def run_function(self, node: Function) -> Values:
        """Run a function once; return what it returns."""
        if node in self._done:
            return self._done[node]
        self._done[node] = _UNKNOWN  # for a function that calls itself
        scope = self.scopes[node]
        runner = Runner(self, scope, self.method_of(scope))
        if runner.me and scope.parent and scope.parent.is_class:
            runner.state.items |= self.items.get(runner.me.owner, {})
        runner.parameters(node.args)
        runner.body(node)
        runner.leave()
        self._done[node] = frozenset(runner.returned) or frozenset([PLAIN])
        if runner.me and runner.first:
            self.items[runner.me.owner] = {
                **self.items.get(runner.me.owner, {}),
                **runner.state.items,
            }
        return self._done[node]

    def run_class(self, node: ast.ClassDef) -> None:
        """Run the methods of a class, those that set attributes first."""
        if node in self._done:
            return
        self._done[node] = _UNKNOWN
        methods = [part for part in node.body if isinstance(part, Function)]

        def rank(method: Function) -> int:
            name = getattr(method, "name", "")
            if name in ("__init__", "build"):
                return 0 if name == "__init__" else 1
            return 3 if name in ("call", "__call__", "forward") else 2

        for method in sorted(methods, key=rank):
            self.run_function(method)

    def is_keras_class(self, node: ast.ClassDef, names: frozenset[str]) -> bool:
        """Whether the class directly extends one of these classes of Keras."""
        scope = self.scopes[node].parent or self.top
        bases = [scope.dotted(base) for base in node.bases]
        return any(base and base.is_keras and base.name in names for base in bases)

    # --- functions that are called ---

    def can_be_run(self, node: Function) -> bool:
        """Whether a function can be run for one call."""
        if isinstance(node, ast.AsyncFunctionDef) or _yields(node):
            return False
        if not isinstance(node, ast.Lambda) and node.decorator_list:
            return False
        if node in self.running or len(self.running) >= _MAX_DEPTH or not self._calls_left:
            return False
        self.run_function(node)  # as anybody may call it
        self._calls_left -= 1
        return True

    def instance_of(self, node: ast.ClassDef) -> Values:
        """Return what calling a class of this source returns."""
        if self.is_keras_class(node, frozenset(["Model", "Sequential"])):
            return frozenset([self.facts.chains.setdefault(node, Chain(node, opaque=True))])
        return frozenset([FOREIGN])

    def result_of(self, node: Function) -> Values:
        """Return what a function of this source can return, as far as a caller may know."""
        if isinstance(node, ast.Lambda) or _yields(node) or node.decorator_list:
            return _UNKNOWN
        values = self.run_function(node)
        if values and all(isinstance(value, Chain) for value in values):
            return frozenset([self.facts.chains.setdefault(node, Chain(node, opaque=True))])
        return _UNKNOWN


@lru_cache(maxsize=1024)
def _yields(node: Function) -> bool:
    return any(isinstance(part, ast.Yield | ast.YieldFrom) for part in ast.walk(node))


def analyse(tree: ast.Module, displayed: frozenset[ast.AST] = frozenset()) -> Analysis:
    """Run a source; `displayed` are statements whose value is shown, as at the end of a cell."""
    return Analysis(tree, displayed).run()
