"""The command ``bn-companion``: one parser, a subcommand a module of `bn_companion.commands`.

Exit status: 0 nothing to report, 1 something found, 2 bad usage or bad input, 130 stopped with
Ctrl-C.
"""

import argparse
import os
import sys
from collections.abc import Sequence

from bn_companion import __version__
from bn_companion.commands import audit, compare, fold, lint, place, recalibrate

__all__ = ["main"]

_COMMANDS = (lint, audit, place, fold, recalibrate, compare)

_DESCRIPTION = "Is batch normalization wired right? Check a source or a model of your own."


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bn-companion",
        description=_DESCRIPTION,
        epilog="bn-companion COMMAND --help explains a command, with examples.",
    )
    parser.add_argument("--version", action="version", version=f"bn-companion {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in _COMMANDS:
        command.register(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments; those of the process by default.

    Returns
    -------
    int
        0, 1, 2 or 130, as the module says.

    Examples
    --------
    >>> from bn_companion.cli import main
    >>> main(["lint", "--explain", "BN004"])  # doctest: +ELLIPSIS
    BN004 (warning, lint, audit): Dropout feeds batch normalization
    ...
    0
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # names of files can hold what no encoding has
            stream.reconfigure(errors="backslashreplace")
    arguments = _parser().parse_args(argv)
    try:
        status: int = arguments.run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:  # as when the output goes to `head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130
    return status
