"""Drawings that explain the transform: its computational graph, and what a mean is taken over."""

from collections.abc import Mapping, Sequence
from itertools import product
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_batch_axes", "plot_transform_graph"]

# Where the nodes of the graph stand, in units of its grid: the input at the bottom.
_NODES = {
    "x": (0.0, 0.0),
    "mu": (-1.2, 1.45),
    "variance": (1.2, 2.0),
    "x_hat": (0.0, 3.5),
    "gamma": (-1.2, 4.25),
    "beta": (1.2, 4.25),
    "y": (0.0, 4.9),
}
_SYMBOLS = {
    "x": "$x$",
    "mu": r"$\mu$",
    "variance": r"$\sigma^2$",
    "x_hat": r"$\hat{x}$",
    "gamma": r"$\gamma$",
    "beta": r"$\beta$",
    "y": "$y$",
}
# From, to, and the path of the gradient that it belongs to.
_EDGES = (
    ("x", "x_hat", "direct"),
    ("x", "mu", "mean"),
    ("mu", "x_hat", "mean"),
    ("x", "variance", "variance"),
    ("variance", "x_hat", "variance"),
    ("mu", "variance", "zero"),
    ("x_hat", "y", "direct"),
    ("gamma", "y", "learned"),
    ("beta", "y", "learned"),
)
_PATHS = {
    "direct": ("#202020", "-"),
    "mean": ("#00775B", "-."),
    "variance": ("#9A4C7E", "--"),
    "zero": ("#767676", ":"),
    "learned": ("#595959", "-"),
}
# What flows back along an edge: where it is written, and the path whose colour it has. Quotients
# stand in one line: one above the other they are too small on a phone.
_GRADIENTS = (
    (r"$d\hat{x} = \gamma\,dy$", (0.08, 4.2), "left", "direct"),
    (r"$d\hat{x}\,/\,s$", (0.08, 2.42), "left", "direct"),
    (r"$d\mu$", (-0.72, 2.6), "right", "mean"),
    (r"$d\mu\,/\,m$", (-0.72, 0.6), "right", "mean"),
    (r"$d\sigma^2$", (0.76, 2.9), "left", "variance"),
    (r"$2\,d\sigma^2(x-\mu)\,/\,m$", (0.66, 0.8), "left", "variance"),
    ("zero", (-0.5, 1.42), "center", "zero"),
    (r"$d\gamma$", (-0.78, 4.72), "center", "learned"),
    (r"$d\beta$", (0.78, 4.72), "center", "learned"),
)
_SAME, _REST, _EDGE = "#9A4C7E", "#EFEFEF", "#404040"


def plot_transform_graph(*, gradient: bool = True) -> "Figure":
    """Draw batch normalization as a graph, input at the bottom, and how a gradient comes back.

    Parameters
    ----------
    gradient : bool, default True
        Also what flows back along each edge. The gradient reaches the input on three paths, drawn
        in three colours and line styles: directly, through the variance, and through the mean
        (:math:`s` is the root of variance plus epsilon).

    Returns
    -------
    Figure

    Examples
    --------
    >>> from bn_companion.plots import plot_transform_graph
    >>> figure = plot_transform_graph()
    >>> len(figure.axes)
    1
    """
    import matplotlib.pyplot as plt  # noqa: PLC0415

    figure, ax = plt.subplots(figsize=(4.4, 5.0))
    for start, end, path in _EDGES:
        color, line = _PATHS[path] if gradient else ("#202020", "-")
        tail, head = (end, start) if gradient else (start, end)
        ax.annotate(
            "",
            _NODES[head],
            _NODES[tail],
            arrowprops={
                "arrowstyle": "-|>",
                "color": color,
                "linestyle": line,
                "linewidth": 1.6,
                "shrinkA": 17,
                "shrinkB": 17,
            },
        )
    if gradient:
        for text, place, side, path in _GRADIENTS:
            ax.text(*place, text, ha=side, va="center", fontsize=14, color=_PATHS[path][0])
    for name, place in _NODES.items():
        learned = name in ("gamma", "beta")
        ax.text(
            *place,
            _SYMBOLS[name],
            ha="center",
            va="center",
            fontsize=15,
            bbox={
                "boxstyle": "circle,pad=0.35" if not learned else "square,pad=0.35",
                "facecolor": "#FBE3C8" if learned else "white",
                "edgecolor": _EDGE,
            },
        )
    ax.set(xlim=(-1.65, 2.0), ylim=(-0.35, 5.25))
    ax.axis("off")
    return figure


