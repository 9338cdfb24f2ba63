"""A figure in which the reader chooses: one condition of many, one learning rate or each arm's own.

The markup holds every run, the code that draws (``explorer.js``), and a table of the first view,
which is what remains without that code. Plotly itself is not in it: the book's pages load it once
from their own folder, and a page that stands alone has it inside.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from importlib import resources
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from bn_companion._checks import fraction
from bn_companion.plots.style import arm_style

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PlacementExplorer", "explore_placements"]

_KEYS = ["learning_rate", "seed"]
_SCORES = ["val_accuracy", "test_accuracy"]
_UNITS = 10_000  # an accuracy is a whole number of these
# From Matplotlib's names, which `arm_style` has, to Plotly's.
_SYMBOLS = {
    **{"o": "circle", "s": "square", "^": "triangle-up"},
    **{"D": "diamond", "v": "triangle-down", "P": "cross"},
}
_DASHES = {":": "dot", "-": "solid", "--": "dash", "-.": "dashdot"}
_HEAD = ("placement", "learning rate", "mean test accuracy", "interval")
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>body {{ margin: 0; background: #fff; font-family: system-ui, sans-serif; }}</style>
<script>{plotly}</script>
</head>
<body>
<main>
<h1 style="margin: 0.75rem; font-size: 1.3rem">{title}</h1>
{body}
</main>
</body>
</html>
"""


@dataclass(frozen=True)
class PlacementExplorer:
    """An interactive figure; as the last value of a notebook's cell it is shown.

    Attributes
    ----------
    html : str
        One element with every run, without Plotly.
    conditions, runs : int
        How many there are to choose from, and how many runs they have.
    """

    html: str = field(repr=False)
    conditions: int
    runs: int

    def _repr_html_(self) -> str:
        return self.html

    def save(
        self, path: str | os.PathLike[str], *, title: str = "Where batch normalization goes"
    ) -> None:
        """Write a page that stands alone, about 5 MB with Plotly inside, and needs no network.

        Parameters
        ----------
        path : path-like
            What is there is replaced.
        title : str
            Of the page.

        Raises
        ------
        ImportError
            If Plotly is not installed.
        """
        try:
            from plotly.offline import get_plotlyjs  # noqa: PLC0415 (no need to have it else)
        except ImportError as error:
            raise ImportError("A page needs Plotly: pip install plotly") from error
        page = _PAGE.format(title=escape(title), plotly=get_plotlyjs(), body=self.html)
        Path(path).write_text(page, encoding="utf-8")


@dataclass(frozen=True)
class _Grid:
    """Every run of a study, in arrays.

    Attributes
    ----------
    by : dict of str to list
        The values of each condition.
    arms, rates : list
        The arms, and the learning rates in ascending order.
    test : ndarray of int
        Test accuracies in units, (*conditions, arm, rate, seed).
    chosen : ndarray of int
        Place of the rate with the best mean validation accuracy, (*conditions, arm).
    """

    by: dict[str, list[Any]]
    arms: list[str]
    rates: list[float]
    test: npt.NDArray[np.int64]
    chosen: npt.NDArray[np.int64]


