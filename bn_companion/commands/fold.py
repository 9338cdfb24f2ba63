"""``bn-companion fold``: take batch normalization out of a saved model, for inference."""

import argparse
import warnings
from typing import Any

from bn_companion.commands._reports import Row
from bn_companion.commands._rewriting import add_rewriting, rewritten
from bn_companion.commands._running import guarded

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
    add_rewriting(parser)
    parser.set_defaults(run=lambda arguments: guarded("fold", lambda: _fold(arguments)))


def _fold(arguments: argparse.Namespace) -> int:
    def rewrite(model: Any) -> tuple[Any, Any]:
        from bn_companion.deploy.fold import (  # noqa: PLC0415 (imports TensorFlow)
            FoldWarning,
            fold,
            fold_report,
        )

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FoldWarning)  # the report says the same, in full
            return fold(model), fold_report(model)

    rows = rewritten(arguments, rewrite, _line)
    return int(any(row["action"] == "kept" for row in rows))


def _line(row: Row) -> str:
    if row["action"] == "kept":
        return f"{row['normalization']}: kept: {row['reason']}"
    return f"{row['normalization']}: folded {row['direction']} into {row['into']}"
