"""Exact population statistics for every batch normalization, layer by layer."""

from collections import Counter
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from bn_companion._progress import progress_bar
from bn_companion.build.conversion import read, rebuild
from bn_companion.build.copying import copy_operation, copy_state
from bn_companion.build.roles import is_batch_norm
from bn_companion.deploy.batches import Batches
from bn_companion.deploy.order import passes_of
from bn_companion.deploy.population import Moments, call_order, collect

__all__ = ["recalibrate"]


def recalibrate(
    model: Any, x: Any, *, batch_size: int = 128, progress: bool | None = None
) -> keras.Model:
    """Return a copy whose moving statistics are the exact statistics of `x`.

    The moving statistics that training leaves behind are an average over old weights and small
    batches. Here every batch normalization gets the mean and variance of what it is given when the
    model runs at inference on all of `x`, with the layers above it already recalibrated. Each
    depth of normalization takes a pass over the data; layers that do not depend on one another
    share it. The result does not depend on how the data are cut into batches.

    Parameters
    ----------
    model : keras.Model
        Built. It is not changed. Frozen layers are recalibrated like any other.
    x : array, or list or dict of arrays, or tf.data.Dataset, PyDataset, callable or iterable
        Inputs, of the shape that `model` takes; a list or dict where it takes several. A callable
        is called for every pass and returns an iterator over batches. From a dataset or an iterator
        that yields ``(inputs, targets)`` the inputs are taken. Without targets or shuffling, 1,000
        to 10,000 rows are enough in practice [1]_.
    batch_size : int, default 128
        Rows that are computed at once, where `x` are arrays; other data come in batches of their
        own.
    progress : bool, optional
        A bar over batches; True shows it at once, False never, and by default it appears when the
        work takes more than a second.

    Returns
    -------
    keras.Model
        Not compiled.

    Raises
    ------
    TypeError
        If `model` is not a Keras model, or `x` no data.
    ValueError
        If `model` is not built, cannot be copied, or uses statistics of the batch at inference; if
        `x` is empty, endless, readable only once, of another shape, or leads to NaN or infinity.

    Notes
    -----
    The variance is the biased one, divided by the number of values, which is what Keras
    normalizes with and averages in training; over all positions of all rows the difference to the
    unbiased one is beyond single precision in practice. Positions that a mask hides do not count.

    Algorithms that let batch statistics flow through the layers above, in one pass [2]_, give
    results that depend on the batches. Averaging the variances of batches leaves out the variance
    of their means; the pooled variance does not.

    A subclassed model is copied by its configuration; its layers are recalibrated one a pass, in
    the order in which it calls them.

    References
    ----------
    .. [1] Y. Wu and J. Johnson, "Rethinking 'Batch' in BatchNorm", 2021, section 3.
    .. [2] fvcore, `fvcore.nn.precise_bn`.
    .. [3] S. Ioffe and C. Szegedy, "Batch normalization", ICML 2015, section 3.1, algorithm 2.

    Examples
    --------
    >>> import numpy as np
    >>> from bn_companion import mlp, recalibrate
    >>> x = np.random.default_rng(0).normal(3.0, 2.0, size=(1000, 4)).astype("float32")
    >>> model = recalibrate(mlp((4,), 3, hidden=(8,), placement="before"), x)
    >>> seen = model.layers[1](x)  # what the batch normalization is given
    >>> norm = model.get_layer("hidden_1_bn")
    >>> bool(np.allclose(norm.moving_mean, np.mean(seen, axis=0), rtol=1e-4))
    True
    """
    _check_model(model)
    batches = Batches(x, model, batch_size=batch_size)
    first = _first_rows(batches)
    copy = _copy_of(model, first)
    norms = [layer for layer in copy._flatten_layers() if is_batch_norm(layer)]
    counts = Counter(call_order(copy, norms, first))
    passes = passes_of(copy) or _one_by_one(counts)
    total = len(passes) * (batches.number or 1)
    with progress_bar(total, what="recalibrate", unit="batch", progress=progress) as bar:
        for layers in passes:

            def counted() -> Any:
                for batch in batches:
                    yield batch
                    bar.update()

            wanted = {layer: counts[layer] for layer in layers if counts[layer]}
            for layer, moments in collect(copy, wanted, counted()).items():
                _assign(layer, moments)
            bar.total = len(passes) * (batches.number or 1)
    return copy


def _check_model(model: Any) -> None:
    if not isinstance(model, keras.Model):
        raise TypeError(f"`model` must be a keras.Model. Received: {type(model).__name__}")
    if not model.built or (isinstance(model, keras.Sequential) and not hasattr(model, "inputs")):
        raise ValueError(
            "`model` must be built: give it a keras.Input, or call it on data first. "
            f"Received: {model.name!r}, not built"
        )


def _first_rows(batches: Batches) -> Any:
    iterator = iter(batches)
    first = next(iterator)
    return keras.tree.map_structure(lambda array: array[:2], first)


def _copy_of(model: Any, rows: Any) -> Any:
    try:
        graph = read(model)
    except TypeError:  # a subclassed model: whatever it is, its configuration makes another one
        copy = copy_operation(model, {}, new_seeds=False)
        try:
            copy(rows, training=False)
            copy_state(model, copy, weights=True)
        except (IndexError, KeyError, TypeError, ValueError, tf.errors.OpError) as error:
            shapes = [tuple(array.shape) for array in keras.tree.flatten(rows)]
            raise ValueError(
                f"`x` must be what {model.name!r} takes. Received: batches of shape {shapes}, on "
                f"which it fails with {type(error).__name__}: {' '.join(str(error).split())[:200]}"
            ) from error
        return copy
    return rebuild(graph)[0]


def _one_by_one(counts: "Counter[Any]") -> list[list[Any]]:
    """Return a pass for each layer, in the order of the calls: what feeds what is not known."""
    for layer, count in counts.items():
        if count > 1:
            raise ValueError(
                "`model` must call each batch normalization once, unless it is Sequential or "
                "Functional: what lies between two calls cannot be seen. "
                f"Received: {layer.name!r}, called {count} times"
            )
    return [[layer] for layer in counts]


def _assign(layer: Any, moments: Moments) -> None:
    mean, variance = moments.mean, moments.variance
    if not (np.isfinite(mean).all() and np.isfinite(variance).all() and np.all(moments.count)):
        raise ValueError(
            f"`x` must lead to finite inputs of {layer.name!r}, some of them unmasked. "
            f"Received: mean {mean}, variance {variance}"
        )
    layer.moving_mean.assign(mean)
    layer.moving_variance.assign(variance)
    if layer.renorm:  # it trains with averages of its own of the same two numbers
        deviation = np.sqrt(variance + layer.epsilon)
        layer.moving_stddev.assign(deviation)
        layer.renorm_stddev.assign(deviation)
        layer.renorm_mean.assign(mean)
