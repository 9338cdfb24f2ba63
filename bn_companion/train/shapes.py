"""Shapes of what enters and leaves a model, also of one whose layers are not a graph."""

from typing import Any

import keras

__all__ = ["input_shape_of", "output_shape_of"]


def input_shape_of(model: Any) -> Any:
    """Return the shape that enters `model`, batch first with size None; None if it hides it."""
    shape = getattr(model, "input_shape", None)
    if shape is None:  # a subclassed model knows what it was built on
        shape = (model.get_build_config() or {}).get("input_shape")
        shape = (None, *shape[1:]) if isinstance(shape, tuple | list) else None
    return shape


def output_shape_of(model: Any) -> Any:
    """Return the shape that leaves `model`, batch first; a list for several; None if hidden.

    Examples
    --------
    >>> import keras
    >>> from bn_companion.train.shapes import output_shape_of
    >>> output_shape_of(keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)]))
    (None, 3)
    """
    if hasattr(model, "output_shape"):
        return model.output_shape
    shape = input_shape_of(model)
    if shape is None or not all(isinstance(size, int | None) for size in shape):
        return None
    specification = model.compute_output_spec(keras.KerasTensor(shape))
    shapes = [spec.shape for spec in keras.tree.flatten(specification)]
    return shapes[0] if len(shapes) == 1 else shapes
