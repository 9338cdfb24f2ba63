"""Which statistics batch normalization really used: those of the batch, or the moving ones."""

import inspect
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import numpy as np
import tensorflow as tf

from bn_companion._calls import eagerly, listening
from bn_companion.build.roles import is_batch_norm
from bn_companion.diagnose.layers import all_layers, check_model

__all__ = ["running_modes"]


def running_modes(model: Any, call: Callable[..., Any]) -> dict[str, str]:
    """Carry out `call` and say which statistics each batch normalization of `model` used.

    What ``training=`` and ``trainable=`` come to is decided in many places: in the call, in the
    model around it, in `fit`, in the layer. This looks at what the layers do in the end. On Keras
    3.15, for example, a nested model that is called with ``training=False`` still uses the
    statistics of the batch inside of `fit` [1]_.

    Parameters
    ----------
    model : keras.Model
        Any, also subclassed; or a part of what `call` runs, such as a nested model.
    call : callable
        Takes no argument, or the model; for example ``lambda: model.fit(x, y)`` or
        ``lambda model: model(x, training=False)``. It really runs, with all that it does. Compiled
        functions run as plain Python meanwhile, so one step tells as much as an epoch, sooner.

    Returns
    -------
    dict of str to str
        For each layer that ran, by name, ``"batch"`` if it used the statistics of the batch at
        least once, and ``"moving"`` if it used the moving statistics only. Layers of one name are
        told apart by the models that they are nested in: ``"encoder/bn"``.

    Raises
    ------
    TypeError
        If `model` is not a Keras model, or `call` cannot be called so.
    ValueError
        If `model` is not built.

    References
    ----------
    .. [1] https://github.com/keras-team/keras/issues/23364

    Examples
    --------
    >>> import numpy as np
    >>> from bn_companion import mlp, running_modes
    >>> model = mlp((4,), 3, hidden=(8,), placement="before")
    >>> x = np.ones((2, 4), "float32")
    >>> running_modes(model, lambda: model(x, training=True))
    {'hidden_1_bn': 'batch'}
    >>> running_modes(model, lambda: model.predict(x, verbose=0))
    {'hidden_1_bn': 'moving'}
    """
    check_model(model)
    arguments = _arguments(call, model)
    names = {name: layer for name, layer in all_layers(model).items() if is_batch_norm(layer)}
    known = {id(layer): name for name, layer in names.items()}
    ran: set[tuple[str, str]] = set()
    planned: set[tuple[str, str]] = set()
    before = {name: _statistics(layer) for name, layer in names.items()}

    def hear(layer: Any, x: Any, training: bool, _mask: Any) -> None:
        mode = "batch" if training and layer.trainable else "moving"
        # Keras also runs layers without values, to learn the shapes of what they return.
        (planned if tf.is_symbolic_tensor(x) else ran).add((known[id(layer)], mode))

    with ExitStack() as stack:
        for layer in names.values():
            stack.enter_context(listening(layer, hear))
        stack.enter_context(eagerly())
        call(*arguments)
    modes = {}
    for name, layer in names.items():
        heard = {mode for who, mode in ran if who == name}
        heard = heard or {mode for who, mode in planned if who == name}
        if _changed(before[name], _statistics(layer)):
            heard.add("batch")  # whatever ran it was not seen, but it left its mark
        if heard:
            modes[name] = "batch" if "batch" in heard else "moving"
    return modes


def _arguments(call: Any, model: Any) -> tuple[Any, ...]:
    expected = (
        "`call` must be a callable that takes no argument, or the model, for example "
        f"lambda: model(x, training=False). Received: {call!r}"
    )
    if not callable(call):
        raise TypeError(expected)
    for arguments in ((), (model,)):
        try:
            inspect.signature(call).bind(*arguments)
        except TypeError:
            continue
        except ValueError:  # no signature to be had, as of some builtins
            pass
        return arguments
    raise TypeError(expected)


def _statistics(layer: Any) -> list[Any]:
    if not layer.built:
        return []
    return [np.copy(v.numpy()) for v in (layer.moving_mean, layer.moving_variance)]


def _changed(before: list[Any], after: list[Any]) -> bool:
    pairs = zip(before, after, strict=False)  # built by the call: nothing to compare with
    return any(not np.array_equal(old, new, equal_nan=True) for old, new in pairs)
