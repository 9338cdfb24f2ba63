"""One linear map, its normalization and its activation, in the order that a placement asks for."""

from collections.abc import Callable
from numbers import Integral
from typing import Any, TypeAlias

import keras

from bn_companion._checks import positive_int, positive_ints, probability, real
from bn_companion.build.placement import Placement

__all__ = ["Activation", "activation_layer", "batch_norm", "conv_block", "dense_block"]

#: What stands for an activation: a name, a function, a layer, or None for linear.
Activation: TypeAlias = str | Callable[..., Any] | Any | None

_CONV_LAYERS = {3: keras.layers.Conv1D, 4: keras.layers.Conv2D, 5: keras.layers.Conv3D}


def dense_block(
    x: keras.KerasTensor,
    units: int,
    *,
    activation: Activation,
    placement: Placement | str = "before",
    dropout: float = 0.0,
    kernel_initializer: Any = "glorot_uniform",
    momentum: float = 0.99,
    epsilon: float = 1e-3,
    name: str | None = None,
) -> keras.KerasTensor:
    r"""Apply a dense layer, batch normalization and an activation in the chosen order.

    ========== ==========================================================
    placement  layers
    ========== ==========================================================
    ``none``   Dense, activation, dropout
    ``before`` Dense without bias, BatchNormalization, activation, dropout
    ``after``  Dense, activation, BatchNormalization, dropout
    ========== ==========================================================

    In a stack of blocks the dropout of one stands in front of the batch normalization of the next,
    which its noise reaches.

    The bias is left out exactly where batch normalization follows the linear map directly: there
    :math:`\mathrm{BN}(Wu + b) = \mathrm{BN}(Wu)`, and beta takes its part.

    Parameters
    ----------
    x : KerasTensor of shape (batch, ..., features)
        The input, for example ``keras.Input((14,))``.
    units : int
        Width of the dense layer.
    activation : str, callable, keras.Layer or None
        What `keras.layers.Activation` takes, or a layer such as ``keras.layers.LeakyReLU()``, of
        which a copy is used. None is linear.
    placement : Placement or str, default "before"
        Where batch normalization stands relative to the activation.
    dropout : float, default 0.0
        Dropout rate in [0, 1), applied last.
    kernel_initializer : str or keras.Initializer, default "glorot_uniform"
        As in `keras.layers.Dense`.
    momentum : float, default 0.99
        Weight of the old value in the moving statistics, in [0, 1).
    epsilon : float, default 1e-3
        Added to the variance; positive.
    name : str, optional
        Prefix of the layers' names: ``name_dense``, ``name_bn``, ``name_activation``,
        ``name_dropout``.

    Returns
    -------
    KerasTensor of shape (batch, ..., units)

    Raises
    ------
    ValueError
        Unknown placement or activation, a number out of range, a tensor of the wrong rank.
    TypeError
        If `x` is not a symbolic Keras tensor, or a number is not one.

    References
    ----------
    .. [1] S. Ioffe and C. Szegedy, "Batch normalization", ICML 2015, section 3.2.

    Examples
    --------
    >>> import keras
    >>> from bn_companion import dense_block
    >>> inputs = keras.Input((14,))
    >>> model = keras.Model(inputs, dense_block(inputs, 64, activation="tanh", name="h"))
    >>> [layer.name for layer in model.layers[1:]]
    ['h_dense', 'h_bn', 'h_activation']
    >>> model.get_layer("h_dense").use_bias
    False
    """
    _check_tensor(x, ranks=None)
    units = positive_int("units", units)

    def linear(use_bias: bool) -> keras.Layer:
        return keras.layers.Dense(
            units,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            name=_named(name, "dense"),
        )

    return _assemble(
        x,
        linear,
        activation=activation,
        placement=placement,
        dropout=dropout,
        axis=-1,
        momentum=momentum,
        epsilon=epsilon,
        name=name,
    )


