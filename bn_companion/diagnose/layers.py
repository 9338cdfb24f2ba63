"""Finding the layers of a Keras model by name, at any depth."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import keras

__all__ = ["all_layers", "check_model", "choose_layers", "walk"]


def check_model(model: Any) -> keras.Model:
    """Return `model` if it is a Keras model that has been built, or raise."""
    if not isinstance(model, keras.Model):
        raise TypeError(f"`model` must be a keras.Model. Received: {type(model).__name__}")
    if not model.built:
        raise ValueError(
            "`model` must be built: call it on a batch, or give it an Input. "
            f"Received: {model.name!r}, which has no weights yet"
        )
    return model


def choose_layers(
    model: keras.Model, layers: str | keras.Layer | Iterable[str | keras.Layer] | None
) -> dict[str, keras.Layer]:
    """Return the layers to look at, by name, in the order of the model.

    A layer is named by its ``name``; where two layers inside `model` share one, each is named by
    its path, such as ``"base/dense"``. Either serves to ask for it.

    Parameters
    ----------
    model : keras.Model
    layers : str, keras.Layer, iterable of them, or None
        None is every layer of the model; of a nested model, the layers in it. What is inside a
        layer that is not a model (a wrapper, a block) is looked at when it is asked for.

    Raises
    ------
    ValueError
        If there is no such layer, a name fits several, or nothing is asked for.
    TypeError
        If an entry is neither a name nor a layer.
    """
    named = all_layers(model)
    if layers is None:
        opened = {id(layer) for layer in _of_models(model)}
        return {name: layer for name, layer in named.items() if id(layer) in opened}
    if not isinstance(layers, str | keras.Layer | Iterable):
        raise TypeError(f"`layers` must hold names or layers. Received: {layers!r}")
    asked = [layers] if isinstance(layers, str | keras.Layer) else list(layers)
    if not asked:
        raise ValueError("`layers` must name at least one layer. Received: none")
    paths = dict(walk(model))
    found = {id(_find(item, paths, named)) for item in asked}
    return {name: layer for name, layer in named.items() if id(layer) in found}


def all_layers(model: keras.Model) -> dict[str, keras.Layer]:
    """Return every layer in `model` at any depth, by its name, or by its path where names clash."""
    paths = dict(walk(model))
    count = Counter(layer.name for layer in paths.values())
    return {layer.name if count[layer.name] == 1 else path: layer for path, layer in paths.items()}


def _children(parent: keras.Layer) -> list[keras.Layer]:
    children = parent.layers if isinstance(parent, keras.Model) else parent._layers
    return [child for child in children if not isinstance(child, keras.layers.InputLayer)]


def walk(
    parent: keras.Layer, prefix: str = "", seen: set[int] | None = None
) -> Iterator[tuple[str, keras.Layer]]:
    """Yield path and object of every layer in `parent`, each object once."""
    seen = set() if seen is None else seen
    taken: Counter[str] = Counter()
    for child in _children(parent):
        if id(child) not in seen:
            seen.add(id(child))
            taken[child.name] += 1
            twin = f"#{taken[child.name]}" if taken[child.name] > 1 else ""
            yield prefix + child.name + twin, child
            yield from walk(child, f"{prefix}{child.name}{twin}/", seen)


def _of_models(model: keras.Model) -> Iterator[keras.Layer]:
    """Yield the layers of `model`, and in place of a nested model its own."""
    for child in _children(model):
        if isinstance(child, keras.Model):
            yield from _of_models(child)
        else:
            yield child


def _find(
    item: Any, paths: Mapping[str, keras.Layer], named: Mapping[str, keras.Layer]
) -> keras.Layer:
    if isinstance(item, str):
        by_name = [path for path, layer in paths.items() if layer.name == item]
        fits = [item] if item in paths else by_name
    elif isinstance(item, keras.Layer):
        fits = [path for path, layer in paths.items() if layer is item]
    else:
        raise TypeError(f"`layers` must hold names or layers. Received: {item!r}")
    if len(fits) == 1:
        return paths[fits[0]]
    what = item if isinstance(item, str) else item.name
    if fits:
        raise ValueError(f"`layers` must say which {what!r} is meant: {', '.join(fits)}")
    known = list(named)
    some = ", ".join(known[:20]) + (", ..." if len(known) > 20 else "")
    raise ValueError(f"`layers` must be in the model, which has {some}. Received: {what!r}")
