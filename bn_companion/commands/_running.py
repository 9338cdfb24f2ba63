"""How a subcommand runs and ends: quietly, and with one line where it cannot do what was asked.

Imported by every subcommand, so nothing here imports TensorFlow before it is asked to.
"""

import argparse
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = [
    "RefusalError",
    "add_progress",
    "complain",
    "counted",
    "guarded",
    "refusing",
    "shows_bar",
    "start_keras",
]


class RefusalError(Exception):
    """What the user gave cannot be used; the message says why, and what could be."""


def complain(command: str, text: str) -> None:
    """Say one thing on stderr, in one line."""
    print(f"bn-companion {command}: {' '.join(text.split())}", file=sys.stderr)


def counted(number: int, what: str) -> str:
    """Return ``"1 finding"`` or ``"2 findings"``."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def guarded(command: str, work: Callable[[], int]) -> int:
    """Do the work of a subcommand and return its exit status, 2 where it is refused.

    A refusal, an error of the file system and a warning are one line each. Any other exception is
    a fault of this package and passes, traceback and all.
    """

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        complain(command, str(message))

    with warnings.catch_warnings():
        warnings.showwarning = show
        warnings.simplefilter("ignore", DeprecationWarning)  # for authors, not for users
        try:
            return work()
        except RefusalError as refusal:
            complain(command, str(refusal))
        except BrokenPipeError:  # whoever reads the output has enough of it
            raise
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            complain(command, f"{where}{error.strerror or error}")
    return 2


@contextmanager
def refusing(subject: str = "") -> Iterator[None]:
    """Turn what the package says of bad arguments into a refusal, behind the file it is about."""
    try:
        yield
    except (TypeError, ValueError) as error:
        raise RefusalError(f"{subject}: {error}" if subject else str(error)) from error


def start_keras() -> None:
    """Import TensorFlow and Keras without the messages that they start with.

    The environment says so, too, for the worker processes that a study may start.
    """
    from bn_companion._progress import QUIET_VARIABLE  # noqa: PLC0415
    from bn_companion._startup import start_quietly  # noqa: PLC0415

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault(QUIET_VARIABLE, "1")
    start_quietly()


def add_progress(parser: argparse.ArgumentParser) -> None:
    """Add the option that shows or hides the progress bar."""
    parser.add_argument(
        "--progress",
        action=argparse.BooleanOptionalAction,
        help="show a progress bar, or do not (default: in a terminal only)",
    )


def shows_bar(asked: bool | None) -> bool:
    """Return whether a bar is shown: as asked, else where somebody can see it move."""
    return sys.stderr.isatty() if asked is None else asked