def conv_block(
    x: keras.KerasTensor,
    filters: int,
    kernel_size: int | tuple[int, ...],
    *,
    activation: Activation,
    placement: Placement | str = "before",
    strides: int | tuple[int, ...] = 1,
    padding: str = "same",
    data_format: str = "channels_last",
    dropout: float = 0.0,
    kernel_initializer: Any = "glorot_uniform",
    momentum: float = 0.99,
    epsilon: float = 1e-3,
    name: str | None = None,
) -> keras.KerasTensor:
    """Apply a convolution, batch normalization and an activation in the chosen order.

    The convolution is 1-D, 2-D or 3-D by the rank of `x`. Batch normalization always gets the
    channel axis that belongs to `data_format`, so that a feature map has one mean and one
    variance, taken over the batch and all positions. The orders and the rule for the bias are
    those of `dense_block`.

    Parameters
    ----------
    x : KerasTensor of shape (batch, *positions, channels) or (batch, channels, *positions)
        One, two or three position axes.
    filters : int
        Number of feature maps.
    kernel_size : int or tuple of int
        Size of the window; one number a position axis, or one for all.
    activation : str, callable, keras.Layer or None
        As in `dense_block`.
    placement : Placement or str, default "before"
        Where batch normalization stands relative to the activation.
    strides : int or tuple of int, default 1
        Steps of the window.
    padding : {"same", "valid"}, default "same"
        As in `keras.layers.Conv2D`.
    data_format : {"channels_last", "channels_first"}, default "channels_last"
        Which axis holds the channels. On a CPU, TensorFlow runs convolutions with channels last
        only.
    dropout, kernel_initializer, momentum, epsilon, name
        As in `dense_block`; the convolution is named ``name_conv``.

    Returns
    -------
    KerasTensor
        Positions shrunk by `strides` and `padding`, `filters` channels.

    Raises
    ------
    ValueError
        As `dense_block`; also a rank other than 3, 4, 5, or a window of the wrong length.
    TypeError
        As `dense_block`.

    References
    ----------
    .. [1] S. Ioffe and C. Szegedy, "Batch normalization", ICML 2015, section 3.2 (convolutions:
       one gamma and beta for each feature map).

    Examples
    --------
    >>> import keras
    >>> from bn_companion import conv_block
    >>> inputs = keras.Input((28, 28, 1))
    >>> outputs = conv_block(inputs, 32, 3, activation="relu", placement="after", name="c")
    >>> [layer.name for layer in keras.Model(inputs, outputs).layers[1:]]
    ['c_conv', 'c_activation', 'c_bn']
    """
    _one_of("data_format", data_format, ("channels_last", "channels_first"))
    first = data_format == "channels_first"
    _check_tensor(x, ranks=(3, 4, 5), axis=1 if first else -1)
    filters = positive_int("filters", filters)
    positions = len(x.shape) - 2
    window = _window("kernel_size", kernel_size, positions)
    steps = _window("strides", strides, positions)
    _one_of("padding", padding, ("same", "valid"))
    sizes = x.shape[2:] if first else x.shape[1:-1]
    if padding == "valid" and any(
        size is not None and size < width for size, width in zip(sizes, window, strict=True)
    ):
        raise ValueError(
            f"`kernel_size` must fit into the positions {tuple(sizes)} when padding='valid'. "
            f"Received: {window}"
        )

    def linear(use_bias: bool) -> keras.Layer:
        return _CONV_LAYERS[positions + 2](
            filters,
            window,
            strides=steps,
            padding=padding,
            data_format=data_format,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            name=_named(name, "conv"),
        )

    return _assemble(
        x,
        linear,
        activation=activation,
        placement=placement,
        dropout=dropout,
        axis=1 if first else -1,
        momentum=momentum,
        epsilon=epsilon,
        name=name,
    )


