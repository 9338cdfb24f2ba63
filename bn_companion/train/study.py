"""None, before or after, on the same seeds: each arm at its best learning rate, judged fairly."""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import pandas as pd

from bn_companion.train.arguments import check_dataset, rates, seed_list
from bn_companion.train.arms import builders_of
from bn_companion.train.inference import Arm, Judgement, judge
from bn_companion.train.sweep import sweep

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from bn_companion.data import Dataset

__all__ = ["PlacementStudy", "compare_placements"]

_FEWEST_SEEDS = 2
_LEARNING_RATES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)


@dataclass(frozen=True, eq=False)
class PlacementStudy:
    """A finished comparison.

    Attributes
    ----------
    runs : pandas.DataFrame
        One row a run: ``placement`` and the columns of `sweep`.
    verdict : str
        The arm that is better than every other one, or ``"inconclusive"``.
    best, rival : str
        The arm with the highest mean test accuracy, and the one hardest to tell from it.
    interval : tuple of float
        95% interval of the paired difference in test accuracy, `best` minus `rival`. The verdict
        names `best` exactly when the whole interval lies above zero.
    pairs : pandas.DataFrame
        Every pair of arms: ``first``, ``second``, ``difference`` (first minus second), its 95%
        interval ``low`` to ``high``, ``p_value``, and ``p_holm``, adjusted for the number of pairs.
    chance : float
        Accuracy of guessing, with which a run that diverged is counted.
    """

    runs: pd.DataFrame
    verdict: str
    best: str
    rival: str
    interval: tuple[float, float]
    pairs: pd.DataFrame
    chance: float
    _chosen: Mapping[str, float] = field(repr=False)

    def table(self) -> pd.DataFrame:
        """Return one row an arm, the chosen learning rate and what it achieved.

        Returns
        -------
        pandas.DataFrame
            Indexed by ``placement``: ``learning_rate`` (best mean validation accuracy),
            ``val_accuracy``, ``test_accuracy`` and ``test_std`` (mean, and standard deviation over
            the seeds, at that rate), ``seeds``, ``diverged`` (runs at that rate) and
            ``diverged_anywhere`` (runs at any rate).
        """
        rows = {}
        for arm, rate in self._chosen.items():
            of_arm = self.runs[self.runs["placement"] == arm]
            shown = of_arm[of_arm["learning_rate"] == rate]
            test = shown["test_accuracy"].fillna(self.chance)
            rows[arm] = {
                "learning_rate": rate,
                "val_accuracy": shown["val_accuracy"].fillna(self.chance).mean(),
                "test_accuracy": test.mean(),
                "test_std": test.std(),
                "seeds": len(shown),
                "diverged": int(shown["diverged"].notna().sum()),
                "diverged_anywhere": int(of_arm["diverged"].notna().sum()),
            }
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("placement")

    def plot(self) -> "Figure":
        """Draw the study: every seed, every learning rate, and the differences.

        Returns
        -------
        Figure
            As `bn_companion.plots.plot_study` draws it.
        """
        from bn_companion.plots import plot_study  # noqa: PLC0415 (figures need a higher room)

        return plot_study(self)

    def __repr__(self) -> str:
        low, high = self.interval
        seeds = self.runs["seed"].nunique()
        return (
            f"PlacementStudy({self.verdict}: {self.best} minus {self.rival} in test accuracy "
            f"{low:+.4f} to {high:+.4f}, 95%, {seeds} seeds)"
        )


