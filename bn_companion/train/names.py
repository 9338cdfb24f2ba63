"""The names of builders and data sets in a table of runs."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import keras

from bn_companion.data import Dataset
from bn_companion.train.arguments import check_build, check_dataset

__all__ = ["Builds", "named_builds", "named_datasets"]

Builds = Mapping[str, Callable[[], Any]] | Iterable[Callable[[], Any]] | Callable[[], Any]


def named_builds(builds: Builds) -> dict[str, Callable[[], Any]]:
    """Return every builder by its name: the key of a mapping, its own, or ``build_0``..."""
    if isinstance(builds, Mapping):
        named = dict(builds)
        if not all(isinstance(name, str) for name in named):
            raise TypeError(f"`builds` must have names that are strings. Received: {list(named)}")
    elif isinstance(builds, keras.Model) or callable(builds) or not isinstance(builds, Iterable):
        named = {_name(builds, 0): check_build(builds, "builds")}
    else:
        each = list(builds)
        names = [_name(build, i) for i, build in enumerate(each)]
        if len(set(names)) < len(names):
            names = [f"build_{i}" for i in range(len(names))]
        named = dict(zip(names, each, strict=True))
    if not named:
        raise ValueError("`builds` must hold at least one builder. Received: none")
    return {name: check_build(build, "builds") for name, build in named.items()}


def _name(build: object, place: int) -> str:
    name = getattr(build, "__name__", "")
    return name if name.isidentifier() else f"build_{place}"


def named_datasets(dataset: Any) -> dict[str, Dataset]:
    """Return every data set by its name: the key of a mapping, or its own."""
    if isinstance(dataset, Mapping):
        named = {str(name): check_dataset(part) for name, part in dataset.items()}
    elif isinstance(dataset, list | tuple):
        parts = [check_dataset(part) for part in dataset]
        named = {part.name: part for part in parts}
        if len(named) < len(parts):
            raise ValueError(
                "`dataset` must not name a data set twice; use a mapping of names. Received: "
                f"{[part.name for part in parts]}"
            )
    else:
        part = check_dataset(dataset)
        named = {part.name: part}
    if not named:
        raise ValueError("`dataset` must hold at least one data set. Received: none")
    return named