def plot_batch_axes(cases: Mapping[str, tuple[Sequence[int], int]]) -> "Figure":
    """Draw arrays as grids of cells, and in colour the cells that share one mean.

    Parameters
    ----------
    cases : mapping of str to (shape, axis)
        Title, shape and the axis of the channels, for each array; two to four axes of a few cells
        each. The first axis holds the examples. With four, each example is a box of its own.

    Returns
    -------
    Figure
        A panel for each case, two a row.

    Raises
    ------
    ValueError
        If there is no case, a shape has not two to four axes or too many cells, or its axis does
        not exist.

    Examples
    --------
    >>> from bn_companion.plots import plot_batch_axes
    >>> figure = plot_batch_axes({"dense": ((4, 3), -1), "images": ((2, 3, 3, 2), -1)})
    >>> [ax.get_title() for ax in figure.axes]
    ['dense', 'images']
    """
    import matplotlib.pyplot as plt  # noqa: PLC0415

    if not isinstance(cases, Mapping) or not cases:
        raise ValueError(f"`cases` must map titles to a shape and an axis. Received: {cases!r}")
    checked = {title: _check_case(title, *case) for title, case in cases.items()}
    rows = (len(checked) + 1) // 2
    figure, axes = plt.subplots(rows, 2, figsize=(4.8, 2.45 * rows), squeeze=False)
    for ax in axes.flat[len(checked) :]:
        ax.remove()
    for ax, (title, (shape, axis)) in zip(axes.flat, checked.items(), strict=False):
        _draw_case(ax, shape, axis)
        ax.set_title(title, loc="center", fontsize=10)
    return figure


def _check_case(title: str, shape: Sequence[int], axis: object) -> tuple[tuple[int, ...], int]:
    sizes = tuple(shape)
    if not 2 <= len(sizes) <= 4 or min(sizes) < 1 or np.prod(sizes) > 400:
        raise ValueError(
            "`cases` must have shapes of two to four axes and at most 400 cells. "
            f"Received: {sizes} for {title!r}"
        )
    if not isinstance(axis, Integral) or not -len(sizes) <= int(axis) < len(sizes):
        raise ValueError(f"`cases` must name an axis of {sizes}. Received: {axis!r} for {title!r}")
    return sizes, int(axis) % len(sizes)


def _draw_case(ax: "Axes", shape: tuple[int, ...], axis: int) -> None:
    """Draw boxes of cells: channels to the right, rows downwards, the remaining axis in depth."""
    boxes = shape[0] if len(shape) == 4 else 1
    inner = shape[1:] if len(shape) == 4 else shape
    # (depth, downwards, to the right); of two axes the examples go downwards.
    depth, down, right = inner if len(inner) == 3 else (1, *inner)
    gap = right + 0.55 * depth + 0.6
    for box in range(boxes):
        for cell in product(range(depth), range(down), range(right)):
            at = cell if len(inner) == 3 else cell[1:]
            index = (box, *at) if len(shape) == 4 else at
            # Only what can be seen: the front, the top and the right side.
            _draw_cell(ax, cell, (depth, down, right), box * gap, same=index[axis] == 0)
    names = [f"axis {number}" for number in range(len(shape))]
    style: dict[str, Any] = {"fontsize": 11, "color": _EDGE}
    ax.text(right / 2, -down - 0.15, names[-1], ha="center", va="top", **style)
    ax.text(-0.15, -down / 2, names[-2], ha="right", va="center", rotation=90, **style)
    if depth > 1:
        along = (0.25 * depth - 0.1, 0.175 * depth + 0.1)
        ax.text(*along, names[-3], ha="right", va="bottom", rotation=35, **style)
    if boxes > 1:
        ax.text(
            gap + right / 2,
            -down - 0.15,
            f"{names[0]}:\nbox to box",
            ha="center",
            va="top",
            **style,
        )
    ax.set_aspect("equal")
    ax.autoscale_view()
    ax.axis("off")
    ax.margins(0.06)


def _draw_cell(
    ax: "Axes", cell: tuple[int, ...], size: tuple[int, ...], left: float, *, same: bool
) -> None:
    from matplotlib.patches import Polygon  # noqa: PLC0415

    depth, down, right = cell
    slant = np.array([0.5, 0.35])  # one step into the depth
    corner = np.array([left + right, -down], float) + depth * slant
    x, y = np.array([1.0, 0.0]), np.array([0.0, -1.0])
    faces: list[tuple[NDArray[np.float64], float]] = []
    if depth == 0:
        faces.append((np.array([corner, corner + x, corner + x + y, corner + y]), 1.0))
    if down == 0 and size[0] > 1:
        faces.append((np.array([corner, corner + x, corner + x + slant, corner + slant]), 0.8))
    if right == size[2] - 1 and size[0] > 1:
        side = corner + x
        faces.append((np.array([side, side + y, side + y + slant, side + slant]), 0.62))
    for points, light in faces:
        shade = np.array([int(color, 16) for color in _split(_SAME if same else _REST)]) / 255
        ax.add_patch(
            Polygon(points, facecolor=tuple(shade * light), edgecolor=_EDGE, linewidth=0.8)
        )


def _split(color: str) -> tuple[str, str, str]:
    return color[1:3], color[3:5], color[5:7]
