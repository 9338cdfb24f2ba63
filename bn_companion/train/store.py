"""Finished runs in one SQLite file: what is in it survives anything that happens afterwards.

A chunk of runs is one transaction. SQLite's rollback journal, the default, needs no second process
and leaves a store readable after SIGKILL or a power cut: a run is recorded whole, once, or not.
"""

import hashlib
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bn_companion._sources import PARTS

if TYPE_CHECKING:
    from bn_companion.data import Dataset

__all__ = ["COLUMNS", "Key", "Store", "StoreError", "dataset_fingerprint"]

#: The columns of a run; the first four name it.
COLUMNS = (
    "build",
    "dataset",
    "seed",
    "learning_rate",
    "diverged",
    "train_loss",
    "val_loss",
    "val_accuracy",
    "test_loss",
    "test_accuracy",
    "path",
)
Key = tuple[str, str, int, float]

_APPLICATION = 0x424E4331  # "BNC1" in the header of the file: ours, and this layout of tables
_SCHEMA = f"""
CREATE TABLE facts (kind TEXT, name TEXT, value TEXT NOT NULL, PRIMARY KEY (kind, name));
CREATE TABLE runs (
  build TEXT, dataset TEXT, seed INTEGER, learning_rate REAL, diverged INTEGER,
  train_loss REAL, val_loss REAL, val_accuracy REAL, test_loss REAL, test_accuracy REAL,
  path TEXT NOT NULL,
  PRIMARY KEY (build, dataset, seed, learning_rate)
) WITHOUT ROWID;
PRAGMA application_id = {_APPLICATION};
"""
_READ_ONLY = 0o222
_SECONDS_TO_WAIT = 30.0
_REMEDIES = {
    sqlite3.SQLITE_FULL: "free some space on its disk",
    sqlite3.SQLITE_IOERR: "see whether its disk is full or failing",
    sqlite3.SQLITE_BUSY: "close the program that holds it",
    sqlite3.SQLITE_LOCKED: "close the program that holds it",
    sqlite3.SQLITE_READONLY: "make it and its folder writable",
    sqlite3.SQLITE_PERM: "make it and its folder writable",
    sqlite3.SQLITE_CANTOPEN: "see whether it is still there, in a folder that is writable",
}


class StoreError(ValueError):
    """A store that cannot be used, or no longer; the message names it and what to do."""


