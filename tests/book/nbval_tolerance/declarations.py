"""What a cell declares about its comparison: tolerances for numbers, slack for figures.

A declaration lives in the cell's metadata, where a diff shows it next to the cell::

    "nbval": {"abs": 0.02, "rel": 0.01, "integers": true, "figure": 3}

or in its tags, which JupyterLab can edit::

    "nbval-abs=0.02", "nbval-rel=0.01", "nbval-integers", "nbval-figure=3"

A declaration that cannot be read is an error. It is never ignored: a misspelt tolerance would
otherwise be a wider or a narrower test than its author believes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nbval.plugin import metadata_tags

__all__ = ["DEFAULT_PIXELS", "MAX_PIXELS", "DeclarationError", "Rules", "read_rules"]

DEFAULT_PIXELS = 1
# Beyond this a figure's series could trade places unnoticed.
MAX_PIXELS = 12

_KEYS = ("abs", "rel", "integers", "figure")


class DeclarationError(ValueError):
    """A cell declares a tolerance that has no meaning."""


@dataclass(frozen=True)
class Rules:
    """How the outputs of one cell are compared.

    Attributes
    ----------
    abs, rel : float
        A fresh number may differ from the stored one by ``abs + rel * |stored|``, in the units
        in which it is printed.
    integers : bool
        Whether that also holds where both numbers are printed without a fraction. Without it
        counts, shapes and seeds must be equal.
    figure : int
        By how many pixels a mark in a figure may move.
    """

    abs: float = 0.0
    rel: float = 0.0
    integers: bool = False
    figure: int = DEFAULT_PIXELS

    @property
    def numeric(self) -> bool:
        """Whether numbers are compared as numbers at all."""
        return self.abs > 0 or self.rel > 0


def read_rules(metadata: Mapping[str, Any]) -> Rules:
    """Read the rules of a cell from its metadata.

    Raises
    ------
    DeclarationError
        For an unknown key or tag, a value out of range, the same key declared twice, or
        ``integers`` without a tolerance.

    Examples
    --------
    >>> read_rules({})
    Rules(abs=0.0, rel=0.0, integers=False, figure=1)
    >>> read_rules({"nbval": {"abs": 0.02}, "tags": ["hide-input", "nbval-figure=3"]})
    Rules(abs=0.02, rel=0.0, integers=False, figure=3)
    """
    declared: dict[str, Any] = {}
    for key, value in [*_from_metadata(metadata), *_from_tags(metadata)]:
        if key not in _KEYS:
            raise DeclarationError(f"unknown nbval declaration {key!r}; known: {', '.join(_KEYS)}")
        if key in declared:
            raise DeclarationError(f"`{key}` is declared twice")
        declared[key] = _check(key, value)
    rules = Rules(**declared)
    if rules.integers and not rules.numeric:
        raise DeclarationError("`integers` needs `abs` or `rel` beside it")
    return rules


def _from_metadata(metadata: Mapping[str, Any]) -> list[tuple[str, Any]]:
    declared = metadata.get("nbval", {})
    if not isinstance(declared, Mapping):
        raise DeclarationError(f"`nbval` metadata must be a mapping. Received: {declared!r}")
    return list(declared.items())


def _from_tags(metadata: Mapping[str, Any]) -> list[tuple[str, Any]]:
    tags = metadata.get("tags", [])
    if not isinstance(tags, list):
        raise DeclarationError(f"`tags` must be a list. Received: {tags!r}")
    found: list[tuple[str, Any]] = []
    for tag in tags:
        if tag in metadata_tags or not str(tag).lower().startswith("nbval"):
            continue
        # nbval skips a tag that it does not know, so a typo would silently change the check.
        prefix, _, rest = str(tag).partition("-")
        key, equals, value = rest.partition("=")
        if prefix != "nbval" or key not in _KEYS:
            raise DeclarationError(f"unknown nbval tag {tag!r}")
        if key == "integers" and not equals:
            found.append((key, True))
            continue
        try:
            found.append((key, int(value) if key == "figure" else float(value)))
        except ValueError:
            raise DeclarationError(f"tag {tag!r} does not hold a number") from None
    return found


def _check(key: str, value: Any) -> Any:
    if key == "integers":
        if value is not True:
            raise DeclarationError(f"`integers` can only be true. Received: {value!r}")
        return value
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if key == "figure":
        if not number or value != int(value) or not DEFAULT_PIXELS < value <= MAX_PIXELS:
            raise DeclarationError(
                f"`figure` must be a whole number of pixels from {DEFAULT_PIXELS + 1} to "
                f"{MAX_PIXELS}. Received: {value!r}"
            )
        return int(value)
    if not number or not math.isfinite(value) or value <= 0:
        raise DeclarationError(f"`{key}` must be a finite number above 0. Received: {value!r}")
    if key == "rel" and value >= 1:
        raise DeclarationError(f"`rel` must be below 1. Received: {value!r}")
    return float(value)
