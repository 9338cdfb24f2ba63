"""The abstract run of one scope: every path, and every loop until nothing changes."""

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from bn_companion.diagnose.lint.assign import Binder
from bn_companion.diagnose.lint.conditions import (
    asks_for_format,
    asks_for_version,
    catches,
    expects_an_error,
)
from bn_companion.diagnose.lint.names import Scope
from bn_companion.diagnose.lint.values import (
    ELSEWHERE,
    OUTPUT,
    PLAIN,
    UNKNOWN,
    Chain,
    Const,
    Items,
    Layer,
    Local,
    Me,
    Output,
    State,
    Values,
)

if TYPE_CHECKING:
    from bn_companion.diagnose.lint.analysis import Analysis

__all__ = ["Function", "Runner"]

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda

_UNKNOWN: Values = frozenset([UNKNOWN])
_MAX_ROUNDS = 6
_MAX_UNROLLED = 64


class Runner(Binder):
    """Run the statements of one scope."""

    def __init__(self, analysis: "Analysis", scope: Scope, method: tuple[Me, str] | None) -> None:
        super().__init__(analysis, scope, method)
        self.alive = True
        self.ended: list[State] = []
        self.jumps: list[tuple[list[State], list[State]]] = []
        self.attempts: list[State] = []

    # --- what the evaluator asks ---

    def attribute(self, me: Me, name: str) -> Values:
        self.analysis.read[me.owner].add(name)
        known = self.analysis.attributes[me.owner].get(name)
        return frozenset(known) if known else _UNKNOWN

    def function_named(self, name: str) -> Values:
        for scope in (self.scope, *self.scope.outer()):
            if scope.binds(name):
                found = self.analysis.functions.get((scope, name))
                return frozenset([found]) if found else _UNKNOWN
        return _UNKNOWN

    def call_local(self, node: ast.Call, function: Local) -> Values:
        """Run a function of this source once more, for this call and with its arguments."""
        target = function.node
        if isinstance(target, ast.ClassDef):
            self.lose_arguments(node)
            return self.analysis.instance_of(target)
        given = _arguments(node, target)
        if given is None or not self.analysis.can_be_run(target):
            self.lose_arguments(node)
            return self.analysis.result_of(target)
        arguments = {name: self.ev(value) for name, value in given.items()}
        self.analysis.running.append(target)
        scope = self.analysis.scopes[target]
        inner = Runner(self.analysis, scope, self.analysis.method_of(scope))
        inner.for_one_call, inner.guards = True, self.guards
        inner.state = State({}, dict(self.state.ends), dict(self.state.items))
        inner.parameters(target.args)
        inner.state.variables |= arguments
        inner.body(target)
        self.analysis.running.pop()
        inner.meet(*inner.ended, inner.take())
        if not inner.alive:  # it always raises
            return _UNKNOWN
        self.state.ends, self.state.items = inner.state.ends, inner.state.items
        return frozenset(inner.returned) or frozenset([PLAIN])

    def parameters(self, args: ast.arguments) -> None:
        """Bind the parameters, of which nothing is known."""
        for arg in (*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg):
            if arg:
                self.state.variables[arg.arg] = _UNKNOWN
        if self.me and self.scope.parent and self.scope.parent.is_class:
            self.state.variables[self.me_name] = frozenset([self.me])

    def body(self, node: Function) -> None:
        """Run a function to its end."""
        if isinstance(node, ast.Lambda):
            self.give(self.ev(node.body))
        else:
            self.block(node.body)

    # --- control ---

    def take(self) -> State | None:
        """Return the state where this path has come to, None where it has ended."""
        return self.state if self.alive else None

    def meet(self, *states: State | None) -> None:
        """Go on where these paths meet."""
        alive = [state for state in states if state is not None]
        self.alive = bool(alive)
        if alive:
            self.state = alive[0]
            for other in alive[1:]:
                self.state = self.state.join(other, self.escape)

    def block(self, body: list[ast.stmt]) -> None:
        """Run statements until the path ends."""
        for statement in body:
            if not self.alive:
                return
            kind = type(statement)
            method = _STATEMENTS.get(kind)
            if method is None:
                method = _STATEMENTS[kind] = getattr(Runner, f"st_{kind.__name__}", Runner.st_other)
            method(self, statement)
            # An error may leave a `try` behind any statement.
            if self.attempts and self.alive:
                self.attempts[-1] = self.attempts[-1].join(self.state, self.escape)

    def st_Return(self, node: ast.Return) -> None:
        if node.value:
            self.give(self.ev(node.value))
        else:
            self.returned.add(PLAIN)
        self.ended.append(self.state)
        self.alive = False

    def st_Raise(self, node: ast.Raise) -> None:
        for part in (node.exc, node.cause):
            self.drop(part)
        self.alive = False

    def st_Break(self, node: ast.Break) -> None:
        if self.jumps:
            self.jumps[-1][0].append(self.state)
        self.alive = False

    def st_Continue(self, node: ast.Continue) -> None:
        if self.jumps:
            self.jumps[-1][1].append(self.state)
        self.alive = False

    def st_If(self, node: ast.If) -> None:
        by_version = asks_for_version(node.test)
        self.guards += by_version
        self.look(node.test)
        before = self.state.copy()
        self.block(node.body)
        after = self.take()
        self.state, self.alive = before, True
        self.block(node.orelse)
        self.guards -= by_version
        self.meet(after, self.take())
        if self.alive and asks_for_format(node.test):
            for name, values in self.state.variables.items():
                if len(values) > 1 and all(isinstance(value, Const) for value in values):
                    self.state.variables[name] = frozenset(
                        Const(v.value, True) for v in values if isinstance(v, Const)
                    )

    def st_For(self, node: ast.For | ast.AsyncFor) -> None:
        values = self.ev(node.iter)
        held = None
        if len(values) == 1 and isinstance(
            node.iter, ast.Name | ast.Attribute | ast.List | ast.Tuple
        ):
            (value,) = values
            held = self.state.items.get(value) if isinstance(value, Items) else None
        self.jumps.append(([], []))
        if held is not None and len(held) <= _MAX_UNROLLED and _worth_following(held):
            self.unrolled(node, held)
        else:
            self.escape(values)
            self.repeated(node.body, node.target)
        self.end_of_loop(node.orelse)

    st_AsyncFor = st_For

    def st_While(self, node: ast.While) -> None:
        self.look(node.test)
        self.jumps.append(([], []))
        self.repeated(node.body, None)
        self.end_of_loop(node.orelse)

    def unrolled(self, node: ast.For | ast.AsyncFor, held: tuple[Values, ...]) -> None:
        """Run a loop over a list that is known, element by element."""
        for element in held:
            if not self.alive:
                break
            self.bind(node.target, element)
            self.block(node.body)
            self.meet(self.take(), *self.jumps[-1][1])
            self.jumps[-1][1].clear()

    def repeated(self, body: list[ast.stmt], target: ast.expr | None) -> None:
        """Run a loop until running it once more changes nothing."""
        for _ in range(_MAX_ROUNDS):
            before = self.state
            self.state = before.copy()
            if target is not None:
                self.bind(target, _UNKNOWN)
            self.block(body)
            self.meet(before, self.take(), *self.jumps[-1][1])
            self.jumps[-1][1].clear()
            if self.state == before:
                break

    def end_of_loop(self, orelse: list[ast.stmt]) -> None:
        """Go on behind a loop; those who left it by ``break`` pass by its ``else``."""
        left = self.jumps.pop()[0]
        self.block(orelse)
        self.meet(self.take(), *left)

    def st_Try(self, node: ast.Try) -> None:
        expected = any(catches(handler) for handler in node.handlers)
        before = self.state.copy()
        self.guards += expected
        self.attempts.append(before)
        self.block(node.body)
        midway = self.attempts.pop()
        if self.attempts:
            self.attempts[-1] = self.attempts[-1].join(midway, self.escape)
        self.guards -= expected
        self.block(node.orelse)
        paths = [self.take()]
        for handler in node.handlers:
            self.state, self.alive = midway.copy(), True
            if handler.name:
                self.state.variables[handler.name] = _UNKNOWN
            self.guards += expected
            self.block(handler.body)
            self.guards -= expected
            paths.append(self.take())
        self.meet(*paths)
        ended = not self.alive
        if ended:  # what stands in `finally` is run all the same
            self.state, self.alive = midway, True
        self.block(node.finalbody)
        self.alive = self.alive and not ended

    st_TryStar = st_Try

    def st_With(self, node: ast.With | ast.AsyncWith) -> None:
        expected = False
        for item in node.items:
            self.drop(item.context_expr)
            expected = expected or expects_an_error(item.context_expr)
            if item.optional_vars is not None:
                self.bind(item.optional_vars, _UNKNOWN)
        self.guards += expected
        self.block(node.body)
        self.guards -= expected

    st_AsyncWith = st_With

    def st_Match(self, node: ast.Match) -> None:
        self.drop(node.subject)
        before = self.state
        paths: list[State | None] = [before]
        for case in node.cases:
            self.state, self.alive = before.copy(), True
            for part in ast.walk(case.pattern):
                for name in (getattr(part, "name", None), getattr(part, "rest", None)):
                    if name:
                        self.state.variables[name] = _UNKNOWN
            if case.guard:
                self.look(case.guard)
            self.block(case.body)
            paths.append(self.take())
        self.meet(*paths)

    def leave(self) -> None:
        """End the scope: what is still being built is what it was built for."""
        for state in (*self.ended, *([self.state] if self.alive else [])):
            for chain, ends in state.ends.items():
                for end in ends:
                    if isinstance(end, Layer):
                        end.consumers.add(ELSEWHERE if chain.kept else OUTPUT)

    # --- scopes inside ---

    def st_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for part in (*node.decorator_list, *node.args.defaults, *node.args.kw_defaults):
            self.drop(part)
        self.state.variables.pop(node.name, None)

    st_AsyncFunctionDef = st_FunctionDef

    def st_ClassDef(self, node: ast.ClassDef) -> None:
        for part in (*node.decorator_list, *node.bases, *(k.value for k in node.keywords)):
            self.drop(part)
        self.state.variables.pop(node.name, None)
        inner = Runner(self.analysis, self.analysis.scopes[node], None)
        inner.guards = self.guards
        inner.block([part for part in node.body if not isinstance(part, Function)])


_STATEMENTS: dict[type[ast.stmt], Callable[[Runner, Any], None]] = {}


def _arguments(node: ast.Call, target: Function) -> dict[str, ast.expr] | None:
    """Return the arguments by parameter; None where that is not plain to see."""
    a = target.args
    names = [arg.arg for arg in (*a.posonlyargs, *a.args)]
    keywords = {keyword.arg for keyword in node.keywords}
    if (
        a.vararg
        or a.kwarg
        or len(node.args) > len(names)
        or any(isinstance(arg, ast.Starred) for arg in node.args)
        or not keywords <= {arg.arg for arg in (*a.args, *a.kwonlyargs)}
    ):
        return None
    given = dict(zip(names, node.args, strict=False))
    return given | {keyword.arg: keyword.value for keyword in node.keywords if keyword.arg}


def _worth_following(held: tuple[Values, ...]) -> bool:
    return any(isinstance(v, Layer | Output | Items | Chain) for values in held for v in values)
