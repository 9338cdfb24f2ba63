"""Where batch normalization can stand in a graph: at each activation.

Read only; `bn_companion.build.relocation` acts on what is found here.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from bn_companion.build.future import Future
from bn_companion.build.graph import Call, Graph, Part, Value
from bn_companion.build.roles import (
    activation_name,
    channel_axis,
    is_batch_norm,
    is_inert,
    is_linear_map,
    is_pooling,
    is_sum,
)

__all__ = ["Site", "cancels_bias", "entry_of", "movable", "sites_of"]

_GATES = ("sigmoid", "hard_sigmoid", "hardsigmoid")
_IS_SOFTMAX = "a softmax is not normalized"
_IS_GATE = "it is a gate: another tensor is multiplied by it"
_SOFTMAX = ("softmax", "log_softmax", "logsoftmax")


@dataclass(eq=False)
class Site:
    """An activation, with the batch normalizations that belong to it.

    Attributes
    ----------
    graph : Graph
        The graph that it stands in.
    activation : Call
        Its call; that of the linear map where it is fused into one.
    fused : bool
        Whether it is.
    linear : Call or None
        The linear map that feeds it, past pooling perhaps; None if something else does.
    before, behind : list of Call
        Batch normalizations that belong to it and can be moved, in the order of the data.
    exposed : bool
        Whether its values are also an output of the model.
    refusal : str
        Why it is left as it is; empty if it is not.
    is_output : bool
        Whether that is because nothing with weights comes behind it.
    served : bool
        Whether what it takes is normalized further up, where it cannot be moved from.
    follows : str
        The activation that feeds it, if one does.
    """

    graph: Graph
    activation: Call
    fused: bool = False
    linear: Call | None = None
    before: list[Call] = field(default_factory=list)
    behind: list[Call] = field(default_factory=list)
    exposed: bool = False
    refusal: str = ""
    is_output: bool = False
    served: bool = False
    follows: str = ""

    @property
    def excused(self) -> bool:
        """Whether nobody would expect batch normalization here."""
        return self.is_output or self.refusal in (_IS_SOFTMAX, _IS_GATE)


def entry_of(graph: Graph, activation: Call) -> tuple[Value, Call]:
    """Return the value that counts as the input of `activation`, and the call it goes into.

    Dropout in front of the activation is passed: normalization belongs in front of it, too.
    """
    value, entry = activation.inputs[0], activation
    while True:
        call = graph.producer(value)
        if call is None or not _leads_only_to(graph, call, entry) or not is_inert(call.part.source):
            return value, entry
        value, entry = call.inputs[0], call


def _leads_only_to(graph: Graph, call: Call, taker: Call) -> bool:
    return call.chained and graph.only_consumer(call.outputs[0]) is taker


def sites_of(graph: Graph, uses: "Counter[Part]", future: "Future") -> Iterator[Site]:
    """Yield the site of every activation in `graph`; `uses` counts the calls of each part."""
    for call in graph.calls:
        operation = call.part.source
        fused = activation_name(operation, fused=True)
        name = fused or activation_name(operation)
        if name is None or not call.chained:
            continue
        site = Site(graph, call, fused=fused is not None)
        output = call.outputs[0]
        _look_up(site, uses)
        partly = _look_down(site, uses)
        site.exposed = future.is_final(graph, output)
        site.is_output = not future.meets_weights(graph, output)
        site.refusal = _refusal(site, name, uses, partly)
        yield site


def _refusal(site: Site, name: str, uses: "Counter[Part]", partly: bool) -> str:
    taker = site.graph.only_consumer(site.activation.outputs[0])
    multiplied = taker is not None and type(taker.part.source).__name__ == "Multiply"
    part = site.activation.part
    held = site.before or site.behind
    rules = [
        (name in _SOFTMAX, _IS_SOFTMAX),
        (site.is_output, "its values leave the model, and no layer with weights comes behind it"),
        (name in _GATES and multiplied, _IS_GATE),
        (partly, "only some of the layers that take its values are normalized"),
        (bool(site.follows), f"the activation {site.follows!r} feeds it"),
        (site.fused and uses[part] > 1, "it is fused into a layer that is called more than once"),
        (
            site.fused and bool(getattr(part.source.activation, "weights", None)),
            "it is fused into a layer and has weights of its own",
        ),
        (not held and site.linear is None, site.refusal or "no linear map feeds it"),
        (
            not held and site.linear is not None and uses[site.linear.part] > 1,
            "the layer that feeds it is called more than once",
        ),
    ]
    return next((reason for applies, reason in rules if applies), "")


def movable(call: Call, uses: "Counter[Part]") -> bool:
    """Return whether `call` is batch normalization that is called here only, on one tensor."""
    return call.chained and uses[call.part] == 1 and is_batch_norm(call.part.source)


def _look_up(site: Site, uses: "Counter[Part]") -> None:
    """Find what feeds the activation, and the normalizations on the way."""
    graph = site.graph
    found: list[Call] = []
    if site.fused:
        site.linear = site.activation
        return
    value, entry = site.activation.inputs[0], site.activation
    pooled = False  # whether pooling stands between here and the activation, nearer than a `found`
    while True:
        call = graph.producer(value)
        if call is None:
            site.refusal = site.refusal or "an input of the model feeds it"
            break
        operation, name = call.part.source, call.part.name
        if activation_name(operation) or activation_name(operation, fused=True):
            # What stands between two activations belongs to the first one.
            site.follows = name
            return
        if is_linear_map(operation):
            site.linear = None if site.served else call
            break
        if not call.chained:
            kind = "a sum" if is_sum(operation) else "no linear map of one input"
            site.refusal = site.refusal or f"{name!r}, which is {kind}, feeds it"
            break
        if not _leads_only_to(graph, call, entry):
            site.refusal = site.refusal or f"{name!r} feeds it, and other layers, too"
            site.served = site.served or is_batch_norm(operation)
            break
        if movable(call, uses):
            if pooled:
                site.refusal = f"pooling stands between its normalization {name!r} and it"
                site.served = True
            else:
                found.insert(0, call)
        elif is_pooling(operation):
            pooled = not found
        elif not is_inert(operation):
            site.refusal = site.refusal or f"{name!r}, which is no linear map, feeds it"
            break
        value, entry = call.inputs[0], call
    site.before = found


def _look_down(site: Site, uses: "Counter[Part]") -> bool:
    """Find the normalizations behind; return whether only some of the takers have one."""
    graph, value = site.graph, site.activation.outputs[0]
    while True:
        takers = graph.consumers(value)
        taker = graph.only_consumer(value)
        if taker is None:
            return any(is_batch_norm(_past_inert(graph, call).part.source) for call in takers)
        if movable(taker, uses):
            site.behind.append(taker)
        elif not taker.chained or not (
            is_inert(taker.part.source) or is_pooling(taker.part.source)
        ):
            return False
        value = taker.outputs[0]


def _past_inert(graph: Graph, call: Call) -> Call:
    while is_inert(call.part.source) and call.chained:
        taker = graph.only_consumer(call.outputs[0])
        if taker is None:
            break
        call = taker
    return call


def cancels_bias(call: Call, taker: Call, uses: "Counter[Part]") -> bool:
    """Return whether `taker`, which alone takes what the linear map `call` gives, cancels its bias.

    A layer that is called more than once, or is frozen, does not: it subtracts another mean.
    """
    layer, norm = call.part.source, taker.part.source
    if not is_linear_map(layer) or not is_batch_norm(norm):
        return False
    fused = call.part.changes.get("activation") is None and activation_name(layer, fused=True)
    rank = len(call.outputs[0].shape or ())
    return (
        not fused
        and uses[taker.part] <= 1
        and norm.trainable  # frozen, it does not subtract the batch's mean
        and taker.kwargs.get("training") is not False
        and norm.axis % rank == channel_axis(layer) % rank
    )
