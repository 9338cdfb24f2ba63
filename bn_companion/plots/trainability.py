"""How far a network can be driven: the largest learning rate, and the gradient in each layer."""

from typing import TYPE_CHECKING

import numpy as np

from bn_companion.plots.columns import require_columns
from bn_companion.plots.style import arm_style

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["plot_gradient_norms", "plot_largest_rates"]


def plot_largest_rates(
    frame: "pd.DataFrame",
    *,
    panel: str = "activation",
    over: str = "depth",
    arm: str = "placement",
    limits: tuple[float, float] | None = None,
) -> "Figure":
    """Draw the largest learning rate at which each seed trains, a panel a condition.

    Parameters
    ----------
    frame : pandas.DataFrame
        A row per `panel`, `over`, `arm` and seed, with the column ``learning_rate``: the largest
        one that trains, NaN where none does.
    panel : str, default "activation"
        The column that makes the panels, one below the other.
    over : str, default "depth"
        The column on the horizontal axis, each of its values at one place.
    arm : str, default "placement"
        The column that tells the arms apart.
    limits : tuple of float, optional
        Of the vertical axis, which is logarithmic; by default all rates fit in.

    Returns
    -------
    Figure
        Markers for the median over the seeds, whiskers from the smallest to the largest. A cross
        at the bottom where some seed trains at no rate.

    Raises
    ------
    ValueError
        If a column is missing.

    Examples
    --------
    >>> import pandas as pd
    >>> from bn_companion.plots import plot_largest_rates
    >>> rows = [("relu", 2, "none", 0, 0.1), ("relu", 2, "before", 0, 0.3)]
    >>> columns = ["activation", "depth", "placement", "seed", "learning_rate"]
    >>> [ax.get_title() for ax in plot_largest_rates(pd.DataFrame(rows, columns=columns)).axes]
    ['relu']
    """
    import matplotlib.pyplot as plt  # noqa: PLC0415

    require_columns("frame", frame, (panel, over, arm, "seed", "learning_rate"))
    panels, arms = (list(dict.fromkeys(frame[name])) for name in (panel, arm))
    places = sorted(set(frame[over]))
    figure, axes = plt.subplots(
        len(panels),
        1,
        figsize=(4.8, 0.8 + 1.7 * len(panels)),
        sharex=True,
        sharey=True,
        squeeze=False,
    )
    for ax, name in zip(axes[:, 0], panels, strict=True):
        for number, one in enumerate(arms):
            style = arm_style(one, others=arms)
            part = frame[(frame[panel] == name) & (frame[arm] == one)]
            by_place = part.groupby(over)["learning_rate"]
            median, low, high = by_place.median(), by_place.min(), by_place.max()
            across = [places.index(p) + 0.18 * (number - (len(arms) - 1) / 2) for p in median.index]
            ax.errorbar(
                across,
                median,
                yerr=[median - low, high - median],
                capsize=3,
                label=style.label,
                **style.line,
            )
            failed = by_place.apply(lambda rates: rates.isna().any())
            ax.plot(
                [x for x, bad in zip(across, failed, strict=True) if bad],
                np.full(int(failed.sum()), 0.05),
                "x",
                color=style.color,
                transform=ax.get_xaxis_transform(),
            )
        ax.set(title=name, yscale="log", ylabel="largest rate")
    if limits:
        axes[0, 0].set_ylim(limits)
    axes[-1, 0].set_xticks(range(len(places)), places)
    axes[-1, 0].set_xlabel(over)
    axes[-1, 0].grid(visible=False, axis="x")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return figure


def plot_gradient_norms(
    frame: "pd.DataFrame",
    *,
    panel: str = "activation",
    arm: str = "placement",
    limits: tuple[float, float] | None = None,
) -> "Figure":
    """Draw the size of the gradient in each layer, every seed, a panel a condition.

    Parameters
    ----------
    frame : pandas.DataFrame
        A row per `panel`, `arm`, seed and layer: columns ``seed``, ``layer`` (a number) and
        ``gradient_norm``.
    panel : str, default "activation"
        The column that makes the panels, one below the other.
    arm : str, default "placement"
        The column that tells the arms apart.
    limits : tuple of float, optional
        Of the vertical axis, which is logarithmic; by default all values fit in.

    Returns
    -------
    Figure
        A thin line a seed, and a thick one for the median of an arm.

    Raises
    ------
    ValueError
        If a column is missing.

    Examples
    --------
    >>> import pandas as pd
    >>> from bn_companion.plots import plot_gradient_norms
    >>> rows = [("relu", "none", 0, 1, 2.0), ("relu", "none", 0, 2, 1.0)]
    >>> columns = ["activation", "placement", "seed", "layer", "gradient_norm"]
    >>> len(plot_gradient_norms(pd.DataFrame(rows, columns=columns)).axes)
    1
    """
    import matplotlib.pyplot as plt  # noqa: PLC0415

    require_columns("frame", frame, (panel, arm, "seed", "layer", "gradient_norm"))
    panels, arms = (list(dict.fromkeys(frame[name])) for name in (panel, arm))
    figure, axes = plt.subplots(
        len(panels), 1, figsize=(4.8, 0.8 + 1.9 * len(panels)), sharex=True, squeeze=False
    )
    for ax, name in zip(axes[:, 0], panels, strict=True):
        for one in arms:
            style = arm_style(one, others=arms)
            part = frame[(frame[panel] == name) & (frame[arm] == one)]
            norms = part.pivot(index="layer", columns="seed", values="gradient_norm")
            ax.plot(norms, color=style.color, linestyle=style.linestyle, linewidth=0.6, alpha=0.35)
            ax.plot(
                norms.median(axis=1),
                markevery=max(1, len(norms) // 6),
                label=style.label,
                **style.line,
            )
        ax.set(title=name, yscale="log", ylabel="gradient norm")
        if limits:
            ax.set_ylim(limits)
    axes[-1, 0].set_xlabel("layer, from the input")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return figure
