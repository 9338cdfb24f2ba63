"""Moving statistics: how they follow the batches, and inference, which uses them."""

import numpy as np
from numpy.typing import ArrayLike

from bn_companion._checks import nonnegative, probability
from bn_companion.reference.arrays import (
    Array,
    along,
    channel_axis,
    channel_values,
    real_array,
)

__all__ = ["batch_norm_inference", "update_moving"]


def batch_norm_inference(
    x: ArrayLike,
    gamma: ArrayLike,
    beta: ArrayLike,
    moving_mean: ArrayLike,
    moving_variance: ArrayLike,
    *,
    axis: int = -1,
    epsilon: float = 1e-3,
) -> Array:
    r"""Normalize with statistics that were kept from training (inference mode).

    .. math::

       y_i = \gamma \, \frac{x_i - \mu_{\text{moving}}}
             {\sqrt{\sigma^2_{\text{moving}} + \epsilon}} + \beta \qquad (12)

    Nothing in it depends on the other examples: for each channel it is one fixed affine map.

    Parameters
    ----------
    x : array_like of shape (batch, ..., channels), or with the channels elsewhere
        At least two axes and one value.
    gamma, beta, moving_mean, moving_variance : array_like of shape (channels,)
        The variance is not negative.
    axis : int, default -1
        The axis of the channels.
    epsilon : float, default 1e-3
        Added to the variance. Zero is allowed where no moving variance is zero.

    Returns
    -------
    y : ndarray of float64, in the shape of `x`

    Raises
    ------
    ValueError
        As `batch_norm_forward`; also a negative moving variance, or one of zero with
        ``epsilon=0``.
    TypeError
        As `batch_norm_forward`.

    References
    ----------
    .. [1] S. Ioffe and C. Szegedy, "Batch normalization", ICML 2015, Algorithm 2.

    Examples
    --------
    >>> from bn_companion import batch_norm_inference
    >>> batch_norm_inference(
    ...     [[7.0]], gamma=[2.0], beta=[1.0], moving_mean=[3.0], moving_variance=[4.0], epsilon=0
    ... ).tolist()
    [[5.0]]
    """
    x = real_array("x", x)
    axis = channel_axis(axis, x)
    epsilon = nonnegative("epsilon", epsilon)
    named = {
        "gamma": gamma,
        "beta": beta,
        "moving_mean": moving_mean,
        "moving_variance": moving_variance,
    }
    gamma, beta, mean, variance = (
        along(axis, channel_values(name, values, x, axis), x.ndim) for name, values in named.items()
    )
    if (variance < 0).any():
        raise ValueError(
            f"`moving_variance` must not be negative. Received: smallest value {variance.min()}"
        )
    if (variance + epsilon == 0).any():
        raise ValueError(
            f"`epsilon` must be positive where a moving variance is zero. Received: {epsilon!r}"
        )
    return gamma * ((x - mean) / np.sqrt(variance + epsilon)) + beta  # (12)


def update_moving(moving: ArrayLike, batch: ArrayLike, *, momentum: float = 0.99) -> Array:
    r"""Move a statistic towards that of the current batch.

    .. math::

       \text{moving} \leftarrow p \cdot \text{moving} + (1 - p) \cdot \text{batch} \qquad (13)

    `momentum` :math:`p` is the weight of the *old* value, as in Keras. PyTorch's number is the
    weight of the new one: its 0.1 is 0.9 here. Keras feeds the biased variance of the batch into
    it, PyTorch the unbiased one, :math:`m / (m - 1)` times as large.

    Parameters
    ----------
    moving : array_like
        The moving mean or variance; not changed.
    batch : array_like, in the shape of `moving`
        The same statistic of the batch, such as ``cache.mean``.
    momentum : float, default 0.99
        In [0, 1). Keras takes any number; 1 would never learn, more would run away.

    Returns
    -------
    new : ndarray of float64

    Raises
    ------
    ValueError
        If the shapes differ or `momentum` is out of range.
    TypeError
        If an argument does not hold real numbers.

    References
    ----------
    .. [1] S. Ioffe and C. Szegedy, "Batch normalization", ICML 2015, section 3.1 (moving averages).

    Examples
    --------
    >>> from bn_companion import update_moving
    >>> update_moving([0.0, 1.0], [8.0, 5.0], momentum=0.75).tolist()
    [2.0, 2.0]
    """
    old, new = real_array("moving", moving), real_array("batch", batch)
    momentum = probability("momentum", momentum)
    if old.shape != new.shape:
        raise ValueError(
            f"`batch` must have the shape of `moving`, {old.shape}. Received: shape {new.shape}"
        )
    return momentum * old + (1 - momentum) * new  # (13)