def batch_norm(
    *,
    axis: int = -1,
    momentum: float = 0.99,
    epsilon: float = 1e-3,
    gamma_initializer: Any = "ones",
    name: str | None = None,
) -> keras.layers.BatchNormalization:
    """Make a checked `keras.layers.BatchNormalization`; Keras itself accepts ``momentum=1.5``."""
    if real("epsilon", epsilon) <= 0:
        raise ValueError(f"`epsilon` must be positive. Received: {epsilon!r}")
    return keras.layers.BatchNormalization(
        axis=axis,
        momentum=probability("momentum", momentum),
        epsilon=epsilon,
        gamma_initializer=gamma_initializer,
        name=name,
    )


def _assemble(
    x: keras.KerasTensor,
    linear: Callable[[bool], keras.Layer],
    *,
    activation: Activation,
    placement: Placement | str,
    dropout: float,
    axis: int,
    momentum: float,
    epsilon: float,
    name: str | None,
) -> keras.KerasTensor:
    placement = Placement(placement)
    rate = probability("dropout", dropout)
    nonlinearity = activation_layer(activation, name=_named(name, "activation"))
    normalization = batch_norm(
        axis=axis, momentum=momentum, epsilon=epsilon, name=_named(name, "bn")
    )

    order = [nonlinearity] if nonlinearity else []
    if placement is Placement.BEFORE:
        order.insert(0, normalization)
    elif placement is Placement.AFTER:
        order.append(normalization)
    # With a linear activation, "after" puts the normalization right behind the linear map too.
    x = linear(not (order and order[0] is normalization))(x)
    for layer in order:
        x = layer(x)
    return keras.layers.Dropout(rate, name=_named(name, "dropout"))(x) if rate else x


def activation_layer(activation: Activation, *, name: str | None = None) -> keras.Layer | None:
    """Return a new layer that applies `activation`, or None where it is linear."""
    if isinstance(activation, keras.Layer):
        config = activation.get_config() | {"name": name}
        if name is None:
            del config["name"]
        try:
            layer = type(activation).from_config(config)
        except (TypeError, ValueError) as error:
            raise ValueError(
                "`activation` must be a layer that can be copied by from_config, or a function. "
                f"Received: {activation!r} ({' '.join(str(error).split())[:120]})"
            ) from error
        return None if getattr(layer, "activation", None) is keras.activations.linear else layer
    try:
        function = keras.activations.get(activation)
    except (ValueError, TypeError) as error:
        raise ValueError(
            "`activation` must be the name of a Keras activation such as 'relu', 'tanh' or "
            f"'sigmoid', a callable, a layer or None. Received: {activation!r}"
        ) from error
    if function is keras.activations.linear:
        return None
    return keras.layers.Activation(activation, name=name)


def _check_tensor(x: object, *, ranks: tuple[int, ...] | None, axis: int = -1) -> None:
    if not isinstance(x, keras.KerasTensor):
        raise TypeError(
            "`x` must be a Keras tensor, for example keras.Input((14,)). "
            f"Received: {type(x).__name__}"
        )
    rank = len(x.shape)
    if ranks and rank not in ranks:
        raise ValueError(
            "`x` must have rank 3, 4 or 5: a batch axis, one to three positions, and channels. "
            f"Received: shape {tuple(x.shape)}"
        )
    if rank < 2:
        raise ValueError(
            f"`x` must have a batch axis and a feature axis. Received: shape {tuple(x.shape)}"
        )
    if x.shape[axis] is None:
        raise ValueError(
            f"`x` must have a known number of {'features' if ranks is None else 'channels'}. "
            f"Received: shape {tuple(x.shape)}"
        )


def _window(name: str, value: object, positions: int) -> tuple[int, ...]:
    if isinstance(value, Integral):
        return (positive_int(name, value),) * positions
    try:
        sizes = positive_ints(name, value)
    except TypeError:  # of no use here: it does not know that a single integer will do
        sizes = ()
    if len(sizes) != positions:
        raise ValueError(
            f"`{name}` must be one integer or {positions} integers, one a position axis of `x`. "
            f"Received: {value!r}"
        )
    return sizes


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ValueError(f"`{name}` must be one of {allowed}. Received: {value!r}")


def _named(prefix: str | None, part: str) -> str | None:
    return f"{prefix}_{part}" if prefix else None
