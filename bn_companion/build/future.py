"""What becomes of a value behind the place where it is made, through nested models."""

from collections.abc import Callable
from typing import Any

from bn_companion.build.graph import Call, Graph, Part, Value
from bn_companion.build.roles import is_batch_norm, is_inert

__all__ = ["Future"]


class Future:
    """Questions about the way from a value to the outputs of the outermost model."""

    def __init__(self, graphs: list[Graph]) -> None:
        self._users: dict[int, list[tuple[Graph, Call]]] = {}
        for graph in graphs:
            for call in graph.calls:
                if call.part.inner is not None:
                    self._users.setdefault(id(call.part.inner), []).append((graph, call))

    def meets_weights(self, graph: Graph, value: Value) -> bool:
        """Return whether a layer with weights, but for batch normalization, comes behind."""

        def stops(call: Call) -> bool:
            return _has_weights(call.part)

        return self._reaches(graph, value, stops=stops, passes=lambda call: True, at_end=False)

    def is_final(self, graph: Graph, value: Value) -> bool:
        """Return whether `value` leaves the outermost model as it is, but for normalization."""

        def passes(call: Call) -> bool:
            return is_inert(call.part.source) or is_batch_norm(call.part.source)

        return self._reaches(graph, value, stops=lambda call: False, passes=passes, at_end=True)

    def _reaches(
        self,
        graph: Graph,
        value: Value,
        *,
        stops: Callable[[Call], bool],
        passes: Callable[[Call], bool],
        at_end: bool,
    ) -> bool:
        pending: list[tuple[Graph, Value]] = [(graph, value)]
        seen: set[int] = set()
        while pending:
            where, current = pending.pop()
            if id(current) in seen:
                continue
            seen.add(id(current))
            if current in where.leaving:
                users = self._users.get(id(where), [])
                if not users and at_end:
                    return True
                position = where.leaving.index(current)
                pending += [(outer, call.outputs[position]) for outer, call in users]
            for call in where.consumers(current):
                if stops(call):
                    return True
                if passes(call):
                    pending += [(where, output) for output in call.outputs]
        return False


def _has_weights(part: Part) -> bool:
    operation: Any = part.source
    if is_batch_norm(operation):
        return False
    return bool(getattr(operation, "weights", None))
