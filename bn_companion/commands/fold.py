"""``bn-companion fold``: take batch normalization out of a saved model, for inference."""

import argparse
import warnings
from pathlib import Path
from typing import Any

from bn_companion.commands._inputs import load_model
from bn_companion.commands._outputs import add_model_output, check_output, save_model
from bn_companion.commands._reports import Row, add_format, print_report
from bn_companion.commands._running import guarded, refusing

__all__ = ["register"]

_DESCRIPTION = """\
Write a model for inference that computes the same with its batch normalization
folded into the weights beside it, and say where each one went, or why it stays.

The model that is written is not compiled.

The model is loaded in Keras's safe mode: a file that carries code is refused.
"""

_EPILOG = """\
examples:
  bn-companion fold model.keras -o folded.keras
  bn-companion fold model.keras -o folded.keras --format json
  bn-companion fold model.keras -o model.keras --force      in place

exit status:
  0  written, no batch normalization left
  1  written, but some was kept; the report says which, and why
  2  bad usage, a file that is no model, is damaged or carries code, a file that is
     there already: nothing is written
"""


def register(commands: Any) -> None:
    """Add the parser of this command."""
    parser = commands.add_parser(
        "fold",
        help="fold batch normalization into the weights, for inference",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", type=Path, metavar="MODEL.keras", help="the saved model")
    add_model_output(parser)
    add_format(parser)
    parser.set_defaults(run=lambda arguments: guarded("fold", lambda: _fold(arguments)))


def _fold(arguments: argparse.Namespace) -> int:
    path, output = arguments.model, arguments.output
    check_output(output, "-o", [".keras"], force=arguments.force, source=path)
    model = load_model(path)
    from bn_companion.deploy.fold import (  # noqa: PLC0415 (imports TensorFlow)
        FoldWarning,
        fold,
        fold_report,
    )

    with refusing(str(path)), warnings.catch_warnings():
        warnings.simplefilter("ignore", FoldWarning)  # the report says the same, in full
        rows = fold_report(model).to_dict("records")
        folded = fold(model)
    save_model(folded, output)
    print_report(rows, _line, wrote=output, kind=arguments.format)
    return int(any(row["action"] == "kept" for row in rows))


def _line(row: Row) -> str:
    if row["action"] == "kept":
        return f"{row['normalization']}: kept: {row['reason']}"
    return f"{row['normalization']}: folded {row['direction']} into {row['into']}"
