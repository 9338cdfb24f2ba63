"""The arms of a comparison: from what a user names to one builder each."""

import functools
import inspect
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import keras

from bn_companion.build.surgery import PlacementWarning, place

__all__ = ["builders_of"]


def builders_of(
    model_or_build: Any, placements: Iterable[str] | Mapping[str, Any]
) -> dict[str, Callable[[], Any]]:
    """Return the builder without arguments of every arm, by name.

    Raises
    ------
    TypeError, ValueError
        Fewer than two arms, one twice, or one that cannot be built.
    """
    if isinstance(placements, str) or not isinstance(placements, Iterable):
        raise TypeError(f"`placements` must be names of arms. Received: {placements!r}")
    named = placements if isinstance(placements, Mapping) else dict.fromkeys(map(_text, placements))
    given = list(placements)
    if len(named) < len(given):
        raise ValueError(f"`placements` must not name an arm twice. Received: {given}")
    if len(named) < 2:
        raise ValueError(f"`placements` must hold at least two arms. Received: {given}")
    arms = {}
    for name, own in named.items():
        if own is not None and not callable(own):
            raise TypeError(f"`placements` must map an arm to a builder or None. Received: {own!r}")
        arms[_text(name)] = own or _placed(model_or_build, _text(name))
    return arms


def _text(placement: object) -> str:
    """Return the name of an arm: a string, or the value of a `Placement`."""
    value = getattr(placement, "value", placement)
    if not isinstance(value, str):
        raise TypeError(f"`placements` must be names of arms. Received: {placement!r}")
    return value


def _placed(model_or_build: Any, placement: str) -> Callable[[], Any]:
    """Return a builder without arguments for one arm."""
    if isinstance(model_or_build, keras.Model):
        place(model_or_build, placement, copy_weights=False)  # refuses, or warns, once an arm
        return functools.partial(_place_silently, model_or_build, placement)
    if not callable(model_or_build):
        raise TypeError(
            "`model_or_build` must be a callable that takes placement=, or a keras.Model. "
            f"Received: {model_or_build!r}"
        )
    try:
        inspect.signature(model_or_build).bind(placement=placement)
    except TypeError as error:
        raise TypeError(
            "`model_or_build` must be a callable that takes placement= and nothing else that is "
            f"required, for example lambda placement: mlp((64,), 10, placement=placement). "
            f"Received: {model_or_build!r} ({error})"
        ) from error
    return functools.partial(model_or_build, placement=placement)


def _place_silently(model: keras.Model, placement: str) -> keras.Model:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PlacementWarning)
        return place(model, placement, copy_weights=False)
