"""The registry of codes: the page that explains it, its order, and what selects from it."""

import re
from pathlib import Path

import pytest

from bn_companion import Severity
from bn_companion.diagnose.codes import CODES, expand

PAGE = (Path(__file__).parents[2] / "book" / "codes.md").read_text(encoding="utf-8")


def section(code):
    """Return how the page explains a code."""
    return (
        f"## {code.code}\n\n"
        f"**{code.title}.** *{code.severity}*, found by {code.by}, at {code.where}.\n\n"
        f"{code.why}\n\n"
        f"*Remedy.* {code.remedy}\n"
    )


@pytest.mark.parametrize("code", CODES.values(), ids=list(CODES))
def test_the_page_says_what_the_registry_says(code):
    found = re.search(rf"^## {code.code}$.*?(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None
    assert re.sub(r"\s+", " ", found.group()).strip() == re.sub(r"\s+", " ", section(code)).strip()


def test_the_page_explains_no_other_code_and_keeps_their_order():
    assert re.findall(r"^## (BN\d+)$", PAGE, re.MULTILINE) == list(CODES) == sorted(CODES)


@pytest.mark.parametrize("code", CODES.values(), ids=list(CODES))
def test_a_code_is_complete(code):
    assert re.fullmatch(r"BN\d{3}", code.code)
    assert code.by in ("lint", "audit", "lint, audit")
    assert isinstance(code.severity, Severity)
    assert len(re.findall(r"[.!?](?= |$)", code.why)) == 2, "two sentences"
    assert not code.title.endswith(".")
    assert code.remedy.endswith(".")


def test_a_finding_takes_remedy_and_severity_from_its_code():
    finding = CODES["BN002"].at("dense_1", "a message")
    assert (finding.code, finding.where, finding.message) == ("BN002", "dense_1", "a message")
    assert finding.remedy == CODES["BN002"].remedy
    assert finding.severity is Severity.INFO
    assert CODES["BN002"].at("d", "m", remedy="Do this.").remedy == "Do this."


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ("BN002", {"BN002"}),
        ("bn002 , BN004", {"BN002", "BN004"}),
        (["BN002", "BN10"], {"BN002", "BN101", "BN102", "BN103", "BN104", "BN105", "BN106"}),
        ("BN", set(CODES)),
        ("", set()),
        ((), set()),
    ],
)
def test_expand_takes_codes_and_beginnings(codes, expected):
    assert expand(codes, argument="select") == expected


@pytest.mark.parametrize("codes", ["BN999", "E501", "002", "BN002x", "B", ["BN002", "nope"]])
def test_expand_refuses_what_is_no_code(codes):
    with pytest.raises(
        ValueError, match="`select` must be codes, or beginnings of codes, from BN000"
    ):
        expand(codes, argument="select")


@pytest.mark.parametrize("codes", [2, [2], None, [None], b"BN002"])
def test_expand_refuses_what_is_no_string(codes):
    with pytest.raises(TypeError, match="`ignore` must be codes such as 'BN002'. Received"):
        expand(codes, argument="ignore")
