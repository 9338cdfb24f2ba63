"""``bn-companion place``: move the batch normalization of a saved model."""

import argparse
import warnings
from typing import Any

from bn_companion.build.placement import Placement
from bn_companion.commands._reports import Row
from bn_companion.commands._rewriting import add_rewriting, rewritten
from bn_companion.commands._running import guarded

__all__ = ["register"]

_DESCRIPTION = """\
Write the same architecture with batch normalization before the activations, after
them, or nowhere, and say of each activation what was done, or why it could not be.

Weights are carried over where they still mean something; batch normalization that
has moved starts anew, so train the model before you use it. It is not compiled.

The model is loaded in Keras's safe mode: a file that carries code is refused.
"""

_EPILOG = """\
examples:
  bn-companion place model.keras --placement before -o before.keras
  bn-companion place model.keras --placement none -o plain.keras --force
  bn-companion place model.keras --placement after -o after.keras --format json

exit status:
  0  written, as asked
  1  written, but some of it is not as asked; the report says what, and why
  2  bad usage, a file that is no model, is damaged or carries code, a file that is
     there already: nothing is written
"""


def register(commands: Any) -> None:
    """Add the parser of this command."""
    parser = commands.add_parser(
        "place",
        help="move batch normalization in a saved model",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--placement",
        required=True,
        choices=[placement.value for placement in Placement],
        help="relative to the activation",
    )
    add_rewriting(parser)
    parser.set_defaults(run=lambda arguments: guarded("place", lambda: _place(arguments)))


def _place(arguments: argparse.Namespace) -> int:
    def rewrite(model: Any) -> tuple[Any, Any]:
        from bn_companion.build.surgery import (  # noqa: PLC0415 (imports TensorFlow)
            PlacementWarning,
            place,
            placement_report,
        )

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PlacementWarning)  # the report says the same, in full
            return place(model, arguments.placement), placement_report(model, arguments.placement)

    rows = rewritten(arguments, rewrite, _line)
    return int(not all(row["as_asked"] for row in rows))


def _line(row: Row) -> str:
    layer, action, norm = row["layer"], row["action"], row["normalization"]
    # A bias goes because of the normalization behind it; all else is done to the normalization.
    done = action if action.startswith("bias") or norm == layer else f"{norm} {action}".strip()
    reason = f": {row['reason']}" if row["reason"] else ""
    return f"{layer}: {done}{reason}{'' if row['as_asked'] else ' (not as asked)'}"
