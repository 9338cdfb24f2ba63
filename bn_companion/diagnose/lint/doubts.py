"""What makes a whole source doubtful, or some of its layers."""

import ast
import re

from bn_companion.diagnose.lint import catalog
from bn_companion.diagnose.lint.analysis import Analysis

__all__ = [
    "hide_reachable",
    "loads_weights",
    "reads_all_names",
    "sets_the_format",
    "treats_normalization_apart",
]

_SETS_FORMAT = frozenset(["set_image_data_format", "set_image_dim_ordering", "channels_first"])
_READS_ALL = frozenset(["locals", "globals", "eval", "exec"])
_SAVED = re.compile(
    r"(load|restore|set|pretrained|download|checkpoint)\w*(weight|model)|imagenet|\.(h5|hdf5|keras)$",
    re.IGNORECASE,
)


def hide_reachable(analysis: Analysis) -> None:
    """Let layers escape that other code can reach as attributes, or by name."""
    top = analysis.top
    reachable = top.foreign | set(top.strings)
    for layer in analysis.facts.layers.values():
        name = (layer.arguments or {}).get("name")
        named_twice = isinstance(name, ast.Constant) and top.strings[str(name.value)] > 1
        if layer.attribute_names & reachable or named_twice:
            layer.used = layer.escaped = layer.output_read = True


def reads_all_names(analysis: Analysis) -> bool:
    """Whether the source may reach its variables by other ways than their names."""
    return any(not scope.loads.isdisjoint(_READS_ALL) for scope in analysis.scopes.values())


def treats_normalization_apart(analysis: Analysis) -> bool:
    """Whether the source looks for batch normalization among layers, as to freeze it."""
    for call, fact in analysis.facts.calls.items():
        if isinstance(call.func, ast.Name) and call.func.id == "isinstance" and len(call.args) == 2:
            for node in ast.walk(call.args[1]):
                symbol = fact.scope.dotted(node) if isinstance(node, ast.expr) else None
                if symbol and symbol.name in catalog.BATCH_NORM:
                    return True
        if isinstance(func := fact.node.func, ast.Name | ast.Attribute) and any(
            keyword.arg == "trainable" for keyword in call.keywords
        ):
            called = fact.scope.dotted(func)
            if called and called.is_keras and called.name in ("Model", "Sequential"):
                return True
    words = [word.lower().replace("_", "") for word in analysis.top.words()]
    if "bias" in analysis.top.foreign:
        return True  # somebody looks at a bias
    freezes = "trainable" in words
    return freezes and any("batchnorm" in w for w in map(str.lower, analysis.top.strings))


def loads_weights(analysis: Analysis) -> bool:
    """Whether weights come from elsewhere, which would not fit a layer that has lost its bias."""
    return any(_SAVED.search(word) for word in analysis.top.words())


def sets_the_format(analysis: Analysis) -> bool:
    """Whether the channels may stand somewhere else than last without the layers saying so."""
    return bool(analysis.top.words() & _SETS_FORMAT)
