"""Files that a subcommand reads: saved models, of which no code is run, and arrays.

A ``.keras`` file is data for Keras, but it may hold a pickled lambda or name a class to import.
The file is therefore looked through before TensorFlow is imported, for a reason that names the
layer, and then loaded in Keras's safe mode, which is what keeps code from running.
"""

import json
import re
import zipfile
import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bn_companion.commands._running import RefusalError, refusing, start_keras

__all__ = ["existing_file", "load_arrays", "load_model", "trained_steps"]

_CONFIG, _WEIGHTS = "config.json", "model.weights.h5"
_LARGEST_CONFIG = 2**28  # bytes: no architecture is as long, but a decompression bomb is
_HDF5 = b"\x89HDF\r\n\x1a\n"
_TRUSTED = ("keras", "keras_hub", "keras_cv", "keras_nlp", "builtins")  # by Keras itself
_UNKNOWN = re.compile(r"Could not locate (class|function) '([^']+)'")
_ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)


def existing_file(path: Path, what: str, suffix: str, *, how: str) -> None:
    """Raise unless `path` is a file with this ending.

    Parameters
    ----------
    path : Path
        As the user gave it.
    what : str
        What the usage of the command calls it.
    suffix : str
        Such as ``".keras"``.
    how : str
        How such a file comes about.

    Raises
    ------
    RefusalError
        Saying what was expected and what is there.
    """
    if path.is_dir():
        raise RefusalError(f"{what} must be a {suffix} file. Received: {str(path)!r}, a folder")
    if not path.is_file():
        raise RefusalError(f"{what} must be a {suffix} file that exists. Received: {str(path)!r}")
    if path.suffix != suffix:
        raise RefusalError(f"{what} must be a {suffix} file, {how}. Received: {str(path)!r}")


def load_model(path: Path) -> Any:
    """Return the model in a ``.keras`` file, built and not compiled, without running its code.

    Raises
    ------
    RefusalError
        No such file, no model, one that is damaged, not built, or that carries code.
    """
    how = "as model.save('name.keras') writes it"
    if path.suffix.lower() in (".h5", ".hdf5") and path.is_file():
        how = "which keras.saving.load_model('name.h5').save('name.keras') makes of this one"
    existing_file(path, "MODEL", ".keras", how=how)
    config = _config_of(path)
    _refuse_lambdas(path, config)
    start_keras()
    import keras  # noqa: PLC0415

    import bn_companion.build.noise  # noqa: F401, PLC0415 (registers a layer of ours)

    _refuse_strangers(path, config, keras.saving.get_registered_object)
    try:
        model = keras.saving.load_model(str(path), compile=False, safe_mode=True)
    except Exception as error:  # a damaged file makes Keras raise whatever it stumbles over
        raise RefusalError(_explained(path, error)) from error
    if not isinstance(model, keras.Model):
        raise RefusalError(
            f"MODEL must hold a model. Received: {str(path)!r}, which holds a "
            f"{type(model).__name__}"
        )
    if not model.built or (isinstance(model, keras.Sequential) and not model.layers):
        raise RefusalError(
            "MODEL must be built, so that it has weights: give it a keras.Input, or call it on "
            f"data, and save it again. Received: {str(path)!r} with {model.name!r}, not built"
        )
    return model


def _config_of(path: Path) -> Any:
    expected = "MODEL must be a .keras file as model.save writes it"
    with path.open("rb") as file:
        if file.read(len(_HDF5)) == _HDF5:
            raise RefusalError(
                f"{expected}; rename this one to .h5 and convert it with "
                "keras.saving.load_model('name.h5').save('name.keras'). "
                f"Received: {str(path)!r}, which is HDF5"
            )
    if not zipfile.is_zipfile(path):
        raise RefusalError(
            f"{expected}, a zip archive; save or copy it again. "
            f"Received: {str(path)!r}, which is none, or cut short"
        )
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.getinfo(_CONFIG).file_size > _LARGEST_CONFIG:
                raise ValueError("it is too large")
            config = json.loads(archive.read(_CONFIG))
    except KeyError:
        raise RefusalError(
            f"{expected}. Received: {str(path)!r}, a zip archive without {_CONFIG}"
        ) from None
    except (*_ZIP_ERRORS, ValueError) as error:
        raise RefusalError(
            f"{expected}; save or copy it again. "
            f"Received: {str(path)!r}, whose {_CONFIG} is damaged ({error})"
        ) from error
    if not isinstance(config, dict):
        raise RefusalError(f"{expected}. Received: {str(path)!r}, whose {_CONFIG} is no object")
    # How it was compiled is not loaded, so a loss of the user's own does no harm.
    return {key: value for key, value in config.items() if key != "compile_config"}


