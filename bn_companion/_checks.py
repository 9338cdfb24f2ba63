"""Checks of arguments that several rooms share; each raises before any work starts."""

import math
from collections.abc import Sequence
from numbers import Integral, Real

__all__ = ["positive_int", "positive_ints", "probability", "real"]


def positive_int(name: str, value: object, *, minimum: int = 1) -> int:
    """Return `value` as an ``int`` of at least `minimum`, or raise naming the argument."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"`{name}` must be an integer. Received: {value!r}")
    if value < minimum:
        raise ValueError(f"`{name}` must be at least {minimum}. Received: {value!r}")
    return int(value)


def positive_ints(name: str, values: object, *, allow_empty: bool = False) -> tuple[int, ...]:
    """Return `values` as a tuple of positive integers, or raise naming the argument."""
    if isinstance(values, str) or not isinstance(values, Sequence):
        raise TypeError(f"`{name}` must be a tuple of positive integers. Received: {values!r}")
    if not values and not allow_empty:
        raise ValueError(f"`{name}` must not be empty. Received: {values!r}")
    return tuple(positive_int(name, value) for value in values)


def real(name: str, value: object) -> float:
    """Return `value` as a finite ``float``, or raise naming the argument."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"`{name}` must be a number. Received: {value!r}")
    if not math.isfinite(value):
        raise ValueError(f"`{name}` must be finite. Received: {value!r}")
    return float(value)


def probability(name: str, value: object) -> float:
    """Return `value` as a ``float`` in [0, 1), or raise naming the argument."""
    number = real(name, value)
    if not 0.0 <= number < 1.0:
        raise ValueError(f"`{name}` must lie in [0, 1). Received: {value!r}")
    return number
