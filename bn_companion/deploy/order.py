"""Which batch normalizations depend on which, so that independent ones share a pass."""

from typing import Any

from bn_companion.build.conversion import read
from bn_companion.build.graph import Graph, Part
from bn_companion.build.roles import is_batch_norm

__all__ = ["passes_of"]


def passes_of(model: Any) -> list[list[Any]] | None:
    """Return the batch normalizations of a graph in passes, or None where the graph hides some.

    The inputs of a layer in one pass depend on the layers in earlier passes only.

    Parameters
    ----------
    model : keras.Model
        Anything.

    Returns
    -------
    list of list of keras.Layer, or None

    Raises
    ------
    ValueError
        If the inputs of a layer depend on its own outputs.

    Examples
    --------
    >>> from bn_companion import resnet
    >>> from bn_companion.deploy.order import passes_of
    >>> for layers in passes_of(resnet((8, 8, 1), 2, blocks=(1, 1))):
    ...     print([layer.name for layer in layers])
    ['stem_bn_1']
    ['stage_1_block_1_bn_1']
    ['stage_1_block_1_bn_2']
    ['stage_2_block_1_shortcut_bn_1', 'stage_2_block_1_bn_1']
    ['stage_2_block_1_bn_2']
    """
    try:
        root = read(model)
    except (TypeError, ValueError):
        return None
    if any(is_batch_norm(layer) for _, _, layer in root.hidden_layers()):
        return None
    levels: dict[Part, int] = {}
    parts = {
        call.part
        for graph in root.walk()
        for call in graph.calls
        if is_batch_norm(call.part.source)
    }
    before = None
    while levels != before:  # a layer that is called twice waits for the later one
        before = dict(levels)
        _settle(root, [0] * len(root.inputs), levels)
        for part, level in levels.items():
            if level > len(parts):
                raise ValueError(
                    f"`model` must not feed a batch normalization its own outputs: its statistics "
                    f"would depend on themselves. Received: {part.name!r}, which is called again "
                    "on what it gave"
                )
    passes: list[list[Any]] = [[] for _ in range(max(levels.values(), default=-1) + 1)]
    for part, level in levels.items():
        passes[level].append(part.source)
    return [layers for layers in passes if layers]


def _settle(graph: Graph, depths: list[int], levels: dict[Part, int]) -> list[int]:
    """Raise `levels` to what the depths of the inputs ask for; return those of the outputs."""
    known = dict(zip(graph.inputs, depths, strict=True))
    for call in graph.calls:
        given = [known[value] for value in call.inputs]
        depth = max(given, default=0)
        if is_batch_norm(call.part.source):
            levels[call.part] = max(levels.get(call.part, 0), depth)
            results = [levels[call.part] + 1]
        elif call.part.inner is not None:
            results = _settle(call.part.inner, given, levels)
        else:
            results = [depth] * len(call.outputs)
        known |= dict(zip(call.outputs, results, strict=True))
    return [known[value] for value in graph.leaving]
