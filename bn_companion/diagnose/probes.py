"""The distribution of what flows through a model, layer by layer."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bn_companion._checks import positive_int
from bn_companion.diagnose.batches import batches_of
from bn_companion.diagnose.layers import check_model, choose_layers
from bn_companion.diagnose.moments import StreamingMoments
from bn_companion.diagnose.saturation import IsSaturated, activation_name, saturation_of
from bn_companion.diagnose.taps import TENSORS, Taps, untouched

__all__ = ["activation_statistics", "check_tensors", "check_training", "in_columns"]


def activation_statistics(
    model: keras.Model,
    x: Any,
    *,
    layers: str | keras.Layer | Iterable[str | keras.Layer] | None = None,
    tensors: str | Iterable[str] = "output",
    per: str = "tensor",
    axis: int = -1,
    training: bool = False,
    batch_size: int = 128,
) -> pd.DataFrame:
    """Describe the values that layers of a model take in or give out.

    Parameters
    ----------
    model : keras.Model
        Any built model: sequential, functional, nested or subclassed. It is left as it is, moving
        statistics included.
    x : array_like, structure of arrays, or iterable of batches
        The inputs: an array with the examples along the first axis; a list or dict of them for
        several inputs; or batches, as a `tf.data.Dataset` gives them (labels are passed over).
    layers : str, keras.Layer or iterable of them, optional
        Names (or paths such as ``"base/dense"``, where two layers share a name). By default every
        layer of the model, and of a nested model the layers in it.
    tensors : str or iterable of str, default "output"
        ``"input"``, ``"output"`` and ``"pre_activation"``: what the activation of the layer is
        given. That of ``Dense(8, activation="relu")`` is its linear map's result; layers without
        an activation have none.
    per : {"tensor", "channel"}, default "tensor"
        A row for each tensor, over all of its values, or for each channel of it.
    axis : int, default -1
        The axis of the channels, for ``per="channel"``.
    training : bool, default False
        True runs the layers as in training: batch normalization on the statistics of each batch,
        so that they depend on `batch_size`, dropout on. The model is left as it is all the same.
    batch_size : int, default 128
        Examples at a time. Memory holds one batch; the results do not depend on it, except in
        training mode.

    Returns
    -------
    pandas.DataFrame
        A row for each tensor (or channel), in the order in which the model computes them:

        - ``layer``, ``tensor``, ``call`` (1, 2, ... for a layer that is used several times),
          ``channel`` (if asked for), ``activation`` (of the layer), ``count`` (of values);
        - ``mean``, ``std`` (biased), ``skewness``, ``excess_kurtosis`` (both biased, as in SciPy,
          both 0 for a normal distribution and NaN for a constant);
        - ``fraction_zeros``: exact zeros;
        - ``fraction_saturated``, of an output: within 0.05 of an asymptote for sigmoid, tanh and
          softsign; at a bound for ReLU (zero), ReLU6, hard sigmoid and hard tanh; else NaN.

    Raises
    ------
    ValueError
        A model without weights yet, no examples, an unknown layer or option, or a layer asked for
        whose tensor the run does not show: it was not called, has no activation, or works inside
        a compiled function or a loop.
    TypeError
        If an argument is not of the type that it should be.

    Notes
    -----
    Moments are taken in float64 and pooled over batches exactly [1]_. Values that are not finite
    make the moments NaN.

    References
    ----------
    .. [1] P. Pébay, "Formulas for robust, one-pass parallel computation of covariances and
       arbitrary-order statistical moments", Sandia report SAND2008-6212, 2008.

    Examples
    --------
    >>> import numpy as np
    >>> from bn_companion import activation_statistics, mlp
    >>> model = mlp((4,), 2, hidden=(8,), placement="after")
    >>> x = np.random.default_rng(0).normal(size=(50, 4))
    >>> frame = activation_statistics(model, x, layers="hidden_1_activation")
    >>> frame[["layer", "tensor", "activation", "count"]].values.tolist()
    [['hidden_1_activation', 'output', 'relu', 400]]
    >>> bool((frame["fraction_zeros"] == frame["fraction_saturated"]).all())
    True
    """
    check_model(model)
    chosen = choose_layers(model, layers)
    wanted = check_tensors(tensors)
    if per not in ("tensor", "channel"):
        raise ValueError(f"`per` must be 'tensor' or 'channel'. Received: {per!r}")
    check_training(training)
    batches = batches_of(x, positive_int("batch_size", batch_size))

    summaries: dict[tuple[str, str, int], _Summary] = {}
    saturated = {name: saturation_of(layer) for name, layer in chosen.items()}

    def take_in(name: str, tensor: str, call: int, values: Any) -> None:
        made = _Summary(saturated[name] if tensor.startswith("output") else None)
        summary = summaries.setdefault((name, tensor, call), made)
        summary.update(in_columns(values, axis if per == "channel" else None))

    taps = Taps(chosen, wanted, take_in)
    seen = False
    with untouched(model):
        for batch in batches():
            seen = True
            taps.run(model, batch, training=training)
    if not seen:
        raise ValueError("`x` must hold at least one example. Received: none")
    shown = {name for name, _, _ in summaries}
    if layers is not None and (hidden := [name for name in chosen if name not in shown]):
        raise ValueError(
            f"`layers` must have the tensors {list(wanted)} in this run. Received: {hidden}, which "
            "were not called, have no activation, or work in a compiled function or a loop"
        )
    frames = []
    for (name, tensor, call), summary in summaries.items():
        frame = summary.frame()
        where: dict[str, Any] = {"layer": name, "tensor": tensor, "call": call}
        where |= {"channel": frame.index} if per == "channel" else {}
        where |= {"activation": activation_name(chosen[name])}
        for place, (column, value) in enumerate(where.items()):
            frame.insert(place, column, value)
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


@dataclass
class _Summary:
    """What is known of one tensor, a column a channel."""

    is_saturated: IsSaturated | None
    moments: StreamingMoments = field(default_factory=StreamingMoments)
    zeros: Any = 0
    saturated: Any = 0

    def __post_init__(self) -> None:
        if self.is_saturated is None:
            self.saturated = np.nan

    def update(self, columns: NDArray[Any]) -> None:
        self.moments.update(columns)
        self.zeros = self.zeros + (columns == 0).sum(axis=0)
        if self.is_saturated:
            self.saturated = self.saturated + self.is_saturated(columns).sum(axis=0)

    def frame(self) -> pd.DataFrame:
        of = self.moments
        columns = {
            "count": of.count,
            "mean": of.mean,
            "std": of.std,
            "skewness": of.skewness,
            "excess_kurtosis": of.excess_kurtosis,
            "fraction_zeros": self.zeros / of.count,
            "fraction_saturated": self.saturated / of.count,
        }
        return pd.DataFrame(columns)


def in_columns(values: Any, axis: int | None) -> NDArray[Any]:
    """Lay a tensor out as (values, channels), or as one column where `axis` is None."""
    array = np.asarray(keras.ops.convert_to_numpy(values))
    if axis is None or array.ndim < 2:
        return array.reshape(-1, 1)
    if not -array.ndim <= axis < array.ndim:
        raise ValueError(
            f"`axis` must lie in [-{array.ndim}, {array.ndim}) for a tensor of shape "
            f"{array.shape}. Received: {axis}"
        )
    last = np.moveaxis(array, axis, -1)
    return last.reshape(-1, last.shape[-1])


def check_tensors(tensors: str | Iterable[str]) -> tuple[str, ...]:
    """Return the kinds of tensors that were asked for, or raise."""
    if not isinstance(tensors, Iterable):
        raise TypeError(f"`tensors` must hold names. Received: {tensors!r}")
    wanted = (tensors,) if isinstance(tensors, str) else tuple(tensors)
    if not wanted or any(tensor not in TENSORS for tensor in wanted):
        raise ValueError(f"`tensors` must be of {', '.join(TENSORS)}. Received: {tensors!r}")
    return wanted


def check_training(training: object) -> bool:
    """Return `training` if it is a bool, or raise."""
    if not isinstance(training, bool):
        raise TypeError(f"`training` must be a bool. Received: {training!r}")
    return training
