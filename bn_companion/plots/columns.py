"""The check of a frame that every figure makes: its columns are there."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["require_columns"]


def require_columns(name: str, frame: "pd.DataFrame", columns: Sequence[str]) -> None:
    """Raise a ``ValueError`` that names the argument and the columns that it lacks."""
    if missing := [column for column in columns if column not in frame]:
        raise ValueError(f"`{name}` must have the columns {list(columns)}. Missing: {missing}")
