"""Residual networks: one builder, and the orders of a block as data."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import keras

from bn_companion._checks import no_member, positive_int, positive_ints
from bn_companion.build.blocks import Activation, activation_layer, batch_norm

__all__ = ["ResidualOrder", "resnet"]


class ResidualOrder(StrEnum):
    """The order of convolution, normalization, activation and addition in a residual block.

    Attributes
    ----------
    ORIGINAL : str
        conv, BN, act, conv, BN, add, act.
    BN_AFTER_ADDITION : str
        conv, BN, act, conv, add, BN, act.
    RELU_BEFORE_ADDITION : str
        conv, BN, act, conv, BN, act, add.
    RELU_ONLY_PRE_ACTIVATION : str
        act, conv, BN, act, conv, BN, add.
    PRE_ACTIVATION : str
        BN, act, conv, BN, act, conv, add.
    NONE : str
        conv, act, conv, add, act: no batch normalization.

    References
    ----------
    .. [1] K. He, X. Zhang, S. Ren and J. Sun, "Identity mappings in deep residual networks", ECCV
       2016, figure 4.

    Examples
    --------
    >>> from bn_companion import ResidualOrder
    >>> ResidualOrder("pre_activation").value
    'pre_activation'
    """

    ORIGINAL = "original"
    BN_AFTER_ADDITION = "bn_after_addition"
    RELU_BEFORE_ADDITION = "relu_before_addition"
    RELU_ONLY_PRE_ACTIVATION = "relu_only_pre_activation"
    PRE_ACTIVATION = "pre_activation"
    NONE = "none"

    @classmethod
    def _missing_(cls, value: object) -> "ResidualOrder":
        raise no_member("order", cls, value)

    @property
    def branch(self) -> tuple[str, ...]:
        """The steps of the residual branch, up to the addition."""
        return _BRANCHES[self][0]

    @property
    def trunk(self) -> tuple[str, ...]:
        """The steps on the sum, behind the addition."""
        return _BRANCHES[self][1]


_BRANCHES: dict[ResidualOrder, tuple[tuple[str, ...], tuple[str, ...]]] = {
    ResidualOrder.ORIGINAL: (("conv", "bn", "act", "conv", "bn"), ("act",)),
    ResidualOrder.BN_AFTER_ADDITION: (("conv", "bn", "act", "conv"), ("bn", "act")),
    ResidualOrder.RELU_BEFORE_ADDITION: (("conv", "bn", "act", "conv", "bn", "act"), ()),
    ResidualOrder.RELU_ONLY_PRE_ACTIVATION: (("act", "conv", "bn", "act", "conv", "bn"), ()),
    ResidualOrder.PRE_ACTIVATION: (("bn", "act", "conv", "bn", "act", "conv"), ()),
    ResidualOrder.NONE: (("conv", "act", "conv"), ("act",)),
}


def resnet(
    input_shape: Sequence[int],
    num_classes: int,
    *,
    order: ResidualOrder | str = "original",
    blocks: Sequence[int] = (1, 1, 1),
    filters: int = 16,
    activation: Activation = "relu",
    zero_gamma: bool = False,
) -> keras.Model:
    """Build a small residual network in one of the orders that have been compared.

    A 3 x 3 convolution, then stages of residual blocks; from the second stage on, the first block
    halves the positions and doubles the filters, with a 1 x 1 convolution on the shortcut.

    Parameters
    ----------
    input_shape : sequence of int
        (height, width, channels).
    num_classes : int
        Number of logits, at least 2.
    order : ResidualOrder or str, default "original"
        Order of the layers in a block.
    blocks : sequence of int, default (1, 1, 1)
        Blocks in each stage; ``(3, 3, 3)`` with 16 filters has the depth and widths of
        the ResNet-20 of He et al., with projections as shortcuts where shapes change.
    filters : int, default 16
        Feature maps of the first stage.
    activation : str, callable or keras.Layer, default "relu"
        The activation.
    zero_gamma : bool, default False
        Start the last gamma of each branch at 0, so that every block starts as its shortcut; for
        the orders whose branch ends in batch normalization.

    Returns
    -------
    keras.Model
        From (batch, height, width, channels) to logits of shape (batch, num_classes).

    Raises
    ------
    ValueError, TypeError
        An argument out of its range, or `zero_gamma` with an order that cannot have it.

    References
    ----------
    .. [1] K. He et al., "Deep residual learning for image recognition", CVPR 2016, section 4.2.
    .. [2] K. He et al., "Identity mappings in deep residual networks", ECCV 2016, figure 4.
    .. [3] P. Goyal et al., "Accurate, large minibatch SGD", 2017, section 5.1 (gamma = 0).

    Examples
    --------
    >>> from bn_companion import resnet
    >>> model = resnet((32, 32, 3), 10, order="pre_activation", blocks=(3, 3, 3))
    >>> sum("conv" in layer.name and "shortcut" not in layer.name for layer in model.layers)
    19
    """
    order = ResidualOrder(order)
    shape = positive_ints("input_shape", input_shape)
    if len(shape) != 3:
        raise ValueError(f"`input_shape` must be (height, width, channels). Received: {shape}")
    num_classes = positive_int("num_classes", num_classes, minimum=2)
    width = positive_int("filters", filters)
    if not isinstance(zero_gamma, bool):
        raise TypeError(f"`zero_gamma` must be a bool. Received: {zero_gamma!r}")
    if zero_gamma and order.branch[-1] != "bn":
        raise ValueError(
            "`zero_gamma` must be False for an order whose branch does not end in batch "
            f"normalization. Received: order={order.value!r}"
        )
    inputs = keras.Input(shape, name="inputs")
    # A block that starts with its own activation must not be fed an activated stem.
    normalized = order not in (ResidualOrder.PRE_ACTIVATION, ResidualOrder.NONE)
    stem: tuple[str, ...] = ("conv", "bn") if normalized else ("conv",)
    if order.branch[0] == "conv":
        stem += ("act",)
    x = _steps(inputs, stem, width=width, strides=1, activation=activation, name="stem")
    for stage, count in enumerate(positive_ints("blocks", blocks), start=1):
        for block in range(1, count + 1):
            x = _residual_block(
                x,
                order,
                width=width,
                strides=2 if stage > 1 and block == 1 else 1,
                activation=activation,
                zero_gamma=zero_gamma,
                name=f"stage_{stage}_block_{block}",
            )
        width *= 2
    if order is ResidualOrder.PRE_ACTIVATION:
        x = _steps(x, ("bn", "act"), width=0, strides=1, activation=activation, name="head")
    elif order is ResidualOrder.RELU_ONLY_PRE_ACTIVATION:
        x = _steps(x, ("act",), width=0, strides=1, activation=activation, name="head")
    x = keras.layers.GlobalAveragePooling2D(name="average")(x)
    return keras.Model(inputs, keras.layers.Dense(num_classes, name="logits")(x), name="resnet")


def _residual_block(
    x: keras.KerasTensor,
    order: ResidualOrder,
    *,
    width: int,
    strides: int,
    activation: Activation,
    zero_gamma: bool,
    name: str,
) -> keras.KerasTensor:
    common: dict[str, Any] = {"width": width, "activation": activation}
    shortcut, branch = x, order.branch
    if strides != 1 or x.shape[-1] != width:
        if order is ResidualOrder.PRE_ACTIVATION:
            # Where shapes change, He et al. share the first BN and activation with the shortcut.
            x = _steps(x, branch[:2], strides=1, name=f"{name}_pre", **common)
            shortcut, branch = x, branch[2:]
        projection = ("conv", "bn") if order.branch[-1] in ("bn", "act") else ("conv",)
        shortcut = _steps(
            shortcut, projection, strides=strides, kernel=1, name=f"{name}_shortcut", **common
        )
    x = _steps(x, branch, strides=strides, name=name, zero_gamma=zero_gamma, **common)
    x = keras.layers.Add(name=f"{name}_add")([shortcut, x])
    return _steps(x, order.trunk, strides=1, name=f"{name}_out", **common)


def _steps(
    x: keras.KerasTensor,
    steps: tuple[str, ...],
    *,
    width: int,
    strides: int,
    activation: Activation,
    name: str,
    kernel: int = 3,
    zero_gamma: bool = False,
) -> keras.KerasTensor:
    """Apply "conv", "bn" and "act" in turn; only the first convolution strides."""
    for index, step in enumerate(steps):
        label = f"{name}_{step}_{steps[: index + 1].count(step)}"
        if step == "conv":
            followed_by_bn = steps[index + 1 : index + 2] == ("bn",)
            x = keras.layers.Conv2D(
                width,
                kernel,
                strides=strides,
                padding="same",
                use_bias=not followed_by_bn,
                kernel_initializer="he_normal",
                name=label,
            )(x)
            strides = 1
        elif step == "bn":
            gamma = "zeros" if zero_gamma and index == len(steps) - 1 else "ones"
            x = batch_norm(gamma_initializer=gamma, name=label)(x)
        else:
            layer = activation_layer(activation, name=label)
            x = x if layer is None else layer(x)
    return x
