"""Listening to the calls of layers, in whatever model they are, without leaving a trace."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import tensorflow as tf

__all__ = ["eagerly", "listening"]


@contextmanager
def listening(layer: Any, heard: Callable[[Any, Any, bool, Any], None]) -> Iterator[None]:
    """Call ``heard(layer, inputs, training, mask)`` before a batch normalization computes.

    The layer object's ``call`` is wrapped for as long, past Keras's tracking of attributes, so
    that nested, shared and subclassed models are reached as well.
    """
    own = vars(layer)
    compute, kept = layer.call, own.get("call")

    def call(inputs: Any, training: Any = None, mask: Any = None) -> Any:
        heard(layer, inputs, bool(training), mask)
        return compute(inputs, training=training, mask=mask)

    own["call"] = call
    try:
        yield
    finally:
        del own["call"]
        if kept is not None:
            own["call"] = kept


@contextmanager
def eagerly() -> Iterator[None]:
    """Run every ``tf.function`` as plain Python for as long, compiled before or not."""
    before = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(True)
    try:
        with warnings.catch_warnings():  # functions of tf.data stay compiled: fine here
            warnings.filterwarnings("ignore", message="Even though the `tf.config.experimental_run")
            yield
    finally:
        tf.config.run_functions_eagerly(before)
