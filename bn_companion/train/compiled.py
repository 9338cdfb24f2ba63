"""Compiled programs by architecture: the second chunk of a kind does not compile again."""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from bn_companion.train.architecture import signature
from bn_companion.train.looped import SingleProgram
from bn_companion.train.loss import loss_for
from bn_companion.train.optimizers import Rule, check_stackable
from bn_companion.train.philox import register_random_converters
from bn_companion.train.program import Program
from bn_companion.train.shapes import input_shape_of
from bn_companion.train.stacked import StackedProgram

__all__ = ["Settings", "forget_programs", "program_for"]

_PROGRAMS_KEPT = 8


@dataclass(frozen=True)
class Settings:
    """What all runs of a call share."""

    rule: Rule
    epochs: int
    batch_size: int
    loss: Any
    path: str


class _Cache(threading.local):
    """The last compiled programs of this thread; compiling one costs seconds."""

    def __init__(self) -> None:
        # With each program the builder, whose identity may be part of the key, is kept alive.
        self.programs: OrderedDict[Any, tuple[Program, Any]] = OrderedDict()


_CACHE = _Cache()


def program_for(
    model: Any, build: Callable[[], Any], settings: Settings, *, width: int | None
) -> Program:
    """Return the compiled program of an architecture, from the cache if it is there.

    Parameters
    ----------
    model : keras.Model
        What `build` returned.
    build : callable
        Tells apart models that their configuration does not describe.
    settings : Settings
        Optimizer and loss are compiled in.
    width : int or None
        Replicas side by side; None for one model in a loop.

    Returns
    -------
    Program
        It belongs to this thread.

    Raises
    ------
    ValueError
        If a layer draws from Keras's global generator, or the optimizer mixes replicas.
    """
    loss = settings.loss
    described = "" if loss is None else f"{type(loss).__qualname__} {loss.get_config()}"
    text = "\n".join([signature(model), settings.rule.describe(), described])
    # A function in the model (a Lambda layer) may hide what it closes over behind one name.
    opaque = None if _is_transparent(model) else id(build)
    key = (hashlib.sha256(text.encode()).hexdigest(), width, opaque)
    if key not in _CACHE.programs:
        _refuse_global_randomness(model)
        loss = loss_for(model) if loss is None else loss
        if width is not None:
            check_stackable(settings.rule)
            fallback = not register_random_converters()
            program: Program = StackedProgram(model, width, settings.rule, loss, fallback=fallback)
        else:
            program = SingleProgram(model, settings.rule, loss)
        _CACHE.programs[key] = program, build
        while len(_CACHE.programs) > _PROGRAMS_KEPT:
            _CACHE.programs.popitem(last=False)
    _CACHE.programs.move_to_end(key)
    return _CACHE.programs[key][0]


def forget_programs() -> None:
    """Let go of this thread's compiled programs, and of the memory that they hold."""
    _CACHE.programs.clear()


def _is_transparent(model: Any) -> bool:
    """Whether `signature` sees all there is to see: Keras's own layers, and no bare functions."""
    return all(
        type(layer).__module__.startswith("keras.") and not isinstance(layer, keras.layers.Lambda)
        for layer in model._flatten_layers()
    )


def _refuse_global_randomness(model: Any) -> None:
    """Raise if a layer draws from Keras's global generator, which no replica can have alone."""
    own = {id(variable) for variable in model.variables}
    rows = tf.zeros([2, *(size or 1 for size in input_shape_of(model)[1:])])
    with keras.StatelessScope() as scope:
        model(rows, training=True)
    if set(scope.state_mapping) - own:
        raise ValueError(
            "`build` must return a model whose random layers own a keras.random.SeedGenerator; a "
            "layer here draws from Keras's global generator, so that runs would depend on each "
            "other"
        )
