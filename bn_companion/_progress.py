"""One progress bar for all long work: on for people, off where outputs are compared."""

import os
from typing import Any

from tqdm import tqdm

__all__ = ["QUIET_VARIABLE", "progress_bar"]

#: Set to "1" (as `bn_companion.reproducible` does) to silence every bar that was not asked for.
QUIET_VARIABLE = "BN_COMPANION_QUIET"


def progress_bar(total: int, *, what: str, unit: str, progress: bool | None) -> "tqdm[Any]":
    """Return a bar over `total` units; None shows it unless the process was made quiet.

    Work that ends within a second shows no bar unless `progress` is True.
    """
    quiet = progress is None and os.environ.get(QUIET_VARIABLE) == "1"
    bar: tqdm[Any] = tqdm(
        total=total,
        desc=what,
        unit=unit,
        disable=quiet or progress is False,
        delay=0.0 if progress else 1.0,
    )
    return bar