def explore_placements(
    runs: "pd.DataFrame",
    *,
    by: str | Sequence[str] = ("dataset", "depth", "activation"),
    arm: str = "placement",
    level: float = 0.95,
) -> PlacementExplorer:
    """Return a figure in which the reader chooses a condition and a learning rate.

    Parameters
    ----------
    runs : pandas.DataFrame
        A row a run: the columns `by`, `arm`, ``learning_rate``, ``seed``, ``val_accuracy`` and
        ``test_accuracy``. Every arm has a run from the same seeds, two at least, at the same
        learning rates, under every combination of conditions.
    by : str or sequence of str
        Columns of conditions; each becomes a list to choose from.
    arm : str, default "placement"
        The column that tells the arms apart.
    level : float, default 0.95
        Of the intervals: Student's t for the mean of an arm over its seeds.

    Returns
    -------
    PlacementExplorer
        Above, the mean test accuracy of each arm over the learning rate, a ring around the rate
        that is shown below: every seed, and the mean with its interval. The rate is each arm's own,
        the best in mean validation accuracy, or one for all. The same numbers stand in a table.

    Raises
    ------
    TypeError
        If `runs` is not a frame.
    ValueError
        If a column is missing, a run is missing or stands twice, an accuracy is no number from 0 to
        1, or there are fewer than two seeds.

    Notes
    -----
    Where scripts do not run, as in print or on a site that shows notebooks, the table of the first
    combination is what is seen. A notebook shows it, too: it does not load Plotly. Accuracies are
    kept to four decimals.

    Examples
    --------
    >>> import pandas as pd
    >>> from bn_companion.plots import explore_placements
    >>> rows = [
    ...     ("wine", arm, rate, seed, 0.9, 0.9)
    ...     for arm in ("before", "after") for rate in (0.01, 0.1) for seed in range(3)
    ... ]
    >>> names = ["dataset", "placement", "learning_rate", "seed", "val_accuracy", "test_accuracy"]
    >>> explore_placements(pd.DataFrame(rows, columns=names), by="dataset")
    PlacementExplorer(conditions=1, runs=12)
    """
    from scipy import stats  # noqa: PLC0415

    level = fraction("level", level)
    grid = _grid(runs, [by] if isinstance(by, str) else list(by), arm)
    seeds = grid.test.shape[-1]
    t = round(float(stats.t.ppf((1 + level) / 2, seeds - 1)), 6)
    study = {
        "by": [{"name": name, "values": list(map(str, grid.by[name]))} for name in grid.by],
        "arms": [_look(name, grid.arms) for name in grid.arms],
        "rates": grid.rates,
        "rateLabels": [f"{rate:g}" for rate in grid.rates],
        "seeds": seeds,
        "t": t,
        "chosen": grid.chosen.ravel().tolist(),
        "test": _letters(grid.test),
    }
    return PlacementExplorer(
        _markup(grid, study, t, level),
        conditions=int(np.prod([len(values) for values in grid.by.values()], dtype=int)),
        runs=grid.test.size,
    )


def _grid(runs: "pd.DataFrame", by: list[str], arm: str) -> _Grid:
    import pandas as pd  # noqa: PLC0415

    from bn_companion.train.differences import checked_runs, listed  # noqa: PLC0415

    runs = checked_runs(runs, by=by, arm=arm)
    keys = [*by, arm, *_KEYS]
    levels = [list(dict.fromkeys(runs[name])) for name in (*by, arm)]
    levels += [sorted(set(runs[name])) for name in _KEYS]
    if len(levels[-1]) < 2:
        raise ValueError(f"`runs` must have at least 2 seeds. Received: {len(levels[-1])}")
    table = runs.set_index(keys)[_SCORES]
    whole = list(product(*levels))
    if missing := [key for key in whole if key not in table.index]:
        lost = listed([dict(zip(keys, key, strict=True)) for key in missing])
        raise ValueError(f"`runs` must have a run for every combination of {keys}. Missing: {lost}")
    shape = [len(values) for values in levels]
    ordered = table.reindex(pd.MultiIndex.from_tuples(whole, names=keys))
    val, test = (ordered[name].to_numpy(np.float64).reshape(shape) for name in _SCORES)
    if not 0 <= test.min() <= test.max() <= 1:
        raise ValueError(
            "`runs` must hold accuracies from 0 to 1 in 'test_accuracy'. "
            f"Received: {test.min():g} to {test.max():g}"
        )
    return _Grid(
        by=dict(zip(by, levels, strict=False)),
        arms=[str(name) for name in levels[len(by)]],
        rates=[float(rate) for rate in levels[-2]],
        test=np.rint(test * _UNITS).astype(np.int64),
        chosen=val.mean(axis=-1).argmax(axis=-1),
    )


