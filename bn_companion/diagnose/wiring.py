"""What is wrong with the way batch normalization stands in a graph of layers."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import keras

from bn_companion.build.future import Future
from bn_companion.build.graph import Call, Graph, Part
from bn_companion.build.roles import activation_name, is_batch_norm, is_inert, is_linear_map
from bn_companion.build.sites import cancels_bias
from bn_companion.diagnose.codes import CODES
from bn_companion.diagnose.finding import Finding

__all__ = ["wiring_findings"]

_DROPOUT = (
    keras.layers.AlphaDropout,
    keras.layers.Dropout,
    keras.layers.GaussianDropout,
    keras.layers.SpatialDropout1D,
    keras.layers.SpatialDropout2D,
    keras.layers.SpatialDropout3D,
)
_RESHAPING = (keras.layers.Flatten, keras.layers.Permute, keras.layers.Reshape)


def wiring_findings(root: Graph, names: dict[int, str]) -> Iterator[tuple[Any, Finding]]:
    """Yield a layer and a finding for every fault in `root` and the graphs nested in it.

    Parameters
    ----------
    root : Graph
        As `bn_companion.build.conversion.read` returns it.
    names : dict
        What to call a layer, by its ``id``.
    """
    graphs = list(root.walk())
    uses = Counter(call.part for graph in graphs for call in graph.calls)
    future = Future(graphs)
    shared = [part for part, count in uses.items() if is_batch_norm(part.source) and count > 1]
    for part in shared:
        message = f"{names[id(part.source)]} is called on {uses[part]} inputs"
        yield part.source, CODES["BN008"].at(names[id(part.source)], message)
    for graph in graphs:
        for call in graph.calls:
            if is_linear_map(call.part.source):
                yield from _dead_bias(graph, call, uses, names)
            if is_batch_norm(call.part.source):
                yield from _on_the_output(graph, call, future, names)
                yield from _fed_by_dropout(graph, call, names)
                yield from _wrong_axis(graph, call, names)
                yield from _frozen_apart(graph, call, names)


def _dead_bias(
    graph: Graph, call: Call, uses: "Counter[Part]", names: dict[int, str]
) -> Iterator[tuple[Any, Finding]]:
    layer = call.part.source
    taker = graph.only_consumer(call.outputs[0])
    if not layer.use_bias or taker is None or uses[call.part] > 1:
        return
    if cancels_bias(call, taker, uses):
        where = names[id(layer)]
        message = (
            f"the bias of {where}, {layer.bias.shape[0]} numbers, does nothing in front of "
            f"{names[id(taker.part.source)]}"
        )
        yield layer, CODES["BN002"].at(where, message)


def _on_the_output(
    graph: Graph, call: Call, future: Future, names: dict[int, str]
) -> Iterator[tuple[Any, Finding]]:
    value = call.outputs[0]
    if not future.is_final(graph, value) or future.meets_weights(graph, value):
        return
    where = names[id(call.part.source)]
    feeder = _behind_inert(graph, call)
    fused = feeder is not None and activation_name(feeder.part.source, fused=True)
    kind = fused or (feeder is not None and activation_name(feeder.part.source))
    of = f"the {kind} {feeder.part.name!r}" if feeder is not None and kind else "the last layer"
    yield call.part.source, CODES["BN003"].at(where, f"{where} stands behind {of}, on the output")


def _behind_inert(graph: Graph, call: Call) -> Call | None:
    made_by = graph.producer(call.inputs[0])
    while made_by is not None and made_by.chained and is_inert(made_by.part.source):
        made_by = graph.producer(made_by.inputs[0])
    return made_by


def _fed_by_dropout(
    graph: Graph, call: Call, names: dict[int, str]
) -> Iterator[tuple[Any, Finding]]:
    """Look for dropout up to the next layer with weights: beyond it, the noise is another one."""
    made_by = graph.producer(call.inputs[0])
    while made_by is not None and made_by.chained:
        layer = made_by.part.source
        if type(layer) in _DROPOUT and layer.rate > 0:
            where, norm = names[id(layer)], names[id(call.part.source)]
            message = f"the dropout {where} feeds {norm}, whose variance is then too large"
            yield layer, CODES["BN004"].at(where, message)
            return
        if getattr(layer, "weights", None):
            return
        made_by = graph.producer(made_by.inputs[0])


def _wrong_axis(graph: Graph, call: Call, names: dict[int, str]) -> Iterator[tuple[Any, Finding]]:
    layer = call.part.source
    rank = len(call.outputs[0].shape or ())
    neighbour = _with_data_format(graph, call)
    if neighbour is None or rank < 3:
        return
    wanted = 1 if neighbour.data_format == "channels_first" else -1
    if layer.axis % rank != wanted % rank:
        where = names[id(layer)]
        message = (
            f"{where} normalizes axis {layer.axis}, and the channels of {names[id(neighbour)]} "
            f"({neighbour.data_format}) are on axis {wanted}"
        )
        yield layer, CODES["BN005"].at(where, message, remedy=f"Write `axis={wanted}`.")


def _with_data_format(graph: Graph, call: Call) -> Any:
    """Return the nearest layer that says which axis holds the channels: above, or else below."""
    rank = len(call.outputs[0].shape or ())
    above = graph.producer(call.inputs[0])
    while above is not None and above.inputs:
        if _says_format(above, rank):
            return above.part.source
        if isinstance(above.part.source, _RESHAPING) or _rank(above) != rank or above.part.inner:
            return None
        above = graph.producer(above.inputs[0])
    below = graph.only_consumer(call.outputs[0])
    while below is not None:
        if _says_format(below, rank):
            return below.part.source
        if isinstance(below.part.source, _RESHAPING) or _rank(below) != rank or below.part.inner:
            return None
        below = graph.only_consumer(below.outputs[0])
    return None


def _says_format(call: Call, rank: int) -> bool:
    format_ = getattr(call.part.source, "data_format", None)
    return format_ in ("channels_last", "channels_first") and _rank(call) == rank


def _rank(call: Call) -> int:
    return len(call.outputs[0].shape or ())


def _frozen_apart(graph: Graph, call: Call, names: dict[int, str]) -> Iterator[tuple[Any, Finding]]:
    """Compare `trainable` with that of the linear map in front and the layers behind."""
    layer = call.part.source
    feeder = _behind_inert(graph, call)
    if feeder is None or not is_linear_map(feeder.part.source):
        return
    linear = feeder.part.source
    where, other = names[id(layer)], names[id(linear)]
    behind = _next_with_weights(graph, call)
    if linear.trainable and not layer.trainable:
        message = f"{where} is frozen, and {other}, which feeds it, is not"
        yield layer, CODES["BN009"].at(where, message)
    elif layer.trainable and not linear.trainable and behind and not any(behind):
        message = f"{where} is not frozen, and {other} and the layers behind it are"
        yield layer, CODES["BN010"].at(where, message)


def _next_with_weights(graph: Graph, call: Call) -> list[bool]:
    """Return `trainable` of the next layers with weights, other than batch normalization."""
    found, pending = [], list(call.outputs)
    seen: set[int] = set()
    while pending:
        value = pending.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        for taker in graph.consumers(value):
            layer = taker.part.source
            if getattr(layer, "weights", None) and not is_batch_norm(layer):
                found.append(bool(layer.trainable))
            else:
                pending += taker.outputs
    return found
