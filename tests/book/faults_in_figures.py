"""Faults to plant in a figure, made from its pixels, or in a drawing: no run is needed."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

__all__ = ["spoil", "spoil_drawing"]

Pixels = NDArray[np.uint8]
_TINT = 25  # the least difference between channels by which a pixel counts as coloured


def spoil(encoded: str, others: Sequence[str], pixels: int) -> Iterator[tuple[str, str]]:
    """Yield what is wrong and the wrong figure, base64 encoded as the right one.

    Parameters
    ----------
    encoded : str
    others : sequence of str
        Further figures, one of which could stand in the place of this one.
    pixels : int
        By how much marks may move; they are moved farther than that.
    """
    picture = _decode(encoded)
    ground = _ground(picture)
    coloured = np.ptp(picture[..., :3].astype(int), axis=-1) > _TINT
    if coloured.any():
        yield "colours swapped", _encode(_swapped(picture))
        yield "series missing", _encode(_without(picture, _largest_hue(picture, coloured), ground))
        yield "marks moved", _encode(_shifted(picture, coloured, ground, pixels + 3))
    yield "axes stretched", _encode(_stretched(picture))
    glyph = _one_glyph(picture, coloured, ground)
    if glyph is not None:
        yield "glyph missing", _encode(_without(picture, glyph, ground))
    if others:
        other = Image.fromarray(_decode(others[0])).resize(picture.shape[1::-1])
        yield "another figure", _encode(np.asarray(other))


def spoil_drawing(svg: str) -> Iterator[tuple[str, str]]:
    """Yield what is wrong and the wrong drawing: its last mark, which nothing lies above."""
    start, end = list(re.finditer(r"<(?:path|use)\b[^>]*/>", svg))[-1].span()
    mark = svg[start:end]
    yield "mark missing", svg[:start] + svg[end:]
    moved = re.sub(
        r"(?<=[ (\"])\d", lambda digit: str((int(digit.group()) + 1) % 10), mark, count=1
    )
    yield "mark moved", svg[:start] + moved + svg[end:]
    colours = list(re.finditer(r"#[0-9a-f]{6}\b", svg))
    if colours:
        start, end = colours[-1].span()
        yield (
            "colour changed",
            svg[:start] + f"#{int(svg[start + 1 : end], 16) ^ 1:06x}" + svg[end:],
        )


def _decode(encoded: str) -> Pixels:
    with Image.open(io.BytesIO(base64.b64decode(encoded))) as image:
        return np.asarray(image.convert("RGBA"))


def _encode(picture: Pixels) -> str:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, format="PNG")
    return base64.b64encode(file.getvalue()).decode()


def _ground(picture: Pixels) -> Pixels:
    colours, counts = np.unique(picture.reshape(-1, 4), axis=0, return_counts=True)
    ground: Pixels = colours[counts.argmax()]
    return ground


def _swapped(picture: Pixels) -> Pixels:
    return picture[..., [2, 0, 1, 3]]


def _largest_hue(picture: Pixels, coloured: NDArray[np.bool_]) -> NDArray[np.bool_]:
    hue = np.asarray(Image.fromarray(picture).convert("RGB").convert("HSV"))[..., 0].astype(int)
    peak = np.bincount(hue[coloured], minlength=256).argmax()
    near = np.abs((hue - peak + 128) % 256 - 128) <= 6
    mask: NDArray[np.bool_] = near & coloured
    return mask


def _without(picture: Pixels, mask: NDArray[np.bool_], ground: Pixels) -> Pixels:
    bare = picture.copy()
    bare[mask] = ground
    return bare


def _shifted(picture: Pixels, coloured: NDArray[np.bool_], ground: Pixels, pixels: int) -> Pixels:
    moved = _without(picture, coloured, ground)
    target = np.roll(coloured, -pixels, axis=0)
    moved[target] = np.roll(picture, -pixels, axis=0)[target]
    return moved


def _stretched(picture: Pixels) -> Pixels:
    height, width = picture.shape[:2]
    taller = Image.fromarray(picture).resize((width, round(height * 1.04)))
    return np.asarray(taller)[:height]


def _one_glyph(
    picture: Pixels, coloured: NDArray[np.bool_], ground: Pixels
) -> NDArray[np.bool_] | None:
    """Find one letter: a small dark patch with no colour, away from everything else."""
    dark = (np.abs(picture.astype(int) - ground).max(axis=-1) > 120) & ~coloured
    labels, number = ndimage.label(dark, structure=np.ones((3, 3)))
    boxes = ndimage.find_objects(labels)
    for patch in range(1, number + 1):
        rows, columns = boxes[patch - 1]
        tall, wide = rows.stop - rows.start, columns.stop - columns.start
        if 6 <= tall <= 24 and 3 <= wide <= 24:
            glyph: NDArray[np.bool_] = ndimage.binary_dilation(labels == patch)
            return glyph
    return None
