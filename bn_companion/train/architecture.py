"""What a builder builds: initial numbers by seed, a signature, and whether it vectorises."""

import contextlib
import json
import random
import threading
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np

from bn_companion.train.program import Values, values_of

__all__ = ["build_seeded", "refusal_to_vectorize", "signature"]

_LAYERS = keras.layers
_ONE_AT_A_TIME = {
    "convolutions": (
        _LAYERS.Conv1D,
        _LAYERS.Conv2D,
        _LAYERS.Conv3D,
        _LAYERS.Conv1DTranspose,
        _LAYERS.Conv2DTranspose,
        _LAYERS.Conv3DTranspose,
        _LAYERS.DepthwiseConv1D,
        _LAYERS.DepthwiseConv2D,
        _LAYERS.SeparableConv1D,
        _LAYERS.SeparableConv2D,
    ),
    "recurrent layers": (_LAYERS.RNN,),
}
# Keras's seeding is global to the process: two threads must not build at the same time.
_SEEDING = threading.RLock()


@contextlib.contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed as ``keras.utils.set_random_seed``; leave Python's and NumPy's state as they were."""
    with _SEEDING, _own_random():
        numpy = np.random.get_state()  # noqa: NPY002
        try:
            keras.utils.set_random_seed(seed)
            yield
        finally:
            np.random.set_state(numpy)  # noqa: NPY002


@contextlib.contextmanager
def _own_random() -> Iterator[None]:
    """Give this thread a generator of its own behind the functions of the module `random`.

    Keras draws the seeds of layers from there, and so do other threads whatever they want: a Dask
    worker's, between two of our layers, when it sets the time of its next heartbeat.
    """
    ours, thread = random.Random(), threading.get_ident()
    functions = {
        name: function
        for name, function in vars(random).items()
        if isinstance(getattr(function, "__self__", None), random.Random)
    }

    def dispatch(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def draw(*arguments: Any, **options: Any) -> Any:
            own = threading.get_ident() == thread
            return (getattr(ours, name) if own else function)(*arguments, **options)

        return draw

    try:
        for name, function in functions.items():
            setattr(random, name, dispatch(name, function))
        yield
    finally:
        for name, function in functions.items():
            setattr(random, name, function)


def build_seeded(build: Callable[[], Any], seed: int) -> tuple[Any, Values]:
    """Return the model that `build` makes after ``set_random_seed(seed)``, and its numbers."""
    with _seeded(seed):
        model = build()
    if not isinstance(model, keras.Model):
        raise TypeError(f"`build` must return a keras.Model. Received: {type(model).__name__}")
    return model, values_of(model)


def refusal_to_vectorize(model: Any) -> str | None:
    """Return why `model` must train one run at a time, or None if it may be stacked."""
    for layer in model._flatten_layers():
        for kind, classes in _ONE_AT_A_TIME.items():
            if isinstance(layer, classes):
                return f"{kind} do not vectorise over their weights (layer {layer.name!r})"
    return None


def signature(model: Any) -> str:
    """Return a text that is equal for equal architectures, whatever their layers are called.

    A model that cannot be serialised is described by its variables alone.
    """
    variables = [(list(v.shape), str(v.dtype), bool(v.trainable)) for v in model.variables]
    try:
        config: Any = keras.saving.serialize_keras_object(model)
    except (NotImplementedError, TypeError, ValueError):
        config = type(model).__qualname__
    names = {layer.name: f"layer_{i}" for i, layer in enumerate(model._flatten_layers())}
    return json.dumps([_renamed(config, names), variables], sort_keys=True, default=repr)


def _renamed(config: Any, names: dict[str, str]) -> Any:
    if isinstance(config, dict):
        # How a model was compiled, and where Keras found its classes, is not architecture.
        skipped = ("compile_config", "build_config", "shared_object_id")
        return {k: _renamed(v, names) for k, v in config.items() if k not in skipped}
    if isinstance(config, list | tuple):
        return [_renamed(item, names) for item in config]
    return names.get(config, config) if isinstance(config, str) else config
