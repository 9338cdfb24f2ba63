"""Files that are written whole or not at all."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["replacing", "write_atomically"]


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a new file beside `path`, which takes the place of `path` once it is written.

    The new file ends as `path` does, for what reads the format from the name. The mode of a file
    that is replaced is kept, and a link stays a link.

    Raises
    ------
    OSError
        If the folder or the file cannot be written. Then, and after any other error in the block,
        `path` is what it was, and the new file is gone.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from bn_companion._files import replacing
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "a.txt")
    ...     with replacing(path) as new:
    ...         _ = new.write_text("half of it")
    ...         path.exists()
    ...     path.read_text()
    False
    'half of it'
    """
    path = path.resolve()
    if path.exists() and not os.access(path, os.W_OK):
        raise PermissionError(13, "Permission denied", str(path))
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=path.suffix, dir=path.parent)
    new = Path(name)
    try:
        os.close(handle)
        yield new
        with new.open("rb+") as file:
            os.fsync(file.fileno())
        if path.exists():
            shutil.copymode(path, new)
        else:
            mask = os.umask(0)
            os.umask(mask)
            new.chmod(0o666 & ~mask)
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


def write_atomically(path: Path, data: bytes) -> None:
    """Write `data` to `path` so that a reader sees the old file or the new one, never a part.

    Raises
    ------
    OSError
        As `replacing`.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from bn_companion._files import write_atomically
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_atomically(Path(folder, "a.txt"), b"new")
    ...     Path(folder, "a.txt").read_text()
    'new'
    """
    with replacing(path) as new:
        new.write_bytes(data)
