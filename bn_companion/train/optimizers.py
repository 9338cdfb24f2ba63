"""Any element-wise Keras optimizer, on many replicas with many learning rates at once.

An update is element-wise when the change of a number depends on its own gradient and history
alone. Stacking the variables of all replicas then changes nothing, and each replica can have its
own learning rate. Clipping by norm, layer-wise rates (LAMB, Muon) and factored statistics
(Adafactor) are not element-wise: on stacked variables they would mix the replicas.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import keras
import numpy as np

from bn_companion._checks import probability

__all__ = ["Rule", "check_stackable", "rule_for"]

# Each acts on more than one element or one step; a stacked variable would change its meaning.
_REFUSED = {
    "clipnorm": "clips by the norm of a whole variable",
    "global_clipnorm": "clips by the norm of all variables",
    "use_ema": "replaces the weights by an average at the end",
    "loss_scale_factor": "scales the loss",
    "gradient_accumulation_steps": "accumulates gradients over steps",
}


@dataclass(frozen=True)
class Rule:
    """A Keras optimizer without its learning rate: what a replica needs besides its own rate.

    Attributes
    ----------
    kind : type
        A subclass of `keras.optimizers.Optimizer`.
    config : str
        Its configuration as JSON, without name and learning rate.
    """

    kind: type
    config: str

    def make(self, learning_rate: float | Callable[[], Any]) -> keras.optimizers.Optimizer:
        """Return a new optimizer with `learning_rate`, a number or a callable giving a tensor."""
        initial = learning_rate if isinstance(learning_rate, float) else 1.0
        optimizer = self.kind.from_config(  # type: ignore[attr-defined]
            {**json.loads(self.config), "learning_rate": initial}
        )
        if callable(learning_rate):
            optimizer.learning_rate = learning_rate
        return optimizer

    def describe(self) -> str:
        """Return class and configuration as one line, equal for equal rules."""
        return f"{self.kind.__module__}.{self.kind.__qualname__} {self.config}"


def rule_for(optimizer: object, *, momentum: float = 0.9, nesterov: bool = False) -> Rule:
    """Return the rule of an optimizer given by name or as an instance.

    Parameters
    ----------
    optimizer : str or keras.optimizers.Optimizer
        ``"sgd"`` takes `momentum` and `nesterov`; another name means Keras's defaults. The
        learning rate of an instance is not used, its other settings are.
    momentum : float, default 0.9
        For ``"sgd"`` by name: in [0, 1).
    nesterov : bool, default False
        For ``"sgd"`` by name.

    Returns
    -------
    Rule
        Without any state of the instance.

    Raises
    ------
    TypeError
        Neither a name nor an optimizer.
    ValueError
        A name that Keras does not know, a learning rate schedule, weights excluded from decay.

    Examples
    --------
    >>> from bn_companion.train.optimizers import rule_for
    >>> rule_for("sgd", momentum=0.5).make(0.1).momentum
    0.5
    """
    momentum = probability("momentum", momentum)
    if not isinstance(nesterov, bool):
        raise TypeError(f"`nesterov` must be a bool. Received: {nesterov!r}")
    if isinstance(optimizer, str):
        name = optimizer.lower()
        if name == "sgd":
            optimizer = keras.optimizers.SGD(1.0, momentum=momentum, nesterov=nesterov)
        elif nesterov:
            raise ValueError(f"`nesterov` belongs to optimizer='sgd'. Received: {optimizer!r}")
        else:
            try:
                optimizer = keras.optimizers.get(name)
            except (ValueError, TypeError):
                raise ValueError(
                    "`optimizer` must be a name that Keras knows, such as 'sgd', 'adam' or "
                    f"'rmsprop', or an optimizer. Received: {optimizer!r}"
                ) from None
    if not isinstance(optimizer, keras.optimizers.Optimizer):
        raise TypeError(
            "`optimizer` must be a name or a keras.optimizers.Optimizer instance. "
            f"Received: {optimizer!r}"
        )
    config = optimizer.get_config()
    rate = config.pop("learning_rate", 0.0)
    if not isinstance(rate, int | float):
        raise ValueError(
            "`optimizer` must not carry a learning rate schedule: each replica trains at the "
            f"constant rate that `learning_rates` gives it. Received: {optimizer!r}"
        )
    if getattr(optimizer, "_exclude_from_weight_decay_cache", None) is not None:
        raise ValueError(
            "`optimizer` must decay all weights or none: exclude_from_weight_decay names "
            "variables of one model, and each replica has its own"
        )
    config.pop("name", None)
    return Rule(type(optimizer), json.dumps(config, sort_keys=True))


@lru_cache(maxsize=32)
def check_stackable(rule: Rule) -> None:
    """Raise unless `rule` updates stacked variables as it updates each replica's own.

    The settings in the class that are known to reach across elements are refused by name. All
    else is tried: three replicas with their own learning rates take five steps on stacked and on
    separate variables, and must arrive at the same values.

    Raises
    ------
    ValueError
        Naming the optimizer and what is wrong with it.
    """
    config, name = json.loads(rule.config), rule.kind.__name__
    remedy = "Choose an element-wise optimizer, or path='loop', which trains one run at a time"
    for setting, effect in _REFUSED.items():
        if config.get(setting):
            raise ValueError(
                f"`optimizer` must be element-wise to train replicas together; "
                f"{name}({setting}={config[setting]!r}) {effect}. {remedy}"
            )
    if issubclass(rule.kind, keras.optimizers.LossScaleOptimizer):
        raise ValueError(f"`optimizer` must not be wrapped: {name} scales the loss. {remedy}")
    try:
        same = _stacked_equals_separate(rule)
    except (ValueError, TypeError, NotImplementedError) as error:
        raise ValueError(
            f"`optimizer` must be element-wise to train replicas together; {name} fails on "
            f"stacked variables: {error}. {remedy}"
        ) from error
    if not same:
        raise ValueError(
            f"`optimizer` must be element-wise to train replicas together; {name} moves stacked "
            f"variables otherwise than each replica's own. {remedy}"
        )


def _stacked_equals_separate(rule: Rule) -> bool:
    rates = np.array([0.5, 0.05, 0.001], np.float32)
    random = np.random.default_rng(0)
    starts = [random.normal(size=(3, 6, 4)), random.normal(size=(3, 4))]
    # Large and small gradients, so that a limit on either would show.
    gradients = [
        [10.0 ** random.uniform(-2, 2) * random.normal(size=start.shape) for start in starts]
        for _ in range(5)
    ]
    stacked = [keras.Variable(start, dtype="float32", name="kernel") for start in starts]
    updates = [rule.make(_constant(rates, start.ndim)) for start in starts]
    for step in gradients:
        for update, variable, gradient in zip(updates, stacked, step, strict=True):
            update.apply([keras.ops.convert_to_tensor(gradient, "float32")], [variable])
    for replica, rate in enumerate(rates):
        own = [keras.Variable(start[replica], dtype="float32", name="kernel") for start in starts]
        optimizer = rule.make(float(rate))
        for step in gradients:
            optimizer.apply(
                [keras.ops.convert_to_tensor(gradient[replica], "float32") for gradient in step],
                own,
            )
        for together, alone in zip(stacked, own, strict=True):
            # A float32 update has a relative rounding error near 1e-7; mixing shows at 1e-2.
            if not np.allclose(together.numpy()[replica], alone.numpy(), rtol=1e-4, atol=1e-5):
                return False
    return True


def _constant(rates: Any, rank: int) -> Callable[[], Any]:
    shaped = rates.reshape(-1, *[1] * (rank - 1))
    return lambda: shaped
