"""What happens to layers, tensors, models and lists that are read, used or let go."""

from abc import ABC, abstractmethod
from collections.abc import Iterable

from bn_companion.diagnose.lint.facts import Facts
from bn_companion.diagnose.lint.names import Scope
from bn_companion.diagnose.lint.values import (
    ELSEWHERE,
    UNKNOWN,
    Chain,
    Items,
    Layer,
    Me,
    Output,
    State,
    Value,
    Values,
)

__all__ = ["Effects"]


class Effects(ABC):
    """The scope that is run, the state that it has come to, and what can happen in it."""

    def __init__(self, facts: Facts, scope: Scope, state: State, me: Me | None) -> None:
        self.facts = facts
        self.scope = scope
        self.state = state
        self.me = me
        self.guards = 0

    # What the statements know more of.

    @abstractmethod
    def attribute(self, me: Me, name: str) -> Values:
        """Return what ``self.name`` can be."""

    # --- leaving the known ---

    def escape(self, values: Iterable[Value]) -> None:
        """Record that anything may happen to these from now on."""
        for value in values:
            if isinstance(value, Layer):
                value.used = value.escaped = True
            elif isinstance(value, Output):
                self.consume(value, ELSEWHERE)
            elif isinstance(value, Chain):
                self.open_end(value)
            elif isinstance(value, Items):
                held = self.state.items.get(value)
                self.state.items[value] = None
                for element in held or ():
                    self.escape(element)

    def consume(self, output: Output, by: Layer | str) -> None:
        """Record that `by` takes the output of a layer."""
        output.layer.output_read = True
        output.layer.consumers.add(by)

    def open_end(self, chain: Chain, by: str = ELSEWHERE) -> None:
        """Record that what a model ends in so far goes on to somewhere unknown."""
        for end in self.state.ends.get(chain, ()):
            if isinstance(end, Layer):
                end.consumers.add(by)
        if by == ELSEWHERE:
            self.state.ends[chain] = frozenset([UNKNOWN])

    def use(self, values: Values) -> Values:
        """Record that a variable with these values is read."""
        for value in values:
            if isinstance(value, Layer):
                value.used = True
            elif isinstance(value, Output):
                value.layer.output_read = True
        return values
