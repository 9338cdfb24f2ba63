"""BN001 to BN004, in the order in which one makes the next worth asking."""

from collections.abc import Iterator

from bn_companion.diagnose.lint import catalog
from bn_companion.diagnose.lint.analysis import Analysis
from bn_companion.diagnose.lint.bias import find_bias
from bn_companion.diagnose.lint.doubts import (
    hide_reachable,
    loads_weights,
    reads_all_names,
    sets_the_format,
    treats_normalization_apart,
)
from bn_companion.diagnose.lint.order import find_dropouts, find_on_output
from bn_companion.diagnose.lint.problem import Problem
from bn_companion.diagnose.lint.unused import find_unused

__all__ = ["find_wiring"]


def find_wiring(analysis: Analysis) -> Iterator[Problem]:
    """Yield what is wrong with the wiring of batch normalization in a source."""
    normalizations = [
        layer for layer in analysis.facts.layers.values() if layer.kind in catalog.BATCH_NORM
    ]
    if not normalizations:
        return
    hide_reachable(analysis)
    readable = not reads_all_names(analysis)
    for layer in normalizations:
        if not layer.guarded and readable:
            yield from find_unused(layer, analysis)
            yield from find_on_output(layer)
    if treats_normalization_apart(analysis):
        return
    rewritable = not loads_weights(analysis)
    moved_channels = sets_the_format(analysis)
    for layer in analysis.facts.layers.values():
        if layer.kind in catalog.LINEAR:
            yield from find_bias(layer, moved_channels, rewritable)
    yield from find_dropouts(normalizations, analysis)
