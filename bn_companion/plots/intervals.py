"""Estimates with their intervals, one below the other, around the value of no effect."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from bn_companion.plots.columns import require_columns

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike

__all__ = ["draw_intervals", "plot_differences", "plot_ratios"]


def draw_intervals(
    ax: "Axes",
    middle: "ArrayLike",
    low: "ArrayLike",
    high: "ArrayLike",
    *,
    names: Sequence[str],
    rows: Sequence[int] | None = None,
    reference: float = 0.0,
) -> None:
    """Draw intervals in rows, the first at the top, and a line where nothing differs."""
    middle, low, high = (np.asarray(values, np.float64) for values in (middle, low, high))
    ax.axvline(reference, color="#404040", linewidth=1)
    ax.errorbar(
        middle,
        range(len(names)) if rows is None else rows,
        xerr=[middle - low, high - middle],
        fmt="o",
        color="#202020",
        capsize=4,
    )
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.grid(visible=False, axis="y")


def plot_differences(
    frame: "pd.DataFrame",
    *,
    panel: str = "activation",
    over: str = "epochs",
    label: str = "before minus after",
) -> "Figure":
    """Draw a difference between two arms with its interval, a panel a condition.

    Parameters
    ----------
    frame : pandas.DataFrame
        A row per `panel` and `over`, with the columns ``difference``, ``low`` and ``high``.
    panel : str, default "activation"
        The column that makes the panels, one below the other.
    over : str, default "epochs"
        The column that makes the rows of a panel, in ascending order.
    label : str
        What the difference is.

    Returns
    -------
    Figure
        Circles with whiskers from ``low`` to ``high`` around a line at zero, in a colour that
        belongs to neither arm.

    Raises
    ------
    ValueError
        If a column is missing.

    Examples
    --------
    >>> import pandas as pd
    >>> from bn_companion.plots import plot_differences
    >>> columns = ["activation", "epochs", "difference", "low", "high"]
    >>> rows = [("relu", 15, 0.01, -0.01, 0.03), ("tanh", 15, 0.04, 0.02, 0.06)]
    >>> [ax.get_title() for ax in plot_differences(pd.DataFrame(rows, columns=columns)).axes]
    ['relu', 'tanh']
    """
    import matplotlib.pyplot as plt  # noqa: PLC0415
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415

    columns = [panel, over, "difference", "low", "high"]
    require_columns("frame", frame, columns)
    panels, ticks = list(dict.fromkeys(frame[panel])), sorted(set(frame[over]))
    height = 0.55 + len(panels) * (0.5 + 0.25 * len(ticks))
    figure, axes = plt.subplots(len(panels), 1, figsize=(4.8, height), sharex=True, squeeze=False)
    for ax, name in zip(axes[:, 0], panels, strict=True):
        part = frame[frame[panel] == name]
        draw_intervals(
            ax,
            *(part[column] for column in ("difference", "low", "high")),
            rows=[ticks.index(value) for value in part[over]],
            names=[f"{tick} {over}" for tick in ticks],
        )
        ax.set_title(name)
    axes[-1, 0].set_xlabel(label)
    axes[-1, 0].xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    return figure


def plot_ratios(
    frame: "pd.DataFrame",
    *,
    label: str = "ratio",
    limits: tuple[float, float] | None = None,
) -> "Axes":
    """Draw ratios with their intervals, one below the other, around a line at one.

    Parameters
    ----------
    frame : pandas.DataFrame
        A row a ratio, named by the index (a name of several levels is joined), with the columns
        ``ratio``, ``low`` and ``high``.
    label : str, default "ratio"
        What it is a ratio of.
    limits : tuple of float, optional
        Of the axis; by default all intervals fit in.

    Returns
    -------
    Axes
        The first row at the top. Left of the line is smaller than one.

    Raises
    ------
    ValueError
        If a column is missing.

    Examples
    --------
    >>> import pandas as pd
    >>> from bn_companion.plots import plot_ratios
    >>> rows = {"ratio": [0.8, 1.0], "low": [0.7, 0.9], "high": [0.9, 1.2]}
    >>> ax = plot_ratios(pd.DataFrame(rows, index=["MobileNet", "ResNet"]))
    >>> [tick.get_text() for tick in ax.get_yticklabels()]
    ['MobileNet', 'ResNet']
    """
    import matplotlib.pyplot as plt  # noqa: PLC0415

    columns = ["ratio", "low", "high"]
    require_columns("frame", frame, columns)
    names = [" ".join(map(str, n)) if isinstance(n, tuple) else str(n) for n in frame.index]
    _, ax = plt.subplots(figsize=(5.4, 0.8 + 0.3 * len(frame)))
    draw_intervals(ax, *(frame[name] for name in columns), names=names, reference=1)
    ax.set_xlabel(label)
    if limits:
        ax.set_xlim(limits)
    return ax
