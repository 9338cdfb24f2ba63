"""BN001: batch normalization that is built and never used."""

import ast
from collections.abc import Iterator

from bn_companion.diagnose.lint.analysis import Analysis
from bn_companion.diagnose.lint.problem import Problem
from bn_companion.diagnose.lint.values import Layer

__all__ = ["find_unused"]

_WHOLE_MODEL = frozenset(
    ["layers", "_layers", "submodules", "_modules", "__dict__", "_flatten_layers"]
)
_OF_KERAS = frozenset(
    (
        *("add_weight", "add_loss", "add_metric", "name", "built", "trainable", "dtype", "losses"),
        *("compiled_loss", "compiled_metrics", "trainable_variables", "optimizer", "metrics"),
        *("compute_loss", "compute_dtype", "trainable_weights", "input_spec", "supports_masking"),
    )
)
_REACHES_ALL = frozenset(["getattr", "setattr", "vars", "eval", "exec"])


def find_unused(layer: Layer, analysis: Analysis) -> Iterator[Problem]:
    """Yield a batch normalization that is never used, or whose output is not."""
    if layer.escaped or layer.on_trial:
        return
    if not layer.used:
        if layer.attribute_of is None:
            yield Problem("BN001", layer.call, "this BatchNormalization is built and never used")
        elif _attribute_is_dead(layer, analysis):
            name = min(layer.attribute_names)
            yield Problem(
                "BN001",
                layer.call,
                f"this BatchNormalization is kept as self.{name} and never called",
                remedy=f"Call it where it belongs, `x = self.{name}(x)`, or delete it.",
            )
        return
    if not layer.called or layer.output_read or layer.consumers:
        return
    passed_by = any(isinstance(p, Layer) and len(p.consumers) > 1 for p in layer.producers)
    if layer.discarded or (layer.local and layer.attribute_of is None) or passed_by:
        yield Problem(
            "BN001",
            layer.call,
            "the output of this BatchNormalization is never used",
            remedy="Hand its output on, `x = BatchNormalization()(x)`, or delete it.",
        )


def _attribute_is_dead(layer: Layer, analysis: Analysis) -> bool:
    """Whether the class itself says that nothing calls this attribute."""
    owner = layer.attribute_of
    if owner is None or not analysis.is_keras_class(owner, frozenset(["Model", "Layer"])):
        return False
    if not any(getattr(part, "name", "") == "call" for part in owner.body):
        return False
    if analysis.read[owner] & _WHOLE_MODEL:
        return False
    known = {getattr(part, "name", "") for part in owner.body} | set(analysis.attributes[owner])
    if analysis.read[owner] - known - _OF_KERAS:
        return False  # a method or attribute that a subclass may have
    for node in ast.walk(analysis.tree):
        if isinstance(node, ast.Name) and node.id in _REACHES_ALL:
            return False
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            if node.attr in layer.attribute_names:
                return False
            if node.attr in _WHOLE_MODEL and analysis.top.dotted(node) is None:
                return False  # self.layers, and not keras.layers
    return True