def _parts(config: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every object of JSON, behind the name of the innermost layer that it is in."""
    pending = deque([("", config)])
    while pending:
        owner, item = pending.popleft()
        if isinstance(item, dict):
            inner = item.get("config")
            if "class_name" in item and isinstance(inner, dict):
                owner = str(inner.get("name") or owner)
            yield owner, item
            pending += ((owner, value) for value in item.values())
        elif isinstance(item, list):
            pending += ((owner, value) for value in item)


def _refuse_lambdas(path: Path, config: Any) -> None:
    for owner, item in _parts(config):
        # An activation that is a lambda is its code alone, with defaults and closure.
        bare = item.get("value") if len(item) == 1 else None
        code = isinstance(bare, list) and len(bare) == 3 and isinstance(bare[0], str)
        if code or item.get("class_name") == "__lambda__":
            raise RefusalError(
                "MODEL must not carry Python code, which could do anything when it runs; put a "
                "layer of Keras in its place, or use bn_companion in Python, where the model is "
                f"built. Received: {str(path)!r} with a lambda in the layer {owner!r}"
            )


def _refuse_strangers(path: Path, config: Any, registered: Any) -> None:
    for owner, item in _parts(config):
        kind = str(item.get("class_name", "__none__"))
        package = str(item.get("module", "keras")).partition(".")[0]
        known = package in _TRUSTED or kind.startswith("__")
        if not known and registered(str(item.get("registered_name"))) is None:
            where = f" in {owner!r}" if owner else ""
            raise RefusalError(_stranger(path, f"the class {kind!r}{where}"))


def _stranger(path: Path, what: str) -> str:
    return (
        "MODEL must be made of Keras's own parts, since code of others is not imported; use "
        f"bn_companion in Python, where the model is built. Received: {str(path)!r} with {what}"
    )


def _explained(path: Path, error: Exception) -> str:
    text = " ".join(str(error).split())
    unknown = _UNKNOWN.search(text)
    if unknown:
        return _stranger(path, f"the {unknown[1]} {unknown[2]!r}")
    # Keras wraps what happened in what it was doing, configuration and all.
    cause = text.rpartition("Exception encountered: ")[2][:200] or type(error).__name__
    return (
        "MODEL must be a .keras file that this version of Keras can load; save or copy it again. "
        f"Received: {str(path)!r}, at which Keras says: {cause}"
    )


def trained_steps(path: Path) -> int:
    """Return how many steps of training the optimizer saved in a ``.keras`` file has counted.

    A model that is loaded without being compiled has no optimizer to ask.
    """
    import h5py  # noqa: PLC0415

    with zipfile.ZipFile(path) as archive:
        if _WEIGHTS not in archive.namelist():
            return 0
        with archive.open(_WEIGHTS) as member, h5py.File(member, "r") as weights:
            # Loss scaling wraps the optimizer that counts, and has a counter that stays at 0.
            for where in ("optimizer/inner_optimizer/vars/0", "optimizer/vars/0"):
                counter = weights.get(where)
                known = isinstance(counter, h5py.Dataset) and counter.shape == ()
                if known and counter.dtype.kind in "iu":
                    return int(counter[()])
    return 0


def load_arrays(path: Path, names: Sequence[str]) -> list[Any]:
    """Return arrays of numbers from an ``.npz`` file.

    Raises
    ------
    RefusalError
        No such file or array, or one of anything but numbers.
    """
    existing_file(path, "DATA", ".npz", how="as numpy.savez writes it")
    from bn_companion._sources import read_arrays  # noqa: PLC0415 (imports NumPy)

    with refusing():
        stored = read_arrays(path, names)
    for name, array in stored.items():
        if array.dtype.kind not in "fiub":
            raise RefusalError(
                f"DATA must hold numbers in {name!r}. Received: {str(path)!r}, where it is "
                f"{array.dtype}"
            )
    return [stored[name] for name in names]
