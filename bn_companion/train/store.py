"""Finished runs in one SQLite file: what is in it survives anything that happens afterwards.

A chunk of runs is one transaction. SQLite's rollback journal, the default, needs no second process
and leaves a store readable after SIGKILL or a power cut: a run is recorded whole, once, or not.
"""

import hashlib
import os
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bn_companion._sources import PARTS

if TYPE_CHECKING:
    from bn_companion.data import Dataset

__all__ = ["COLUMNS", "Store", "dataset_fingerprint"]

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


class Store:
    """The finished runs of one study.

    Parameters
    ----------
    path : str or path
        A file; it is made if it does not exist.

    Raises
    ------
    TypeError
        If `path` is no path.
    ValueError
        If `path` is a folder, in no folder, read-only, locked, or no store.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        if not isinstance(path, str | os.PathLike):
            raise TypeError(f"`store` must be the path of a file. Received: {path!r}")
        self.path = Path(path)
        if self.path.is_dir() or not self.path.absolute().parent.is_dir():
            raise ValueError(
                f"`store` must be a file in a folder that exists. Received: {str(path)!r}"
            )
        if self.path.exists() and not self.path.stat().st_mode & _READ_ONLY:
            raise ValueError(f"`store` must be writable; it is read-only. Received: {str(path)!r}")
        try:
            self._prepare()
        except sqlite3.OperationalError as error:
            raise ValueError(
                f"`store` cannot be written ({error}). Received: {str(path)!r}"
            ) from error
        except sqlite3.DatabaseError as error:
            raise ValueError(
                f"`store` must be a store that sweep() made, or a new file; it is no SQLite file, "
                f"or damaged ({error}). Received: {str(path)!r}"
            ) from error

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, timeout=30.0, isolation_level=None)

    def _prepare(self) -> None:
        with closing(self._connect()) as connection:
            connection.execute("BEGIN IMMEDIATE")
            application = connection.execute("PRAGMA application_id").fetchone()[0]
            tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            if tables == 0:
                for statement in _SCHEMA.split(";"):
                    connection.execute(statement)
            elif application != _APPLICATION:
                raise ValueError(
                    "`store` must be a store that sweep() made, or a new file; this SQLite file "
                    f"holds other tables. Received: {str(self.path)!r}"
                )
            connection.execute("COMMIT")

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
        with closing(self._connect()) as connection:
            connection.execute("BEGIN IMMEDIATE")
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
            connection.execute("COMMIT")

    def add(self, rows: Iterable[Sequence[Any]]) -> None:
        """Record finished runs, all of them or, if anything fails, none.

        Parameters
        ----------
        rows : iterable of sequences
            In the order of `COLUMNS`. A run that another sweep recorded meanwhile stays as it is.
        """
        marks = ", ".join("?" * len(COLUMNS))
        with closing(self._connect()) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(f"INSERT OR IGNORE INTO runs VALUES ({marks})", rows)
            connection.execute("COMMIT")

    def rows(self) -> dict[Key, tuple[Any, ...]]:
        """Return every recorded run by its build, data set, seed and learning rate."""
        with closing(self._connect()) as connection:
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
