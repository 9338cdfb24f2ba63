"""What is wrong with the numbers in a batch normalization, whatever model it stands in."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from bn_companion.diagnose.codes import CODES
from bn_companion.diagnose.finding import Finding

__all__ = ["statistics_findings"]

_LEFT_OVER = 0.05  # a share of the initial statistics that is worth a word
_CONSTANT = (keras.initializers.Zeros, keras.initializers.Ones, keras.initializers.Constant)


def statistics_findings(layer: Any, where: str, *, done: int, steps: int) -> Iterator[Finding]:
    """Yield what is wrong with the numbers in one batch normalization.

    Parameters
    ----------
    layer : keras.layers.BatchNormalization
        Built.
    where : str
        What to call it.
    done : int
        Steps of training that it has behind it, as far as is known.
    steps : int
        Steps by which its moving statistics should have settled.
    """
    for message in _broken(layer):
        yield CODES["BN007"].at(where, f"{where}: {message}")
    untouched = all(_is_initial(layer, name) for name in ("moving_mean", "moving_variance"))
    trained = done > 0 or False in (_is_initial(layer, name) for name in ("gamma", "beta"))
    if trained and untouched:
        how = f"after {done} steps" if done else "though gamma or beta has moved"
        message = f"the moving statistics of {where} have their initial values {how}"
        yield CODES["BN006"].at(where, message)
    else:
        yield from _slow(layer, where, steps)


def _broken(layer: Any) -> Iterator[str]:
    for name in ("moving_mean", "moving_variance", "gamma", "beta"):
        values = _values(layer, name)
        if values is None:
            continue
        bad = int((~np.isfinite(values)).sum())
        if bad:
            yield f"{bad} of {values.size} numbers in {name} are NaN or infinite"
        if name == "moving_variance" and (values < 0).any():
            yield f"{int((values < 0).sum())} of {values.size} variances are negative"


def _slow(layer: Any, where: str, steps: int) -> Iterator[Finding]:
    momentum = layer.momentum
    if not 0.0 <= momentum < 1.0:
        message = f"the momentum of {where} is {momentum:g}, outside of [0, 1): it never settles"
        remedy = "Write a momentum from 0.9 to 0.999, and recalibrate."
        yield CODES["BN011"].at(where, message, remedy=remedy)
    elif steps and layer.trainable and momentum**steps > _LEFT_OVER:
        message = (
            f"{steps} steps with momentum {momentum:g} leave {momentum**steps:.0%} of what the "
            f"moving statistics of {where} started from"
        )
        yield CODES["BN011"].at(where, message)


def _values(layer: Any, name: str) -> Any:
    variable = getattr(layer, name, None)
    if variable is None:
        return None
    return np.asarray(keras.ops.convert_to_numpy(variable)).astype(np.float64)


def _is_initial(layer: Any, name: str) -> bool | None:
    """Return whether a variable holds what its initializer gives; None where that is not known."""
    values = _values(layer, name)
    initializer = getattr(layer, f"{name}_initializer", None)
    if values is None or not isinstance(initializer, _CONSTANT):
        return None
    start = keras.ops.convert_to_numpy(initializer(values.shape, dtype="float32"))
    return bool(np.array_equal(values.astype(np.float32), start))
