"""Who wins where: a difference between two arms over many conditions, as a map and over rates."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bn_companion.plots.columns import require_columns
from bn_companion.plots.style import ArmStyle, arm_style

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_shared_rates", "plot_winners"]

_PAIR = ["first", "second", "difference", "low", "high", "verdict"]
_DARK = "#202020"


def plot_winners(
    differences: "pd.DataFrame",
    *,
    rows: str = "activation",
    columns: str = "dataset",
    panels: str | None = "depth",
) -> "Figure":
    """Draw a map of conditions: which of two arms is better in each, and by how much.

    Parameters
    ----------
    differences : pandas.DataFrame
        As `paired_differences` returns it for one pair of arms, a row a cell: the columns `rows`,
        `columns` and `panels`, ``first``, ``second``, ``difference``, ``low``, ``high`` and
        ``verdict``.
    rows, columns : str, default "activation" and "dataset"
        Conditions down and across, in the order in which they appear.
    panels : str, optional
        The condition that makes the maps, one below the other, by default ``"depth"``; with None
        there is one map.

    Returns
    -------
    Figure
        A cell has the tint and the marker of the arm that its verdict names; an inconclusive one is
        hatched and has a small ring. In it, ``difference`` in percentage points, and below, half
        the width of its interval.

    Raises
    ------
    ValueError
        If a column is missing, there is no row, there is more than one pair of arms, or two rows
        belong to one cell.

    Examples
    --------
    >>> import pandas as pd
    >>> from bn_companion.plots import plot_winners
    >>> frame = pd.DataFrame({
    ...     "activation": ["tanh", "relu"], "dataset": "digits", "first": "before",
    ...     "second": "after", "difference": [-0.021, 0.001], "low": [-0.024, -0.004],
    ...     "high": [-0.018, 0.006], "verdict": ["after", "inconclusive"],
    ... })
    >>> figure = plot_winners(frame, panels=None)
    >>> [text.get_text() for text in figure.axes[0].texts][2:]
    ['+0.1', '±0.5']
    """
    import matplotlib.pyplot as plt  # noqa: PLC0415

    axes_of = [rows, columns] if panels is None else [panels, rows, columns]
    require_columns("differences", differences, [*axes_of, *_PAIR])
    first, second = _one_pair(differences)
    if differences.duplicated(axes_of).any():
        raise ValueError(f"`differences` must have one row for each cell of {axes_of}")
    down, across = (list(dict.fromkeys(differences[name])) for name in (rows, columns))
    maps = [None] if panels is None else list(dict.fromkeys(differences[panels]))
    height = 0.75 + len(maps) * (0.65 + 0.45 * len(down))
    figure, axes = plt.subplots(len(maps), 1, figsize=(4.8, height), squeeze=False)
    for ax, value in zip(axes[:, 0], maps, strict=True):
        part = differences if panels is None else differences[differences[panels] == value]
        for row in part.to_dict("records"):
            _draw_cell(ax, row, across.index(row[columns]), down.index(row[rows]))
        ax.set_xticks(range(len(across)), [str(name).replace("_", "\n") for name in across])
        ax.set_yticks(range(len(down)), down)
        ax.set(xlim=(-0.5, len(across) - 0.5), ylim=(len(down) - 0.5, -0.5))
        ax.tick_params(length=0)
        ax.grid(visible=False)
        if panels is not None:
            ax.set_title(_condition({panels: value}))
    one, other = (_style(name, (first, second)).label for name in (first, second))
    _legend(figure, (first, second), f"{one} minus {other}, percentage points")
    return figure


def _draw_cell(ax: "Axes", row: Mapping[Any, Any], x: int, y: int) -> None:
    from matplotlib.patches import Rectangle  # noqa: PLC0415

    ax.add_patch(Rectangle((x - 0.47, y - 0.45), 0.94, 0.9, **_ground(row["verdict"], _both(row))))
    ax.plot(x - 0.3, y, **_mark(row["verdict"], _both(row)))
    size, half = 100 * row["difference"], 50 * (row["high"] - row["low"])
    signed = f"{size:+.1f}" if abs(size) >= 0.05 else "0.0"
    signed = signed.replace("-", "\N{MINUS SIGN}")
    for text, shift, points in ((signed, -0.17, 9.5), (f"±{half:.1f}", 0.2, 8.0)):
        ax.text(x + 0.13, y + shift, text, ha="center", va="center", fontsize=points, color=_DARK)


def _legend(figure: "Figure", pair: tuple[str, str], title: str, *, own: bool = False) -> None:
    """Explain the marks below the axes, and the lines at the arms' own rates where there are."""
    from matplotlib.lines import Line2D  # noqa: PLC0415

    handles = []
    for verdict in (*pair, "inconclusive"):
        label = _style(verdict, pair).label + " better" if verdict in pair else verdict
        handles.append(Line2D([], [], label=label, **_mark(verdict, pair)))
    for name in pair if own else ():
        label = f"best rate of {_style(name, pair).label}"
        handles.append(Line2D([], [], label=label, **_own_line(name, pair)))
    figure.legend(
        handles=handles,
        loc="outside lower center" if figure.get_layout_engine() else "lower center",
        ncols=2 if own else 3,
        title=title,
        frameon=False,
        columnspacing=1.2,
        handletextpad=0.4,
    )


