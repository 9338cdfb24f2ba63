"""What runs achieved: over their epochs, and arm against arm."""

from typing import TYPE_CHECKING

import numpy as np

from bn_companion.plots.columns import require_columns
from bn_companion.plots.intervals import draw_intervals
from bn_companion.plots.style import arm_style

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bn_companion.train.study import PlacementStudy

__all__ = ["plot_arms", "plot_history", "plot_study"]


def plot_history(
    history: "pd.DataFrame",
    *,
    metric: str = "val_accuracy",
    arm: str = "placement",
    over: str = "epoch",
    seeds: str = "lines",
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw a metric over the training: what each seed does, and what they have in common.

    Parameters
    ----------
    history : pandas.DataFrame
        A row per arm, seed and epoch, as the histories of `train_once` put together: columns
        ``seed``, `over`, `metric` and `arm`.
    metric : str, default "val_accuracy"
        The column to draw.
    arm : str, default "placement"
        The column that tells the arms apart.
    over : str, default "epoch"
        The column that is time: epochs, or steps.
    seeds : {"lines", "band"}, default "lines"
        ``"lines"``: each seed a thin line, the mean of an arm a thick one. ``"band"``: the median
        of an arm as a thick line, and a band from the lower to the upper quartile of its seeds:
        what a single run cannot move.
    ax : Axes, optional
        Where to draw; by default in a new figure.

    Returns
    -------
    Axes
        With a legend of the arms.

    Raises
    ------
    ValueError
        If a column is missing, or for other `seeds`.

    Examples
    --------
    >>> import pandas as pd
    >>> from bn_companion.plots import plot_history
    >>> rows = [("before", 0, 1, 0.8), ("before", 0, 2, 0.9), ("after", 0, 1, 0.7)]
    >>> frame = pd.DataFrame(rows, columns=["placement", "seed", "epoch", "val_accuracy"])
    >>> [text.get_text() for text in plot_history(frame).get_legend().get_texts()]
    ['BN before', 'BN after']
    """
    import matplotlib.pyplot as plt  # noqa: PLC0415

    require_columns("history", history, (arm, "seed", over, metric))
    if seeds not in ("lines", "band"):
        raise ValueError(f"`seeds` must be 'lines' or 'band'. Received: {seeds!r}")
    if ax is None:
        _, ax = plt.subplots()
    arms = list(dict.fromkeys(history[arm]))
    for name in arms:
        style = arm_style(name, others=arms)
        runs = history[history[arm] == name].set_index([over, "seed"])[metric].unstack("seed")
        if seeds == "lines":
            ax.plot(runs, color=style.color, linestyle=style.linestyle, linewidth=0.6, alpha=0.35)
            middle = runs.mean(axis=1)
        else:
            low, middle, high = (runs.quantile(share, axis=1) for share in (0.25, 0.5, 0.75))
            ax.fill_between(runs.index, low, high, color=style.color, alpha=0.2, linewidth=0)
        ax.plot(middle, markevery=max(1, len(runs) // 8), label=style.label, **style.line)
    ax.set(xlabel=over, ylabel=metric.replace("val_", "validation ").replace("_", " "))
    ax.legend()
    return ax


def plot_arms(study: "PlacementStudy") -> "Axes":
    """Draw what every seed of every arm achieved, on an axis from zero to one.

    Parameters
    ----------
    study : PlacementStudy
        As `compare_placements` returns it.

    Returns
    -------
    Axes
        Test accuracy of each seed (markers) and mean of each arm (line), at the learning rate
        that the validation data chose; a run that diverged counts as guessing.

    Examples
    --------
    >>> from bn_companion import compare_placements, mlp
    >>> from bn_companion.plots import plot_arms
    >>> study = compare_placements(
    ...     lambda placement: mlp((13,), 3, hidden=(4,), placement=placement), "wine",
    ...     placements=("before", "after"), seeds=2, learning_rates=0.1, epochs=1,
    ... )
    >>> [label.get_text() for label in plot_arms(study).get_xticklabels()]
    ['BN before', 'BN after']
    """
    import matplotlib.pyplot as plt  # noqa: PLC0415

    _, ax = plt.subplots(figsize=(6.4, 3.0))
    rates = study.table()["learning_rate"]
    arms = list(rates.index)
    for place, arm in enumerate(arms):
        style = arm_style(arm, others=arms)
        of_arm = study.runs[study.runs["placement"] == arm]
        scores = of_arm.loc[of_arm["learning_rate"] == rates[arm], "test_accuracy"]
        scores = scores.fillna(study.chance).to_numpy()
        # Seeds side by side, in their order: equal accuracies would hide each other.
        across = place + 0.6 * ((0.5 + np.arange(len(scores))) / len(scores) - 0.5)
        ax.hlines(scores.mean(), place - 0.38, place + 0.38, color=style.color, linewidth=2)
        ax.plot(across, scores, style.marker, color=style.color, markersize=5, alpha=0.55)
    ax.axhline(study.chance, color="#404040", linewidth=1, linestyle=(0, (2, 3)))
    ax.annotate("guessing", (len(arms) - 0.5, study.chance), ha="right", va="bottom", fontsize=9)
    ax.set_xticks(range(len(arms)), [arm_style(arm, others=arms).label for arm in arms])
    ax.set(ylabel="test accuracy", xlim=(-0.5, len(arms) - 0.5), ylim=(0, 1.02))
    ax.grid(visible=False, axis="x")
    return ax


def plot_study(study: "PlacementStudy") -> "Figure":
    """Draw a comparison of placements: every run over the learning rate, and the differences.

    Parameters
    ----------
    study : PlacementStudy
        As `compare_placements` returns it.

    Returns
    -------
    Figure
        Above, the test accuracy of every seed at every learning rate with the mean of each arm, a
        ring around the rate that the validation data chose; a run that diverged counts as guessing.
        Below, the paired difference of every two arms at those rates with its 95% interval.

    Examples
    --------
    >>> from bn_companion import compare_placements, mlp
    >>> from bn_companion.plots import plot_study
    >>> study = compare_placements(
    ...     lambda placement: mlp((13,), 3, hidden=(4,), placement=placement), "wine",
    ...     placements=("before", "after"), seeds=2, learning_rates=[0.01, 0.1], epochs=1,
    ... )
    >>> len(plot_study(study).axes)
    2
    """
    import matplotlib.pyplot as plt  # noqa: PLC0415

    table, pairs = study.table(), study.pairs
    arms = list(table.index)
    figure, (above, below) = plt.subplots(
        2, 1, figsize=(6.4, 4.2 + 0.3 * len(pairs)), height_ratios=[3.2, 0.5 + 0.35 * len(pairs)]
    )
    for place, arm in enumerate(arms):
        style = arm_style(arm, others=arms)
        runs = study.runs[study.runs["placement"] == arm].fillna({"test_accuracy": study.chance})
        # Arms that share a learning rate stand side by side.
        shift = 1.06 ** (place - (len(arms) - 1) / 2)
        above.plot(
            runs["learning_rate"] * shift,
            runs["test_accuracy"],
            linestyle="none",
            marker=style.marker,
            markersize=3,
            alpha=0.35,
            color=style.color,
        )
        means = runs.groupby("learning_rate")["test_accuracy"].mean()
        above.plot(means.index * shift, means, label=style.label, **style.line)
        chosen = float(table["learning_rate"][arm])
        above.plot(
            chosen * shift,
            means.loc[chosen],
            marker="o",
            markersize=13,
            markerfacecolor="none",
            markeredgecolor=style.color,
        )
    above.set(xscale="log", xlabel="learning rate", ylabel="test accuracy")
    above.legend()
    labels = []
    for first, second in zip(pairs["first"], pairs["second"], strict=True):
        names = (arm_style(arm, others=arms).label for arm in (first, second))
        labels.append(" minus ".join(names))
    draw_intervals(below, *(pairs[name] for name in ("difference", "low", "high")), names=labels)
    below.set_xlabel("difference in test accuracy, 95% interval")
    return figure
