"""Where the numbers of a data set come from: packages, the cache of Keras, the reader's file."""

import os
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = [
    "NAMED",
    "PARTS",
    "Array",
    "DataUnavailableError",
    "Parts",
    "one_line",
    "read_arrays",
    "read_npz",
]

Array = npt.NDArray[Any]
#: Inputs and labels by part.
Parts = dict[str, tuple[Array, Array]]
PARTS = ("train", "val", "test")
# NumPy lets through whatever the archive and the headers in it make it stumble over.
_NPZ_ERRORS = (
    OSError,
    ValueError,
    EOFError,
    zipfile.BadZipFile,
    zlib.error,
    RuntimeError,
    AttributeError,
    TypeError,
)


class DataUnavailableError(FileNotFoundError, ValueError):
    """A data set that is neither on this machine nor to be had; the message says what to do."""


def _sklearn(loader_name: str) -> Callable[[int], Parts]:
    def make(seed: int) -> Parts:
        from sklearn import datasets  # noqa: PLC0415

        x, y = getattr(datasets, loader_name)(return_X_y=True)
        return {"train": (x, y)}

    return make


def _mnist1d(seed: int) -> Parts:
    from mnist1d.data import get_dataset_args, make_dataset  # noqa: PLC0415

    # The package's own seed, not ours: its published accuracies belong to this one data set.
    made = make_dataset(get_dataset_args())
    return {"train": (made["x"], made["y"]), "test": (made["x_test"], made["y_test"])}


def _synthetic(seed: int) -> Parts:
    from sklearn.datasets import make_classification  # noqa: PLC0415

    x, y = make_classification(
        n_samples=2000,
        n_features=14,
        n_informative=8,
        n_redundant=2,
        n_clusters_per_class=3,
        flip_y=0.05,
        class_sep=1.0,
        random_state=seed,
    )
    return {"train": (x, y)}


def _keras(name: str) -> Callable[[int], Parts]:
    def make(seed: int) -> Parts:
        import keras  # noqa: PLC0415

        try:
            train, test = getattr(keras.datasets, name).load_data()
        except Exception as error:  # keras re-raises every network fault as a bare Exception
            home = Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser()
            folder = home / "datasets" / _CACHE[name][0]
            raise DataUnavailableError(
                f"{name!r} could not be had from the cache or the network. Connect to the network "
                f"once, or place {_CACHE[name][1]} in {folder}, or give the path of your own .npz. "
                f"Keras said: {one_line(error)}"
            ) from error
        return {"train": _with_channel(*train), "test": _with_channel(*test)}

    return make


def _with_channel(x: Array, y: Array) -> tuple[Array, Array]:
    return (x[..., np.newaxis] if x.ndim == 3 else x), y.reshape(-1)


def one_line(error: Exception) -> str:
    """Return what `error` says as one line of at most 200 characters."""
    return " ".join(str(error).split())[:200] or type(error).__name__


#: Folder below Keras's cache of data sets, and the files that Keras looks for there.
_CACHE = {
    "mnist": ("", "mnist.npz"),
    "fashion_mnist": (
        "fashion-mnist",
        "train-labels-idx1-ubyte.gz, train-images-idx3-ubyte.gz, t10k-labels-idx1-ubyte.gz and "
        "t10k-images-idx3-ubyte.gz",
    ),
    "cifar10": ("", "cifar-10-python.tar.gz, renamed cifar-10-batches-py-target_archive,"),
}
NAMED: Mapping[str, tuple[str, Callable[[int], Parts]]] = {
    "digits": ("unit", _sklearn("load_digits")),
    "breast_cancer": ("standardize", _sklearn("load_breast_cancer")),
    "wine": ("standardize", _sklearn("load_wine")),
    "mnist1d": ("none", _mnist1d),
    "synthetic": ("standardize", _synthetic),
    "mnist": ("unit", _keras("mnist")),
    "fashion_mnist": ("unit", _keras("fashion_mnist")),
    "cifar10": ("unit", _keras("cifar10")),
}


def read_arrays(
    path: Path, required: Sequence[str], others: Sequence[str] = ()
) -> dict[str, Array]:
    """Return those of the named arrays that an ``.npz`` file holds; never anything pickled.

    Raises
    ------
    ValueError
        If the file is damaged or holds objects, or a required array is missing.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            there = stored.files
            arrays = {name: stored[name] for name in (*required, *others) if name in there}
    except _NPZ_ERRORS as error:
        raise ValueError(
            f"`source` must be an .npz file of plain arrays, as numpy.savez writes it; "
            f"{str(path)!r} is not: {one_line(error)}"
        ) from error
    for name in required:
        if name not in arrays:
            expected = " and ".join(map(repr, required))
            raise ValueError(
                f"{str(path)!r} must hold {'arrays' if len(required) > 1 else 'an array'} "
                f"{expected}; {name!r} is missing. Received: {sorted(there)}"
            )
    return arrays


def read_npz(path: Path) -> Parts:
    """Return the parts that the file holds, or raise saying what is missing or wrong."""
    if not path.is_file():
        raise DataUnavailableError(
            f"`source` must be an existing .npz file. Received: {str(path)!r}"
        )
    others = [f"{letter}_{part}" for part in PARTS[1:] for letter in "xy"]
    arrays = read_arrays(path, ("x_train", "y_train"), others)
    for part in PARTS:
        if (f"x_{part}" in arrays) != (f"y_{part}" in arrays):
            there, gone = (f"x_{part}", f"y_{part}")[:: 1 if f"x_{part}" in arrays else -1]
            raise ValueError(f"{str(path)!r} holds {there!r} without {gone!r}: give both or none")
    return {
        part: (arrays[f"x_{part}"], arrays[f"y_{part}"]) for part in PARTS if f"x_{part}" in arrays
    }
