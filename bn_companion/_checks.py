"""Checks of arguments that several rooms share; each raises before any work starts."""

import math
from collections.abc import Iterable, Mapping, Set
from enum import Enum
from numbers import Integral, Real

__all__ = [
    "fraction",
    "no_member",
    "nonnegative",
    "positive_int",
    "positive_ints",
    "probability",
    "real",
    "seed_of",
]


def no_member(name: str, kind: type[Enum], value: object) -> ValueError:
    """Return the error for a value that names no member of an enumeration of strings."""
    allowed = ", ".join(repr(member.value) for member in kind)
    return ValueError(f"`{name}` must be one of {allowed}. Received: {value!r}")


def positive_int(name: str, value: object, *, minimum: int = 1) -> int:
    """Return `value` as an ``int`` of at least `minimum`, or raise naming the argument."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"`{name}` must be an integer. Received: {value!r}")
    if value < minimum:
        raise ValueError(f"`{name}` must be at least {minimum}. Received: {value!r}")
    return int(value)


def positive_ints(name: str, values: object, *, allow_empty: bool = False) -> tuple[int, ...]:
    """Return `values` as a tuple of positive integers, or raise naming the argument."""
    expected = f"`{name}` must be a sequence of positive integers. Received: {values!r}"
    if isinstance(values, str | bytes | Mapping | Set) or not isinstance(values, Iterable):
        raise TypeError(expected)
    items = tuple(values)
    if not items and not allow_empty:
        raise ValueError(f"`{name}` must not be empty. Received: {values!r}")
    if any(isinstance(item, bool) or not isinstance(item, Integral) for item in items):
        raise TypeError(expected)
    if any(item < 1 for item in items):
        raise ValueError(expected)
    return tuple(int(item) for item in items)


def real(name: str, value: object) -> float:
    """Return `value` as a finite ``float``, or raise naming the argument."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"`{name}` must be a number. Received: {value!r}")
    if not math.isfinite(value):
        raise ValueError(f"`{name}` must be finite. Received: {value!r}")
    return float(value)


def nonnegative(name: str, value: object) -> float:
    """Return `value` as a finite ``float`` of at least zero, or raise naming the argument."""
    number = real(name, value)
    if number < 0.0:
        raise ValueError(f"`{name}` must not be negative. Received: {value!r}")
    return number


def probability(name: str, value: object) -> float:
    """Return `value` as a ``float`` in [0, 1), or raise naming the argument."""
    number = real(name, value)
    if not 0.0 <= number < 1.0:
        raise ValueError(f"`{name}` must lie in [0, 1). Received: {value!r}")
    return number


def fraction(name: str, value: object) -> float:
    """Return `value` as a ``float`` in (0, 1), or raise naming the argument."""
    number = real(name, value)
    if not 0.0 < number < 1.0:
        raise ValueError(f"`{name}` must lie in (0, 1). Received: {value!r}")
    return number


def seed_of(value: object, *, name: str = "seed") -> int:
    """Return `value` as a seed that Keras and scikit-learn take, or raise naming the argument."""
    seed = positive_int(name, value, minimum=0)
    if seed >= 2**32:
        raise ValueError(f"`{name}` must be below 2**32. Received: {value!r}")
    return seed
