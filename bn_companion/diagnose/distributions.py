"""How far a distribution is from another one: from a normal one, and from itself a while ago."""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special, stats

__all__ = ["distribution_shift", "normality_distance"]

Array = npt.NDArray[np.float64]


def normality_distance(values: Any) -> Array:
    r"""Return how far each channel is from the normal distribution of its mean and deviation.

    The Kolmogorov distance between the empirical distribution function :math:`F_n` of the
    standardized values and that of the standard normal, :math:`\sup_z |F_n(z) - \Phi(z)|`: 0 for a
    normal distribution, at most 1. It does not change when a channel is shifted or scaled.

    Parameters
    ----------
    values : array_like of shape (n, channels) or (n,)
        At least two values a channel, all finite.

    Returns
    -------
    ndarray of shape (channels,) or ()
        NaN for a channel that is constant.

    Raises
    ------
    ValueError
        Fewer than two values, more than two axes, or values that are not finite.

    Notes
    -----
    Mean and deviation are those of the values themselves, so the distance cannot be read as a
    Kolmogorov-Smirnov test [1]_; a sample of n normal values has a distance of about
    ``0.6 / sqrt(n)``.

    References
    ----------
    .. [1] H. W. Lilliefors, "On the Kolmogorov-Smirnov test for normality with mean and variance
       unknown", JASA 62, 1967.

    Examples
    --------
    >>> import numpy as np
    >>> from bn_companion import normality_distance
    >>> z = np.random.default_rng(0).normal(size=(2000, 1))
    >>> normality_distance(np.hstack([z, np.maximum(z, 0)])).round(2)
    array([0.01, 0.27])
    """
    array = _finite("values", values)
    standard = np.sort((array - array.mean(axis=0)) / _deviation(array), axis=0)
    normal = special.ndtr(standard)
    # The empirical function jumps at each value: the gap is widest right before or right at one.
    reached = np.arange(1, len(array) + 1).reshape(-1, *[1] * (array.ndim - 1)) / len(array)
    gaps = np.maximum(reached - normal, normal - reached + 1 / len(array))
    return np.asarray(gaps.max(axis=0))


def distribution_shift(before: Any, after: Any, *, unit: str = "deviation") -> Array:
    r"""Return how far each channel's distribution has moved.

    The Wasserstein-1 distance between the two empirical distributions: the mean distance that
    values would have to be moved to turn one distribution into the other.

    Parameters
    ----------
    before, after : array_like of shape (n, channels) or (n,)
        The same channels, from the same inputs at two times. The numbers of values may differ.
    unit : {"deviation", "value"}, default "deviation"
        What the distance is measured in. ``"deviation"``: the standard deviation of `before`.
        Moving all values by one standard deviation gives 1; doubling the deviation of a normal
        distribution gives :math:`\sqrt{2/\pi}`. A channel that hardly varied before has a large
        shift in this unit, however little it moved. ``"value"``: as the values are.

    Returns
    -------
    ndarray of shape (channels,) or ()
        In units of the deviation, NaN for a channel that was constant before.

    Raises
    ------
    ValueError
        Another unit, other channels in `after`, or as for `normality_distance`.

    References
    ----------
    .. [1] S. Ioffe and C. Szegedy, "Batch normalization", ICML 2015, section 2, which calls it
       internal covariate shift when activations change their distribution because parameters are
       trained.

    Examples
    --------
    >>> import numpy as np
    >>> from bn_companion import distribution_shift
    >>> z = np.random.default_rng(0).normal(size=(1000, 2))
    >>> distribution_shift(z, z + z.std(axis=0) * [0, 1]).round(6)
    array([0., 1.])
    >>> distribution_shift(z, z + [0, 3], unit="value").round(6)
    array([0., 3.])
    """
    if unit not in ("deviation", "value"):
        raise ValueError(f"`unit` must be 'deviation' or 'value'. Received: {unit!r}")
    first, second = _finite("before", before), _finite("after", after)
    if first.shape[1:] != second.shape[1:]:
        raise ValueError(
            f"`after` must have the channels of `before`, {first.shape[1:]}. "
            f"Received: {second.shape[1:]}"
        )
    if len(first) == len(second):  # values are matched by rank
        moved = np.abs(np.sort(first, axis=0) - np.sort(second, axis=0)).mean(axis=0)
    else:
        columns = zip(_columns(first), _columns(second), strict=True)
        each = np.array([stats.wasserstein_distance(a, b) for a, b in columns])
        moved = each.reshape(first.shape[1:])
    return np.asarray(moved if unit == "value" else moved / _deviation(first))


def _deviation(values: Array) -> Array:
    """Return the deviation of each channel; NaN where it is rounding, and the channel constant."""
    std = values.std(axis=0)
    return np.where(std > 1e-12 * np.abs(values).max(axis=0), std, np.nan)


def _columns(values: Array) -> Array:
    return values.reshape(len(values), -1).T


def _finite(name: str, values: Any) -> Array:
    array = np.asarray(values, np.float64)
    if array.ndim not in (1, 2) or len(array) < 2:
        raise ValueError(
            f"`{name}` must have shape (n, channels) or (n,), with n at least 2. "
            f"Received: shape {array.shape}"
        )
    if not np.isfinite(array).all():
        raise ValueError(f"`{name}` must be finite. Received: NaN or inf")
    return array
