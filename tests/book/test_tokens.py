"""Text compared as words and numbers."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.book.nbval_tolerance.declarations import Rules
from tests.book.nbval_tolerance.tokens import compare_tokens, tokenise_html, tokenise_text

TWO_HUNDREDTHS = Rules(abs=0.02)


def differ(stored, fresh, rules=TWO_HUNDREDTHS):
    return compare_tokens(tokenise_text(stored), tokenise_text(fresh), rules)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("0.93", ["0.93"]),
        ("-0.5", ["-0.5"]),
        ("\N{MINUS SIGN}0.5", ["-0.5"]),
        ("x=-0.5", ["-0.5"]),
        ("3-2", ["3", "2"]),
        ("(3)-2", ["3", "2"]),
        (".40", ["0.40"]),
        ("1e-3 2E+5 1e5", ["0.001", "2E+5", "1E+5"]),
        ("95% 95.3%", ["95", "95.3"]),
        ("1,234 1,234,567.5", ["1234", "1234567.5"]),
        ("[0.1,0.2]", ["0.1", "0.2"]),
        ("[100,200]", ["100", "200"]),
        ("100,200,3", ["100", "200", "3"]),
        ("(341, 30)", ["341", "30"]),
        ("0.91 ± 0.02", ["0.91", "0.02"]),
        ("[1. 0.5]", ["1", "0.5"]),
        ("it fell to 0.9.", ["0.9"]),
        ("np.float64(0.5)", ["0.5"]),
        ("'0.5'", ["0.5"]),
        ("12:30:05", ["12", "30", "05"]),
        # Digits glued to letters, and versions, are words.
        ("conv2d_1 float32 0x7f3a 10ms 3x 1_000 2j 2.21.0 v2.1 a.5 layer1.0", []),
        ("nan NaN inf -inf", []),
        ("<Figure size 640x480 with 2 Axes>", ["2"]),
    ],
)
def test_what_counts_as_a_number(text, numbers):
    found = [t.value for t in tokenise_text(text) if t.value is not None]
    assert found == [Decimal(n) for n in numbers]


@pytest.mark.parametrize(
    ("stored", "fresh"),
    [
        ("accuracy 0.91", "accuracy 0.93"),  # on the boundary, where floats would fail
        ("a   9.99 b", "a 10.01 b"),
        ("┃ 9.99 ┃\n━━━━━━━━", "┃ 10.01 ┃\n━━━━━━━━━"),
        ("1", "0.99"),
        ("1.0", "1"),
        ("nan inf", "nan inf"),
        ("[1.   0.5 ]", "[0.99 0.5]"),
        ("5e-3", "4e-3"),
        ("trailing \n", "trailing"),
    ],
)
def test_agree_within_two_hundredths(stored, fresh):
    assert differ(stored, fresh) is None
    assert differ(fresh, stored) is None


@pytest.mark.parametrize(
    ("stored", "fresh", "message"),
    [
        ("accuracy 0.91", "accuracy 0.9301", "differ by 0.0201, allowed 0.02"),
        ("accuracy 0.91", "loss 0.91", "'accuracy', fresh 'loss'"),
        ("0.5", "-0.5", "differ by 1"),
        ("0.5", "nan", "only numbers may differ"),
        ("nan", "0.5", "only numbers may differ"),
        ("inf", "1e300", "only numbers may differ"),
        ("inf", "-inf", "'inf', fresh '-'"),
        ("conv2d_1", "conv2d_2", "only numbers may differ"),
        ("float32", "float64", "only numbers may differ"),
        ("(341, 30)", "(342, 30)", "whole numbers must be equal"),
        ("seed 20.", "seed 21.", "whole numbers must be equal"),
        ("0.1 0.2", "0.1", "0.2 is only in the stored output"),
        ("0.1", "0.1 0.2", "0.2 is only in the fresh output"),
        ("0.1\n0.2", "0.1 0.2", "line 1: stored the end of the line"),
        ("a\nb 0.5", "a\nb 0.6", "line 2: stored 0.5, fresh 0.6"),
        ("1e400", "2e400", "differ by"),
        ("10%", "10 points", "'%', fresh 'points'"),
        ("2.21.0", "2.21.1", "only numbers may differ"),
        ("1,234.5", "1,235.5", "differ by 1.0"),
    ],
)
def test_differ(stored, fresh, message):
    assert message in differ(stored, fresh)


def test_relative_tolerance_is_relative_to_the_stored_number():
    rules = Rules(rel=0.1)
    assert differ("100.0", "110.0", rules) is None
    assert differ("110.0", "98.9", rules)
    assert "allowed 10 (rel=0.1)" in differ("100.0", "110.1", rules)


def test_both_tolerances_add():
    rules = Rules(abs=0.5, rel=0.1)
    assert differ("10.0", "11.5", rules) is None
    assert "(abs=0.5, rel=0.1)" in differ("10.0", "11.6", rules)


def test_whole_numbers_only_where_declared():
    assert differ("107 steps", "109 steps", Rules(abs=2, integers=True)) is None
    assert differ("107 steps", "110 steps", Rules(abs=2, integers=True))
    assert differ("107 steps", "109 steps", Rules(abs=2))


def test_html_attributes_are_not_numbers():
    stored = '<table border="1"><tr><td>0.91</td></tr></table>'
    rules = TWO_HUNDREDTHS

    def compare(fresh):
        return compare_tokens(tokenise_html(stored), tokenise_html(fresh), rules)

    assert compare(stored.replace("0.91", "\n  0.92\n")) is None
    assert "allowed 0.02" in compare(stored.replace("0.91", "0.94"))
    assert compare(stored.replace('"1"', '"1.01"'))
    assert compare(stored.replace("</td>", "</td><td>0.91</td>"))
    assert compare(stored.replace("<td>", "<th>"))


words = st.text("abcxyz", min_size=1, max_size=6)
numbers = st.decimals(-1000, 1000, places=3)
lines = st.lists(st.one_of(words, numbers.map(str)), min_size=1, max_size=6).map(" ".join)


@given(st.lists(lines, min_size=1, max_size=5).map("\n".join))
def test_a_text_agrees_with_itself_whatever_the_padding(text):
    assert differ(text, text.replace(" ", "   "), Rules(abs=1e-9)) is None


# Without the strokes that a table's rule is shortened to.
unruled = st.text(st.characters(exclude_characters="-=_~", max_codepoint=0x24FF))


@given(unruled)
def test_no_character_but_blanks_is_lost(text):
    kept = "".join(t.text for t in tokenise_text(text))
    assert "".join(kept.split()) == "".join(text.split())


@given(words, numbers, numbers, st.decimals("0.001", 100, places=3))
def test_numbers_agree_exactly_within_the_tolerance(word, stored, fresh, tolerance):
    rules = Rules(abs=float(tolerance))
    message = differ(f"{word} {stored}", f"{word} {fresh}", rules)
    assert (message is None) == (abs(stored - fresh) <= tolerance)


@given(words, words, numbers)
def test_words_never_agree_with_other_words(one, other, number):
    rules = Rules(abs=1e9, rel=0.99)
    message = differ(f"{one} {number}", f"{other} {number}", rules)
    assert (message is None) == (one == other)