def plot_shared_rates(
    shared: "pd.DataFrame",
    own: "pd.DataFrame | None" = None,
    *,
    limits: tuple[float, float] | None = None,
) -> "Figure":
    """Draw the difference between two arms that share one learning rate, over that rate.

    Parameters
    ----------
    shared : pandas.DataFrame
        As ``paired_differences(..., rates="shared")`` returns it for one pair of arms. What stands
        before the column ``first`` are conditions: each makes a panel.
    own : pandas.DataFrame, optional
        As ``paired_differences(..., rates="own")`` returns it for the same pair and at least these
        conditions: the rate at which each arm does best is then a vertical line.
    limits : tuple of float, optional
        Of the vertical axis; by default all intervals fit in, and zero lies in the middle.

    Returns
    -------
    Figure
        A mark with its interval for each rate: the marker of the arm that the verdict names, hollow
        where it is inconclusive. Above the line at zero the first arm is better.

    Raises
    ------
    ValueError
        If a column is missing, there is no row, there is more than one pair of arms, or `own` has
        not one row for each panel.

    Examples
    --------
    >>> import pandas as pd
    >>> from bn_companion.plots import plot_shared_rates
    >>> frame = pd.DataFrame({
    ...     "activation": "tanh", "first": "before", "second": "after",
    ...     "first_rate": [0.01, 0.1], "difference": [-0.02, 0.03], "low": [-0.03, 0.01],
    ...     "high": [-0.01, 0.05], "verdict": ["after", "before"],
    ... })
    >>> [ax.get_title() for ax in plot_shared_rates(frame).axes]
    ['tanh']
    """
    import matplotlib.pyplot as plt  # noqa: PLC0415

    require_columns("shared", shared, [*_PAIR, "first_rate"])
    pair = _one_pair(shared, "shared")
    conditions = [str(name) for name in shared.columns[: list(shared.columns).index("first")]]
    parts = [
        (dict(zip(conditions, key, strict=True)), part)
        for key, part in (
            shared.groupby(conditions, sort=False, observed=True) if conditions else [((), shared)]
        )
    ]
    chosen = [None if own is None else _own_rates(own, pair, where) for where, _ in parts]
    if limits is None:
        reach = 1.08 * float(np.nanmax(np.abs(shared[["low", "high"]].to_numpy())))
        limits = (-reach or -1.0, reach or 1.0)
    figure, axes = plt.subplots(
        *(len(parts), 1), figsize=(4.8, 1.3 + 1.4 * len(parts)), sharex=True, squeeze=False
    )
    for ax, (where, part), rates in zip(axes[:, 0], parts, chosen, strict=True):
        _draw_rates(ax, part, pair, rates, limits)
        ax.set_title(_condition(where))
    axes[-1, 0].set_xlabel("one learning rate for both")
    first, second = (_style(name, pair).label for name in pair)
    _legend(figure, pair, f"test accuracy, {first} minus {second}", own=own is not None)
    return figure


