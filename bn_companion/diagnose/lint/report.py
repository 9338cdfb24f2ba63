"""Findings as text for people, as JSON, and as annotations of a pull request on GitHub."""

import json
from collections.abc import Sequence

from bn_companion.diagnose.finding import Finding, Severity, SourcePosition

__all__ = ["FORMATS", "as_github", "as_json", "as_text"]

_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}


def as_text(findings: Sequence[Finding]) -> str:
    """Return two lines a finding: what, and indented what to do."""
    return "".join(f"{finding}\n    {finding.remedy}\n" for finding in findings)


def as_json(findings: Sequence[Finding]) -> str:
    """Return a JSON list of objects; `cell` is null outside of notebooks."""
    rows = []
    for finding in findings:
        where = finding.where
        assert isinstance(where, SourcePosition)
        rows.append(
            {
                "code": finding.code,
                "severity": str(finding.severity),
                "file": where.file,
                "cell": where.cell,
                "line": where.line,
                "column": where.column,
                "message": finding.message,
                "remedy": finding.remedy,
            }
        )
    return json.dumps(rows, indent=2) + "\n"


def as_github(findings: Sequence[Finding]) -> str:
    """Return a workflow command a finding.

    In a notebook the line that GitHub shows would be one of the JSON text, so the cell and the line
    in it stand in the message instead.
    """
    lines = []
    for finding in findings:
        where = finding.where
        assert isinstance(where, SourcePosition)
        place = f"file={_escaped(where.file, ':,')}"
        message = f"{finding.message}. {finding.remedy}"
        if where.cell is None:
            place += f",line={where.line},col={where.column}"
        else:
            message = f"cell {where.cell}, line {where.line}: {message}"
        level = _LEVELS[Severity(finding.severity)]
        lines.append(f"::{level} {place},title={finding.code}::{_escaped(message)}\n")
    return "".join(lines)


def _escaped(text: str, also: str = "") -> str:
    for letter in "%\r\n" + also:
        text = text.replace(letter, f"%{ord(letter):02X}")
    return text


FORMATS = {"text": as_text, "json": as_json, "github": as_github}
