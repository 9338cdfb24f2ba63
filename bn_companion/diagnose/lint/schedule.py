"""How ``SGD(lr=0.1, decay=1e-6)`` becomes a schedule that decays as it did."""

from bn_companion.diagnose.lint.analysis import Analysis
from bn_companion.diagnose.lint.facts import CallFact
from bn_companion.diagnose.lint.names import Symbol
from bn_companion.diagnose.lint.problem import Edit
from bn_companion.diagnose.lint.spelling import spell

__all__ = ["schedule_edits"]

_SCHEDULE = "keras.optimizers.schedules.InverseTimeDecay"


def schedule_edits(analysis: Analysis, fact: CallFact, symbol: Symbol) -> tuple[Edit, ...]:
    r"""Return how a rate and its decay are rewritten.

    Keras 1 and 2 divided the rate by :math:`1 + \mathrm{decay} \cdot t` at step :math:`t`, which
    is what `InverseTimeDecay` does with ``decay_steps=1``.
    """
    given = {keyword.arg for keyword in fact.node.keywords}
    rates = [name for name in ("lr", "learning_rate") if name in given]
    if len(rates) != 1 or None in given or "decay" not in given:
        return ()
    written = spell(analysis, _SCHEDULE, like="keras.optimizers")
    if written is None:
        return ()
    return Edit(fact.node, "schedule", (rates[0], written[0])), *written[1]
