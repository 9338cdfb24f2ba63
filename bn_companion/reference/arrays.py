"""Axes, shapes and scales: what the formulas leave out and code has to say."""

from numbers import Integral
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "Array",
    "along",
    "channel_axis",
    "channel_values",
    "over_all_but",
    "power_of_two",
    "real_array",
]

Array: TypeAlias = NDArray[np.float64]


def real_array(name: str, values: ArrayLike) -> Array:
    """Return `values` as a float64 array, or raise naming the argument."""
    try:
        array = np.asarray(values)
    except ValueError as error:  # rows of different lengths
        raise TypeError(f"`{name}` must be an array of real numbers. Received: {error}") from None
    if array.dtype.kind not in "iuf":
        raise TypeError(f"`{name}` must be an array of real numbers. Received: dtype {array.dtype}")
    return array.astype(np.float64)


def channel_axis(axis: object, x: Array) -> int:
    """Return `axis` counted from the front, for an `x` with a batch and channels."""
    if isinstance(axis, bool) or not isinstance(axis, Integral):
        raise TypeError(f"`axis` must be one integer, the axis of the channels. Received: {axis!r}")
    if x.ndim < 2 or not x.size:
        raise ValueError(
            "`x` must have an axis of examples and one of channels, and at least one value. "
            f"Received: shape {x.shape}"
        )
    position = int(axis)
    if not -x.ndim <= position < x.ndim:
        raise ValueError(
            f"`axis` must lie in [-{x.ndim}, {x.ndim}) for an `x` of shape {x.shape}. "
            f"Received: {axis}"
        )
    return position % x.ndim


def channel_values(name: str, values: ArrayLike, x: Array, axis: int) -> Array:
    """Return one value a channel of `x` as float64, or raise naming the argument."""
    array = real_array(name, values)
    if array.shape != (x.shape[axis],):
        raise ValueError(
            f"`{name}` must have shape ({x.shape[axis]},), one value a channel of `x` "
            f"(shape {x.shape}, axis {axis}). Received: shape {array.shape}"
        )
    return array


def over_all_but(axis: int, ndim: int) -> tuple[int, ...]:
    """Return every axis but that of the channels: what a mean is taken over."""
    return tuple(other for other in range(ndim) if other != axis)


def along(axis: int, values: Array, ndim: int) -> Array:
    """Lay one value a channel along the axis of the channels, to broadcast."""
    shape = [1] * ndim
    shape[axis] = -1
    return values.reshape(shape)


def power_of_two(x: Array, *, floor: float, over: tuple[int, ...]) -> Array:
    """Return the power of two just below the largest magnitude in `x`, but not far below `floor`.

    To divide by it leaves magnitudes below two and rounds nothing, short of what is 1e300 times
    smaller than the largest and vanishes beside it.
    """
    largest = np.maximum(np.abs(x).max(over, keepdims=True), floor)
    _, exponent = np.frexp(np.where(np.isfinite(largest), largest, 1.0))
    scale: Array = np.ldexp(1.0, exponent - 1)
    return scale
