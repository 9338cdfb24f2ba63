"""Which arm of a comparison is better, and how sure the seeds allow one to be.

Each arm is shown at the learning rate that did best on validation data, and judged on test data,
seed against seed. Two things make a difference uncertain: the seeds, and the choice of the rate,
which another set of seeds might have made otherwise. The interval allows for both.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

__all__ = ["Arm", "Judgement", "holm", "judge", "paired_interval"]

Array = npt.NDArray[np.float64]
_RESAMPLES = 499


@dataclass(frozen=True, eq=False)
class Arm:
    """Accuracies of one arm, an array (seed, learning rate) for either part of the data."""

    val: Array
    test: Array

    @property
    def chosen(self) -> int:
        """Column with the best mean validation accuracy; the first of several."""
        return int(self.val.mean(axis=0).argmax())

    @property
    def scores(self) -> Array:
        """Test accuracy (seed,) at the chosen learning rate."""
        return self.test[:, self.chosen]


@dataclass(frozen=True, eq=False)
class Judgement:
    """What the arms' accuracies allow one to say.

    Attributes
    ----------
    best, rival : str
        The arm with the highest mean test accuracy, and the other arm that it is hardest to tell
        from.
    interval : tuple of float
        95% interval of the difference best minus rival.
    pairs : pandas.DataFrame
        Every pair of arms: ``first``, ``second``, ``difference`` (first minus second), ``low``,
        ``high``, ``p_value`` and ``p_holm`` (adjusted for the number of pairs).
    """

    best: str
    rival: str
    interval: tuple[float, float]
    pairs: pd.DataFrame

    @property
    def verdict(self) -> str:
        """`best` if the interval lies above zero, else ``"inconclusive"``."""
        return self.best if self.interval[0] > 0 else "inconclusive"


def judge(arms: dict[str, Arm], *, confidence: float = 0.95, resolution: float = 0.0) -> Judgement:
    """Compare all arms, seed by seed.

    An arm is called better only if it beats every other one. With one rival that is a test at
    level ``1 - confidence``; with more, it is an intersection-union test, whose error for the
    whole verdict stays below that level without any correction.

    Parameters
    ----------
    arms : dict of str to Arm
        At least two, with the same seeds in the same order, two at least.
    confidence : float, default 0.95
        Of every interval.
    resolution : float, default 0.0
        Smallest difference that an accuracy can show: one over the number of test examples.

    Returns
    -------
    Judgement

    Examples
    --------
    >>> import numpy as np
    >>> from bn_companion.train.inference import Arm, judge
    >>> low = np.array([[0.90], [0.91], [0.89], [0.90]])
    >>> judge({"a": Arm(low, low), "b": Arm(low + 0.03, low + 0.03)}).verdict
    'b'
    >>> judge({"a": Arm(low, low), "b": Arm(low[::-1], low[::-1])}).verdict
    'inconclusive'
    """
    best = max(arms, key=lambda arm: float(arms[arm].scores.mean()))
    rows, against = [], {}
    for first, second in combinations(arms, 2):
        difference, low, high, p_value = paired_interval(
            arms[first], arms[second], confidence=confidence, resolution=resolution
        )
        rows.append((first, second, difference, low, high, p_value))
        if best == first:
            against[second] = (p_value, low, high)
        elif best == second:
            against[first] = (p_value, -high, -low)
    pairs = pd.DataFrame(rows, columns=["first", "second", "difference", "low", "high", "p_value"])
    pairs["p_holm"] = holm(pairs["p_value"].to_numpy())
    rival = max(against, key=lambda arm: against[arm][0])
    return Judgement(best, rival, against[rival][1:], pairs)


def paired_interval(
    first: Arm, second: Arm, *, confidence: float = 0.95, resolution: float = 0.0
) -> tuple[float, float, float, float]:
    """Return difference, lower and upper end, and p-value of `first` minus `second`.

    Student's t over the paired differences at the chosen learning rates, with the largest of three
    standard errors: that of the differences; the bootstrap's over seeds when every resample
    chooses its learning rates anew; and that of rounding two accuracies to whole examples. Where
    one rate is clearly best this is the paired t-test; where several are about as good, the choice
    is part of the noise; and a few seeds that happen to agree to the example prove nothing.

    Parameters
    ----------
    first, second : Arm
        Paired by seed.
    confidence, resolution : float
        As for `judge`.

    Returns
    -------
    difference, low, high, p_value : float
        With no spread at all the interval is a point, and the p-value is 1 for equal arms.
    """
    differences = first.scores - second.scores
    seeds = len(differences)
    mean = float(differences.mean())
    error = max(
        float(stats.sem(differences)),
        _reselection_error(first, second),
        resolution / float(np.sqrt(6 * seeds)),  # a rounding error has variance resolution**2 / 12
    )
    # Equal arms differ by rounding of the mean at most.
    if error < 1e-12:
        return mean, mean, mean, 1.0 if abs(mean) < 1e-12 else 0.0
    low, high = stats.t.interval(confidence, seeds - 1, loc=mean, scale=error)
    p_value = 2 * stats.t.sf(abs(mean) / error, seeds - 1)
    return mean, float(low), float(high), float(p_value)


def _reselection_error(first: Arm, second: Arm) -> float:
    """Bootstrap standard error of the difference when each resample selects its own rates."""
    seeds = len(first.val)
    if first.val.shape[1] == second.val.shape[1] == 1:
        return 0.0

    def difference(rows: npt.NDArray[np.int64], axis: int) -> Array:
        rows = np.moveaxis(rows, axis, 0)
        scores = []
        for arm in (first, second):
            chosen = arm.val[rows].mean(axis=0).argmax(axis=-1)
            means = arm.test[rows].mean(axis=0)
            scores.append(np.take_along_axis(means, chosen[..., np.newaxis], -1)[..., 0])
        return np.asarray(scores[0] - scores[1])

    resampled = stats.bootstrap(
        (np.arange(seeds),),
        difference,
        n_resamples=_RESAMPLES,
        method="percentile",
        vectorized=True,
        rng=np.random.default_rng(0),
    )
    # The bootstrap divides by n where an unbiased variance has n - 1.
    return float(resampled.standard_error) * float(np.sqrt(seeds / (seeds - 1)))


def holm(p_values: Array) -> Array:
    """Return p-values, adjusted for their number by Holm's step-down method."""
    order = np.argsort(p_values)
    count = len(p_values)
    stepped = np.maximum.accumulate(p_values[order] * (count - np.arange(count)))
    adjusted = np.empty(count)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted
