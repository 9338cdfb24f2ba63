"""What part an operation plays around batch normalization: linear map, activation, or neither.

Exact classes only: what a subclass of a Keras layer computes is not known here, so it is left
alone, as every layer of another kind is.
"""

from typing import Any

import keras

__all__ = [
    "activation_name",
    "channel_axis",
    "is_batch_norm",
    "is_inert",
    "is_linear_map",
    "is_pooling",
    "is_sum",
]

_layers = keras.layers

_LINEAR = frozenset(
    {
        _layers.Dense,
        _layers.Conv1D,
        _layers.Conv2D,
        _layers.Conv3D,
        _layers.Conv1DTranspose,
        _layers.Conv2DTranspose,
        _layers.Conv3DTranspose,
        _layers.DepthwiseConv1D,
        _layers.DepthwiseConv2D,
        _layers.SeparableConv1D,
        _layers.SeparableConv2D,
    }
)
_INERT = frozenset(
    {
        _layers.ActivityRegularization,
        _layers.AlphaDropout,
        _layers.Dropout,
        _layers.GaussianDropout,
        _layers.GaussianNoise,
        _layers.Identity,
        _layers.SpatialDropout1D,
        _layers.SpatialDropout2D,
        _layers.SpatialDropout3D,
    }
)
_POOLING = frozenset(
    {
        _layers.AveragePooling1D,
        _layers.AveragePooling2D,
        _layers.AveragePooling3D,
        _layers.MaxPooling1D,
        _layers.MaxPooling2D,
        _layers.MaxPooling3D,
        _layers.UpSampling1D,
        _layers.UpSampling2D,
        _layers.UpSampling3D,
        _layers.ZeroPadding1D,
        _layers.ZeroPadding2D,
        _layers.ZeroPadding3D,
        _layers.Cropping1D,
        _layers.Cropping2D,
        _layers.Cropping3D,
    }
)
_ACTIVATION_LAYERS = frozenset(
    {_layers.ELU, _layers.LeakyReLU, _layers.PReLU, _layers.ReLU, _layers.Softmax}
)
# Operations of `keras.ops` in a functional graph; their classes have no public name.
_ACTIVATION_OPERATIONS = frozenset(
    {"celu", "elu", "gelu", "hardsigmoid", "hardsilu", "hardtanh", "leakyrelu", "logsigmoid"}
    | {"logsoftmax", "mish", "relu", "relu6", "selu", "sigmoid", "silu", "softmax", "softplus"}
    | {"softsign", "tanh"}
)
_SUMS = frozenset({_layers.Add, _layers.Average, _layers.Subtract})


def is_batch_norm(operation: Any) -> bool:
    """Return whether `operation` is batch normalization, or a class derived from it."""
    return isinstance(operation, _layers.BatchNormalization)


def is_linear_map(operation: Any) -> bool:
    """Return whether `operation` is a dense layer or a convolution."""
    return type(operation) in _LINEAR


def is_inert(operation: Any) -> bool:
    """Return whether `operation` passes values on unchanged at inference, as dropout does."""
    return type(operation) in _INERT or _is_linear_activation(operation)


def is_pooling(operation: Any) -> bool:
    """Return whether `operation` changes positions, each channel by itself."""
    return type(operation) in _POOLING


def is_sum(operation: Any) -> bool:
    """Return whether `operation` adds its inputs, as at the end of a residual block."""
    if isinstance(operation, keras.Layer):
        return type(operation) in _SUMS
    return type(operation).__name__ in ("Add", "Subtract")


def activation_name(operation: Any, *, fused: bool = False) -> str | None:
    """Return the name of the activation that `operation` is; None if it is none, or linear.

    Parameters
    ----------
    operation : keras.Operation
        A layer or an operation of `keras.ops`.
    fused : bool, default False
        Ask for the activation inside of a linear map instead.

    Examples
    --------
    >>> import keras
    >>> from bn_companion.build.roles import activation_name
    >>> activation_name(keras.layers.LeakyReLU()), activation_name(keras.layers.Dropout(0.5))
    ('leakyrelu', None)
    >>> activation_name(keras.layers.Dense(3, activation="tanh"), fused=True)
    'tanh'
    """
    if fused:
        return _name_of(operation.activation) if is_linear_map(operation) else None
    if type(operation) is _layers.Activation:
        return _name_of(operation.activation)
    name = type(operation).__name__.lower()
    if isinstance(operation, keras.Layer):
        return name if type(operation) in _ACTIVATION_LAYERS else None
    return name if name in _ACTIVATION_OPERATIONS else None


def _name_of(function: Any) -> str | None:
    if function is None or function is keras.activations.linear:
        return None
    if isinstance(function, keras.Layer):
        return activation_name(function) or type(function).__name__.lower()
    return str(getattr(function, "__name__", type(function).__name__)).lower()


def _is_linear_activation(operation: Any) -> bool:
    return type(operation) is _layers.Activation and _name_of(operation.activation) is None


def channel_axis(layer: Any) -> int:
    """Return the axis of the channels in the output of a linear map: -1, or 1."""
    return 1 if getattr(layer, "data_format", None) == "channels_first" else -1
