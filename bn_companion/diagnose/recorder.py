"""Percentiles of chosen tensors over a training, on inputs that stay the same."""

from collections.abc import Iterable, Sequence
from numbers import Integral
from typing import Any

import keras
import numpy as np
import pandas as pd

from bn_companion._checks import positive_int, real
from bn_companion.diagnose.batches import batches_of
from bn_companion.diagnose.layers import check_model, choose_layers
from bn_companion.diagnose.probes import check_tensors, check_training, in_columns
from bn_companion.diagnose.taps import Taps, untouched

__all__ = ["ActivationRecorder"]


class ActivationRecorder(keras.callbacks.Callback):  # type: ignore[misc]
    """Record percentiles of tensors inside a model while it trains.

    A Keras callback for `fit`. Before the first step and then every so often it runs the model
    on the same inputs and keeps percentiles of what flows through the chosen layers. The training
    is the same with it and without.

    Parameters
    ----------
    x : array_like, structure of arrays, or iterable of batches
        The probe: inputs of the model, as in `activation_statistics`, few enough for the chosen
        tensors to fit into memory.
    layers : str, keras.Layer or iterable of them, optional
        As in `activation_statistics`.
    tensors : str or iterable of str, default "output"
        As in `activation_statistics`. ``"pre_activation"`` of a sigmoid layer is the input of the
        sigmoid.
    channels : int, iterable of int, or "each", optional
        Percentiles of single channels (units); by default of all values of a tensor together.
    axis : int, default -1
        The axis of the channels.
    percentiles : iterable of float, default (15, 50, 85)
        From 0 to 100, linearly interpolated.
    every : int, default 1
        Record after so many of `unit`.
    unit : {"epoch", "batch"}, default "epoch"
        A batch is one step of training.
    training : bool, default False
        Mode of the run on the probe: True normalizes with the statistics of the probe's batches.
    batch_size : int, default 128
        Examples of the probe at a time.

    Attributes
    ----------
    frame : pandas.DataFrame
        A row for each record, tensor and percentile: ``step`` (steps trained so far), ``epoch``
        (that of the last step, from 1; 0 before the first), ``layer``, ``tensor``, ``call``,
        ``channel`` (if asked for), ``percentile``, ``value``. A second `fit` continues it.

    Raises
    ------
    ValueError
        A percentile, number or option out of its range; when `fit` starts, as
        `activation_statistics`, or a channel that the tensor does not have.
    TypeError
        As `activation_statistics`; also a generator as `x`, which could be read only once.

    References
    ----------
    .. [1] S. Ioffe and C. Szegedy, "Batch normalization", ICML 2015, figure 1 (b, c), which shows
       these percentiles for the input of one sigmoid.

    Examples
    --------
    >>> import numpy as np
    >>> from bn_companion import ActivationRecorder, mlp
    >>> model = mlp((4,), 2, hidden=(8,), activation="sigmoid")
    >>> model.compile(loss="mse")
    >>> x = np.random.default_rng(0).normal(size=(64, 4))
    >>> recorder = ActivationRecorder(
    ...     x, layers="hidden_1_activation", tensors="pre_activation", channels=0
    ... )
    >>> history = model.fit(x, x[:, :2], epochs=2, verbose=0, callbacks=[recorder])
    >>> recorder.frame[["step", "epoch", "channel", "percentile"]].values.tolist()[-3:]
    [[4.0, 2.0, 0.0, 15.0], [4.0, 2.0, 0.0, 50.0], [4.0, 2.0, 0.0, 85.0]]
    """

    def __init__(
        self,
        x: Any,
        *,
        layers: str | keras.Layer | Iterable[str | keras.Layer] | None = None,
        tensors: str | Iterable[str] = "output",
        channels: int | Iterable[int] | str | None = None,
        axis: int = -1,
        percentiles: Iterable[float] = (15, 50, 85),
        every: int = 1,
        unit: str = "epoch",
        training: bool = False,
        batch_size: int = 128,
    ):
        super().__init__()
        if hasattr(x, "__next__"):
            raise TypeError(f"`x` must be readable again and again. Received: {type(x).__name__}")
        self._batches = batches_of(x, positive_int("batch_size", batch_size))
        self._layers = layers if isinstance(layers, str | keras.Layer | None) else tuple(layers)
        self._tensors = check_tensors(tensors)
        self._channels = _check_channels(channels)
        self._axis = axis
        self._percentiles = _check_percentiles(percentiles)
        self._every = positive_int("every", every)
        if unit not in ("epoch", "batch"):
            raise ValueError(f"`unit` must be 'epoch' or 'batch'. Received: {unit!r}")
        self._unit = unit
        self._training = check_training(training)
        self._rows: list[dict[str, Any]] = []
        self._step = self._epoch = self._steps_before = 0

    @property
    def frame(self) -> pd.DataFrame:
        """What was recorded so far, tidy."""
        columns = ["step", "epoch", "layer", "tensor", "call"]
        columns += ["channel"] if self._channels is not None else []
        return pd.DataFrame(self._rows, columns=[*columns, "percentile", "value"])

    def on_train_begin(self, logs: Any = None) -> None:
        """Check the layers against the model, and record where it starts."""
        check_model(self.model)
        choose_layers(self.model, self._layers)
        if not self._rows:
            self._record()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Count the steps; record after every so many."""
        before = self._step
        self._step = self._steps_before + batch + 1  # several at once with steps_per_execution
        if self._unit == "batch" and self._step // self._every > before // self._every:
            self._record()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Count the epochs."""
        self._epoch += 1

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Record after every so many epochs."""
        self._steps_before = self._step
        if self._unit == "epoch" and self._epoch % self._every == 0:
            self._record()

    def _record(self) -> None:
        pieces: dict[tuple[str, str, int], list[Any]] = {}
        numbers: dict[tuple[str, str, int], Sequence[int]] = {}
        axis = None if self._channels is None else self._axis

        def keep(name: str, tensor: str, call: int, values: Any) -> None:
            columns = in_columns(values, axis)
            chosen = numbers.setdefault((name, tensor, call), self._among(columns.shape[1]))
            pieces.setdefault((name, tensor, call), []).append(columns[:, chosen])

        taps = Taps(choose_layers(self.model, self._layers), self._tensors, keep)
        with untouched(self.model):
            for batch in self._batches():
                taps.run(self.model, batch, training=self._training)
        if not pieces:
            raise ValueError(
                f"`layers` must have the tensors {list(self._tensors)} in a run on `x`. "
                f"Received: {self._layers!r}, and a run that shows none of them"
            )
        for (name, tensor, call), parts in pieces.items():
            columns = np.concatenate(parts).astype(np.float64)
            found = np.percentile(columns, self._percentiles, axis=0)
            for channel, values in zip(numbers[name, tensor, call], found.T, strict=True):
                where: dict[str, Any] = {"step": self._step, "epoch": self._epoch}
                where |= {"layer": name, "tensor": tensor, "call": call}
                where |= {} if self._channels is None else {"channel": channel}
                self._rows += [
                    where | {"percentile": percentile, "value": float(value)}
                    for percentile, value in zip(self._percentiles, values, strict=True)
                ]

    def _among(self, count: int) -> Sequence[int]:
        if self._channels is None or isinstance(self._channels, str):
            return range(count)
        if max(self._channels) >= count:
            raise ValueError(
                f"`channels` must be below {count}, the channels of the tensor. "
                f"Received: {list(self._channels)}"
            )
        return self._channels


def _check_percentiles(percentiles: Any) -> tuple[float, ...]:
    if isinstance(percentiles, str) or not isinstance(percentiles, Iterable):
        raise TypeError(f"`percentiles` must hold numbers. Received: {percentiles!r}")
    found = tuple(real("percentiles", value) for value in percentiles)
    if not found or min(found) < 0 or max(found) > 100:
        raise ValueError(f"`percentiles` must lie in [0, 100]. Received: {percentiles!r}")
    return found


def _check_channels(channels: Any) -> list[int] | str | None:
    if channels is None or (isinstance(channels, str) and channels == "each"):
        return channels
    asked = [channels] if isinstance(channels, Integral) else channels
    if isinstance(asked, str) or not isinstance(asked, Iterable):
        raise TypeError(f"`channels` must hold integers, or be 'each'. Received: {channels!r}")
    found = [positive_int("channels", channel, minimum=0) for channel in asked]
    if not found:
        raise ValueError("`channels` must name at least one channel. Received: none")
    return found