def compare_placements(
    model_or_build: keras.Model | Callable[..., Any],
    dataset: "Dataset | str",
    *,
    placements: Iterable[str] | Mapping[str, Callable[[], Any]] = ("none", "before", "after"),
    seeds: int | Iterable[int] = 10,
    learning_rates: float | Iterable[float] = _LEARNING_RATES,
    optimizer: str | keras.optimizers.Optimizer = "sgd",
    momentum: float = 0.9,
    nesterov: bool = False,
    epochs: int = 20,
    batch_size: int = 32,
    loss: keras.losses.Loss | None = None,
    store: str | os.PathLike[str] | None = None,
    chunk_size: int | None = None,
    path: str = "auto",
    n_jobs: int | None = None,
    progress: bool | None = None,
) -> PlacementStudy:
    """Compare no batch normalization, before and after the activation, on the same seeds.

    Every arm is trained from the same seeds, on the same mini-batches in the same order, at every
    learning rate. The learning rate of an arm is the one with the best mean validation accuracy
    over the seeds; the arms are then compared on test data, seed against seed. A run that
    diverged counts with the accuracy of guessing.

    Parameters
    ----------
    model_or_build : callable or keras.Model
        A callable that takes ``placement=`` and returns a new classifier, such as
        ``lambda placement: mlp((64,), 10, placement=placement)``; or your own model, whose batch
        normalization `place` will move.
    dataset : Dataset or str
        Or a name for `load`.
    placements : iterable of str, or mapping of str to callable
        The arms: at least two values for ``placement``; in a mapping, an arm's value is its own
        builder without arguments, or None for ``placement=`` its name.
    seeds : int or iterable of int, default 10
        At least two.
    learning_rates : float or iterable of float
        By default 0.003 to 1 in steps of about 3.
    optimizer, momentum, nesterov, epochs, batch_size, loss
        As for `train_replicas`; 20 epochs of mini-batches of 32 by default.
    store, chunk_size, path, n_jobs, progress
        As for `sweep`.

    Returns
    -------
    PlacementStudy
        With a verdict that is ``"inconclusive"`` unless one arm beats every other one.

    Raises
    ------
    ValueError, TypeError
        Before any training: fewer than two arms or seeds, an arm that cannot be built, or any
        argument that `sweep` refuses.
    SweepInterrupted, SweepError
        On Ctrl-C, and when `sweep` cannot go on; with a `store`, the same call goes on from there.

    Notes
    -----
    The interval is Student's t over paired differences, widened where another set of seeds might
    have chosen other learning rates (`bn_companion.train.inference`). It covers the seeds, that is
    initial weights, shuffling and dropout, for these data and this split; it says nothing about
    other data.

    Examples
    --------
    >>> from bn_companion import compare_placements, mlp
    >>> study = compare_placements(
    ...     lambda placement: mlp((13,), 3, hidden=(8,), placement=placement), "wine",
    ...     placements=("before", "after"), seeds=3, learning_rates=0.05, epochs=3,
    ... )
    >>> list(study.table().columns)[:3]
    ['learning_rate', 'val_accuracy', 'test_accuracy']
    >>> study.verdict in ("before", "after", "inconclusive")
    True
    """
    data = check_dataset(dataset)
    seeds = seed_list(seeds)
    if len(seeds) < _FEWEST_SEEDS:
        raise ValueError(
            f"`seeds` must be at least {_FEWEST_SEEDS}, to tell an arm from luck. Received: {seeds}"
        )
    arms = builders_of(model_or_build, placements)
    learning_rates = rates(learning_rates)
    try:
        runs = sweep(
            arms,
            data,
            seeds=seeds,
            learning_rates=learning_rates,
            optimizer=optimizer,
            momentum=momentum,
            nesterov=nesterov,
            epochs=epochs,
            batch_size=batch_size,
            loss=loss,
            store=store,
            chunk_size=chunk_size,
            path=path,
            n_jobs=n_jobs,
            progress=progress,
        ).rename(columns={"build": "placement"})
    except BaseException as stop:
        if isinstance(done := getattr(stop, "runs", None), pd.DataFrame):  # what was finished
            stop.runs = done.rename(columns={"build": "placement"})  # type: ignore[attr-defined]
        raise
    chance = 1.0 / data.num_classes
    scored = {arm: _arm(runs, arm, seeds, learning_rates, chance) for arm in arms}
    judgement: Judgement = judge(scored, resolution=1.0 / len(data.x_test))
    return PlacementStudy(
        runs=runs,
        verdict=judgement.verdict,
        best=judgement.best,
        rival=judgement.rival,
        interval=judgement.interval,
        pairs=judgement.pairs,
        chance=chance,
        _chosen={name: learning_rates[arm.chosen] for name, arm in scored.items()},
    )


def _arm(
    runs: pd.DataFrame,
    arm: str,
    seeds: tuple[int, ...],
    learning_rates: tuple[float, ...],
    chance: float,
) -> Arm:
    shape = (len(seeds), len(learning_rates))
    of_arm = runs[runs["placement"] == arm]  # in the order of the grid: seed, then learning rate
    val, test = (
        np.asarray(of_arm[name].fillna(chance), np.float64).reshape(shape)
        for name in ("val_accuracy", "test_accuracy")
    )
    return Arm(val, test)
