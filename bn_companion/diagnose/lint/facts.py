"""All that the abstract run of a source finds out, for the rules to judge."""

import ast
from dataclasses import dataclass, field

from bn_companion.diagnose.lint.names import Scope, Symbol
from bn_companion.diagnose.lint.values import Chain, Items, Layer, Values

__all__ = ["CallFact", "Facts"]


@dataclass(frozen=True, slots=True)
class CallFact:
    """One call of the source: what is called, on what, and where it stands."""

    node: ast.Call
    callees: Values
    receiver: Values | None
    scope: Scope
    guarded: bool


@dataclass(slots=True)
class Facts:
    """All that the abstract run finds out."""

    layers: dict[tuple[ast.Call, str], Layer] = field(default_factory=dict)
    chains: dict[ast.AST, Chain] = field(default_factory=dict)
    items: dict[ast.AST, Items] = field(default_factory=dict)
    calls: dict[ast.Call, CallFact] = field(default_factory=dict)
    imports: dict[ast.Import | ast.ImportFrom, bool] = field(default_factory=dict)
    symbols: dict[ast.expr, tuple[Symbol, bool]] = field(default_factory=dict)
