"""TensorFlow started without its start-up messages, which come before its log level applies."""

import contextlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator

from bn_companion._progress import QUIET_VARIABLE

__all__ = ["start_quietly", "without_startup_lines"]

# What TensorFlow prints at import before its own log level applies; nothing else is hidden.
_STARTUP_LINE = re.compile(rb"I\d{4} |WARNING: All log messages before absl::InitializeLog")


def start_quietly() -> None:
    """Import TensorFlow, without its start-up messages if this process was asked to be quiet.

    A worker process inherits the request from the process that made it quiet.
    """
    if os.environ.get(QUIET_VARIABLE) == "1" and "tensorflow" not in sys.modules:
        with without_startup_lines():
            import tensorflow  # noqa: F401, PLC0415


@contextlib.contextmanager
def without_startup_lines() -> Iterator[None]:
    """Drop the start-up lines from file descriptor 2, where C++ writes; pass on all the rest."""
    sys.stderr.flush()
    original = os.dup(2)
    with tempfile.TemporaryFile() as caught:
        os.dup2(caught.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(original, 2)
            os.close(original)
            caught.seek(0)
            for line in caught:
                if not _STARTUP_LINE.match(line):
                    os.write(2, line)
