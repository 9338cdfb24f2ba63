"""The plan behind `fold`: for each normalization, the weights that take it up, or a reason."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import keras

from bn_companion.build.graph import Call, Graph, Part
from bn_companion.build.roles import (
    activation_name,
    channel_axis,
    is_batch_norm,
    is_inert,
    is_linear_map,
)
from bn_companion.deploy.affine import Affine, LinearWeights

__all__ = ["Folding"]


class _RefusalError(Exception):
    """Why this batch normalization cannot be folded in this direction."""


@dataclass(eq=False)
class Folding:
    """The graph without what could be folded, the new weights, and a row for each layer.

    Attributes
    ----------
    graph : Graph
        As it was read; edited here.
    weights : dict
        The new weights of the linear maps that took something up.
    rows : list of dict
        normalization, action, into, direction, reason.
    """

    graph: Graph
    weights: dict[Part, LinearWeights] = field(default_factory=dict)
    rows: list[dict[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._uses = Counter(call.part for graph in self.graph.walk() for call in graph.calls)
        paths = self.graph.paths()
        homes: dict[Part, list[tuple[Graph, Call]]] = {}
        for graph in self.graph.walk():
            for call in graph.calls:
                if is_batch_norm(call.part.source):
                    homes.setdefault(call.part, []).append((graph, call))
        order, kept = list(homes), {}
        done: dict[Part, dict[str, str]] = {}
        progress = True
        while progress:  # one that is folded may free the way for its neighbour
            progress = False
            for part in [part for part in order if part not in done]:
                try:
                    done[part] = self._fold(part, homes[part])
                    progress = True
                except _RefusalError as refusal:
                    kept[part] = {"action": "kept", "reason": str(refusal)}
        empty = {"into": "", "direction": "", "reason": ""}
        for part in order:
            where = {"normalization": paths[homes[part][0][0]] + part.name}
            self.rows.append(empty | where | done.get(part, kept.get(part, {})))
        for graph, part, layer in self.graph.hidden_layers():
            if is_batch_norm(layer):
                reason = f"it is inside of the {type(part.source).__name__} {part.name!r}"
                where = {"normalization": f"{paths[graph]}{part.name}/{layer.name}"}
                self.rows.append(empty | where | {"action": "kept", "reason": reason})

    def _fold(self, part: Part, homes: list[tuple[Graph, Call]]) -> dict[str, str]:
        affine = _affine_of(part.source, homes)
        try:
            linear = self._in_front(part, homes)
            changed = {linear: self._weights(linear).after(affine)}
            direction = "backward"
            self._check_range(changed)
        except _RefusalError as refusal:
            try:
                behind = self._behind(part, homes)
                changed = {p: self._weights(p).of_scaled_input(affine) for p in behind}
                direction = "forward"
                self._check_range(changed)
            except _RefusalError as other:
                raise _RefusalError(f"{refusal}; {other}") from None
        for linear, weights in changed.items():
            self.weights[linear] = weights
            linear.changes["use_bias"] = True
        for graph, call in homes:
            graph.remove(call)
        into = ", ".join(linear.name for linear in changed)
        return {"action": "folded", "into": into, "direction": direction}

    def _weights(self, part: Part) -> LinearWeights:
        return self.weights.get(part) or LinearWeights.of(part.source)

    def _check_range(self, changed: dict[Part, LinearWeights]) -> None:
        for part, weights in changed.items():
            dtype = part.source.variable_dtype
            if not weights.fit_into(dtype):
                raise _RefusalError(f"the new weights of {part.name!r} exceed {dtype}")

    def _in_front(self, part: Part, homes: list[tuple[Graph, Call]]) -> Part:
        """Return the linear map that alone feeds the calls of `part`, and feeds nothing else."""
        found = []
        for graph, call in homes:
            value, taker = call.inputs[0], call
            made_by = graph.producer(value)
            while made_by is not None and _passes(made_by):
                if graph.only_consumer(value) is not taker:
                    break
                taker, value = made_by, made_by.inputs[0]
                made_by = graph.producer(value)
            if made_by is None:
                raise _RefusalError("in front of it is an input of the model")
            name = made_by.part.name
            self._check_linear(made_by, part, "in front of")
            if activation_name(made_by.part.source, fused=True):
                raise _RefusalError(f"in front of it, {name!r} ends in an activation")
            if graph.only_consumer(value) is not taker:
                raise _RefusalError(f"in front of it, {name!r} feeds other layers, too")
            if not _same_axis(part.source, made_by, call):
                raise _RefusalError("its axis is not that of the channels")
            found.append(made_by)
        return self._alike(found, "in front of")[0]

    def _behind(self, part: Part, homes: list[tuple[Graph, Call]]) -> list[Part]:
        """Return the linear maps that take all that the calls of `part` give, and nothing else."""
        found = []
        for graph, call in homes:
            pending = [call]
            while pending:
                value = pending.pop().outputs[0]
                takers = graph.consumers(value)
                if value in graph.leaving or not takers:
                    raise _RefusalError("behind it is an output of the model")
                for taker in takers:
                    if _passes(taker):
                        pending.append(taker)
                        continue
                    self._check_linear(taker, part, "behind")
                    if not self._weights(taker.part).fits_forward:
                        raise _RefusalError(f"behind it, {taker.part.name!r} pads with zeros")
                    if not _same_axis(part.source, taker, call):
                        raise _RefusalError("its axis is not that of the channels")
                    found.append(taker)
        return self._alike(found, "behind")

    def _alike(self, calls: list[Call], where: str) -> list[Part]:
        """Return the parts of `calls`, if these are all the calls that the parts have."""
        counts = Counter(call.part for call in calls)
        if where == "in front of" and len(counts) > 1:
            raise _RefusalError("it is shared, and different layers feed it")
        for part, count in counts.items():
            if self._uses[part] != count:
                raise _RefusalError(f"{where} it, {part.name!r} is called elsewhere, too")
        return list(counts)

    def _check_linear(self, call: Call, norm: Part, where: str) -> None:
        layer, name = call.part.source, call.part.name
        if not is_linear_map(layer) or not call.chained:
            raise _RefusalError(f"{where} it is {name!r}, which is no linear map of one input")
        if getattr(layer, "quantization_mode", None) or getattr(layer, "lora_enabled", False):
            raise _RefusalError(f"{where} it, {name!r} is quantized or adapted")
        if layer.compute_dtype != norm.source.compute_dtype:
            raise _RefusalError(f"{where} it, {name!r} computes in {layer.compute_dtype}")


def _affine_of(layer: Any, homes: list[tuple[Graph, Call]]) -> Affine:
    if type(layer) is not keras.layers.BatchNormalization:
        raise _RefusalError(f"it is a {type(layer).__name__}, a class of its own")
    for _, call in homes:
        if not call.chained:
            raise _RefusalError("it is called with a mask, or on no single tensor")
        if call.options.get("training"):
            raise _RefusalError("it is called with training=True, on statistics of the batch")
    affine = Affine.of(layer)
    if not affine.finite:
        raise _RefusalError("its statistics are not finite, or its variance is negative")
    return affine


def _passes(call: Call) -> bool:
    """Return whether `call` does nothing at inference."""
    return call.chained and is_inert(call.part.source) and not call.options.get("training")


def _same_axis(norm: Any, linear: Call, call: Call) -> bool:
    rank = len(call.outputs[0].shape or ())
    return bool(norm.axis % rank == channel_axis(linear.part.source) % rank)
