"""Figures compared as a reader would: marks may wobble by a pixel, not change.

A pixel of one figure is *unexplained* by the extent to which its colour, after a slight blur,
lies outside the range of colours within ``pixels`` of the same place in the other figure. A mark
that moves less than that, or is antialiased differently, leaves nothing unexplained; a missing
line, another colour or another letter does, however small it is beside the whole figure.

Slack beyond one pixel is granted only near coloured marks. Tick labels, titles, axes and
whatever else is black or grey must stay where they are, so that a loose figure still cannot
change its axis range.
"""

from __future__ import annotations

import base64
import io
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from tests.book.nbval_tolerance.declarations import DEFAULT_PIXELS

__all__ = ["THRESHOLD", "Comparison", "compare_figures", "decode", "displacement"]

# Measured, and kept so by the tests: lines of the usual width that shift by up to half a pixel
# leave at most 0.079 of the full range unexplained; a hair line at a tenth of full opacity that
# goes missing leaves 0.10, one digit changed in a tick label 0.13 or more.
THRESHOLD = 0.08
_BLUR = 0.8
# Text and axes are antialiased in grey, so the least tint tells a mark from them.
_COLOURED = 0.04
# A mark that moves uncovers others, or is clipped by its axes: colours that the other figure has
# nowhere. Where slack is granted, twice as much may stay unexplained.
_UNCOVERED = 2

Array = NDArray[np.float32]


class Comparison(NamedTuple):
    """What two figures have apart: a message where they differ, and where they do."""

    message: str | None
    unexplained: Array | None = None


def decode(encoded: str) -> Array:
    """Read a base64 image as premultiplied RGBA of shape (height, width, 4), in [0, 1].

    Premultiplied, because the book's pages may lie on a light or a dark ground: two pixels that
    agree in these four numbers look alike on both.
    """
    with Image.open(io.BytesIO(base64.b64decode(encoded))) as image:
        rgba = np.asarray(image.convert("RGBA"), dtype=np.float32) / 255
    rgba[..., :3] *= rgba[..., 3:]
    return rgba


def compare_figures(stored: Array, fresh: Array, *, pixels: int = DEFAULT_PIXELS) -> Comparison:
    """Compare two decoded figures.

    Parameters
    ----------
    stored, fresh : ndarray of shape (height, width, 4)
    pixels : int
        By how far a coloured mark may move.

    Returns
    -------
    Comparison
        Its message is None where the figures agree.
    """
    if stored.shape != fresh.shape:
        sizes = " and ".join(f"{a.shape[1]} x {a.shape[0]}" for a in (stored, fresh))
        return Comparison(f"stored and fresh figure are {sizes} pixels: fix its labels and limits")
    worst = _unexplained(stored, fresh, pixels)
    bad = worst > THRESHOLD
    if not bad.any():
        return Comparison(None)
    row, column = np.unravel_index(int(worst.argmax()), worst.shape)
    return Comparison(
        f"the figures differ in {int(bad.sum())} pixels, most at x={column}, y={row} "
        f"({worst.max():.2f} unexplained, allowed {THRESHOLD}; marks may move {pixels} px)",
        worst,
    )


def displacement(stored: Array, fresh: Array, *, largest: int) -> int | None:
    """Return the least slack in pixels with which two figures agree, None if none up to largest."""
    for pixels in range(DEFAULT_PIXELS, largest + 1):
        if compare_figures(stored, fresh, pixels=pixels).message is None:
            return pixels
    return None


def _unexplained(stored: Array, fresh: Array, pixels: int) -> Array:
    if np.array_equal(stored, fresh):
        return np.zeros(stored.shape[:2], np.float32)
    images = [ndimage.gaussian_filter(a, (_BLUR, _BLUR, 0)) for a in (stored, fresh)]
    strict = _outside(*images, DEFAULT_PIXELS)
    if pixels == DEFAULT_PIXELS:
        return strict
    colour = np.maximum(*(np.ptp(a[..., :3], axis=-1) for a in images)) > _COLOURED
    near = ndimage.maximum_filter(colour, 2 * pixels + 1)
    loose: Array = np.where(near, _outside(*images, pixels) / _UNCOVERED, strict)
    return loose


def _outside(one: Array, other: Array, pixels: int) -> Array:
    window = (2 * pixels + 1, 2 * pixels + 1, 1)
    excess = np.zeros(one.shape[:2], np.float32)
    for a, b in ((one, other), (other, one)):
        above = a - ndimage.maximum_filter(b, window)
        below = ndimage.minimum_filter(b, window) - a
        excess = np.maximum(excess, np.maximum(above, below).max(axis=-1))
    return excess