def _draw_rates(
    ax: "Axes",
    part: "pd.DataFrame",
    pair: tuple[str, str],
    rates: tuple[float, float] | None,
    limits: tuple[float, float],
) -> None:
    for name, edge in zip(pair, reversed(limits), strict=True):
        ax.axhspan(0, edge, color=_style(name, pair).color, alpha=0.07, linewidth=0)
    ax.axhline(0, color="#404040", linewidth=1)
    for row in part.to_dict("records"):
        verdict = row["verdict"]
        color = _mark(verdict, pair)["markeredgecolor"]
        ax.plot([row["first_rate"]] * 2, [row["low"], row["high"]], color=color, linewidth=1.5)
        ax.plot(row["first_rate"], row["difference"], **_mark(verdict, pair))
    for name, rate, shift in zip(pair, rates or (), (0.97, 1.03), strict=bool(rates)):
        ax.axvline(rate * shift, **_own_line(name, pair))  # apart where the rates are equal
    ax.set(xscale="log", ylim=limits)


def _own_rates(
    own: "pd.DataFrame", pair: tuple[str, str], where: dict[str, Any]
) -> tuple[float, float]:
    """Return each arm's own best rate under one condition."""
    require_columns("own", own, [*where, "first", "second", "first_rate", "second_rate"])
    rows = own[(own["first"] == pair[0]) & (own["second"] == pair[1])]
    for name, value in where.items():
        rows = rows[rows[name] == value]
    if len(rows) != 1:
        raise ValueError(
            f"`own` must have one row for {pair[0]!r} and {pair[1]!r}"
            + "".join(f", {name}={value!r}" for name, value in where.items())
            + f". Received: {len(rows)}"
        )
    return float(rows["first_rate"].iloc[0]), float(rows["second_rate"].iloc[0])


def _one_pair(frame: "pd.DataFrame", name: str = "differences") -> tuple[str, str]:
    pairs = list(dict.fromkeys(zip(frame["first"], frame["second"], strict=True)))
    if len(pairs) != 1:
        raise ValueError(f"`{name}` must hold one pair of arms. Received: {pairs}")
    return pairs[0]


def _both(row: Mapping[Any, Any]) -> tuple[str, str]:
    return row["first"], row["second"]


def _style(arm: str, pair: Sequence[str]) -> ArmStyle:
    return arm_style(arm, others=pair)


def _mark(verdict: str, pair: Sequence[str]) -> dict[str, Any]:
    """Return how the marker of a verdict looks: of the arm, or hollow."""
    common = {"linestyle": "none", "markersize": 7}
    if verdict not in pair:
        return {**common, "marker": "o", "markerfacecolor": "white", "markeredgecolor": "#404040"}
    style = _style(verdict, pair)
    return {
        **common,
        "marker": style.marker,
        "markerfacecolor": style.color,
        "markeredgecolor": style.color,
    }


def _own_line(arm: str, pair: Sequence[str]) -> dict[str, Any]:
    style = _style(arm, pair)
    return {"color": style.color, "linestyle": style.linestyle, "linewidth": 1.2, "alpha": 0.8}


def _ground(verdict: str, pair: Sequence[str]) -> dict[str, Any]:
    """Return how the cell of a verdict looks: tinted, or hatched."""
    if verdict not in pair:
        return {"facecolor": "white", "edgecolor": "#D8D8D8", "hatch": "////", "linewidth": 0.8}
    from matplotlib.colors import to_rgba  # noqa: PLC0415

    color = _style(verdict, pair).color
    return {"facecolor": to_rgba(color, 0.25), "edgecolor": color, "linewidth": 0.8}


def _condition(where: dict[str, Any]) -> str:
    """Return a condition in words: a name speaks for itself, a number needs its column."""
    return ", ".join(
        value if isinstance(value, str) else f"{name} {value}" for name, value in where.items()
    )
