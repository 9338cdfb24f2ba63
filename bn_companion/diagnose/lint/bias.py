"""BN002: a bias in front of batch normalization."""

import ast
from collections.abc import Iterator

from bn_companion.diagnose.lint.catalog import BATCH_NORM, channel_rank
from bn_companion.diagnose.lint.problem import Edit, Problem
from bn_companion.diagnose.lint.values import Const, Layer

__all__ = ["find_bias"]

# What a batch normalization may be told without changing that it subtracts the batch mean of
# each channel. `center=False` is not among them: there the bias may be meant to stand for beta.
_PLAIN_OPTIONS = frozenset(
    (
        *("axis", "momentum", "epsilon", "name", "scale", "fused", "synchronized", "dtype"),
        *("mode", "beta_initializer", "gamma_initializer", "beta_regularizer"),
        *("gamma_regularizer", "beta_constraint", "gamma_constraint"),
        *("moving_mean_initializer", "weights", "center", "moving_variance_initializer"),
        *("gamma_init", "beta_init", "input_shape", "input_dim"),
    )
)
# With one of these the bias may be wanted: it is set from outside, or the loss sees it.
_WANTED = ("bias", "weights", "trainable", "activity_regularizer")


def find_bias(layer: Layer, moved_channels: bool, rewritable: bool) -> Iterator[Problem]:
    """Yield a linear layer whose bias is cancelled, wherever its output goes."""
    arguments = layer.arguments
    if arguments is None or layer.escaped or layer.guarded or not layer.consumers:
        return
    if any(name in arguments for name in _WANTED):
        return
    use_bias = arguments.get("use_bias")
    if use_bias is not None and not _is_true(use_bias):
        return
    if not _is_linear(arguments.get("activation")):
        return
    for consumer in layer.consumers:
        if not isinstance(consumer, Layer) or not _cancels(consumer, layer, moved_channels):
            return
    there = min(
        (c.call for c in layer.consumers if isinstance(c, Layer)), key=lambda call: call.lineno
    )
    edits = (Edit(layer.call, "set", ("use_bias", "False")),)
    yield Problem(
        "BN002",
        layer.call,
        f"the bias of this {layer.kind} is removed again by the BatchNormalization on {{there}}",
        edits=edits if rewritable else (),
        there=there,
    )


def _is_linear(activation: ast.expr | None) -> bool:
    return activation is None or (
        isinstance(activation, ast.Constant) and activation.value in (None, "linear")
    )


def _cancels(normalization: Layer, linear: Layer, moved_channels: bool) -> bool:
    """Whether a batch normalization subtracts any constant that `linear` adds to a channel."""
    options = normalization.arguments
    if (
        normalization.kind not in BATCH_NORM
        or options is None
        or normalization.escaped
        or normalization.training_is_fixed
        or len(normalization.places) != 1
        or not set(options) <= _PLAIN_OPTIONS
        or ("center" in options and not _is_true(options["center"]))
    ):
        return False
    mode = options.get("mode")
    if mode is not None and not (isinstance(mode, ast.Constant) and mode.value == 0):
        return False
    axes = _axes(normalization)
    rank = channel_rank(linear.kind)
    if not axes or not all(isinstance(axis, Const) for axis in axes):
        return False
    numbers = {axis.value for axis in axes if isinstance(axis, Const)}
    by_format = all(isinstance(axis, Const) and axis.by_format for axis in axes)
    if rank == 0:
        return numbers == {-1}
    last = {-1, rank - 1}
    data_format = _data_format(linear)
    if data_format == "channels_last":
        return numbers <= last
    if data_format == "channels_first":
        return numbers == {1}
    if data_format is not None:
        return False
    if by_format and 1 in numbers and numbers - {1} <= last:
        return True
    return numbers <= last and not moved_channels


def _axes(normalization: Layer) -> frozenset[object]:
    axis = (normalization.arguments or {}).get("axis")
    if axis is None:
        return frozenset([Const(-1)])
    return frozenset(normalization.values.get("axis", frozenset()))


def _data_format(linear: Layer) -> str | None:
    arguments = linear.arguments or {}
    given = arguments.get("data_format", arguments.get("dim_ordering"))
    if given is None or (isinstance(given, ast.Constant) and given.value in (None, "default")):
        return None
    if not isinstance(given, ast.Constant):
        return "unknown"
    return {"tf": "channels_last", "th": "channels_first"}.get(str(given.value), str(given.value))


def _is_true(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is True
