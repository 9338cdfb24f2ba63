"""From raw arrays to three checked and scaled parts."""

import numpy as np

from bn_companion._sources import PARTS, Array, Parts

__all__ = ["check_parts", "complete_parts", "count_classes", "scale_parts"]


def check_parts(parts: Parts, source: str) -> Parts:
    """Return `parts` with labels of shape (n,), or raise naming the array and its fault."""
    checked: Parts = {}
    shape = parts["train"][0].shape[1:]
    for part, (x, y) in parts.items():
        where = f"of {source!r}"
        if x.ndim < 2:
            raise ValueError(
                f"'x_{part}' {where} must be batch-first with at least 2 axes. "
                f"Received: shape {x.shape}"
            )
        if x.dtype.kind not in "fiub":
            raise ValueError(f"'x_{part}' {where} must be numbers. Received: dtype {x.dtype}")
        if len(x) == 0 or 0 in x.shape:
            raise ValueError(f"'x_{part}' {where} must not be empty. Received: shape {x.shape}")
        if x.shape[1:] != shape:
            raise ValueError(
                f"'x_{part}' {where} must have inputs shaped as those of 'x_train', {shape}. "
                f"Received: {x.shape[1:]}"
            )
        if y.ndim not in (1, 2) or (y.ndim == 2 and y.shape[1] != 1):
            raise ValueError(
                f"'y_{part}' {where} must be class labels of shape (n,); for one-hot rows take "
                f"argmax(axis=1). Received: shape {y.shape}"
            )
        if len(y) != len(x):
            raise ValueError(
                f"'y_{part}' {where} must have one label for each of the {len(x)} inputs. "
                f"Received: {len(y)}"
            )
        with np.errstate(over="ignore"):
            bad = int((~np.isfinite(x.astype(np.float32))).sum())
        if bad:
            raise ValueError(
                f"'x_{part}' {where} must be finite in float32. Received: {bad} NaN or inf"
            )
        checked[part] = (x, y.reshape(-1))
    return checked


def count_classes(parts: Parts, source: str) -> int:
    """Return the number of classes, or raise where the labels are not ``0 .. K-1`` everywhere."""
    found = np.unique(parts["train"][1])
    if found.dtype.kind not in "fiub" or not np.array_equal(found, np.arange(len(found))):
        raise ValueError(
            f"'y_train' of {source!r} must be integer labels 0 .. K-1, each of them present. "
            f"Received: {_shown(found)}"
        )
    if len(found) < 2:
        raise ValueError(
            f"'y_train' of {source!r} must hold at least 2 classes. Received: {_shown(found)}"
        )
    for part, (_, y) in parts.items():
        stray = np.setdiff1d(y, found)
        if stray.size:
            raise ValueError(
                f"'y_{part}' of {source!r} must hold labels that 'y_train' has, "
                f"0 .. {len(found) - 1}. Received: {_shown(stray)}"
            )
    return len(found)


def _shown(values: Array) -> str:
    head = ", ".join(str(value) for value in values[:6])
    return f"[{head}{', ...' if len(values) > 6 else ''}]"


def complete_parts(parts: Parts, source: str, *, seed: int, val: float, test: float) -> Parts:
    """Return all three parts, those that are missing cut from the training part by class."""
    from sklearn.model_selection import train_test_split  # noqa: PLC0415

    wanted = {part: share for part, share in (("test", test), ("val", val)) if part not in parts}
    if sum(wanted.values()) >= 1:
        raise ValueError(
            "`val_fraction` and `test_fraction` must leave examples to train on (sum below 1). "
            f"Received: val_fraction={val}, test_fraction={test}"
        )
    total = len(parts["train"][1])
    complete = dict(parts)
    for part, share in wanted.items():
        x, y = complete["train"]
        size = round(share * total)
        smallest = int(np.bincount(y.astype(int)).min())
        if min(size, len(y) - size) < len(np.unique(y)) or smallest < 2:
            raise ValueError(
                f"{source!r} is too small to cut 'x_{part}' from 'x_train': every class needs an "
                f"example on both sides. Received: {len(y)} examples, {smallest} in the smallest "
                f"class, {size} to cut. Give x_{part} and y_{part}, or another fraction"
            )
        x, x_part, y, y_part = train_test_split(x, y, test_size=size, random_state=seed, stratify=y)
        complete["train"], complete[part] = (x, y), (x_part, y_part)
    return complete


def scale_parts(parts: Parts, scale: str | None) -> dict[str, Array]:
    """Return the inputs of each part as float32, scaled by what the training part holds."""
    train = parts["train"][0]
    if len({x.dtype == np.uint8 for x, _ in parts.values()}) > 1:
        found = {f"x_{part}": str(x.dtype) for part, (x, _) in parts.items()}
        raise ValueError(f"Inputs must be uint8 in all parts or in none. Received: {found}")
    images = train.dtype == np.uint8 and train.ndim >= 3
    if scale is None:
        scale = "unit" if images else "none"
    if scale == "standardize":
        from sklearn.preprocessing import StandardScaler  # noqa: PLC0415

        scaler = StandardScaler().fit(train.reshape(len(train), -1))
        inputs = {
            part: scaler.transform(x.reshape(len(x), -1)).reshape(x.shape)
            for part, (x, _) in parts.items()
        }
    else:
        largest = 255.0 if images else float(np.abs(train.astype(np.float64)).max())
        divisor = largest if scale == "unit" and largest else 1.0
        inputs = {part: x / divisor for part, (x, _) in parts.items()}
    return {f"x_{part}": inputs[part].astype(np.float32) for part in PARTS}
