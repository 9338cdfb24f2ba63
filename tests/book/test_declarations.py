"""What a cell may declare, and that everything else is refused."""

import pytest

from tests.book.nbval_tolerance.declarations import DeclarationError, Rules, read_rules


@pytest.mark.parametrize(
    ("metadata", "rules"),
    [
        ({}, Rules()),
        ({"tags": ["hide-input", "nbval-ignore-output", "raises-exception"]}, Rules()),
        ({"nbval": {"abs": 0.02}}, Rules(abs=0.02)),
        ({"nbval": {"rel": 0.01, "abs": 1, "integers": True}}, Rules(1.0, 0.01, True)),
        ({"nbval": {"figure": 3}}, Rules(figure=3)),
        ({"tags": ["nbval-abs=0.02", "nbval-rel=1e-3"]}, Rules(0.02, 0.001)),
        ({"tags": ["nbval-integers", "nbval-figure=4"], "nbval": {"abs": 2}}, Rules(2, 0, True, 4)),
    ],
)
def test_read(metadata, rules):
    assert read_rules(metadata) == rules


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"nbval": {"abs": -0.1}}, "`abs` must be a finite number above 0"),
        ({"nbval": {"abs": 0}}, "`abs` must be a finite number above 0"),
        ({"nbval": {"abs": float("nan")}}, "finite"),
        ({"nbval": {"abs": float("inf")}}, "finite"),
        ({"nbval": {"abs": True}}, "finite"),
        ({"nbval": {"abs": "0.1"}}, "finite"),
        ({"nbval": {"rel": 1.0}}, "`rel` must be below 1"),
        ({"nbval": {"atol": 0.1}}, "unknown nbval declaration 'atol'"),
        ({"nbval": 0.1}, "must be a mapping"),
        ({"nbval": {"integers": True}}, "needs `abs` or `rel`"),
        ({"nbval": {"integers": False, "abs": 1}}, "can only be true"),
        ({"nbval": {"figure": 1}}, "from 2 to 12"),
        ({"nbval": {"figure": 13}}, "from 2 to 12"),
        ({"nbval": {"figure": 2.5}}, "from 2 to 12"),
        ({"nbval": {"abs": 1}, "tags": ["nbval-abs=1"]}, "declared twice"),
        ({"tags": ["nbval-abs"]}, "does not hold a number"),
        ({"tags": ["nbval-abs=wide"]}, "does not hold a number"),
        ({"tags": ["nbval-figure=2.5"]}, "does not hold a number"),
        ({"tags": ["nbval-ignore-ouput"]}, "unknown nbval tag"),
        ({"tags": ["NBVAL_IGNORE_OUTPUT"]}, "unknown nbval tag"),
        ({"tags": ["nbval-integers=1"]}, "needs `abs`|can only|unknown"),
        ({"tags": "nbval-abs=1"}, "must be a list"),
    ],
)
def test_refuse(metadata, message):
    with pytest.raises(DeclarationError, match=message):
        read_rules(metadata)
