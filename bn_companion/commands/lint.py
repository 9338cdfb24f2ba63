"""``bn-companion lint``: check files, and repair what is mechanical."""

import argparse
import difflib
import sys
from pathlib import Path
from typing import Any

from bn_companion._files import write_atomically
from bn_companion.commands._running import complain, counted
from bn_companion.diagnose.codes import CODES
from bn_companion.diagnose.finding import Finding
from bn_companion.diagnose.lint.files import find_files
from bn_companion.diagnose.lint.linter import check, check_file, chosen_codes
from bn_companion.diagnose.lint.source import Source
from bn_companion.diagnose.report import FORMATS

__all__ = ["register"]

_DESCRIPTION = """\
Find batch normalization that is built and never used, kept behind the softmax or
fed by dropout, biases that it makes redundant, and what Keras 3 refuses or
misunderstands in code for Keras 1 and 2.

Python files, notebooks and folders of them are read, never imported or run.
"""

_EPILOG = """\
examples:
  bn-companion lint train.py notebooks/       check a file and a folder
  bn-companion lint . --select BN0            the wiring only, not the migration
  bn-companion lint . --ignore BN002          all but redundant biases
  bn-companion lint old.py --diff             show what --fix would change
  bn-companion lint old.py --fix              change it
  bn-companion lint . --format github         annotate a pull request
  bn-companion lint --explain BN004           what a code means

A comment silences a line:  x = Dense(64)(x)  # noqa: BN002

exit status:
  0  nothing found
  1  something found (with --fix: something left)
  2  bad usage, or a file that cannot be read or parsed; the others are checked
"""


def register(commands: Any) -> None:
    """Add the parser of this command."""
    parser = commands.add_parser(
        "lint",
        help="check source files and notebooks, without running them",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("paths", nargs="*", type=Path, metavar="PATH", help=".py, .ipynb or folder")
    parser.add_argument(
        "--select", metavar="CODES", help="only these codes, or beginnings of codes: BN001,BN1"
    )
    parser.add_argument("--ignore", metavar="CODES", default="", help="none of these codes")
    parser.add_argument(
        "--format", choices=sorted(FORMATS), default="text", help="of the findings (default: text)"
    )
    change = parser.add_mutually_exclusive_group()
    change.add_argument("--fix", action="store_true", help="repair what is mechanical")
    change.add_argument("--diff", action="store_true", help="show what --fix would change")
    parser.add_argument("--explain", metavar="CODE", help="say what a code means, and stop")
    parser.set_defaults(run=lambda arguments: _run(parser, arguments))


def _run(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> int:
    if arguments.explain is not None:
        return _explain(parser, arguments.explain)
    if not arguments.paths:
        parser.error("give at least one PATH, or --explain CODE")
    try:
        codes = chosen_codes(arguments.select, arguments.ignore)
    except ValueError as error:
        parser.error(str(error))
    files, failed = _files(arguments.paths)
    found: list[Finding] = []
    repairs = 0
    for path in files:
        source, checked_file = check_file(path, codes)
        findings = [checked.finding for checked in checked_file]
        if findings and (arguments.fix or arguments.diff):
            left = _repair(source, path, codes, write=arguments.fix)
            if left is None:
                failed = True
            elif arguments.fix:
                repairs += len(findings) - len(left)
                findings = left
        for finding in findings:
            if finding.code == "BN000":
                failed = True
                complain("lint", f"{finding.where}: {finding.message}")
            else:
                found.append(finding)
    if not arguments.diff:
        sys.stdout.write(FORMATS[arguments.format](found))
        if arguments.format == "text":
            _summarise(len(found), len(files), repairs)
    return 2 if failed else int(bool(found))


def _files(paths: list[Path]) -> tuple[list[Path], bool]:
    """Return the files to check, each once, and whether a path led nowhere."""
    files: dict[Path, None] = {}
    failed = False
    for path in paths:
        try:
            files |= dict.fromkeys(find_files(path))
        except (ValueError, OSError) as error:
            failed = True
            complain("lint", str(error))
    return list(files), failed


def _repair(
    source: Source, path: Path, codes: frozenset[str], *, write: bool
) -> list[Finding] | None:
    """Repair a file, or show how; return what is left to find, None if it cannot be written."""
    from bn_companion.diagnose.lint.rewrite import repaired  # noqa: PLC0415 (imports LibCST)

    better = repaired(source, codes)
    if better.text != source.text:
        if not write:
            before, after = (s.text.splitlines(keepends=True) for s in (source, better))
            sys.stdout.writelines(_ended(difflib.unified_diff(before, after, str(path), str(path))))
        else:
            try:
                write_atomically(path, better.text.encode(better.encoding))
            except OSError as error:
                complain("lint", f"{path}: cannot be written: {error.strerror or error}")
                return None
    return [checked.finding for checked in check(better, codes)]


def _ended(lines: Any) -> Any:
    """Yield the lines of a diff, with a note where the file has no newline at its end."""
    for line in lines:
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _summarise(found: int, files: int, repairs: int) -> None:
    done = f"{counted(repairs, 'finding')} repaired. " if repairs else ""
    print(f"{done}{counted(found, 'finding')} in {counted(files, 'file')}.")


def _explain(parser: argparse.ArgumentParser, text: str) -> int:
    code = CODES.get(text.strip().upper())
    if code is None:
        parser.error(f"no such code: {text}; they are {', '.join(CODES)}")
    print(f"{code.code} ({code.severity}, {code.by}): {code.title}\n")
    print(f"{code.why}\n\n{code.remedy}")
    return 0