class Store:
    """The finished runs of one study.

    Any number of sweeps, in any processes, may use a store at the same time: each commit takes
    SQLite's lock, which the kernel releases when a process dies, and a run is kept as it was
    recorded first.

    Parameters
    ----------
    path : str or path
        A file; it is made if it does not exist.

    Raises
    ------
    TypeError
        If `path` is no path.
    StoreError
        A `ValueError`: `path` is a folder, in no folder, read-only, locked, damaged, or no store.
        So do all methods whose transaction cannot be carried out; none of it has happened then.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        if not isinstance(path, str | os.PathLike):
            raise TypeError(f"`store` must be the path of a file. Received: {path!r}")
        self.path = Path(path)
        if self.path.is_dir() or not self.path.absolute().parent.is_dir():
            raise StoreError(
                f"`store` must be a file in a folder that exists. Received: {str(path)!r}"
            )
        if self.path.exists() and not self.path.stat().st_mode & _READ_ONLY:
            raise StoreError(f"`store` must be writable; it is read-only. Received: {str(path)!r}")
        self._prepare()

    @contextmanager
    def _transaction(self, *, mode: str = "rw") -> Iterator[sqlite3.Connection]:
        """All of it or, if anything fails, nothing."""
        where = f"{self.path.absolute().as_uri()}?mode={mode}"
        try:
            with closing(
                sqlite3.connect(where, timeout=_SECONDS_TO_WAIT, isolation_level=None, uri=True)
            ) as connection:
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")
        except sqlite3.DatabaseError as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # without its finer distinctions
            if code not in _REMEDIES:
                raise self._damaged(str(error)) from error
            raise StoreError(
                f"`store` cannot be written ({error}): {_REMEDIES[code]}. "
                f"Received: {str(self.path)!r}"
            ) from error

    def _damaged(self, what: str) -> StoreError:
        what = " ".join(what.removeprefix("*** in database main ***").split())
        return StoreError(
            "`store` must be a store that sweep() made, or a new file; it is no SQLite file, or "
            f"damaged ({what}). Nothing in it was changed: move it away to start afresh, or put "
            f"back a copy. Received: {str(self.path)!r}"
        )

    def _prepare(self) -> None:
        with self._transaction(mode="rwc") as connection:
            application = connection.execute("PRAGMA application_id").fetchone()[0]
            tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            if tables == 0:
                for statement in _SCHEMA.split(";"):
                    connection.execute(statement)
            elif application != _APPLICATION:
                raise StoreError(
                    "`store` must be a store that sweep() made, or a new file; this SQLite file "
                    f"holds other tables. Received: {str(self.path)!r}"
                )
            else:
                self._check(connection)

    def _check(self, connection: sqlite3.Connection) -> None:
        found = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
        pages, size = (
            connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "page_size")
        )
        # SQLite reads what is missing of the last page as zeros, and finds no fault with them.
        if found == "ok" and self.path.stat().st_size != pages * size:
            found = f"{self.path.stat().st_size} bytes for {pages} pages of {size}"
        if found != "ok":
            raise self._damaged(found)

    def agree(
        self,
        settings: Mapping[str, str],
        datasets: Mapping[str, str],
        builds: Mapping[str, str],
    ) -> None:
        """Record what the runs are made of, or refuse if the store's were made of something else.

        Parameters
        ----------
        settings : mapping
            Name and value of every setting that all runs share.
        datasets, builds : mapping
            Name and fingerprint. Builds may join a store later, data sets may not.

        Raises
        ------
        ValueError
            Naming the first difference.
        """
        remedy = f"Use another file than {str(self.path)!r}, or what the store was made with"
        with self._transaction() as connection:
            known = {
                (kind, name): value
                for kind, name, value in connection.execute("SELECT kind, name, value FROM facts")
            }
            for kind, facts in (("setting", settings), ("dataset", datasets), ("build", builds)):
                names = sorted(name for stored, name in known if stored == kind)
                for name, value in facts.items():
                    before = known.get((kind, name))
                    if before is None and names and kind != "build":
                        raise ValueError(
                            f"`store` holds runs on another {kind}: {names}. "
                            f"Received: {name!r}. {remedy}"
                        )
                    if before is not None and before != value:
                        shown = f"{before} and {value}" if kind == "setting" else "not the same"
                        raise ValueError(
                            f"`store` was made with another {kind} under the name {name!r}: "
                            f"{shown}. {remedy}"
                        )
                    connection.execute(
                        "INSERT OR IGNORE INTO facts VALUES (?, ?, ?)", (kind, name, value)
                    )

    def add(self, rows: Iterable[Sequence[Any]]) -> None:
        """Record finished runs, all of them or, if anything fails, none.

        Parameters
        ----------
        rows : iterable of sequences
            In the order of `COLUMNS`. A run that another sweep recorded meanwhile stays as it is.
        """
        marks = ", ".join("?" * len(COLUMNS))
        with self._transaction() as connection:
            connection.executemany(f"INSERT OR IGNORE INTO runs VALUES ({marks})", rows)

    def rows(self) -> dict[Key, tuple[Any, ...]]:
        """Return every recorded run by its build, data set, seed and learning rate."""
        with self._transaction() as connection:
            found = connection.execute(f"SELECT {', '.join(COLUMNS)} FROM runs").fetchall()
        return {tuple(row[:4]): tuple(row) for row in found}


def dataset_fingerprint(dataset: "Dataset") -> str:
    """Return a hash of every number in `dataset`."""
    digest = hashlib.sha256(str(dataset.num_classes).encode())
    for part in PARTS:
        for array in (getattr(dataset, f"x_{part}"), getattr(dataset, f"y_{part}")):
            digest.update(f"{array.dtype} {array.shape}".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
