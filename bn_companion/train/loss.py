"""Which loss and which accuracy belong to a model, read from its last activation."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from bn_companion.train.shapes import output_shape_of

__all__ = ["accuracy_for", "correct_for", "loss_for"]

# Layers that pass values on unchanged at inference: the activation stands before them.
_TRANSPARENT = (
    keras.layers.Reshape,
    keras.layers.Flatten,
    keras.layers.Permute,
    keras.layers.Dropout,
    keras.layers.Identity,
)


def loss_for(model: Any) -> keras.losses.Loss:
    """Return the cross-entropy that fits the output of `model`, for integer class labels.

    Parameters
    ----------
    model : keras.Model
        A built classifier with one output of shape ``(batch, units)``.

    Returns
    -------
    keras.losses.Loss
        `SparseCategoricalCrossentropy` for several units, `BinaryCrossentropy` for one; with
        ``from_logits=True`` where the model ends in logits, False where it ends in a softmax or a
        sigmoid.

    Raises
    ------
    ValueError
        If the output is of another kind: several outputs, more than one axis beside the batch,
        several sigmoids, a softmax over one unit, or another last activation such as ReLU.

    Examples
    --------
    >>> import keras
    >>> from bn_companion.train.loss import loss_for
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    >>> loss_for(model).from_logits
    True
    """
    units, activation = _output_of(model)
    if units == 1:
        return keras.losses.BinaryCrossentropy(from_logits=activation == "linear")
    return keras.losses.SparseCategoricalCrossentropy(from_logits=activation == "linear")


def accuracy_for(model: Any) -> keras.metrics.Metric:
    """Return the accuracy that fits the output of `model`, as a metric named ``"accuracy"``.

    Parameters
    ----------
    model : keras.Model
        As for `loss_for`.

    Returns
    -------
    keras.metrics.Metric
        ``SparseCategoricalAccuracy``, or for one unit ``BinaryAccuracy`` with the threshold at
        probability one half: 0.5 for a sigmoid, 0 for a logit.

    Raises
    ------
    ValueError
        As for `loss_for`.

    Examples
    --------
    >>> import keras
    >>> from bn_companion.train.loss import accuracy_for
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    >>> accuracy_for(model).threshold
    0.0
    """
    units, activation = _output_of(model)
    if units == 1:
        threshold = 0.0 if activation == "linear" else 0.5
        return keras.metrics.BinaryAccuracy(name="accuracy", threshold=threshold)
    return keras.metrics.SparseCategoricalAccuracy(name="accuracy")


def correct_for(model: Any) -> Callable[[Any, Any], Any]:
    """Return ``correct(labels, outputs)``: 1.0 for each example whose class is predicted, else 0.

    Parameters
    ----------
    model : keras.Model
        A built classifier whose output is (batch, units). One unit is a sigmoid's probability if
        the last activation is a sigmoid and a logit otherwise; several are ranked.

    Returns
    -------
    callable
        From labels (batch,) and outputs (batch, units) to a float32 tensor (batch,); the same
        decision as the metric of `accuracy_for`.

    Examples
    --------
    >>> import keras
    >>> import numpy as np
    >>> from bn_companion.train.loss import correct_for
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    >>> logits = np.array([[0.0, 2.0, 1.0], [3.0, 0.0, 0.0]], "float32")
    >>> np.asarray(correct_for(model)(np.array([1, 2]), logits)).tolist()
    [1.0, 0.0]
    """
    if output_shape_of(model)[-1] == 1:
        threshold = 0.5 if _last_activation(model) == "sigmoid" else 0.0
        return lambda labels, outputs: tf.cast(
            (outputs[:, 0] > threshold) == (tf.cast(labels, tf.int32) > 0), tf.float32
        )
    # Keras's own argmax reinterprets bits, which tf.vectorized_map has no rule for.
    return lambda labels, outputs: tf.cast(
        tf.argmax(outputs, axis=-1, output_type=tf.int32) == tf.cast(labels, tf.int32), tf.float32
    )


def _output_of(model: Any) -> tuple[int, str]:
    """Units and last activation (``"linear"``, ``"softmax"`` or ``"sigmoid"``) of `model`."""
    shape = output_shape_of(model)
    if not isinstance(shape, tuple) or len(shape) != 2 or not isinstance(shape[1], int):
        raise ValueError(
            "`model` must have one output of shape (batch, units), or be given its `loss`. "
            f"Received: output shape {shape}"
        )
    units, activation = shape[1], _last_activation(model)
    allowed = ("linear", "sigmoid") if units == 1 else ("linear", "softmax")
    if activation not in allowed:
        raise ValueError(
            f"`model` must end in {' or '.join(allowed)} when it has {units} output unit(s), or "
            f"be given its `loss`. Received: {activation}"
        )
    return units, activation


def _last_activation(model: Any) -> str:
    """Name of the activation whose values leave `model`; ``"linear"`` when there is none."""
    outputs = getattr(model, "outputs", None)
    if not outputs:  # a subclassed model: its layers are not a graph
        layer = model.layers[-1] if model.layers else None
        return "linear" if layer is None else _activation_name(layer)
    layer = outputs[0]._keras_history.operation
    while isinstance(layer, _TRANSPARENT):
        layer = layer.input._keras_history.operation
    return _activation_name(layer)


def _activation_name(layer: Any) -> str:
    if isinstance(layer, keras.Model):
        return _last_activation(layer)
    if isinstance(layer, keras.layers.Softmax):
        return "softmax"
    activation = getattr(layer, "activation", None)
    if activation is None:
        # `keras.ops` calls in a functional graph are operations named after the function;
        # activation layers without an `activation` attribute (ReLU, ELU, ...) after their class.
        name = type(layer).__name__.lower()
        known = ("softmax", "sigmoid", "relu", "leakyrelu", "prelu", "elu", "tanh")
        return name if name in known else "linear"
    return str(getattr(activation, "__name__", activation))
