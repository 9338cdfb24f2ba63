"""``bn-companion audit``: what is wrong with batch normalization in a saved model."""

import argparse
import sys
from pathlib import Path
from typing import Any

from bn_companion.commands._inputs import load_model, trained_steps
from bn_companion.commands._running import counted, guarded, refusing
from bn_companion.diagnose.lint.linter import chosen_codes
from bn_companion.diagnose.report import FORMATS

__all__ = ["register"]

_DESCRIPTION = """\
Find faults in how a saved model uses batch normalization: on the output, behind
dropout, on the wrong axis, with statistics that were never updated or hold NaN,
with a bias in front that does nothing.

The model is loaded in Keras's safe mode: a file that carries code is refused.
"""

_EPILOG = """\
examples:
  bn-companion audit model.keras                  all that is found
  bn-companion audit model.keras --ignore BN002   all but redundant biases
  bn-companion audit model.keras --format json    for a program to read
  bn-companion audit model.keras --steps 200      will 200 steps do for its momentum?
  bn-companion lint --explain BN006               what a code means

exit status:
  0  nothing found
  1  something found
  2  bad usage, or a file that is no model, is damaged or carries code
"""


def register(commands: Any) -> None:
    """Add the parser of this command."""
    parser = commands.add_parser(
        "audit",
        help="check a saved model",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", type=Path, metavar="MODEL.keras", help="the model to check")
    parser.add_argument(
        "--select", metavar="CODES", help="only these codes, or beginnings of codes: BN001,BN1"
    )
    parser.add_argument("--ignore", metavar="CODES", default="", help="none of these codes")
    parser.add_argument(
        "--format", choices=sorted(FORMATS), default="text", help="of the findings (default: text)"
    )
    parser.add_argument(
        "--steps",
        type=int,
        metavar="N",
        help="steps of training that it gets, for BN011 (default: those its optimizer counted)",
    )
    parser.set_defaults(run=lambda arguments: _run(parser, arguments))


def _run(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> int:
    try:
        codes = chosen_codes(arguments.select, arguments.ignore)
    except ValueError as error:
        parser.error(str(error))
    return guarded("audit", lambda: _audit(arguments, codes))


def _audit(arguments: argparse.Namespace, codes: frozenset[str]) -> int:
    path: Path = arguments.model
    model = load_model(path)
    done = trained_steps(path)
    if done > 0:
        # `audit` asks the optimizer how far the model was trained, and that one was not loaded.
        model.compile(optimizer="sgd")
        model.optimizer.iterations.assign(done)
    from bn_companion.diagnose.audit import audit  # noqa: PLC0415 (imports TensorFlow)

    with refusing(str(path)):
        findings = [f for f in audit(model, steps=arguments.steps) if f.code in codes]
    sys.stdout.write(FORMATS[arguments.format](findings, model=str(path)))
    if arguments.format == "text":
        print(f"{counted(len(findings), 'finding')} in {path}.")
    return int(bool(findings))
