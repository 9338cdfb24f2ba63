"""Linear maps without an activation of their own, as at the end of a residual branch."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from bn_companion.build.future import Future
from bn_companion.build.graph import Call, Graph, Part
from bn_companion.build.roles import is_batch_norm, is_inert, is_linear_map, is_pooling, is_sum
from bn_companion.build.sites import Site, movable, sites_of

__all__ = ["Branch", "Survey", "survey"]


@dataclass(eq=False)
class Branch:
    """A linear map without an activation of its own: its output is added to others first."""

    graph: Graph
    linear: Call
    normalization: Call | None
    refusal: str = ""


@dataclass(eq=False)
class Survey:
    """All that was found in a graph and the graphs nested in it."""

    sites: list[Site]
    branches: list[Branch]
    uses: "Counter[Part]"


def survey(root: Graph) -> Survey:
    """Find the sites and the residual branches of `root`, and count the calls of each part."""
    graphs = list(root.walk())
    uses = Counter(call.part for graph in graphs for call in graph.calls)
    future = Future(graphs)
    sites = [site for graph in graphs for site in sites_of(graph, uses, future)]
    owned = {id(site.linear) for site in sites} | {id(s.activation) for s in sites if s.fused}
    by_call = {id(site.activation): site for site in sites}
    branches = [
        branch
        for graph in graphs
        for call in graph.calls
        if is_linear_map(call.part.source) and id(call) not in owned
        for branch in _branch(graph, call, by_call, uses, future)
    ]
    return Survey(sites, branches, uses)


def _branch(
    graph: Graph,
    linear: Call,
    sites: dict[int, Site],
    uses: "Counter[Part]",
    future: "Future",
) -> Iterator[Branch]:
    value, normalization = linear.outputs[0], None
    while True:
        taker = graph.only_consumer(value)
        if taker is None:
            return
        if is_sum(taker.part.source) and len(taker.inputs) > 1:
            break
        if movable(taker, uses) and normalization is None:
            normalization = taker
        elif not (taker.chained and is_inert(taker.part.source)):
            return
        value = taker.outputs[0]
    branch = Branch(graph, linear, normalization)
    reached, normalized = _behind_the_sum(graph, taker, sites)
    if uses[linear.part] > 1:
        branch.refusal = "it is called more than once"
    elif not reached or all(site.is_output for site in reached):
        branch.refusal = "no hidden activation follows the addition"
    elif normalized or any(site.before or site.behind for site in reached):
        branch.refusal = "the sum is normalized, behind the addition"
    elif future.is_final(graph, taker.outputs[0]):
        branch.refusal = "the sum is an output of the model"
    else:
        for site in reached:
            if not (site.before or site.behind):
                site.refusal = "sums of normalized values feed it"
                site.served = True
    yield branch


def _behind_the_sum(
    graph: Graph, addition: Call, sites: dict[int, Site]
) -> tuple[list[Site], bool]:
    """Return the activations that the sum reaches, and whether a normalization comes first."""
    reached: list[Site] = []
    normalized = False
    pending, seen = [addition], set()
    while pending:
        call = pending.pop()
        if id(call) in seen:
            continue
        seen.add(id(call))
        for value in call.outputs:
            for taker in graph.consumers(value):
                operation = taker.part.source
                if id(taker) in sites and not sites[id(taker)].fused:
                    reached.append(sites[id(taker)])
                elif is_batch_norm(operation):
                    follower = graph.only_consumer(taker.outputs[0])
                    if follower is not None and id(follower) in sites:
                        reached.append(sites[id(follower)])
                    normalized = True
                elif is_inert(operation) or is_pooling(operation) or is_sum(operation):
                    pending.append(taker)
    return reached, normalized
