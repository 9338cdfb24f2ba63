"""How the loss and its gradient change along the direction that a training step would take."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import pandas as pd
import tensorflow as tf

from bn_companion.diagnose.gradients import objective
from bn_companion.diagnose.taps import untouched
from bn_companion.train.arguments import rates

__all__ = ["Landscape", "loss_landscape"]

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Landscape:
    """The loss along one gradient direction.

    Attributes
    ----------
    points : pandas.DataFrame
        A row for each step tried: ``learning_rate``, ``distance`` (from the
        present weights, the learning rate times `gradient_norm`), ``loss``, ``predicted`` (the
        loss that the gradient alone predicts, ``loss - learning_rate * gradient_norm**2``),
        ``gradient_change`` (l2 distance between the gradient there and here), ``smoothness``
        (``gradient_change / distance``, NaN where nothing moved).
    loss : float
        At the present weights.
    gradient_norm : float
        Likewise, of the gradient over all trainable weights.
    """

    points: pd.DataFrame
    loss: float
    gradient_norm: float

    @property
    def loss_variation(self) -> tuple[float, float]:
        """Smallest and largest loss along the way."""
        return float(self.points["loss"].min()), float(self._largest("loss"))

    @property
    def gradient_predictiveness(self) -> tuple[float, float]:
        """Smallest and largest l2 change of the gradient along the way; small is predictive."""
        change = self.points["gradient_change"]
        return float(change.min()), float(self._largest("gradient_change"))

    @property
    def effective_smoothness(self) -> float:
        """Largest change of the gradient over the distance, "effective beta"; small is smooth."""
        return self._largest("smoothness")

    def _largest(self, column: str) -> float:
        # Not pandas's maximum: a loss that overflowed must not drop out of it.
        return float(np.max(self.points[column].to_numpy()))

    def __repr__(self) -> str:
        low, high = self.loss_variation
        return (
            f"Landscape(loss {self.loss:.4g}, along {len(self.points)} steps {low:.4g} to "
            f"{high:.4g}, effective smoothness {self.effective_smoothness:.4g})"
        )


def loss_landscape(
    model: keras.Model,
    x: Any,
    y: Any,
    *,
    learning_rates: float | Iterable[float] = tuple(np.geomspace(0.01, 1.0, 9)),
    loss: Callable[[Any, Any], Any] | str | None = None,
    training: bool = True,
    batch_size: int | None = None,
) -> Landscape:
    r"""Measure loss and gradient at the ends of gradient steps of several lengths.

    With the weights :math:`w`, the loss :math:`L` and its gradient :math:`g = \nabla L(w)`, each
    learning rate :math:`\eta` leads to :math:`w_\eta = w - \eta g`. Measured are the loss
    :math:`L(w_\eta)`, the change of the gradient :math:`\|\nabla L(w_\eta) - g\|`, and the latter
    over the distance :math:`\eta \|g\|`, whose largest value along the way is the effective
    :math:`\beta`.

    Parameters
    ----------
    model : keras.Model
        Any built model, at any moment of its training, such as ``Replicas.model(run, epoch=10)``;
        it is left as it is, moving statistics included.
    x : array_like or structure of arrays
        The inputs, examples along the first axis.
    y : array_like
        Their targets.
    learning_rates : float or iterable of float
        The steps to try; positive. By default nine, evenly in their logarithm, from
        0.01 to 1.
    loss : callable or str, optional
        What `compile` takes as a loss; by default the one that fits the model's last activation,
        as in `loss_for`. Penalties on weights are left out.
    training : bool, default True
        As in a step of training: batch normalization uses the statistics of the batch, and the
        gradient goes through them.
    batch_size : int, optional
        Examples at a time, losses and gradients averaged over all; by default all in one batch.
        In training mode the size of the batches is part of what is measured.

    Returns
    -------
    Landscape
        A row for each step in ``points``, and the three summaries ``loss_variation``,
        ``gradient_predictiveness`` and ``effective_smoothness``. A loss that overflows on the way
        makes those that it enters infinite or NaN; where the gradient is zero nothing moves, and
        the smoothness is NaN.

    Raises
    ------
    ValueError
        A model without trainable weights, no examples, other numbers of inputs than of targets, a
        learning rate that is not positive or comes twice, or no `loss` where none can be told.
    TypeError
        If an argument is not of the type that it should be.

    Notes
    -----
    From [1]_: the direction (the gradient at a moment of training), the three quantities, and
    that they are measured with the statistics of the batch.

    Ours: the default steps; that the loss is that of all examples handed in, not of one
    mini-batch; that the direction is the plain gradient over all trainable weights, without
    momentum, penalties and constraints; and that random layers (dropout, `ShiftNoise`) repeat the
    same numbers at every step, so that only the weights change.

    The numbers depend on how the weights are scaled. If a layer is followed by batch
    normalization, a times the weights give the same function, 1/a of their gradient and 1/a**2 of
    their part of the smoothness; so compare two models at steps of which each is meant, for
    example at the learning rates that they train with.

    References
    ----------
    .. [1] S. Santurkar, D. Tsipras, A. Ilyas and A. Madry, "How does batch normalization help
       optimization?", NeurIPS 2018, section 3.

    Examples
    --------
    The loss :math:`(w x)^2` with :math:`x = \pm 1` is a parabola of curvature 2:

    >>> import keras
    >>> import numpy as np
    >>> from bn_companion import loss_landscape
    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    >>> model.set_weights([np.array([[3.0]])])
    >>> x = np.array([[1.0], [-1.0]])
    >>> landscape = loss_landscape(
    ...     model, x, np.zeros((2, 1)), loss="mse", learning_rates=[0.25, 0.5, 1.0])
    >>> landscape
    Landscape(loss 9, along 3 steps 0 to 9, effective smoothness 2)
    >>> landscape.points[["learning_rate", "distance", "loss", "gradient_change"]].values.tolist()
    [[0.25, 1.5, 2.25, 3.0], [0.5, 3.0, 0.0, 6.0], [1.0, 6.0, 9.0, 12.0]]
    """
    evaluate = objective(model, x, y, loss=loss, training=training, batch_size=batch_size)
    if not model.trainable_variables:
        raise ValueError("`model` must have trainable weights. Received: none")
    steps = rates(learning_rates)
    with untouched(model):
        start = [np.asarray(variable.value) for variable in model.trainable_variables]
        others = [(v, tf.identity(v.value)) for v in model.non_trainable_variables]

        def at(weights: list[Any]) -> tuple[float, list[Array]]:
            for variable, value in zip(model.trainable_variables, weights, strict=True):
                variable.assign(value)
            # The states of random layers: the same masks and the same noise at every point.
            for variable, state in others:
                variable.assign(state)
            return evaluate()

        loss_here, gradient = at(start)
        norm = _norm(gradient)
        rows = []
        for step in steps:
            moved = [
                (value - step * part).astype(value.dtype)
                for value, part in zip(start, gradient, strict=True)
            ]
            loss_there, there = at(moved)
            change = _norm([a - b for a, b in zip(there, gradient, strict=True)])
            rows.append((step, step * norm, loss_there, loss_here - step * norm**2, change))
    columns = ["learning_rate", "distance", "loss", "predicted", "gradient_change"]
    points = pd.DataFrame(rows, columns=columns)
    points["smoothness"] = points["gradient_change"] / (points["distance"] if norm else np.nan)
    return Landscape(points, loss_here, norm)


def _norm(parts: list[Array]) -> float:
    return float(np.sqrt(sum(np.sum(part**2) for part in parts)))
