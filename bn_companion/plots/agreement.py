"""Two computations of the same thing: how near their values are, where they differ, what one saves.

For what should be equal (a folded network, statistics of several devices) and for what should be
cheaper (a folded network's time).
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from bn_companion.plots.style import arm_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_deviations", "plot_differences_by_position"]


def plot_deviations(
    reference: Any,
    others: "Mapping[str, Any]",
    *,
    labels: tuple[str, str] = ("reference", "deviation"),
    limits: tuple[float, float] | None = None,
) -> "Axes":
    """Draw how far values are from those that they should equal.

    Parameters
    ----------
    reference : array_like of shape (values,)
        What is right.
    others : mapping of str to array_like of shape (values,)
        Further computations of the same values, by name.
    labels : tuple of str, default ("reference", "deviation")
        Of the horizontal and of the vertical axis.
    limits : tuple of float, optional
        Of the vertical axis; by default all deviations fit in.

    Returns
    -------
    Axes
        A mark for each value, at a height of the other value less the right one, and a line at
        zero.

    Raises
    ------
    ValueError
        If something has another shape than `reference`.

    Examples
    --------
    >>> from bn_companion.plots import plot_deviations
    >>> ax = plot_deviations([1.0, 2.0], {"rounded": [1.0, 2.0], "wrong": [1.0, 1.5]})
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['rounded', 'wrong']
    """
    import matplotlib.pyplot as plt  # noqa: PLC0415

    right = np.asarray(reference, np.float64)
    given = {name: np.asarray(values, np.float64) for name, values in others.items()}
    for name, values in given.items():
        if values.shape != right.shape:
            raise ValueError(
                f"`others` must have the shape of `reference`, {right.shape}. "
                f"Received: {name!r} of shape {values.shape}"
            )
    _, ax = plt.subplots()
    ax.axhline(0, color="#404040", linewidth=1)
    for name, values in given.items():
        style = arm_style(name, others=list(given))
        ax.plot(
            right, values - right, style.marker, color=style.color, mfc="none", label=style.label
        )
    ax.set(xlabel=labels[0], ylabel=labels[1])
    if limits:
        ax.set_ylim(limits)
    ax.legend(loc="upper left", ncols=len(given))
    return ax


def plot_differences_by_position(
    differences: "Mapping[str, Any]",
    *,
    label: str = "largest difference",
    limit: float | None = None,
) -> "Figure":
    """Draw at which positions of an image two computations differ.

    Parameters
    ----------
    differences : mapping of str to array_like of shape (height, width)
        The size of the difference at each position, by title.
    label : str, default "largest difference"
        What the shades mean.
    limit : float, optional
        The difference that is drawn black; by default the largest of all.

    Returns
    -------
    Figure
        A map for each entry, in shades from white, no difference, to black.

    Raises
    ------
    ValueError
        If an entry is not a matrix.

    Examples
    --------
    >>> import numpy as np
    >>> from bn_companion.plots import plot_differences_by_position
    >>> figure = plot_differences_by_position({"same": np.eye(3), "valid": np.zeros((2, 2))})
    >>> [ax.get_title() for ax in figure.axes[:2]]
    ['same', 'valid']
    """
    import matplotlib.pyplot as plt  # noqa: PLC0415

    maps = {name: np.asarray(values, np.float64) for name, values in differences.items()}
    for name, values in maps.items():
        if values.ndim != 2:
            raise ValueError(
                "`differences` must hold matrices of shape (height, width). "
                f"Received: {name!r} of shape {values.shape}"
            )
    top = max(values.max() for values in maps.values()) if limit is None else limit
    figure, axes = plt.subplots(1, len(maps), figsize=(5.2, 2.5), squeeze=False)
    for ax, (name, values) in zip(axes[0], maps.items(), strict=True):
        image = ax.imshow(values, cmap="Greys", vmin=0, vmax=top)
        ax.set_title(name)
        ax.set_xticks(np.arange(values.shape[1] + 1) - 0.5, minor=True)
        ax.set_yticks(np.arange(values.shape[0] + 1) - 0.5, minor=True)
        ax.set(xticks=[], yticks=[])
        ax.grid(visible=False)
        ax.grid(which="minor", color="#909090", linewidth=0.8)
        ax.tick_params(which="minor", length=0)
        ax.spines[["top", "right", "left", "bottom"]].set_visible(False)
    figure.colorbar(image, ax=list(axes[0]), label=label, shrink=0.85)
    return figure
