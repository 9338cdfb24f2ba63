"""How large the gradient is in each layer."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import pandas as pd
import tensorflow as tf

from bn_companion._checks import positive_int
from bn_companion.diagnose.batches import arrays_of, batches_of, row_count
from bn_companion.diagnose.layers import check_model, choose_layers, walk
from bn_companion.diagnose.probes import check_training
from bn_companion.diagnose.taps import untouched
from bn_companion.train.loss import loss_for

__all__ = ["gradient_norms", "objective"]

Array = npt.NDArray[np.float64]


def gradient_norms(
    model: keras.Model,
    x: Any,
    y: Any,
    *,
    loss: Callable[[Any, Any], Any] | str | None = None,
    training: bool = True,
    batch_size: int | None = None,
) -> pd.DataFrame:
    r"""Measure the gradient of the mean loss with respect to each trainable weight.

    Parameters
    ----------
    model : keras.Model
        Any built model; it is left as it is, moving statistics included.
    x : array_like or structure of arrays
        The inputs, examples along the first axis.
    y : array_like
        Their targets.
    loss : callable or str, optional
        What `compile` takes as a loss; by default the one that fits the model's last activation,
        as in `loss_for`. Penalties on weights are left out.
    training : bool, default True
        As in a step of training: batch normalization uses the statistics of the batch, and the
        gradient goes through them.
    batch_size : int, optional
        Examples at a time, the gradients averaged over all; by default all in one batch, as in
        one step. In training mode the size of the batches is part of what is measured.

    Returns
    -------
    pandas.DataFrame
        A row for each trainable weight, in the order of the model: ``layer``, ``weight`` (such as
        ``"kernel"``, or ``"lstm_cell/kernel"`` for one that a layer inside holds), ``size``
        (numbers in it), ``weight_norm`` and ``gradient_norm`` (roots of the sums of squares).

    Raises
    ------
    ValueError
        A model without weights yet, no examples, other numbers of inputs than of targets, or no
        `loss` where none can be told.
    TypeError
        If an argument is not of the type that it should be.

    Examples
    --------
    >>> import numpy as np
    >>> from bn_companion import gradient_norms, mlp
    >>> model = mlp((4,), 2, hidden=(8,), placement="before")
    >>> x = np.random.default_rng(0).normal(size=(32, 4))
    >>> frame = gradient_norms(model, x, (x[:, 0] > 0).astype(int))
    >>> frame[["layer", "weight", "size"]].values.tolist()[:3]
    [['hidden_1_dense', 'kernel', 32], ['hidden_1_bn', 'gamma', 8], ['hidden_1_bn', 'beta', 8]]
    """
    evaluate = objective(model, x, y, loss=loss, training=training, batch_size=batch_size)
    weights = model.trainable_variables
    with untouched(model):
        _, total = evaluate()
    owners = _owners(model)
    return pd.DataFrame(
        {
            "layer": [owners[id(weight)][0] for weight in weights],
            "weight": [owners[id(weight)][1] for weight in weights],
            "size": [gradient.size for gradient in total],
            "weight_norm": [float(np.linalg.norm(np.asarray(w, float))) for w in weights],
            "gradient_norm": [float(np.linalg.norm(gradient)) for gradient in total],
        }
    )


def objective(
    model: keras.Model,
    x: Any,
    y: Any,
    *,
    loss: Callable[[Any, Any], Any] | str | None,
    training: bool,
    batch_size: int | None,
) -> Callable[[], tuple[float, list[Array]]]:
    """Check the arguments of `gradient_norms` and return what computes mean loss and gradient.

    The gradient has an array for each trainable weight of the model. Computing it moves whatever
    a step in training moves beside the weights; `untouched` puts that back.
    """
    check_model(model)
    criterion = loss_for(model) if loss is None else keras.losses.get(loss)
    check_training(training)
    x, y = arrays_of(x), np.asarray(y)
    rows = row_count(x)
    if y.shape[:1] != (rows,):
        raise ValueError(f"`y` must have {rows} rows, as `x` has. Received: shape {y.shape}")
    batches = batches_of(x, rows if batch_size is None else positive_int("batch_size", batch_size))
    weights = model.trainable_variables

    def evaluate() -> tuple[float, list[Array]]:
        mean, total = 0.0, [np.zeros(weight.shape) for weight in weights]
        done = 0
        for batch in batches():
            size = row_count(batch)
            with tf.GradientTape() as tape:
                outputs = model(batch, training=training)
                value = tf.reduce_mean(criterion(y[done : done + size], outputs))
            found = tape.gradient(value, [weight.value for weight in weights])
            mean += size / rows * float(value)
            for at, gradient in enumerate(found):
                if gradient is not None:  # None: the loss does not depend on this weight
                    total[at] += size / rows * np.asarray(tf.convert_to_tensor(gradient), float)
            done += size
        return mean, total

    return evaluate


def _owners(model: keras.Model) -> dict[int, tuple[str, str]]:
    """Return the layer and the name of each trainable weight, by the weight's identity."""
    owners = {id(weight): (model.name, weight.name) for weight in model.trainable_variables}
    for name, layer in choose_layers(model, None).items():
        # What is inside comes after what it is in, so that the innermost layer names the weight.
        for path, part in [("", layer), *((f"{path}/", part) for path, part in walk(layer))]:
            for weight in part.trainable_variables:
                owners[id(weight)] = (name, path + weight.name)
    return owners
