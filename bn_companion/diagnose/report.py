"""Findings as text for people, as JSON, and as annotations of a pull request on GitHub."""

import json
from collections.abc import Sequence
from typing import Any

from bn_companion.diagnose.finding import Finding, Severity, SourcePosition

__all__ = ["FORMATS", "as_github", "as_json", "as_text"]

_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}


def as_text(findings: Sequence[Finding], *, model: str = "") -> str:
    """Return two lines a finding: what, and indented what to do."""
    return "".join(f"{finding}\n    {finding.remedy}\n" for finding in findings)


def as_json(findings: Sequence[Finding], *, model: str = "") -> str:
    """Return a JSON list of objects.

    Parameters
    ----------
    findings : sequence of Finding
        Those in a source have ``file``, ``cell`` (null outside of notebooks), ``line`` and
        ``column``; those in a model ``file`` and ``layer``.
    model : str, optional
        The file that the model is from.
    """
    rows = []
    for finding in findings:
        what = {"code": finding.code, "severity": str(finding.severity)}
        said = {"message": finding.message, "remedy": finding.remedy}
        rows.append({**what, **_place(finding.where, model), **said})
    return json.dumps(rows, indent=2) + "\n"


def _place(where: str, model: str) -> dict[str, Any]:
    if not isinstance(where, SourcePosition):
        return {"file": model, "layer": where}
    line, column = where.line, where.column
    return {"file": where.file, "cell": where.cell, "line": line, "column": column}


def as_github(findings: Sequence[Finding], *, model: str = "") -> str:
    """Return a workflow command a finding.

    In a notebook the line that GitHub shows would be one of the JSON text, so the cell and the line
    in it stand in the message instead; a model has no lines at all, and its layer stands there.
    """
    lines = []
    for finding in findings:
        where = finding.where
        message = f"{finding.message}. {finding.remedy}"
        if not isinstance(where, SourcePosition):
            place = f"file={_escaped(model, ':,')}"
            message = f"layer {where}: {message}"
        elif where.cell is None:
            place = f"file={_escaped(where.file, ':,')},line={where.line},col={where.column}"
        else:
            place = f"file={_escaped(where.file, ':,')}"
            message = f"cell {where.cell}, line {where.line}: {message}"
        level = _LEVELS[Severity(finding.severity)]
        lines.append(f"::{level} {place},title={finding.code}::{_escaped(message)}\n")
    return "".join(lines)


def _escaped(text: str, also: str = "") -> str:
    for letter in "%\r\n" + also:
        text = text.replace(letter, f"%{ord(letter):02X}")
    return text


FORMATS = {"text": as_text, "json": as_json, "github": as_github}
