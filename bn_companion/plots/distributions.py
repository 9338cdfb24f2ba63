"""What flows through a network: percentiles over training, and how normal it is."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bn_companion.plots.columns import require_columns
from bn_companion.plots.style import arm_style

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_distances", "plot_percentiles"]


def plot_percentiles(
    frames: "pd.DataFrame | Mapping[str, pd.DataFrame]",
    *,
    arm: str = "placement",
    over: str = "step",
    percentiles: tuple[str, str, str] = ("p15", "p50", "p85"),
    label: str = "input of one sigmoid",
) -> "Figure":
    """Draw how the distribution of one quantity moves in training, a row of panels an arm.

    Parameters
    ----------
    frames : pandas.DataFrame or mapping of str to pandas.DataFrame
        A row per arm, seed and time: columns `arm`, ``seed``, `over` and the `percentiles`. Of
        several, by title, each has a column of panels; all have the same arms.
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
        for every other seed, its middle line, thin. All panels share their vertical axis, the
        panels of a column the horizontal one.

    Raises
    ------
    ValueError
        If a column is missing, or an arm in one of several.

    Examples
    --------
    >>> import pandas as pd
    >>> from bn_companion.plots import plot_percentiles
    >>> rows = [("none", 0, 0, -1.0, 0.0, 1.0), ("none", 0, 10, -3.0, 2.0, 5.0)]
    >>> columns = ["placement", "seed", "step", "p15", "p50", "p85"]
    >>> frame = pd.DataFrame(rows, columns=columns)
    >>> [ax.get_title() for ax in plot_percentiles(frame).axes]
    ['no BN']
    >>> [ax.get_title() for ax in plot_percentiles({"short": frame, "long": frame}).axes]
    ['short, no BN', 'long, no BN']
    """
    import matplotlib.pyplot as plt  # noqa: PLC0415

    named = frames if isinstance(frames, Mapping) else {"": frames}
    for frame in named.values():
        require_columns("frames", frame, (arm, "seed", over, *percentiles))
    arms = list(dict.fromkeys(next(iter(named.values()))[arm]))
    if any(set(frame[arm]) != set(arms) for frame in named.values()):
        raise ValueError(f"`frames` must have the same arms, {arms}")
    figure, axes = plt.subplots(
        len(arms),
        len(named),
        figsize=(5.6 if len(named) > 1 else 4.6, 1.75 * len(arms) + 0.6),
        sharex="col",
        sharey=True,
        squeeze=False,
    )
    for row, name in zip(axes, arms, strict=True):
        style = arm_style(name, others=arms)
        for ax, (title, frame) in zip(row, named.items(), strict=True):
            _draw_band(ax, frame[frame[arm] == name], over, percentiles, style.color)
            ax.set_title(f"{title}, {style.label}" if title else style.label)
    for ax in axes[-1]:
        ax.set_xlabel(over)
    figure.supylabel(label, fontsize=plt.rcParams["axes.labelsize"])
    return figure


def _draw_band(
    ax: "Axes", frame: "pd.DataFrame", over: str, percentiles: tuple[str, str, str], color: str
) -> None:
    low, middle, high = percentiles
    for place, (_, run) in enumerate(frame.groupby("seed")):
        if place == 0:
            ax.fill_between(run[over], run[low], run[high], color=color, alpha=0.25, lw=0)
            ax.plot(run[over], run[middle], color=color, zorder=3)
        else:
            ax.plot(run[over], run[middle], color=color, linewidth=0.6, alpha=0.5)


def plot_distances(
    frame: "pd.DataFrame",
    *,
    measures: Sequence[str] = ("distance",),
    over: str = "epoch",
    row: str = "activation",
    arm: str = "placement",
    pair: str = "tensor",
) -> "Figure":
    """Draw a measure of two quantities over time, a hollow and a filled marker joined by a line.

    Parameters
    ----------
    frame : pandas.DataFrame
        A row per `row`, arm, seed, time and quantity: the columns named here and ``seed``.
    measures : sequence of str, default ("distance",)
        Columns to draw, a column of panels each.
    over : str, default "epoch"
        The column that is time. Its values stand side by side, whatever lies between them.
    row : str, default "activation"
        The column that makes the rows of panels.
    arm : str, default "placement"
        The column that tells the arms apart; they stand side by side at each time.
    pair : str, default "tensor"
        The column that names the quantity; the first of its two values is hollow.

    Returns
    -------
    Figure
        Means over the seeds as large markers, every seed as a small one. The panels of a column
        share their vertical axis, those of a row the horizontal one.

    Raises
    ------
    ValueError
        If a column is missing, or `pair` has not two values.

    Examples
    --------
    >>> import pandas as pd
    >>> from bn_companion.plots import plot_distances
    >>> columns = ["activation", "placement", "seed", "epoch", "tensor", "distance"]
    >>> rows = [("relu", "none", 0, 0, "u", 0.3), ("relu", "none", 0, 0, "Wu+b", 0.1)]
    >>> [ax.get_title() for ax in plot_distances(pd.DataFrame(rows, columns=columns)).axes]
    ['relu']
    """
    import matplotlib.pyplot as plt  # noqa: PLC0415

    require_columns("frame", frame, (row, arm, "seed", over, pair, *measures))
    ends = list(dict.fromkeys(frame[pair]))
    if len(ends) != 2:
        raise ValueError(f"`pair` must be a column of two values. Received: {ends}")
    panels, arms = (list(dict.fromkeys(frame[name])) for name in (row, arm))
    figure, axes = plt.subplots(
        len(panels),
        len(measures),
        figsize=(4.8 if len(measures) == 1 else 6.4, 1.7 * len(panels) + 0.9),
        sharex="row",
        sharey="col",
        squeeze=False,
    )
    for row_of_axes, panel in zip(axes, panels, strict=True):
        here = frame[frame[row] == panel]
        times = sorted(here[over].unique())
        for ax, measure in zip(row_of_axes, measures, strict=True):
            for place, name in enumerate(arms):
                shift = 0.24 * (place - (len(arms) - 1) / 2)
                of_arm = here[here[arm] == name]
                for position, time in enumerate(times):
                    at = of_arm[of_arm[over] == time].set_index(pair)[measure]
                    _draw_pair(ax, position + shift, [at[[end]] for end in ends], name, arms)
            ax.set_xticks(range(len(times)), times)
            ax.set_title(panel if len(measures) == 1 else f"{panel}, {measure}")
            ax.grid(visible=False, axis="x")
    for ax, measure in zip(axes[-1], measures, strict=True):
        ax.set_xlabel(over)
        if len(measures) == 1:
            figure.supylabel(measure, fontsize=plt.rcParams["axes.labelsize"])
    figure.legend(*_keys(ends, arms), loc="outside upper center", ncols=2 + len(arms))
    return figure


def _draw_pair(
    ax: "Axes", position: float, values: Sequence[Any], name: str, arms: Sequence[str]
) -> None:
    style = arm_style(name, others=arms)
    look: dict[str, Any] = {"color": style.color, "marker": style.marker, "linestyle": "none"}
    ax.plot([position] * 2, [v.mean() for v in values], color=style.color, linewidth=1)
    for each, face in zip(values, ("white", style.color), strict=True):
        ax.plot([position] * len(each), each, **look, markersize=1.5, alpha=0.5)
        ax.plot(position, each.mean(), **look, markersize=4.5, markerfacecolor=face, zorder=3)


def _keys(ends: Sequence[str], arms: Sequence[str]) -> tuple[list[Any], list[str]]:
    from matplotlib.lines import Line2D  # noqa: PLC0415

    black: dict[str, Any] = {"color": "black", "marker": "D", "linestyle": "none"}
    handles = [Line2D([], [], markerfacecolor="white", **black), Line2D([], [], **black)]
    styles = [arm_style(name, others=arms) for name in arms]
    handles += [Line2D([], [], color=s.color, marker=s.marker, linestyle="none") for s in styles]
    return handles, [*ends, *(s.label for s in styles)]
