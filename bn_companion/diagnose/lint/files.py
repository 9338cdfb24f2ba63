"""Which files a path stands for."""

import os
from pathlib import Path

__all__ = ["SUFFIXES", "find_files"]

SUFFIXES = (".py", ".ipynb")
_SKIPPED = frozenset(["__pycache__", "node_modules", "site-packages", "build", "dist"])


def find_files(path: Path) -> list[Path]:
    """Return the files to check under a path, in order.

    In a folder these are all ``.py`` and ``.ipynb`` files at any depth, but for hidden folders,
    virtual environments, and what builds and installs leave behind.

    Raises
    ------
    ValueError
        If there is nothing at `path`, it is a file of another kind, or a folder without sources.
    """
    if path.is_file():
        if path.suffix not in SUFFIXES:
            raise ValueError(f"{path}: neither a .py nor an .ipynb file")
        return [path]
    if not path.is_dir():
        raise ValueError(f"{path}: no such file or folder")
    found: list[Path] = []
    for folder, folders, names in os.walk(path):
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".")
            and name not in _SKIPPED
            and not Path(folder, name, "pyvenv.cfg").is_file()
        )
        found += [Path(folder, name) for name in sorted(names) if name.endswith(SUFFIXES)]
    if not found:
        raise ValueError(f"{path}: no .py or .ipynb file in this folder")
    return found
