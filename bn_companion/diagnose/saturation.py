"""Where an activation has stopped responding to its input."""

from collections.abc import Callable
from typing import Any, TypeAlias

import keras
import numpy as np
from numpy.typing import NDArray

__all__ = [
    "SATURATION_MARGIN",
    "IsSaturated",
    "activation_name",
    "is_activation",
    "saturation_of",
]

#: How near to an asymptote counts as saturated, in the units of the activation's output.
SATURATION_MARGIN = 0.05

#: From an array of outputs to an array of bools.
IsSaturated: TypeAlias = Callable[[NDArray[Any]], NDArray[np.bool_]]

# The ends of the outputs: some activations only approach them, others get there.
_APPROACHED = {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0), "softsign": (-1.0, 1.0)}
_REACHED = {
    "relu": (0.0, np.inf),
    "relu6": (0.0, 6.0),
    "hard_sigmoid": (0.0, 1.0),
    "hard_tanh": (-1.0, 1.0),
}
# Layers that are activations without an `activation` of their own.
_LAYERS = {
    keras.layers.ReLU: "relu",
    keras.layers.LeakyReLU: "leaky_relu",
    keras.layers.PReLU: "prelu",
    keras.layers.ELU: "elu",
    keras.layers.Softmax: "softmax",
}


def saturation_of(layer: keras.Layer) -> IsSaturated | None:
    """Return a test for saturated outputs of `layer`, or None where the idea does not apply.

    Parameters
    ----------
    layer : keras.Layer
        A layer that is an activation, or that ends in one.

    Returns
    -------
    callable or None
        From an array of outputs to an array of bools: within `SATURATION_MARGIN` of an asymptote
        for sigmoid, tanh and softsign; exactly at a bound for ReLU (zero), ReLU6 and the hard
        sigmoid and tanh. None for anything else.

    Examples
    --------
    >>> import keras
    >>> import numpy as np
    >>> from bn_companion.diagnose.saturation import saturation_of
    >>> saturated = saturation_of(keras.layers.Dense(3, activation="tanh"))
    >>> saturated(np.array([-0.99, 0.5, 0.96])).tolist()
    [True, False, True]
    """
    activation = vars(layer).get("activation")
    if isinstance(activation, keras.Layer):
        return saturation_of(activation)
    name = activation_name(layer)
    low, high = _APPROACHED.get(name) or _REACHED.get(name) or (np.nan, np.nan)
    if isinstance(layer, keras.layers.ReLU):
        high = np.inf if layer.max_value is None else float(layer.max_value)
        low = np.nan if layer.negative_slope else low
    if np.isnan(low):
        return None
    margin = SATURATION_MARGIN if name in _APPROACHED else 0.0
    return lambda values: (values <= low + margin) | (values >= high - margin)


def is_activation(layer: keras.Layer) -> bool:
    """Whether `layer` is an activation and nothing else."""
    return isinstance(layer, (keras.layers.Activation, *_LAYERS))


def activation_name(layer: keras.Layer) -> str:
    """Return the name of the activation that `layer` applies last; ``"linear"`` if it has none.

    A recurrent layer has an activation in its cell, which is not the last thing it does.
    """
    activation = vars(layer).get("activation")
    if isinstance(activation, keras.Layer):
        return activation_name(activation)
    if activation is not None:
        return str(getattr(activation, "__name__", type(activation).__name__))
    return next((name for kind, name in _LAYERS.items() if isinstance(layer, kind)), "linear")
