"""What the room accepts: seeds, learning rates, data and builders, checked before any work."""

import inspect
import math
import os
from collections import Counter
from collections.abc import Callable, Iterable
from numbers import Integral, Real
from typing import Any

import keras
import numpy as np

from bn_companion._checks import positive_int
from bn_companion._sources import PARTS
from bn_companion.data import Dataset, load
from bn_companion.train.shapes import input_shape_of, output_shape_of

__all__ = ["check_batch_size", "check_build", "check_dataset", "check_model", "rates", "seed_list"]

_LARGEST_SEED = 2**32 - 1  # NumPy's limit, which keras.utils.set_random_seed inherits


def seed_list(seeds: object) -> tuple[int, ...]:
    """Return the seeds: an integer n means 0 .. n-1.

    Raises
    ------
    TypeError, ValueError
        No integers, none at all, out of range, or one twice.
    """
    if isinstance(seeds, Integral):
        return tuple(range(positive_int("seeds", seeds)))
    if isinstance(seeds, str) or not isinstance(seeds, Iterable):
        raise TypeError(f"`seeds` must be a number of seeds or the seeds. Received: {seeds!r}")
    values = tuple(positive_int("seeds", seed, minimum=0) for seed in seeds)
    if not values:
        raise ValueError(f"`seeds` must hold at least one seed. Received: {seeds!r}")
    if max(values) > _LARGEST_SEED:
        raise ValueError(f"`seeds` must be at most {_LARGEST_SEED}. Received: {max(values)}")
    _refuse_duplicates("seeds", values)
    return values


def rates(learning_rates: object) -> tuple[float, ...]:
    """Return the learning rates as a tuple; a single number means one rate.

    Raises
    ------
    TypeError, ValueError
        No numbers, none at all, not positive and finite, or one twice.
    """
    if isinstance(learning_rates, Real):
        learning_rates = [learning_rates]
    if isinstance(learning_rates, str) or not isinstance(learning_rates, Iterable):
        raise TypeError(
            f"`learning_rates` must be a number or numbers. Received: {learning_rates!r}"
        )
    values = tuple(learning_rates)
    if not values:
        raise ValueError("`learning_rates` must hold at least one rate. Received: none")
    for value in values:
        if isinstance(value, bool) or not isinstance(value, Real):
            raise TypeError(f"`learning_rates` must be numbers. Received: {value!r}")
        if not (math.isfinite(value) and float(value) > 0):
            raise ValueError(f"`learning_rates` must be positive and finite. Received: {value!r}")
    floats = tuple(float(value) for value in values)
    _refuse_duplicates("learning_rates", floats)
    return floats


def _refuse_duplicates(name: str, values: tuple[Any, ...]) -> None:
    twice = sorted(value for value, count in Counter(values).items() if count > 1)
    if twice:
        raise ValueError(f"`{name}` must not name a run twice. Received more than once: {twice}")


def check_dataset(dataset: object) -> Dataset:
    """Return `dataset`, or the one of that name, after checking every part of it.

    Raises
    ------
    TypeError
        Neither a `Dataset` nor a name or path.
    ValueError
        Parts that are empty, not finite, or do not fit one another.
    """
    if isinstance(dataset, str | os.PathLike):
        return load(dataset)
    if not isinstance(dataset, Dataset):
        raise TypeError(
            "`dataset` must be a Dataset, as load() returns, or a name for load(). "
            f"Received: {type(dataset).__name__}"
        )
    for part in PARTS:
        x = np.asarray(getattr(dataset, f"x_{part}"))
        y = np.asarray(getattr(dataset, f"y_{part}"))
        rule, received = "", ""
        if x.ndim < 2 or not len(x) or x.shape[1:] != dataset.input_shape:
            rule = f"inputs of one shape, {dataset.input_shape}, in every part"
            received = f"x_{part} of shape {x.shape}"
        elif y.shape != (len(x),):
            rule = "one integer label for each input"
            received = f"y_{part} of shape {y.shape} for {len(x)} inputs"
        elif x.dtype.kind not in "fiu" or not np.isfinite(x).all():
            rule = "finite numbers"
            received = f"NaN, inf or {x.dtype} in x_{part}"
        elif y.dtype.kind not in "iu" or y.min() < 0 or y.max() >= dataset.num_classes:
            rule = f"integer labels 0 .. {dataset.num_classes - 1}"
            received = f"y_{part} ({y.dtype}) from {y.min()} to {y.max()}"
        if rule:
            raise ValueError(f"`dataset` must have {rule}. Received: {received}")
    return dataset


def check_batch_size(batch_size: object, dataset: Dataset) -> int:
    """Return `batch_size` as an integer between 1 and the number of training examples."""
    size, examples = positive_int("batch_size", batch_size), len(dataset.x_train)
    if size > examples:
        raise ValueError(
            f"`batch_size` must not exceed the {examples} training examples of "
            f"{dataset.name!r}. Received: {size}"
        )
    return size


def check_build(build: object, name: str = "build") -> Callable[[], keras.Model]:
    """Return `build` if it can be called, or say what a builder is."""
    if isinstance(build, keras.Model) or not callable(build):
        raise TypeError(
            f"`{name}` must be a callable without arguments that returns a new model, for example "
            f"lambda: mlp((64,), 10). Received: {build!r}"
        )
    try:
        inspect.signature(build).bind()
    except TypeError as error:
        raise TypeError(
            f"`{name}` must be a callable without required arguments, for example "
            f"lambda: mlp((64,), 10). Received: {build!r} ({error})"
        ) from error
    except ValueError:  # no signature to be had, as of some builtins
        return build
    return build


def check_model(model: Any, dataset: Dataset, *, rule: str = "`build` must return") -> None:
    """Raise unless `model` is a float32 classifier for the inputs and classes of `dataset`.

    Every message begins with `rule`, which says who has to provide the model.
    """
    if not isinstance(model, keras.Model):
        raise TypeError(f"{rule} a keras.Model. Received: {type(model).__name__}")
    if not model.built or not model.trainable_variables:
        raise ValueError(
            f"{rule} a built model with weights to train (give it a keras.Input). "
            f"Received: {model.name!r}, {'built' if model.built else 'not built'}"
        )
    given, wanted = input_shape_of(model), dataset.input_shape
    fits = given is None or (
        isinstance(given, tuple)
        and len(given) == len(wanted) + 1
        and all(size in (None, have) for size, have in zip(given[1:], wanted, strict=True))
    )
    if not fits:
        raise ValueError(
            f"{rule} a model for inputs of shape {wanted}, those of "
            f"{dataset.name!r}. Received: {given}"
        )
    shape = output_shape_of(model)
    units = shape[1] if isinstance(shape, tuple) and len(shape) == 2 else None
    if units is None or (units < dataset.num_classes and (units, dataset.num_classes) != (1, 2)):
        raise ValueError(
            f"{rule} a model with one output of {dataset.num_classes} units, the "
            f"classes of {dataset.name!r}. Received: output shape {shape}"
        )
    for layer in model._flatten_layers():
        if getattr(layer, "compute_dtype", "float32") == "float16":
            raise ValueError(
                f"{rule} a model that computes in float32; float16 needs a scaled "
                f"loss. Received: {layer.name!r} in float16"
            )
