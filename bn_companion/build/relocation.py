"""The plan behind `place`: one decision for each activation, branch, normalization and bias."""

from dataclasses import dataclass, field
from typing import Any

from bn_companion.build.branches import Branch, Survey, survey
from bn_companion.build.conversion import read
from bn_companion.build.graph import Call, Graph, Part
from bn_companion.build.parts import moved, new_normalization, split
from bn_companion.build.placement import Placement
from bn_companion.build.roles import (
    activation_name,
    is_batch_norm,
    is_inert,
    is_linear_map,
)
from bn_companion.build.sites import Site, cancels_bias, entry_of

__all__ = ["Relocation"]

_FIRST = "one normalization for each activation"
_ADDED = "its output is added to others before any activation"
_STRAY = "it stands beside no activation that it could be moved across"


@dataclass(eq=False)
class Relocation:
    """The graph of a model with batch normalization where it was asked for.

    Attributes
    ----------
    graph : Graph
        The edited graph, for `bn_companion.build.graph.rebuild`.
    rows : list of dict
        The decisions: layer, action, normalization, reason, as_asked.
    absorbed : list of tuple
        A part and a bias: the moving mean of the one has to be shifted by the other, which was
        dropped in front of it.
    """

    model: Any
    placement: Placement
    graph: Graph = field(init=False)
    rows: list[dict[str, Any]] = field(default_factory=list)
    absorbed: list[tuple[Part, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.graph = read(self.model)
        graphs = list(self.graph.walk())
        self._paths = self.graph.paths()
        found = survey(self.graph)
        norms = [(g, c) for g in graphs for c in g.calls if is_batch_norm(c.part.source)]
        normalized = [
            call
            for graph in graphs
            for call in graph.calls
            if (norm := _normalization_behind(graph, call)) and cancels_bias(call, norm, found.uses)
        ]
        strays = _strays(norms, found)
        fed = {id(call): _fed_by_activation(graph, call) for graph, call in norms}
        for site in found.sites:
            self._settle_site(site)
        if self.placement is Placement.NONE:
            self._remove_all(norms)
        else:
            for branch in found.branches:
                self._settle_branch(branch)
            for graph, call in norms:
                if id(call) in strays:
                    asked = fed[id(call)] is (self.placement is Placement.AFTER)
                    name = call.part.name
                    self._row(graph, name, "kept", name, strays[id(call)], as_asked=asked)
        self._report_inner_ones()
        for graph in graphs:
            self._settle_biases(graph, found, normalized)

    def _row(
        self,
        graph: Graph,
        layer: str,
        action: str,
        normalization: str = "",
        reason: str = "",
        *,
        as_asked: bool = True,
    ) -> None:
        self.rows.append(
            {
                "layer": self._paths[graph] + layer,
                "action": action,
                "normalization": normalization,
                "reason": reason,
                "as_asked": as_asked,
            }
        )

    def _settle_site(self, site: Site) -> None:
        graph, name = site.graph, site.activation.part.name
        if site.refusal:
            if self.placement is not Placement.NONE and not (site.before or site.behind):
                before = self.placement is Placement.BEFORE
                asked = site.excused or (site.served and before)
                self._row(graph, name, "left", reason=site.refusal, as_asked=asked)
            return
        if site.fused:
            split(site)
            name = site.activation.part.name
        if self.placement is Placement.NONE:
            return
        held = site.before + site.behind
        if self.placement is Placement.AFTER and site.exposed and not site.behind:
            held_name = held[0].part.name if held else ""
            reason = "its values are also an output of the model"
            self._row(graph, name, "kept" if held else "left", held_name, reason, as_asked=False)
            return
        if not held:
            part = new_normalization(site.linear or site.activation, graph)
            self._put(site, part, {})
            self._row(graph, name, "inserted", part.name)
            return
        first, spare = held[0], held[1:]
        goal = site.before if self.placement is Placement.BEFORE else site.behind
        for call in spare:
            graph.remove(call)
            self._row(graph, name, "removed", call.part.name, _FIRST)
        # Behind pooling is behind the activation, too; behind dropout is not where it should be.
        if first not in site.behind or first not in goal or _past_dropout(site, first):
            graph.remove(first)
            self._put(site, first.part if first in goal else moved(first, goal), first.options)
        self._row(graph, name, "kept" if first in goal else "moved", first.part.name)

    def _put(self, site: Site, part: Part, kwargs: dict[str, Any]) -> None:
        """Insert `part` where the placement wants it, upstream of dropout."""
        if self.placement is Placement.AFTER:
            site.graph.insert(part, site.activation.outputs[0], **kwargs)
        else:
            value, entry = entry_of(site.graph, site.activation)
            site.graph.insert(part, value, into=entry, **kwargs)

    def _settle_branch(self, branch: Branch) -> None:
        graph, name = branch.graph, branch.linear.part.name
        held = branch.normalization
        before = self.placement is Placement.BEFORE
        if branch.refusal:
            if not held:
                self._row(graph, name, "left", reason=branch.refusal)
        elif held:
            self._row(graph, name, "kept", held.part.name, _ADDED, as_asked=before)
        else:
            part = new_normalization(branch.linear, graph)
            graph.insert(part, branch.linear.outputs[0])
            self._row(graph, name, "inserted", part.name, _ADDED, as_asked=before)

    def _remove_all(self, norms: list[tuple[Graph, Call]]) -> None:
        for graph, call in norms:
            graph.remove(call)
            self._row(graph, call.part.name, "removed", call.part.name)

    def _report_inner_ones(self) -> None:
        for graph, part, layer in self.graph.hidden_layers():
            if is_batch_norm(layer) and not is_batch_norm(part.source):
                reason = f"it is inside of a {type(part.source).__name__}"
                self._row(graph, part.name, "kept", layer.name, reason, as_asked=False)

    def _settle_biases(self, graph: Graph, found: Survey, normalized: list[Call]) -> None:
        for call in graph.calls:
            part = call.part
            if not is_linear_map(part.source) or found.uses[part] > 1:
                continue
            taker = graph.only_consumer(call.outputs[0])
            if part.source.use_bias and taker is not None and cancels_bias(call, taker, found.uses):
                part.changes["use_bias"] = False
                self._row(graph, part.name, "bias dropped", taker.part.name)
                if not taker.part.fresh:
                    self.absorbed.append((taker.part, part.source.bias))
            elif (
                not part.source.use_bias
                and call in normalized
                and _normalization_behind(graph, call) is None
            ):
                part.changes["use_bias"] = True
                self._row(graph, part.name, "bias restored")


def _strays(norms: list[tuple[Graph, Call]], found: Survey) -> dict[int, str]:
    """Return, for every normalization that stays for a reason of its own, that reason."""
    owners: list[tuple[list[Call], str]] = [(s.before + s.behind, s.refusal) for s in found.sites]
    owners += [([b.normalization], b.refusal) for b in found.branches if b.normalization]
    strays = {id(call): _STRAY for _, call in norms}
    for calls, refusal in owners:
        for call in calls:
            if refusal:
                strays[id(call)] = refusal
            else:
                strays.pop(id(call), None)
    return strays


def _normalization_behind(graph: Graph, call: Call) -> Call | None:
    """Return the batch normalization that alone takes the output of `call`, past dropout."""
    taker = graph.only_consumer(call.outputs[0])
    while taker is not None and taker.chained and is_inert(taker.part.source):
        taker = graph.only_consumer(taker.outputs[0])
    return taker if taker is not None and is_batch_norm(taker.part.source) else None


def _fed_by_activation(graph: Graph, call: Call) -> bool:
    """Return whether an activation, and nothing with weights after it, makes what `call` takes."""
    while call.inputs:
        made_by = graph.producer(call.inputs[0])
        if made_by is None:
            return False
        operation = made_by.part.source
        if activation_name(operation) or activation_name(operation, fused=True):
            return True
        if getattr(operation, "weights", None) or not made_by.chained:
            return False
        call = made_by
    return False


def _past_dropout(site: Site, norm: Call) -> bool:
    """Return whether all between the activation and `norm` passes values on at inference."""
    call = site.graph.producer(norm.inputs[0])
    while call is not None and is_inert(call.part.source):
        call = site.graph.producer(call.inputs[0])
    return call is site.activation
