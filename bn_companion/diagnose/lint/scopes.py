"""Which scope binds which name: one walk over the tree of a source."""

import ast
from collections.abc import Callable, Iterable
from typing import Any

from bn_companion.diagnose.lint.names import Scope, canonical

__all__ = ["collect"]

# Star imports of these bring no name that a layer could have.
_HARMLESS_STARS = ("numpy", "math", "os", "pylab", "matplotlib", "typing", "tkinter", "scipy")
_CHANGING = frozenset(["add", "pop", "append", "extend"])
_LONG = 80  # a string that names an attribute is shorter
_RIVALS = ("torch", "chainer", "mxnet", "paddle", "lasagne", "tflearn", "tensorlayer", "cntk")


def collect(tree: ast.Module) -> tuple[Scope, dict[ast.AST, Scope]]:
    """Return the scope of the module, and the scope of each node that opens one."""
    collector = _Collector(tree)
    top = collector.top
    _capture(top)
    paths = [b for scope in collector.scopes.values() for bs in scope.bindings.values() for b in bs]
    imported = {canonical(b).path.partition(".")[0] for b in paths if isinstance(b, str)}
    imported |= {canonical(star).path.partition(".")[0] for star in top.stars}
    top.fragment = (not imported or "keras" in imported) and not imported & set(_RIVALS)
    top.has_keras = bool(imported & {"keras", "tensorflow"}) or top.fragment
    return top, collector.scopes


def _capture(scope: Scope) -> None:
    """Tell each scope which of its names the scopes inside it use."""
    for inner in scope.inner:
        _capture(inner)
        for name in inner.loads | inner.declared_outside:
            if inner.binds(name):
                continue
            for outer in inner.outer():
                if outer.binds(name):
                    outer.captured.add(name)
                    if name in inner.changed or name in inner.declared_outside:
                        outer.captured_and_changed.add(name)
                    break


class _Collector:
    """Enter every binding and every use of a name into the scope that it belongs to.

    `ast.NodeVisitor` does the same in twice the time, which was most of the analysis.
    """

    def __init__(self, tree: ast.Module) -> None:
        self.top = self.scope = Scope(tree)
        self.scopes: dict[ast.AST, Scope] = {tree: self.top}
        self._harmless: set[ast.AST] = set()
        self._all(tree.body)

    def _all(self, nodes: Iterable[ast.AST | None]) -> None:
        """Visit nodes, None among them."""
        for node in nodes:
            if node is not None:
                visit = _VISITORS.get(type(node))
                if visit is None:
                    self._inside(node)
                else:
                    visit(self, node)

    def _inside(self, node: ast.AST) -> None:
        """Visit what a node holds."""
        for name in node._fields:
            value = getattr(node, name)
            if isinstance(value, ast.AST):
                visit = _VISITORS.get(type(value))
                if visit is None:
                    self._inside(value)
                else:
                    visit(self, value)
            elif value.__class__ is list and value and value[0].__class__ is not str:
                self._all(value)

    def _bind(self, name: str | None, what: str | ast.expr | None = None) -> None:
        if name:
            self.scope.bindings.setdefault(name, []).append(what)

    def _open(self, node: ast.AST) -> Scope:
        made = Scope(node, self.scope)
        self.scope.inner.append(made)
        self.scopes[node] = made
        return made

    def import_(self, node: ast.Import) -> None:
        for alias in node.names:
            top = alias.name.partition(".")[0]
            self._bind(alias.asname or top, alias.name if alias.asname else top)

    def import_from(self, node: ast.ImportFrom) -> None:
        module = "." * node.level + (node.module or "")
        for alias in node.names:
            if alias.name != "*":
                self._bind(alias.asname or alias.name, f"{module}.{alias.name}")
            elif not module.startswith(_HARMLESS_STARS):
                self.top.stars.append(module)

    def assign(self, node: ast.Assign) -> None:
        self._all([node.value])
        simple = isinstance(node.value, ast.Name | ast.Attribute | ast.Constant | ast.Call)
        for target in node.targets:
            if isinstance(target, ast.Name):
                self._bind(target.id, node.value if simple else None)
            else:
                self._all([target])

    def name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self.scope.loads.add(node.id)
            if node not in self._harmless:
                self.scope.changed.add(node.id)
        else:
            self._bind(node.id)

    def attribute(self, node: ast.Attribute) -> None:
        # `model.fit` reads a name; `model.add`, `f(model)` and `model.x = 1` may change what it is.
        if isinstance(node.ctx, ast.Load) and node.attr not in _CHANGING:
            self._harmless.add(node.value)
        if not isinstance(node.value, ast.Name) or node.value.id not in ("self", "cls"):
            self.top.foreign.add(node.attr)
        self._all([node.value])

    def constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str) and len(node.value) < _LONG:
            self.top.strings[node.value] += 1

    def outside(self, node: ast.Global | ast.Nonlocal) -> None:
        self.scope.declared_outside.update(node.names)
        for outer in self.scope.outer():
            for name in node.names:
                if isinstance(node, ast.Nonlocal) or outer.parent is None:
                    outer.bindings.setdefault(name, []).append(None)

    def named(self, node: ast.ExceptHandler | ast.MatchAs | ast.MatchStar) -> None:
        self._bind(node.name)
        self._inside(node)

    def mapping(self, node: ast.MatchMapping) -> None:
        self._bind(node.rest)
        self._inside(node)

    def class_(self, node: ast.ClassDef) -> None:
        self._bind(node.name)
        self._all([*node.decorator_list, *node.bases, *node.keywords])
        self._enter(self._open(node), node.body)

    def function(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> None:
        body: Iterable[ast.AST] = [node.body] if isinstance(node, ast.Lambda) else node.body
        if not isinstance(node, ast.Lambda):
            self._bind(node.name)
            self._all(node.decorator_list)
        a = node.args
        self._all([*a.defaults, *a.kw_defaults])
        scope = self._open(node)
        for arg in (*a.posonlyargs, *a.args, *a.kwonlyargs, a.vararg, a.kwarg):
            if arg:
                scope.bindings.setdefault(arg.arg, []).append(None)
        self._enter(scope, body)

    def _enter(self, scope: Scope, body: Iterable[ast.AST]) -> None:
        self.scope, outer = scope, self.scope
        self._all(body)
        self.scope = outer


_VISITORS: dict[type[ast.AST], Callable[[_Collector, Any], None]] = {
    ast.Import: _Collector.import_,
    ast.ImportFrom: _Collector.import_from,
    ast.Assign: _Collector.assign,
    ast.Name: _Collector.name,
    ast.Attribute: _Collector.attribute,
    ast.Constant: _Collector.constant,
    ast.Global: _Collector.outside,
    ast.Nonlocal: _Collector.outside,
    ast.ExceptHandler: _Collector.named,
    ast.MatchAs: _Collector.named,
    ast.MatchStar: _Collector.named,
    ast.MatchMapping: _Collector.mapping,
    ast.ClassDef: _Collector.class_,
    ast.FunctionDef: _Collector.function,
    ast.AsyncFunctionDef: _Collector.function,
    ast.Lambda: _Collector.function,
    # Nothing in these binds or uses a name.
    ast.Load: lambda _, __: None,
    ast.Store: lambda _, __: None,
}
