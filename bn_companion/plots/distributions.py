"""What flows through a network: percentiles over training, and how normal it is."""

from typing import TYPE_CHECKING, Any

from bn_companion.plots.style import arm_style

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["plot_distances", "plot_percentiles"]


def plot_percentiles(
    frame: "pd.DataFrame",
    *,
    arm: str = "placement",
    over: str = "step",
    percentiles: tuple[str, str, str] = ("p15", "p50", "p85"),
    label: str = "input of one sigmoid",
) -> "Figure":
    """Draw how the distribution of one quantity moves in training, a panel an arm.

    Parameters
    ----------
    frame : pandas.DataFrame
        A row per arm, seed and time: columns `arm`, ``seed``, `over` and the `percentiles`.
    arm : str, default "placement"
        The column that tells the arms apart.
    over : str, default "step"
        The column that is time.
    percentiles : tuple of str, default ("p15", "p50", "p85")
        Columns of a lower, a middle and an upper percentile.
    label : str
        What the percentiles are of.

    Returns
    -------
    Figure
        For the first seed, the band between the outer percentiles and the line of the middle one;
        for every other seed, its middle line, thin. The panels share their axes.

    Raises
    ------
    ValueError
        If a column is missing.

    Examples
    --------
    >>> import pandas as pd
    >>> from bn_companion.plots import plot_percentiles
    >>> rows = [("none", 0, 0, -1.0, 0.0, 1.0), ("none", 0, 10, -3.0, 2.0, 5.0)]
    >>> columns = ["placement", "seed", "step", "p15", "p50", "p85"]
    >>> [ax.get_title() for ax in plot_percentiles(pd.DataFrame(rows, columns=columns)).axes]
    ['no BN']
    """
    import matplotlib.pyplot as plt  # noqa: PLC0415

    _require(frame, "frame", (arm, "seed", over, *percentiles))
    arms = list(dict.fromkeys(frame[arm]))
    figure, axes = plt.subplots(
        1, len(arms), figsize=(2.4 * len(arms) + 0.6, 3.0), sharex=True, sharey=True, squeeze=False
    )
    low, middle, high = percentiles
    for ax, name in zip(axes[0], arms, strict=True):
        style = arm_style(name, others=arms)
        for place, (_, run) in enumerate(frame[frame[arm] == name].groupby("seed")):
            if place == 0:
                ax.fill_between(run[over], run[low], run[high], color=style.color, alpha=0.25, lw=0)
                ax.plot(run[over], run[middle], color=style.color, zorder=3)
            else:
                ax.plot(run[over], run[middle], color=style.color, linewidth=0.6, alpha=0.5)
        ax.set_title(style.label)
        ax.set_xlabel(over)
    axes[0, 0].set_ylabel(label)
    return figure


def plot_distances(
    frame: "pd.DataFrame",
    *,
    row: str = "activation",
    arm: str = "placement",
    start: str = "u",
    end: str = "Wu+b",
    label: str = "distance from normal",
) -> "Figure":
    """Draw two quantities of every arm as a hollow and a filled marker, joined by a line.

    Parameters
    ----------
    frame : pandas.DataFrame
        A row per `row`, arm and seed, with the columns `start` and `end`.
    row : str, default "activation"
        The column that makes the panels, one below the other.
    arm : str, default "placement"
        The column that tells the arms apart.
    start, end : str
        The columns of the hollow and of the filled marker.
    label : str
        What both are.

    Returns
    -------
    Figure
        Means over the seeds as large markers, every seed as a small one.

    Raises
    ------
    ValueError
        If a column is missing.

    Examples
    --------
    >>> import pandas as pd
    >>> from bn_companion.plots import plot_distances
    >>> columns = ["activation", "placement", "seed", "u", "Wu+b"]
    >>> rows = [("relu", "none", 0, 0.3, 0.1), ("tanh", "none", 0, 0.1, 0.1)]
    >>> [ax.get_title() for ax in plot_distances(pd.DataFrame(rows, columns=columns)).axes]
    ['relu', 'tanh']
    """
    import matplotlib.pyplot as plt  # noqa: PLC0415
    from matplotlib.lines import Line2D  # noqa: PLC0415

    _require(frame, "frame", (row, arm, start, end))
    panels, arms = list(dict.fromkeys(frame[row])), list(dict.fromkeys(frame[arm]))
    height = 0.32 * len(arms) * len(panels) + 0.35 * len(panels) + 0.9
    figure, axes = plt.subplots(len(panels), 1, figsize=(6.4, height), sharex=True, squeeze=False)
    for ax, panel in zip(axes[:, 0], panels, strict=True):
        for place, name in enumerate(arms):
            style = arm_style(name, others=arms)
            here = frame[(frame[row] == panel) & (frame[arm] == name)]
            look: dict[str, Any] = {
                "color": style.color,
                "marker": style.marker,
                "linestyle": "none",
            }
            for column, face in ((start, "white"), (end, style.color)):
                ax.plot(here[column], [place] * len(here), **look, markersize=2.5, alpha=0.5)
                ax.plot(here[column].mean(), place, **look, markerfacecolor=face, zorder=3)
            ends = [here[start].mean(), here[end].mean()]
            ax.plot(ends, [place] * 2, color=style.color, linewidth=1.2, zorder=2)
        names = [arm_style(name, others=arms).label for name in arms]
        ax.set_yticks(range(len(arms)), names)
        ax.set_ylim(len(arms) - 0.5, -0.5)
        ax.set_title(panel)
    axes[-1, 0].set_xlabel(label)
    gray: dict[str, Any] = {"color": "#525A6E", "marker": "o", "linestyle": "none"}
    keys = [Line2D([], [], markerfacecolor="white", **gray), Line2D([], [], **gray)]
    figure.legend(keys, [start, end], loc="outside upper right", ncols=2)
    return figure


def _require(frame: "pd.DataFrame", name: str, columns: tuple[str, ...]) -> None:
    missing = [column for column in columns if column not in frame]
    if missing:
        raise ValueError(f"`{name}` must have the columns {list(columns)}. Missing: {missing}")
