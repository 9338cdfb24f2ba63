"""Cutting inputs of any kind into batches, so that no more than one is in memory."""

from collections.abc import Callable, Iterator
from typing import Any

import keras

__all__ = ["arrays_of", "batches_of", "row_count"]


def batches_of(x: Any, batch_size: int) -> Callable[[], Iterator[Any]]:
    """Check `x` and return a function that goes through it once, a batch at a time.

    Parameters
    ----------
    x : array_like, structure of arrays, or iterable of batches
        An array, tensor, memory map or data frame with the examples along the first axis; a list,
        tuple or dict of them for a model with several inputs; or batches: a `tf.data.Dataset`,
        a `keras.utils.PyDataset` or any iterable, of inputs or of tuples whose first entry they
        are. Only what is cut out is read.
    batch_size : int
        For arrays; batches stay as they come.

    Raises
    ------
    ValueError
        If there are no examples, or the inputs differ in their number.
    TypeError
        If `x` is none of these.
    """
    if isinstance(x, keras.utils.PyDataset):
        return lambda: (_inputs_of(x[i]) for i in range(int(x.num_batches or 0)))
    if not isinstance(x, list | tuple | dict) and not hasattr(x, "shape"):
        if isinstance(x, str | bytes) or not hasattr(x, "__iter__"):
            raise TypeError(
                "`x` must be an array, a list or dict of arrays, or an iterable of batches. "
                f"Received: {type(x).__name__}"
            )
        return lambda: map(_inputs_of, x)
    arrays = arrays_of(x)
    rows = row_count(arrays)

    def rows_from(start: int) -> Any:
        return keras.tree.map_structure(lambda array: array[start : start + batch_size], arrays)

    return lambda: map(rows_from, range(0, rows, batch_size))


def arrays_of(x: Any) -> Any:
    """Return `x` if it is an array or a structure of arrays that can be cut into rows, or raise."""
    return keras.tree.map_structure(_array, x)


def row_count(x: Any, *, name: str = "x") -> int:
    """Return the number of examples in an array or structure of arrays, or raise."""
    rows = {int(array.shape[0]) for array in keras.tree.flatten(x)}
    if len(rows) != 1:
        raise ValueError(
            f"`{name}` must hold arrays of equally many examples. Received: {sorted(rows)}"
        )
    if 0 in rows:
        raise ValueError(f"`{name}` must hold at least one example. Received: none")
    return rows.pop()


def _array(leaf: Any) -> Any:
    if hasattr(leaf, "iloc"):  # a data frame cuts by position only here
        return leaf.to_numpy()
    if not hasattr(leaf, "shape"):
        raise TypeError(
            "`x` must be an array, or a list or dict of them, one for each input of the model. "
            f"Received: an entry of type {type(leaf).__name__}"
        )
    if not len(leaf.shape):
        raise ValueError("`x` must have an axis of examples. Received: one number")
    return leaf


def _inputs_of(batch: Any) -> Any:
    """Return the inputs in what a data set yields: alone, or before labels and weights."""
    if isinstance(batch, tuple):
        return keras.utils.unpack_x_y_sample_weight(batch)[0]
    return batch
