"""Batches of a model's inputs from whatever people keep them in, as often as they are needed."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from bn_companion._checks import positive_int

__all__ = ["Batches"]


class Batches:
    """Iterates over the inputs in batches, anew every time.

    Parameters
    ----------
    x : array, structure of arrays, dataset, callable or iterable
        As `bn_companion.recalibrate` takes it.
    model : keras.Model
        Whose inputs they are.
    batch_size : int
        Rows a batch, of arrays.

    Attributes
    ----------
    number : int or None
        How many batches there are, where that is known.
    """

    def __init__(self, x: Any, model: Any, *, batch_size: int) -> None:
        size = positive_int("batch_size", batch_size)
        self._model = model
        self._rows: int | None = None
        self.number: int | None = None
        self._start: Callable[[], Iterable[Any]]
        if isinstance(x, tf.data.Dataset):
            cardinality = int(x.cardinality())
            if cardinality == tf.data.INFINITE_CARDINALITY:
                raise ValueError(
                    "`x` must end. Received: a dataset that repeats for ever; use .take(batches)"
                )
            self.number = cardinality if cardinality >= 0 else None
            self._start = lambda: x
        elif isinstance(x, keras.utils.PyDataset):
            self.number = x.num_batches
            if self.number is None:
                raise ValueError("`x` must end. Received: a PyDataset without a number of batches")
            self._start = lambda: (x[index] for index in range(x.num_batches))
        elif callable(x):
            self._start = x
        elif _is_arrays(x):
            self._from_arrays(x, size)
        elif isinstance(x, Iterator):
            raise ValueError(
                "`x` must be readable more than once, since every depth of normalization takes a "
                "pass over it: pass the function that makes the generator, not the generator. "
                f"Received: {type(x).__name__}"
            )
        elif isinstance(x, Iterable) and not isinstance(x, str | bytes):
            self._start = lambda: x
        else:
            raise TypeError(
                "`x` must be an array, a list or dict of arrays for several inputs, a dataset, or "
                f"a function that returns an iterator over batches. Received: {type(x).__name__}"
            )

    def _from_arrays(self, x: Any, size: int) -> None:
        arrays = keras.tree.map_structure(_as_array, x)
        lengths = {len(array) for array in keras.tree.flatten(arrays)}
        if len(lengths) > 1:
            raise ValueError(f"`x` must have as many rows in every array. Received: {lengths}")
        (rows,) = lengths
        if not rows:
            raise ValueError("`x` must not be empty. Received: 0 rows")
        arrays = self._checked(arrays)
        self.number = -(-rows // size)
        starts = range(0, rows, size)
        self._start = lambda: (_rows(arrays, start, start + size) for start in starts)

    def __iter__(self) -> Iterator[Any]:
        rows, number = 0, 0
        source = self._start()
        if not isinstance(source, Iterable):
            raise TypeError(
                "`x` must return an iterator over batches when it is called. "
                f"Received: {type(source).__name__}"
            )
        for element in source:
            batch = self._checked(keras.tree.map_structure(_as_array, _inputs_of(element)))
            count = len(keras.tree.flatten(batch)[0])
            if count:
                rows, number = rows + count, number + 1
                yield batch
        if not rows:
            raise ValueError("`x` must not be empty. Received: no batch with a row in it")
        if self._rows not in (None, rows):
            raise ValueError(
                "`x` must give the same data every time it is read. "
                f"Received: {self._rows} rows, then {rows}"
            )
        self._rows, self.number = rows, number

    def _checked(self, batch: Any) -> Any:
        """Return `batch` in the structure of the model's inputs, after checking every shape."""
        wanted = getattr(self._model, "inputs", None)
        if not wanted:  # a subclassed model says what it takes by failing
            return batch
        structure = wanted[0] if isinstance(self._model, keras.Sequential) else self._model.input
        if isinstance(batch, Mapping) and not isinstance(structure, Mapping):
            batch = [batch[tensor.name] for tensor in wanted if tensor.name in batch]
        given = keras.tree.flatten(batch)
        shapes = [tuple(tensor.shape) for tensor in wanted]
        fits = len(given) == len(shapes) and all(
            len(array.shape) == len(shape)
            and all(n in (None, m) for n, m in zip(shape[1:], array.shape[1:], strict=True))
            for array, shape in zip(given, shapes, strict=True)
        )
        if not fits:
            raise ValueError(
                f"`x` must have the shape of the inputs of {self._model.name!r}, "
                f"{', '.join(map(str, shapes))}. "
                f"Received: {', '.join(str(tuple(array.shape)) for array in given)}"
            )
        return keras.tree.pack_sequence_as(structure, given)


def _rows(arrays: Any, start: int, stop: int) -> Any:
    return keras.tree.map_structure(lambda array: array[start:stop], arrays)


def _is_arrays(x: Any) -> bool:
    if isinstance(x, Mapping):
        return bool(x) and all(_is_arrays(value) for value in x.values())
    if isinstance(x, list | tuple):
        return bool(x) and all(_is_arrays(value) for value in x)
    return hasattr(x, "__array__") and len(getattr(x, "shape", ())) > 0


def _as_array(value: Any) -> Any:
    if tf.is_tensor(value):
        return value
    array = np.asarray(value)
    if array.ndim == 0:
        raise ValueError("`x` must have a batch axis. Received: a single number")
    return array


def _inputs_of(element: Any) -> Any:
    """Return the inputs of (inputs, targets, weights), as `fit` reads a dataset."""
    return element[0] if isinstance(element, tuple) and len(element) <= 3 else element
