"""Finding, Severity and SourcePosition: what a finding is, for a source and for a model."""

import copy
import dataclasses
import pickle

import pytest

from bn_companion import Finding, Severity
from bn_companion.diagnose.finding import SourcePosition


def finding(**changes):
    given = {"code": "BN002", "where": "dense", "message": "m", "remedy": "r", "severity": "info"}
    return Finding(**(given | changes))


def test_a_finding_has_five_fields_in_the_order_of_the_contract():
    names = [field.name for field in dataclasses.fields(Finding)]
    assert names == ["code", "where", "message", "remedy", "severity"]
    assert Finding("BN002", "dense", "m", "r", "info") == finding()


def test_a_finding_cannot_be_changed_and_can_be_a_key():
    with pytest.raises(dataclasses.FrozenInstanceError):
        finding().code = "BN001"
    assert len({finding(), finding(), finding(where="other")}) == 2


def test_where_serves_a_layer_and_a_place_in_a_source():
    assert str(finding()) == "dense: BN002 info: m"
    assert str(finding(where=SourcePosition("a.py", 3, 7))) == "a.py:3:7: BN002 info: m"


@pytest.mark.parametrize("severity", ["error", "warning", "info", *Severity])
def test_a_severity_may_be_given_as_its_string(severity):
    assert finding(severity=severity).severity is Severity(severity)
    assert finding(severity=severity).severity == str(severity)


@pytest.mark.parametrize("severity", ["fatal", "", None, 1, "INFO"])
def test_another_severity_is_refused(severity):
    with pytest.raises(ValueError, match="`severity` must be one of 'error', 'warning', 'info'"):
        finding(severity=severity)


@pytest.mark.parametrize("cell", [None, 4])
def test_a_position_is_a_string_that_keeps_its_parts(cell):
    position = SourcePosition("a b.ipynb", 3, 7, cell=cell)
    assert position == ("a b.ipynb:3:7" if cell is None else "a b.ipynb:cell 4:3:7")
    for same in (position, copy.deepcopy(position), pickle.loads(pickle.dumps(position))):
        assert same == position
        assert (same.file, same.line, same.column, same.cell) == ("a b.ipynb", 3, 7, cell)
