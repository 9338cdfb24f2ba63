"""Batch normalization and its gradient, one line of code for each line of mathematics."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from bn_companion._checks import nonnegative
from bn_companion.reference.arrays import (
    Array,
    along,
    channel_axis,
    channel_values,
    over_all_but,
    power_of_two,
    real_array,
)

__all__ = [
    "BatchNormCache",
    "batch_norm_backward",
    "batch_norm_backward_in_steps",
    "batch_norm_forward",
]


@dataclass(frozen=True, eq=False)
class BatchNormCache:
    r"""What the forward pass computed and the backward pass needs.

    Attributes
    ----------
    mean, variance : ndarray of shape (channels,)
        Of the batch; the variance is biased: divided by the number of values, not by one less.
    std : ndarray of shape (channels,)
        :math:`\sqrt{\sigma^2 + \epsilon}`, what was divided by.
    x_hat : ndarray
        The normalized input, in the shape of the input.
    gamma : ndarray of shape (channels,)
    axis : int
        The axis of the channels, not negative.
    """

    mean: Array
    variance: Array
    std: Array
    x_hat: Array
    gamma: Array
    axis: int


def batch_norm_forward(
    x: ArrayLike,
    gamma: ArrayLike,
    beta: ArrayLike,
    *,
    axis: int = -1,
    epsilon: float = 1e-3,
) -> tuple[Array, BatchNormCache]:
    r"""Normalize each channel with the mean and variance of the batch (training mode).

    For one channel with its :math:`m` values, which are all values along every other axis:

    .. math::

       \mu        &= \tfrac1m \textstyle\sum_i x_i  &&\quad(1) \\
       \sigma^2   &= \tfrac1m \textstyle\sum_i (x_i - \mu)^2  &&\quad(2) \\
       \hat x_i   &= (x_i - \mu) \,/\, \sqrt{\sigma^2 + \epsilon}  &&\quad(3) \\
       y_i        &= \gamma \, \hat x_i + \beta  &&\quad(4)

    Parameters
    ----------
    x : array_like of shape (batch, ..., channels), or with the channels elsewhere
        At least two axes and one value. Of any real type; computed in float64 all the same.
    gamma, beta : array_like of shape (channels,)
        Scale and shift.
    axis : int, default -1
        The axis of the channels; mean and variance are taken over all others.
    epsilon : float, default 1e-3
        Added to the variance. Zero is allowed where no channel is constant.

    Returns
    -------
    y : ndarray of float64, in the shape of `x`
    cache : BatchNormCache
        With ``mean`` and the biased ``variance``, and what `batch_norm_backward` needs.

    Raises
    ------
    ValueError
        Too few axes, no values, an axis that does not exist, a `gamma` or `beta` of another shape,
        a negative epsilon, or a constant channel with ``epsilon=0``.
    TypeError
        An array that does not hold real numbers, or an `axis` that is not one integer.

    Notes
    -----
    A single value (:math:`m = 1`) is its own mean, so that the output is :math:`\beta`.

    Written down as they stand, lines 2 and 3 fail where squares overflow: at deviations of 1e154 in
    float64, and in float32, as in a Keras layer, at 1.8e19 (a sum of squares somewhat before). The
    code therefore measures each channel in a unit of its own (``x_unit``, ``root_epsilon_unit``),
    which leaves :math:`\hat x` as it is; the unit is a power of two, so that dividing rounds
    nothing. Every finite float64 input gives the right `y`, mean and standard deviation; only the
    *variance* is infinite where it exceeds the largest float64. What is not finite makes its own
    channel NaN, as in Keras.

    References
    ----------
    .. [1] S. Ioffe and C. Szegedy, "Batch normalization", ICML 2015, Algorithm 1.

    Examples
    --------
    >>> from bn_companion import batch_norm_forward
    >>> y, cache = batch_norm_forward([[1.0], [3.0]], gamma=[10.0], beta=[5.0], epsilon=0.0)
    >>> y.tolist()
    [[-5.0], [15.0]]
    >>> cache.mean.tolist(), cache.variance.tolist()
    ([2.0], [1.0])
    """
    x = real_array("x", x)
    axis = channel_axis(axis, x)
    epsilon = nonnegative("epsilon", epsilon)
    gamma, beta = (
        along(axis, channel_values(name, values, x, axis), x.ndim)
        for name, values in (("gamma", gamma), ("beta", beta))
    )
    batch = over_all_but(axis, x.ndim)

    with np.errstate(invalid="ignore", over="ignore", under="ignore"):
        unit = power_of_two(x, floor=np.sqrt(epsilon), over=batch)
        x_unit, root_epsilon_unit = x / unit, np.sqrt(epsilon) / unit

        mu = x_unit.mean(batch, keepdims=True)  # (1)
        mu += (x_unit - mu).mean(batch, keepdims=True)  # (1), less its rounding
        variance = ((x_unit - mu) ** 2).mean(batch, keepdims=True)  # (2)
        std = np.hypot(np.sqrt(variance), root_epsilon_unit)  # (3), its root
        if not std.all():
            raise ValueError(
                "`epsilon` must be positive where a channel is constant. "
                f"Received: {epsilon!r}, constant channels {np.flatnonzero(std == 0).tolist()}"
            )
        x_hat = (x_unit - mu) / std  # (3)
        y = gamma * x_hat + beta  # (4)

        cache = BatchNormCache(
            mean=(unit * mu).ravel(),
            variance=(unit * (unit * variance)).ravel(),
            std=(unit * std).ravel(),
            x_hat=x_hat,
            gamma=gamma.ravel(),
            axis=axis,
        )
    return y, cache


def batch_norm_backward(dy: ArrayLike, cache: BatchNormCache) -> tuple[Array, Array, Array]:
    r"""Carry a gradient back through the forward pass.

    With :math:`dy_i = \partial L / \partial y_i` and :math:`s = \sqrt{\sigma^2 + \epsilon}`, and
    every sum and mean (a bar) over the :math:`m` values of a channel:

    .. math::

       d\beta    &= \textstyle\sum_i dy_i  &&\quad(5) \\
       d\gamma   &= \textstyle\sum_i dy_i \, \hat x_i  &&\quad(6) \\
       d\hat x_i &= \gamma \, dy_i  &&\quad(7) \\
       dx_i      &= \frac1s \Bigl( d\hat x_i
                    - \overline{d\hat x} - \hat x_i \, \overline{d\hat x \, \hat x} \Bigr)
                    &&\quad(11)

    The mean and the variance depend on every example, so the gradient of one example depends on all
    of them: line 11 takes out of :math:`d\hat x` its mean and its part along :math:`\hat x`.

    Parameters
    ----------
    dy : array_like, in the shape of the forward input
        Gradient of a loss with respect to the output.
    cache : BatchNormCache
        As `batch_norm_forward` returned it.

    Returns
    -------
    dx : ndarray of float64, in the shape of `dy`
    dgamma, dbeta : ndarray of shape (channels,)

    Raises
    ------
    ValueError
        If `dy` has another shape than the forward input.
    TypeError
        If `dy` does not hold real numbers, or `cache` does not come from `batch_norm_forward`.

    References
    ----------
    .. [1] S. Ioffe and C. Szegedy, "Batch normalization", ICML 2015, section 3, whose six equations
       line 11 sums up; `bn_companion.reference.transform.batch_norm_backward_in_steps` follows them
       one by one.

    Examples
    --------
    A gradient that is equal for all examples would only shift them, and a shift cancels:

    >>> from bn_companion import batch_norm_backward, batch_norm_forward
    >>> _, cache = batch_norm_forward([[1.0], [3.0], [8.0]], gamma=[2.0], beta=[0.0])
    >>> dx, dgamma, dbeta = batch_norm_backward([[1.0], [1.0], [1.0]], cache)
    >>> float(abs(dx).max()) < 1e-15, dbeta.tolist()
    (True, [3.0])
    """
    dy, batch, gamma, std, x_hat = _backward_arguments(dy, cache)

    dbeta = dy.sum(batch)  # (5)
    dgamma = (dy * x_hat).sum(batch)  # (6)
    dx_hat = gamma * dy  # (7)
    mean_dx_hat = dx_hat.mean(batch, keepdims=True)  # (11), its means
    mean_dx_hat_x_hat = (dx_hat * x_hat).mean(batch, keepdims=True)  # (11), its means
    dx = (dx_hat - mean_dx_hat - x_hat * mean_dx_hat_x_hat) / std  # (11)
    return dx, dgamma, dbeta


def batch_norm_backward_in_steps(
    dy: ArrayLike, cache: BatchNormCache
) -> tuple[Array, Array, Array]:
    r"""Do what `batch_norm_backward` does along the computational graph, node by node.

    Lines 5 to 7 are the same. With :math:`s = \sqrt{\sigma^2 + \epsilon}`:

    .. math::

       d\sigma^2 &= -\frac{1}{2 s^3} \textstyle\sum_i d\hat x_i \, (x_i - \mu)  &&\quad(8) \\
       d\mu      &= -\frac1s \textstyle\sum_i d\hat x_i
                    - \frac2m \, d\sigma^2 \textstyle\sum_i (x_i - \mu)  &&\quad(9) \\
       dx_i      &= \frac1s \, d\hat x_i + \frac2m \, d\sigma^2 (x_i - \mu)
                    + \frac1m \, d\mu  &&\quad(10)

    The second sum in line 9 is zero, because deviations from a mean add up to zero.

    Parameters
    ----------
    dy, cache
        As in `batch_norm_backward`.

    Returns
    -------
    dx, dgamma, dbeta : ndarray
        Equal to those of `batch_norm_backward` up to rounding, for standard deviations between
        1e-100 and 1e100; outside, line 8 over- or underflows.

    Raises
    ------
    ValueError, TypeError
        As `batch_norm_backward`.

    References
    ----------
    .. [1] S. Ioffe and C. Szegedy, "Batch normalization", ICML 2015, section 3.

    Examples
    --------
    >>> import numpy as np
    >>> from bn_companion import batch_norm_backward, batch_norm_forward
    >>> from bn_companion.reference.transform import batch_norm_backward_in_steps
    >>> _, cache = batch_norm_forward([[1.0], [3.0], [8.0]], gamma=[2.0], beta=[0.0])
    >>> one = batch_norm_backward([[1.0], [2.0], [4.0]], cache)[0]
    >>> other = batch_norm_backward_in_steps([[1.0], [2.0], [4.0]], cache)[0]
    >>> np.allclose(one, other, rtol=1e-12)
    True
    """
    dy, batch, gamma, std, x_hat = _backward_arguments(dy, cache)
    m = dy.size // gamma.size
    centred = x_hat * std  # x - mu

    dbeta = dy.sum(batch)  # (5)
    dgamma = (dy * x_hat).sum(batch)  # (6)
    dx_hat = gamma * dy  # (7)
    dvariance = (dx_hat * centred * -0.5 * std**-3).sum(batch, keepdims=True)  # (8)
    dmu = (dx_hat * -1 / std).sum(batch, keepdims=True)  # (9), its first sum
    dmu += dvariance * (-2 * centred).mean(batch, keepdims=True)  # (9), its second: zero
    dx = dx_hat / std + dvariance * 2 / m * centred + dmu / m  # (10)
    return dx, dgamma, dbeta


def _backward_arguments(
    dy: ArrayLike, cache: BatchNormCache
) -> tuple[Array, tuple[int, ...], Array, Array, Array]:
    """`dy`, the axes of the batch, and of the cache gamma, std (to broadcast) and x_hat."""
    if not isinstance(cache, BatchNormCache):
        raise TypeError(
            "`cache` must be what `batch_norm_forward` returned beside y. "
            f"Received: {type(cache).__name__}"
        )
    gradient = real_array("dy", dy)
    if gradient.shape != cache.x_hat.shape:
        raise ValueError(
            f"`dy` must have the shape of the forward input, {cache.x_hat.shape}. "
            f"Received: shape {gradient.shape}"
        )
    gamma, std = (along(cache.axis, values, gradient.ndim) for values in (cache.gamma, cache.std))
    return gradient, over_all_but(cache.axis, gradient.ndim), gamma, std, cache.x_hat