def _look(arm: str, arms: list[str]) -> dict[str, str]:
    style = arm_style(arm, others=arms)
    return {
        "label": style.label,
        "color": style.color,
        "symbol": _SYMBOLS[style.marker],
        "dash": _DASHES.get(style.linestyle, "longdashdot"),
    }


def _letters(values: npt.NDArray[np.int64]) -> str:
    """Write each value as three letters: shorter than digits, and never a word or a number."""
    places = np.stack([values // 676, values // 26 % 26, values % 26], axis=-1)
    return bytes((places.ravel() + ord("A")).astype(np.uint8)).decode("ascii")


def _markup(grid: _Grid, study: dict[str, Any], t: float, level: float) -> str:
    css, script = (
        (resources.files("bn_companion.plots") / f"explorer.{kind}").read_text(encoding="utf-8")
        for kind in ("css", "js")
    )
    # No `<` inside: it might begin a tag that ends the script.
    data = json.dumps(study, separators=(",", ":")).replace("<", "\\u003c")
    return "\n".join(
        [
            '<div class="bn-explorer">',
            f"<style>\n{css}</style>",
            f'<div class="bn-explorer-controls" hidden>\n{_controls(grid)}\n</div>',
            '<div class="bn-explorer-plot" role="img" aria-label="Test accuracy of each placement: '
            "means over the learning rate, and every seed at the rate that is chosen. "
            'The table below holds the numbers."></div>',
            _table(grid, study, t, level),
            '<p class="bn-explorer-note">One of '
            f"{grid.chosen.size // len(grid.arms)} conditions. The others can be chosen on the "
            "book's page, where scripts run.</p>",
            f'<script type="application/json">{data}</script>',
            f"<script>\n{script}</script>",
            "</div>",
        ]
    )


def _controls(grid: _Grid) -> str:
    lists = [
        (name.replace("_", " "), _before(name, values), [(str(v), str(v)) for v in values])
        for name, values in grid.by.items()
    ]
    rates = [(f"{rate:g}", f"{rate:g} for all") for rate in grid.rates]
    lists.append(("learning rate", "learning rate: ", [("own", "each arm's best"), *rates]))
    return "\n".join(
        f'<label>{escape(name)} <select autocomplete="off" data-before="{escape(before)}">'
        + "".join(f'<option value="{escape(v)}">{escape(text)}</option>' for v, text in options)
        + "</select></label>"
        for name, before, options in lists
    )


def _before(name: str, values: list[Any]) -> str:
    """Return what stands before a value in a sentence: a number needs its name."""
    return "" if all(isinstance(value, str) for value in values) else name.replace("_", " ") + " "


def _table(grid: _Grid, study: dict[str, Any], t: float, level: float) -> str:
    """Return the table of the first condition, each arm at its own best rate."""
    first = (0,) * len(grid.by)
    named = [f"{_before(name, values)}{values[0]}" for name, values in grid.by.items()]
    rows = []
    for place, look in enumerate(study["arms"]):
        rate = int(grid.chosen[(*first, place)])
        scores = grid.test[(*first, place, rate)] / _UNITS
        mean, half = scores.mean(), t * scores.std(ddof=1) / np.sqrt(len(scores))
        cells = (
            study["rateLabels"][rate],
            f"{mean:.3f}",
            f"{mean - half:.3f} to {mean + half:.3f}",
        )
        rows.append(
            f'<tr><th scope="row">{escape(look["label"])}</th>'
            + "".join(f"<td>{cell}</td>" for cell in cells)
            + "</tr>"
        )
    names = (*_HEAD[:-1], f"{100 * level:g}% {_HEAD[-1]}")
    head = "".join(f'<th scope="col">{name}</th>' for name in names)
    caption = escape(", ".join([*named, "learning rate: each arm's best"]))
    return "\n".join(
        [
            f'<table>\n<caption aria-live="polite">{caption}</caption>',
            f"<thead><tr>{head}</tr></thead>",
            "<tbody>",
            *rows,
            "</tbody>\n</table>",
        ]
    )
