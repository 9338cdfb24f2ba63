"""Files that a subcommand writes: checked before any work, and written whole or not at all."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bn_companion._files import replacing
from bn_companion.commands._running import RefusalError

__all__ = ["add_force", "add_model_output", "check_output", "save_model"]


def add_force(parser: argparse.ArgumentParser) -> None:
    """Add the option without which no file is overwritten."""
    parser.add_argument("--force", action="store_true", help="overwrite what is there")


def add_model_output(parser: argparse.ArgumentParser) -> None:
    """Add the options for the one model that a subcommand writes."""
    parser.add_argument(
        "-o", "--output", required=True, type=Path, metavar="OUT.keras", help="the file to write"
    )
    add_force(parser)


def check_output(
    path: Path, option: str, suffixes: Sequence[str], *, force: bool, source: Path | None = None
) -> None:
    """Raise unless `path` can and may be written.

    Parameters
    ----------
    path : Path
        As the user gave it.
    option : str
        The option that gave it.
    suffixes : sequence of str
        The endings that say in which format to write; none if any will do.
    force : bool
        Whether a file that is there may be overwritten.
    source : Path, optional
        The file that is read, for a better word where the two are one.

    Raises
    ------
    RefusalError
        Saying what was expected and what to do.
    """
    received = f"Received: {str(path)!r}"
    if suffixes and path.suffix not in suffixes:  # Keras wants lower case, so all do
        raise RefusalError(f"{option} must end in {' or '.join(suffixes)}. {received}")
    if path.is_dir() or not path.parent.is_dir():
        raise RefusalError(f"{option} must be a file in a folder that exists. {received}")
    if path.exists() and not force:
        same = source is not None and source.exists() and path.samefile(source)
        what = "another file than MODEL" if same else "a file that is not there yet"
        raise RefusalError(f"{option} must be {what}; --force overwrites it. {received}")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise RefusalError(f"{option} must be a file that you may write. {received}")


def save_model(model: Any, path: Path) -> None:
    """Save a model in Keras's format, whole or not at all."""
    with replacing(path) as new:
        model.save(str(new))
