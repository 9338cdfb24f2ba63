"""What `place` and `fold` decided, as lines for people or as JSON."""

import argparse
import json
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["Row", "add_format", "print_report"]

#: A decision, as a row of a report.
Row = Mapping[Hashable, Any]


def add_format(parser: argparse.ArgumentParser) -> None:
    """Add the option for the format of the report."""
    parser.add_argument(
        "--format", choices=("json", "text"), default="text", help="of the report (default: text)"
    )


def print_report(
    rows: Sequence[Row], line: Callable[[Row], str], *, wrote: Path, kind: str
) -> None:
    """Print a line for each decision and what they come to, or the decisions as JSON.

    Parameters
    ----------
    rows : sequence of mappings
        The decisions, each with an ``action``.
    line : callable
        From a decision to its line.
    wrote : Path
        The file that was written.
    kind : str
        ``"text"`` or ``"json"``.
    """
    if kind == "json":
        print(json.dumps([dict(row) for row in rows], indent=2))
        return
    for row in rows:
        print(line(row))
    counts = Counter(str(row["action"]) for row in rows)
    done = ", ".join(f"{count} {_plural(action, count)}" for action, count in counts.items())
    print(f"Wrote {wrote}: {done or 'nothing to do, it is a copy'}.")


def _plural(action: str, count: int) -> str:
    return action if count == 1 else action.replace("bias ", "biases ")
