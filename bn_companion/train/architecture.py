"""What a builder builds: initial numbers by seed, a signature, and whether it vectorises."""

import json
from collections.abc import Callable
from typing import Any

import keras

from bn_companion.train.program import Values, values_of
from bn_companion.train.seeding import seeded

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


def build_seeded(build: Callable[[], Any], seed: int) -> tuple[Any, Values]:
    """Return the model that `build` makes after ``set_random_seed(seed)``, and its numbers."""
    with seeded(seed):
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
