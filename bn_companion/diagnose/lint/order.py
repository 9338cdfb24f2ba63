"""BN003 and BN004: batch normalization behind the softmax, and behind dropout."""

import ast
from collections.abc import Iterator

from bn_companion.diagnose.lint import catalog
from bn_companion.diagnose.lint.analysis import Analysis
from bn_companion.diagnose.lint.names import Symbol
from bn_companion.diagnose.lint.problem import Problem
from bn_companion.diagnose.lint.values import OUTPUT, Layer, Opaque

__all__ = ["find_dropouts", "find_on_output"]


def find_on_output(layer: Layer) -> Iterator[Problem]:
    """Yield a batch normalization behind the softmax that ends the model."""
    if layer.escaped or layer.consumers != {OUTPUT} or not layer.producers:
        return
    if all(isinstance(p, Layer) and _is_softmax(p) for p in layer.producers):
        there = min(
            (p.call for p in layer.producers if isinstance(p, Layer)), key=lambda call: call.lineno
        )
        yield Problem(
            "BN003",
            layer.call,
            "this BatchNormalization stands behind the softmax of {there}, on the output",
            there=there,
        )


def _is_softmax(layer: Layer) -> bool:
    if layer.arguments is None:
        return False
    if layer.kind == "Softmax":
        return True
    activation = layer.arguments.get("activation")
    if isinstance(activation, ast.Constant):
        return bool(activation.value == "softmax")
    values = layer.values.get("activation", frozenset())
    return bool(values) and all(isinstance(v, Symbol) and v.name == "softmax" for v in values)


def find_dropouts(normalizations: list[Layer], analysis: Analysis) -> Iterator[Problem]:
    """Yield the dropouts that feed a batch normalization, each once."""
    seen: set[Layer] = set()
    for layer in normalizations:
        for dropout in _noise_before(layer, analysis):
            if dropout not in seen:
                seen.add(dropout)
                yield _dropout_problem(dropout, layer)


def _noise_before(layer: Layer, analysis: Analysis) -> list[Layer]:
    """Return the dropouts that feed a batch normalization, if nothing else does."""
    if layer.guarded or layer.escaped or layer.training_is_fixed:
        return []
    if layer.arguments is None or "trainable" in layer.arguments:
        return []
    found: list[Layer] = []
    waiting: list[Layer | Opaque] = list(layer.producers)
    seen: set[Layer | Opaque] = set()
    while waiting:
        producer = waiting.pop()
        if producer in seen:
            continue
        seen.add(producer)
        if not isinstance(producer, Layer):
            return []
        if producer.kind in catalog.DROPOUT:
            if not _drops(producer, analysis):
                return []
            found.append(producer)
        elif producer.kind in catalog.TRANSPARENT and producer.producers:
            waiting.extend(producer.producers)
        else:
            return []
    return found


def _drops(dropout: Layer, analysis: Analysis) -> bool:
    """Whether the dropout is sure to drop something, in training alone."""
    if dropout.arguments is None or dropout.escaped or dropout.training_is_fixed:
        return False
    if "trainable" in dropout.arguments:
        return False
    rate = dropout.arguments.get("rate", dropout.arguments.get("p"))
    if isinstance(rate, ast.Constant):
        return isinstance(rate.value, int | float) and rate.value > 0
    return isinstance(rate, ast.Name) and not _may_be_zero(rate.id, analysis)


def _may_be_zero(name: str, analysis: Analysis) -> bool:
    """Whether a rate is given by a parameter that is 0 or None unless it is told otherwise."""
    for node in analysis.scopes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            a = node.args
            positional = [*a.posonlyargs, *a.args]
            pairs = [
                *zip(positional[len(positional) - len(a.defaults) :], a.defaults, strict=True),
                *zip(a.kwonlyargs, a.kw_defaults, strict=True),
            ]
            for arg, default in pairs:
                if arg.arg == name and isinstance(default, ast.Constant) and not default.value:
                    return True
    bindings = [b for scope in analysis.scopes.values() for b in scope.bindings.get(name, ())]
    return any(isinstance(b, ast.Constant) and not b.value for b in bindings)


def _dropout_problem(dropout: Layer, layer: Layer) -> Problem:
    return Problem(
        "BN004",
        dropout.call,
        f"this {dropout.kind} feeds the BatchNormalization on {{there}}",
        there=layer.call,
    )
