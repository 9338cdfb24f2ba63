"""Pairs of arms under many conditions: which one is better, where, and how sure the seeds are.

A study of its own judges one condition (`bn_companion.train.study`); here a table of finished runs
holds many, and a row comes out for each.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from bn_companion._checks import fraction, nonnegative
from bn_companion.train.inference import Arm, holm, paired_interval

__all__ = ["checked_runs", "listed", "paired_differences"]

_PAIRS = (("before", "after"), ("before", "none"), ("after", "none"))
_GRID = ["learning_rate", "seed"]
_SCORES = ["val_accuracy", "test_accuracy"]
_RESULTS = [
    *("first", "second", "first_rate", "second_rate", "first_accuracy", "second_accuracy"),
    *("difference", "low", "high", "p_value", "p_holm", "seeds", "verdict"),
]
_NAMED = 3  # of what is wrong, before the rest is only counted


def paired_differences(
    runs: pd.DataFrame,
    *,
    pairs: Iterable[Sequence[str]] = _PAIRS,
    by: str | Sequence[str] = (),
    arm: str = "placement",
    rates: str = "own",
    level: float = 0.95,
    resolution: float = 0.0,
) -> pd.DataFrame:
    """Compare pairs of arms in a table of runs, seed by seed, under every condition.

    Parameters
    ----------
    runs : pandas.DataFrame
        A row a run: the columns `by`, `arm`, ``learning_rate``, ``seed``, ``val_accuracy`` and
        ``test_accuracy``. Under each condition, every arm that is asked for has a run from the same
        seeds, two at least, at the same learning rates.
    pairs : iterable of (str, str)
        The arms to compare, first minus second.
    by : str or sequence of str, default ()
        Columns whose values make a condition; with none, all runs belong to one.
    arm : str, default "placement"
        The column that tells the arms apart.
    rates : {"own", "shared"}, default "own"
        ``"own"``: each arm at the learning rate with its best mean validation accuracy, as
        `compare_placements` does; a row for each condition and pair. ``"shared"``: both arms at the
        same learning rate; a row for each condition, pair and rate.
    level : float, default 0.95
        Of the intervals.
    resolution : float, default 0.0
        Smallest difference that an accuracy can show, one over the number of test examples: seeds
        that agree to the example then prove less.

    Returns
    -------
    pandas.DataFrame
        The columns `by`; ``first`` and ``second``, the names of the arms; ``first_rate``,
        ``second_rate``, ``first_accuracy`` and ``second_accuracy``, the learning rates and the mean
        test accuracies at them; ``difference`` (first minus second) and its interval ``low`` to
        ``high``; ``p_value``, and ``p_holm``, adjusted for the number of rows; ``seeds``; and
        ``verdict``, the name of the arm that is better, or ``"inconclusive"`` where the interval
        does not lie on one side of zero. Conditions in the order in which they appear.

    Raises
    ------
    TypeError
        If `runs` is not a frame.
    ValueError
        If a column is missing or holds no value in some row, a run stands twice, the seeds of two
        arms are not paired, or an option is none of those above.

    Notes
    -----
    The interval is the one of `compare_placements`: Student's t over paired differences, widened
    where another set of seeds might have chosen other learning rates. A verdict is about its row
    alone. Of many rows without any difference, one in twenty is called a difference all the same;
    ``p_holm`` below 0.05 allows for that.

    Examples
    --------
    >>> import pandas as pd
    >>> from bn_companion import paired_differences
    >>> score = {"before": [0.90, 0.92, 0.91], "after": [0.95, 0.96, 0.96]}
    >>> runs = pd.DataFrame(
    ...     [("tanh", arm, 0.1, seed, value, value)
    ...      for arm, values in score.items() for seed, value in enumerate(values)],
    ...     columns=["activation", "placement", "learning_rate", "seed", "val_accuracy",
    ...              "test_accuracy"],
    ... )
    >>> table = paired_differences(runs, pairs=[("before", "after")], by="activation")
    >>> table[["activation", "first", "second", "difference", "verdict"]].round(3)
      activation   first second  difference verdict
    0       tanh  before  after      -0.047   after
    """
    wanted = _checked_pairs(pairs)
    by = [by] if isinstance(by, str) else list(by)
    if rates not in ("own", "shared"):
        raise ValueError(f"`rates` must be 'own' or 'shared'. Received: {rates!r}")
    level, resolution = fraction("level", level), nonnegative("resolution", resolution)
    arms = list(dict.fromkeys(name for pair in wanted for name in pair))
    runs = checked_runs(runs, by=by, arm=arm, arms=arms)
    rows: list[tuple[Any, ...]] = []
    conditions = runs.groupby(by, sort=False, observed=True) if by else [((), runs)]
    for condition, part in conditions:
        grid = [np.unique(part[name]) for name in _GRID]
        _require_pairs(part, grid, arm=arm, arms=arms, where=dict(zip(by, condition, strict=True)))
        scored = {name: _scores(part[part[arm] == name], grid) for name in arms}
        columns = [[place] for place in range(len(grid[0]))]
        for first, second in wanted:
            for kept in columns if rates == "shared" else [list(range(len(grid[0])))]:
                one, other = (_at(scored[name], kept) for name in (first, second))
                result = paired_interval(one, other, confidence=level, resolution=resolution)
                chosen = (grid[0][kept[side.chosen]] for side in (one, other))
                means = (float(side.scores.mean()) for side in (one, other))
                rows.append((*condition, first, second, *chosen, *means, *result, len(grid[1])))
    table = pd.DataFrame(
        rows, columns=[*by, *(name for name in _RESULTS if name not in ("p_holm", "verdict"))]
    )
    table["p_holm"] = holm(table["p_value"].to_numpy())
    above, below = table["low"] > 0, table["high"] < 0
    table["verdict"] = table["first"].where(above, table["second"].where(below, "inconclusive"))
    return table[[*by, *_RESULTS]]


def _checked_pairs(pairs: Iterable[Sequence[str]]) -> list[tuple[str, str]]:
    each = [pair if isinstance(pair, str) else tuple(pair) for pair in pairs]
    for pair in each:
        if isinstance(pair, str) or len(pair) != 2 or pair[0] == pair[1]:
            raise ValueError(f"`pairs` must hold pairs of two different arms. Received: {pair!r}")
    if not each:
        raise ValueError("`pairs` must hold at least one pair. Received: none")
    return [(pair[0], pair[1]) for pair in each]


def checked_runs(
    runs: pd.DataFrame, *, by: list[str], arm: str, arms: list[str] | None = None
) -> pd.DataFrame:
    """Return the runs of `arms`, or of all, after every check that needs no condition."""
    if not isinstance(runs, pd.DataFrame):
        raise TypeError(f"`runs` must be a pandas.DataFrame. Received: {type(runs).__name__}")
    keys = [*by, arm, *_GRID]
    if len(set(keys)) < len(keys) or set(by) & set(_RESULTS):
        raise ValueError(f"`by` must name columns that have no other role. Received: {by}")
    if missing := [name for name in (*keys, *_SCORES) if name not in runs]:
        raise ValueError(f"`runs` must have the columns {[*keys, *_SCORES]}. Missing: {missing}")
    if absent := [name for name in arms or () if not (runs[arm] == name).any()]:
        raise ValueError(
            f"`pairs` must name arms in the column {arm!r}: {list(runs[arm].unique())}. "
            f"Received: {absent}"
        )
    if arms is not None:
        runs = runs[runs[arm].isin(arms)]
    if empty := [name for name in keys if runs[name].isna().any()]:
        raise ValueError(f"`runs` must have a value in every row. Missing in: {empty}")
    for name in _SCORES:
        if lost := int(runs[name].isna().sum()):
            raise ValueError(
                f"`runs` must have a number in every row of {name!r}, but {lost} have none. Count "
                "runs that diverged as guessing: "
                "runs.fillna({'val_accuracy': 1 / classes, 'test_accuracy': 1 / classes})"
            )
    twice = runs[runs.duplicated(keys)][keys]
    if len(twice):
        raise ValueError(
            f"`runs` must hold each run once. More than once: {listed(twice.to_dict('records'))}"
        )
    return runs


def _require_pairs(
    part: pd.DataFrame, grid: list[Any], *, arm: str, arms: list[str], where: dict[str, Any]
) -> None:
    """Raise unless every arm has a run from every seed at every learning rate."""
    place = f", {listed([where])}" if where else ""
    if len(grid[1]) < 2:
        raise ValueError(f"`runs` must have at least 2 seeds{place}. Received: {len(grid[1])}")
    expected = pd.MultiIndex.from_product([arms, *grid], names=[arm, *_GRID])
    missing = expected.difference(pd.MultiIndex.from_frame(part[[arm, *_GRID]]), sort=False)
    if len(missing):
        lost = missing.to_frame(index=False).to_dict("records")
        raise ValueError(
            "`runs` must have every seed at every learning rate for each arm, so that the arms are "
            f"paired. Missing{place}: {listed(lost)}"
        )


def listed(records: list[dict[Any, Any]]) -> str:
    """Return the first few records in words, and how many there are more."""
    named = [
        ", ".join(f"{name}={_plain(value)!r}" for name, value in record.items())
        for record in records[:_NAMED]
    ]
    more = len(records) - len(named)
    return "; ".join(named) + (f"; and {more} more" if more else "")


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _scores(part: pd.DataFrame, grid: list[Any]) -> Arm:
    """Arrange the accuracies of one arm, seeds in rows and learning rates in columns."""
    part = part.sort_values(["seed", "learning_rate"])
    shape = len(grid[1]), len(grid[0])
    return Arm(*(part[name].to_numpy(np.float64).reshape(shape) for name in _SCORES))


def _at(scores: Arm, kept: list[int]) -> Arm:
    return Arm(scores.val[:, kept], scores.test[:, kept])
