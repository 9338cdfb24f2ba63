"""What `place` and `fold` share: one model in, one model out, and a report of every decision."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bn_companion.commands._inputs import load_model
from bn_companion.commands._outputs import add_model_output, check_output, save_model
from bn_companion.commands._reports import Row, add_format, print_report
from bn_companion.commands._running import refusing

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["add_rewriting", "rewritten"]


def add_rewriting(parser: argparse.ArgumentParser) -> None:
    """Add the options of a subcommand that rewrites a model."""
    parser.add_argument("model", type=Path, metavar="MODEL.keras", help="the saved model")
    add_model_output(parser)
    add_format(parser)


def rewritten(
    arguments: argparse.Namespace,
    rewrite: Callable[[Any], tuple[Any, "pd.DataFrame"]],
    line: Callable[[Row], str],
) -> list[Row]:
    """Load a model, write what `rewrite` makes of it, print the report and return its rows.

    Parameters
    ----------
    arguments : Namespace
        With what `add_rewriting` added.
    rewrite : callable
        From a model to the new one and the report.
    line : callable
        From a row of the report to its line.
    """
    path, output = arguments.model, arguments.output
    check_output(output, "-o", [".keras"], force=arguments.force, source=path)
    model = load_model(path)
    with refusing(str(path)):
        result, report = rewrite(model)
    save_model(result, output)
    rows: list[Row] = list(report.to_dict("records"))
    print_report(rows, line, wrote=output, kind=arguments.format)
    return rows
