"""Residual networks: what becomes of the signal with depth, and what the orders achieve."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from bn_companion.plots.columns import require_columns
from bn_companion.plots.style import arm_style

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["plot_depth", "plot_orders"]


def plot_depth(
    frame: "pd.DataFrame",
    measures: Mapping[str, str],
    *,
    arm: str = "order",
    over: str = "block",
    log: tuple[str, ...] = (),
) -> "Figure":
    """Draw measures of a signal over the depth of a network, a panel a measure.

    Parameters
    ----------
    frame : pandas.DataFrame
        A row per arm, depth and, if there are several, seed.
    measures : mapping of str to str
        The columns to draw, one panel below the other, and what they are called.
    arm : str, default "order"
        The column that tells the arms apart.
    over : str, default "block"
        The column that is depth.
    log : tuple of str
        Measures on a logarithmic axis.

    Returns
    -------
    Figure
        The mean of an arm as a line, the range of its seeds as a band; one legend, below.

    Raises
    ------
    ValueError
        If a column is missing.

    Examples
    --------
    >>> import pandas as pd
    >>> from bn_companion.plots import plot_depth
    >>> columns = ["order", "block", "variance"]
    >>> rows = [("original", 0, 1.0), ("original", 1, 2.0), ("none", 0, 1.0), ("none", 1, 3.0)]
    >>> figure = plot_depth(pd.DataFrame(rows, columns=columns), {"variance": "variance"})
    >>> [text.get_text() for text in figure.legends[0].get_texts()]
    ['original', 'no BN']
    """
    import matplotlib.pyplot as plt  # noqa: PLC0415

    require_columns("frame", frame, (arm, over, *measures))
    arms = list(dict.fromkeys(frame[arm]))
    rows = -(-len(arms) // 2)
    figure, axes = plt.subplots(
        len(measures),
        1,
        figsize=(4.8, 2.2 * len(measures) + 0.3 * rows + 0.4),
        sharex=True,
        squeeze=False,
    )
    for ax, (measure, label) in zip(axes[:, 0], measures.items(), strict=True):
        for name in arms:
            style = arm_style(name, others=arms)
            by_depth = frame[frame[arm] == name].groupby(over)[measure]
            middle = by_depth.mean()
            ax.fill_between(
                middle.index, by_depth.min(), by_depth.max(), color=style.color, alpha=0.2, lw=0
            )
            ax.plot(
                middle,
                markersize=4,
                markevery=max(1, len(middle) // 4),
                label=style.label,
                **style.line,
            )
        ax.set_title(label)
        if measure in log:
            ax.set_yscale("log")
    axes[-1, 0].set_xlabel(over)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, fontsize=9)
    return figure


def plot_orders(
    frame: "pd.DataFrame",
    *,
    arm: str = "order",
    panel: str = "data",
    metric: str = "test_accuracy",
    limits: Mapping[str, tuple[float, float]] | None = None,
) -> "Figure":
    """Draw what every seed of every arm achieved, a row an arm and a panel a data set.

    Parameters
    ----------
    frame : pandas.DataFrame
        A row a run: the columns named here.
    arm : str, default "order"
        The column that tells the arms apart; they are drawn in the order of the table.
    panel : str, default "data"
        The column that makes the panels, one below the other.
    metric : str, default "test_accuracy"
        The column to draw.
    limits : mapping of str to tuple of float, optional
        Of the axis of a panel; by default all runs fit in.

    Returns
    -------
    Figure
        A small marker a seed, an upright bar the mean of an arm.

    Raises
    ------
    ValueError
        If a column is missing.

    Examples
    --------
    >>> import pandas as pd
    >>> from bn_companion.plots import plot_orders
    >>> columns = ["data", "order", "test_accuracy"]
    >>> rows = [("digits", "original", 0.9), ("digits", "none", 0.8)]
    >>> ax = plot_orders(pd.DataFrame(rows, columns=columns)).axes[0]
    >>> [tick.get_text() for tick in ax.get_yticklabels()]
    ['original', 'no BN']
    """
    import matplotlib.pyplot as plt  # noqa: PLC0415

    require_columns("frame", frame, (arm, panel, metric))
    arms, panels = (list(dict.fromkeys(frame[column])) for column in (arm, panel))
    styles = [arm_style(name, others=arms) for name in arms]
    figure, axes = plt.subplots(
        len(panels), 1, figsize=(4.8, len(panels) * (0.7 + 0.26 * len(arms))), squeeze=False
    )
    for ax, name in zip(axes[:, 0], panels, strict=True):
        of_panel = frame[frame[panel] == name]
        for row, (key, style) in enumerate(zip(arms, styles, strict=True)):
            runs = of_panel.loc[of_panel[arm] == key, metric]
            ax.plot(runs, [row] * len(runs), style.marker, color=style.color, ms=4, alpha=0.45)
            ax.plot(runs.mean(), row, "|", color=style.color, ms=14, mew=2.5)
        ax.set_yticks(range(len(arms)), [style.label for style in styles])
        ax.set_ylim(len(arms) - 0.5, -0.5)
        ax.grid(visible=False, axis="y")
        ax.set_title(str(name))
        if limits and name in limits:
            ax.set_xlim(limits[name])
    axes[-1, 0].set_xlabel(metric.replace("_", " "))
    return figure
