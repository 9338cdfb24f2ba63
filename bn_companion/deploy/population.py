"""Mean and variance of all data, whichever way they are cut: pooled moments, and who collects."""

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from bn_companion._calls import eagerly, listening

__all__ = ["Moments", "call_order", "collect"]

Array = NDArray[np.float64]


@dataclass
class Moments:
    r"""Count, mean and sum of squared deviations of what has been seen, for each channel.

    Two parts are pooled exactly [1]_, with :math:`\delta = m_b - m_a`:
    :math:`m = m_a + \delta n_b / n` and :math:`M = M_a + M_b + \delta^2 n_a n_b / n`.

    References
    ----------
    .. [1] T. F. Chan, G. H. Golub and R. J. LeVeque, "Updating formulae and a pairwise algorithm
       for computing sample variances", COMPSTAT 1982.

    Examples
    --------
    >>> import numpy as np
    >>> from bn_companion.deploy.population import Moments
    >>> moments = Moments()
    >>> for part in ([1.0, 2.0], [6.0]):
    ...     moments.add(np.array(part)[:, None], axis=-1)
    >>> float(moments.mean[0]), round(float(moments.variance[0]), 3)  # 14 / 3
    (3.0, 4.667)
    """

    count: Array | float = 0.0
    mean: Array | float = 0.0
    squares: Array | float = 0.0

    def add(self, x: Any, *, axis: int, mask: Any = None) -> None:
        """Take in the values `x`, channels on `axis`; a mask tells which positions count."""
        values = tf.cast(x, tf.float64)
        channels = axis % len(values.shape)
        axes = [index for index in range(len(values.shape)) if index != channels]
        across = [-1 if index == channels else 1 for index in range(len(values.shape))]
        if mask is None:
            mean = tf.reduce_mean(values, axes)
            deviations = values - tf.reshape(mean, across)
            count = tf.fill(tf.shape(mean), tf.cast(tf.size(values) / tf.size(mean), tf.float64))
        else:
            shown = tf.broadcast_to(tf.cast(mask, tf.bool)[..., None], tf.shape(values))
            count = tf.reduce_sum(tf.cast(shown, tf.float64), axes)
            total = tf.reduce_sum(tf.where(shown, values, 0.0), axes)  # the rest may be anything
            mean = tf.math.divide_no_nan(total, count)
            deviations = tf.where(shown, values - tf.reshape(mean, across), 0.0)
        squares = tf.reduce_sum(deviations**2, axes)
        self._pool(*(np.asarray(part) for part in (count, mean, squares)))

    def _pool(self, count: Array, mean: Array, squares: Array) -> None:
        total = self.count + count
        share = np.divide(count, total, out=np.zeros_like(count), where=total > 0)
        delta = mean - self.mean
        self.squares = self.squares + squares + delta**2 * self.count * share
        self.mean = self.mean + delta * share
        self.count = total

    @property
    def variance(self) -> Array:
        """The biased variance, divided by the count."""
        count = np.asarray(self.count)
        variance: Array = np.zeros(count.shape)
        np.divide(self.squares, count, out=variance, where=count > 0)
        return variance


class _Done(BaseException):
    """Ends a forward pass early; no `Exception`, which a layer on the way might catch."""


def call_order(model: Any, norms: Iterable[Any], batch: Any) -> list[Any]:
    """Return the layers of `norms` in the order in which `model` calls them on `batch`.

    Raises
    ------
    ValueError
        If one of them uses the statistics of its batch even at inference, or runs where its
        inputs have no values.
    """
    order: list[Any] = []
    failures: list[str] = []

    def hear(layer: Any, x: Any, training: bool, _mask: Any) -> None:
        order.append(layer)
        if training and layer.trainable:
            failures.append(f"{layer.name!r}, which is called with training=True")
        elif tf.is_symbolic_tensor(x):
            failures.append(f"{layer.name!r}, which runs inside a loop or a mapped function")

    with ExitStack() as stack:
        for norm in norms:
            stack.enter_context(listening(norm, hear))
        _infer(model, batch)
    if failures:
        raise ValueError(
            "`model` must use moving statistics at inference, in layers whose inputs can be seen. "
            f"Received: {failures[0]}"
        )
    return order


def collect(model: Any, counts: dict[Any, int], batches: Iterable[Any]) -> dict[Any, Moments]:
    """Return the moments of what goes into each layer over all `batches`.

    Parameters
    ----------
    model : keras.Model
        Runs at inference, no further than it has to.
    counts : dict of layer to int
        How often each layer is called on a batch.
    batches : iterable
        Inputs of `model`.
    """
    moments = {layer: Moments() for layer in counts}
    left: dict[Any, int] = {}

    def hear(layer: Any, x: Any, _training: bool, mask: Any) -> None:
        if not left:
            return
        moments[layer].add(x, axis=layer.axis, mask=mask)
        left[layer] -= 1
        if not any(left.values()):
            left.clear()
            raise _Done

    with ExitStack() as stack:
        for layer in counts:
            stack.enter_context(listening(layer, hear))
        for batch in batches:
            left.update(counts)
            try:
                _infer(model, batch)
            except _Done:
                continue
    return moments


def _infer(model: Any, batch: Any) -> None:
    with eagerly():
        model(batch, training=False)
