"""The finished runs of a sweep, in memory and in its store, and the table that they make."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from bn_companion.train.chunk import Chunk, Outcome
from bn_companion.train.store import COLUMNS, Key, Store, StoreError

__all__ = ["Ledger", "Row"]

Row = tuple[Any, ...]


class Ledger:
    """What is finished of a grid of runs.

    Parameters
    ----------
    grid : sequence of Key
        Every run that is wanted, in the order of the table.
    store : Store, optional
        Where finished runs are kept. What it holds already is finished.
    """

    def __init__(self, grid: Sequence[Key], store: Store | None) -> None:
        self._grid, self._store = grid, store
        self._rows: dict[Key, Row] = {}
        if store is not None:
            stored = store.rows()
            self._rows = {key: stored[key] for key in grid if key in stored}

    def __contains__(self, key: Key) -> bool:
        return key in self._rows

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, arm: str, name: str, chunk: Chunk, outcome: Outcome) -> int:
        """Record the runs of a chunk, all or none of them in the store; return how many.

        Raises
        ------
        StoreError
            If the store cannot be written; the runs are finished nevertheless.
        """
        rows = _rows(arm, name, chunk, outcome)
        self._rows.update({row[:4]: row for row in rows})
        if self._store is not None:
            try:
                self._store.add(rows)
            except StoreError as error:
                raise StoreError(f"{error}, for {chunk.describe()}") from error
        return len(rows)

    def frame(self) -> pd.DataFrame:
        """Return the finished runs; where another sweep was first, the run that it recorded."""
        if self._store is not None:
            stored = self._store.rows()
            self._rows.update({key: stored[key] for key in self._rows if key in stored})
        return self._table()

    def account(self) -> tuple[str, pd.DataFrame]:
        """Return in words what is finished and where it is, and the table; after a mishap."""
        kept = ""
        if self._store is not None:
            try:
                stored = self._store.rows()
            except StoreError:
                stored, kept = {}, f"; {str(self._store.path)!r} cannot be read"
            else:
                # A commit may have been carried out just before an interruption.
                self._rows.update({key: stored[key] for key in self._grid if key in stored})
                here = sum(key in stored for key in self._rows)
                which = "they" if here == len(self._rows) else f"{here} of them"
                kept = f"; {which} are in {str(self._store.path)!r}, the same call resumes"
        text = f"{len(self._rows)} of {len(self._grid)} runs finished (attribute `runs`){kept}"
        return text, self._table()

    def _table(self) -> pd.DataFrame:
        rows = [self._rows[key] for key in self._grid if key in self._rows]
        frame = pd.DataFrame(rows, columns=list(COLUMNS))
        scores = [name for name in COLUMNS if name.endswith(("_loss", "_accuracy"))]
        return frame.astype({**dict.fromkeys(scores, "float64"), "diverged": "Int64"})


def _rows(arm: str, name: str, chunk: Chunk, outcome: Outcome) -> list[Row]:
    rows = []
    for i, (seed, rate) in enumerate(chunk.runs):
        epoch = int(outcome.diverged[i]) or None
        curves = (outcome.train_loss, outcome.val_loss, outcome.val_accuracy)
        scores = [float(curve[i, -1]) for curve in curves]
        scores += [float(outcome.test_loss[i]), float(outcome.test_accuracy[i])]
        # SQLite has no NaN: a run that diverged has no scores.
        known = [None if epoch else score for score in scores]
        rows.append((arm, name, seed, rate, epoch, *known, outcome.path))
    return rows
