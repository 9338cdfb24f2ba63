"""Listening to the tensors inside a Keras model while it runs, and leaving it as it was."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import keras
import tensorflow as tf

from bn_companion.diagnose.saturation import activation_name, is_activation

__all__ = ["TENSORS", "Sink", "Taps", "untouched"]

#: What can be listened to in a layer.
TENSORS = ("input", "pre_activation", "output")

#: Takes the name of a layer, which of its tensors, the number of the call (from 1), the values.
Sink = Callable[[str, str, int, Any], None]


class Taps:
    """Hand the chosen tensors of chosen layers to a function, as a model computes them.

    The model runs eagerly and as it is; for the time of a run, each chosen layer's ``call`` (and
    the activation that it applies) is wrapped in the layer object, so that nested and subclassed
    models are reached as well. What a layer computes inside a compiled function or a loop has no
    values here and is not handed on.

    Parameters
    ----------
    layers : mapping of str to keras.Layer
        As `choose_layers` returns it.
    tensors : collection of str
        Of `TENSORS`.
    sink : callable
        Called with name, tensor, call number and values while the model runs. A layer with several
        inputs or outputs has tensors ``"output[0]"``, ``"output[1]"``, and so on.
    """

    def __init__(self, layers: Mapping[str, keras.Layer], tensors: Iterable[str], sink: Sink):
        self._layers = dict(layers)
        self._tensors = frozenset(tensors)
        self._sink = sink
        self._calls: dict[str, int] = {}
        self._failure: Exception | None = None

    def run(self, model: keras.Model, x: Any, *, training: bool) -> Any:
        """Call `model` on one batch and listen."""
        self._calls.clear()
        self._failure = None
        with ExitStack() as stack:
            for name, layer in self._layers.items():
                stack.enter_context(self._tapped(name, layer))
            outputs = model(x, training=training)
        if self._failure:
            raise self._failure
        return outputs

    @contextmanager
    def _tapped(self, name: str, layer: keras.Layer) -> Iterator[None]:
        # Keras runs a quantized layer by another method.
        method = "quantized_call" if getattr(layer, "quantization_mode", None) else "call"
        compute, activate = getattr(layer, method), vars(layer).get("activation")
        before: list[Any] = []  # what the activation was given in this call

        def call(*args: Any, **kwargs: Any) -> Any:
            before.clear()
            outputs = compute(*args, **kwargs)
            number = self._calls[name] = self._calls.get(name, 0) + 1
            given = args[0] if args else next(iter(kwargs.values()), None)
            heard = {"input": given, "output": outputs}
            if is_activation(layer):
                heard["pre_activation"] = given
            elif len(before) == 1:  # an activation that is applied twice has no one input
                heard["pre_activation"] = before.pop()
            for tensor in TENSORS:
                if tensor in self._tensors and tensor in heard:
                    self._hand_on(name, tensor, number, heard[tensor])
            return outputs

        def activation(values: Any, *args: Any, **kwargs: Any) -> Any:
            before.append(values)
            return activate(values, *args, **kwargs)

        replacements: dict[str, Any] = {method: call}
        if activation_name(layer) != "linear" and not is_activation(layer):
            replacements["activation"] = activation
        with _replaced(layer, replacements):
            yield

    def _hand_on(self, name: str, tensor: str, number: int, values: Any) -> None:
        flat = keras.tree.flatten(values)
        for index, value in enumerate(flat):
            if isinstance(value, tf.Tensor) and not tf.is_symbolic_tensor(value):
                if not (value.dtype.is_floating or value.dtype.is_integer):
                    continue  # texts have no moments
                label = tensor if len(flat) == 1 else f"{tensor}[{index}]"
                try:
                    self._sink(name, label, number, value)
                except Exception as failure:  # raised here, Keras would make it one of its own
                    self._failure = self._failure or failure


@contextmanager
def _replaced(layer: keras.Layer, attributes: Mapping[str, Any]) -> Iterator[None]:
    """Put `attributes` into the layer object, past Keras's tracking, and take them out again."""
    own = vars(layer)
    kept = {name: own[name] for name in attributes if name in own}
    own.update(attributes)
    try:
        yield
    finally:
        for name in attributes:
            own.pop(name, None)
        own.update(kept)


@contextmanager
def untouched(model: keras.Model) -> Iterator[None]:
    """Put every variable of `model` back as it was: moving statistics and random states, too."""
    values = [(variable, tf.identity(variable.value)) for variable in model.variables]
    try:
        yield
    finally:
        for variable, value in values:
            variable.assign(value)
