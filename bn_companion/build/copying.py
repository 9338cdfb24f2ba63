"""Copies of single layers: their settings as they are, their state on request."""

import inspect
import tempfile
import warnings
from collections.abc import Mapping
from typing import Any

import keras

__all__ = ["copy_operation", "copy_state", "same_class"]


def copy_operation(operation: Any, changes: Mapping[str, Any], *, new_seeds: bool) -> Any:
    """Return a new operation with the settings of `operation`, but for `changes`.

    Functions and classes of the user's own need not be registered: they are in this process, and
    go over as they are.

    Parameters
    ----------
    operation : keras.Operation
        A layer, or an operation of `keras.ops`.
    changes : mapping
        Entries of its configuration to set.
    new_seeds : bool
        Whether initializers and layers that draw random numbers get new seeds, drawn from Keras's
        global one, where theirs were fixed.

    Raises
    ------
    ValueError
        If it cannot be made from its configuration.
    """
    if isinstance(operation, keras.layers.Lambda):
        return _copy_lambda(operation)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Keras warns about a lambda that is written to a file
            config = dict(operation.get_config())
        if new_seeds:
            config = _without_seeds(config, own=_of_keras(operation))
        for key, written in config.items():
            live = getattr(operation, key, None)
            if inspect.isfunction(live) and not isinstance(written, str):
                config[key] = live
        config |= changes
        with keras.saving.custom_object_scope(_classes_in(operation)):
            copy = _made_from(type(operation), config)
    except (TypeError, ValueError, NotImplementedError, AttributeError) as error:
        raise ValueError(
            "`model` must have layers that can be copied by get_config and from_config. "
            f"Received: {operation.name!r} of class {type(operation).__name__} "
            f"({' '.join(str(error).split())[:200]})"
        ) from error
    # A class of the user's own may not take its name from its configuration.
    copy.name = changes.get("name", operation.name)
    return copy


def _made_from(cls: Any, config: dict[str, Any]) -> Any:
    try:
        return cls.from_config(config)
    except TypeError:
        # Keras adds name, trainable and dtype, which a class of one's own need not take.
        taken = inspect.signature(cls.__init__).parameters
        own = {key: value for key, value in config.items() if key in taken}
        if set(config) - set(own) <= {"name", "trainable", "dtype"}:
            return cls(**own)
        raise


def _copy_lambda(layer: Any) -> Any:
    return keras.layers.Lambda(
        layer.function,
        output_shape=layer._output_shape,
        mask=layer.mask,
        arguments=dict(layer.arguments or {}),
        name=layer.name,
        dtype=layer.dtype_policy,
        trainable=layer.trainable,
    )


def _of_keras(thing: Any) -> bool:
    return type(thing).__module__.partition(".")[0] == "keras"


def _without_seeds(config: Any, *, own: bool) -> Any:
    """Return `config` with every seed of a Keras object removed; `own` if it belongs to one."""
    if isinstance(config, Mapping):
        if "class_name" in config and "config" in config:
            own = str(config.get("module")).partition(".")[0] == "keras"
        return {
            key: None if own and key == "seed" else _without_seeds(value, own=own)
            for key, value in config.items()
        }
    if isinstance(config, list):
        return [_without_seeds(value, own=own) for value in config]
    return config


def _classes_in(operation: Any) -> dict[str, Any]:
    """Return the classes and functions of the user's own that `operation` is made of, by name."""
    layers = operation._flatten_layers() if isinstance(operation, keras.Layer) else [operation]
    things = [thing for layer in layers for thing in (layer, *vars(layer).values())]
    found = {
        type(thing).__name__: type(thing)
        for thing in things
        if hasattr(thing, "get_config") and not _of_keras(thing)
    }
    return found | {thing.__name__: thing for thing in things if inspect.isfunction(thing)}


def copy_state(source: Any, copy: Any, *, weights: bool, changed: bool = False) -> None:
    """Give the layer `copy` the flags of `source` and, if asked, its weights.

    Vocabularies and whatever else a layer has learned by `adapt` always go over: they are
    settings, not weights that training starts from.

    Parameters
    ----------
    source, copy : keras.Layer
        Both built.
    weights : bool
        Whether weights go over.
    changed : bool, default False
        Whether `copy` has other variables, as after a bias was dropped; then those of one name and
        one shape go over.

    Raises
    ------
    ValueError
        If the variables differ though nothing was changed.
    """
    olds, news = source._flatten_layers(), copy._flatten_layers()
    # An activation that was a layer inside of another one may have been taken out of it.
    pairs = zip(olds, news, strict=True) if len(olds) == len(news) else [(source, copy)]
    for old, new in pairs:
        if old.trainable != new.trainable:
            new.trainable = old.trainable
        if hasattr(old, "save_assets") and hasattr(new, "load_assets"):
            with tempfile.TemporaryDirectory() as folder:
                old.save_assets(folder)
                new.load_assets(folder)
        if weights or hasattr(old, "adapt"):
            _copy_variables(old, new, changed=changed)


def _copy_variables(old: Any, new: Any, *, changed: bool) -> None:
    own_old, own_new = (
        [*layer._trainable_variables, *layer._non_trainable_variables] for layer in (old, new)
    )
    if [tuple(v.shape) for v in own_old] == [tuple(v.shape) for v in own_new]:
        pairs = list(zip(own_old, own_new, strict=True))
    elif not changed:
        raise ValueError(
            "`model` must have layers whose copies have the same variables. Received: "
            f"{old.name!r}, with {_shapes(own_old)}, and its copy with {_shapes(own_new)}"
        )
    else:
        known = {(variable.name, tuple(variable.shape)): variable for variable in own_old}
        pairs = [(known.get((v.name, tuple(v.shape))), v) for v in own_new]
    for value, variable in pairs:
        if value is not None:
            variable.assign(value)
    if isinstance(new, keras.layers.Normalization):
        new.finalize_state()  # it computes with what it keeps beside its variables


def _shapes(variables: list[Any]) -> str:
    return ", ".join(f"{v.name} {tuple(v.shape)}" for v in variables) or "none"


def same_class(source: Any, kind: Any, arguments: tuple[str, ...]) -> Any:
    """Return the class of `source` if it is made of `arguments` and a name, else `kind`."""
    if _of_keras(source):
        return kind
    parameters = inspect.signature(type(source).__init__).parameters.values()
    names = {p.name for p in parameters}
    kinds = {p.kind for p in parameters}
    free = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD} <= kinds
    required = {
        p.name
        for p in list(parameters)[1:]
        if p.default is p.empty and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
    }
    named = "name" in names or inspect.Parameter.VAR_KEYWORD in kinds
    fits = set(arguments) <= names and named and required <= set(arguments)
    return type(source) if fits or (free and not required) else kind
