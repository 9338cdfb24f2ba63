"""The picture on the first page: what is stored is what its program draws, and it is right."""

import re
import runpy
from types import SimpleNamespace

import numpy as np
import pytest

from tests.book.chapters import BOOK

STORED = BOOK / "results" / "handed_on.svg"
NUMBER = re.compile(r"-?\d+\.\d+|-?\d+")
DRAWN = 300_000


@pytest.fixture(scope="module")
def program():
    return SimpleNamespace(**runpy.run_path(str(STORED.with_suffix(".py"))))


def differences(first, second):
    """Return what differs between two drawings but for numbers that agree to a hundredth."""
    if NUMBER.sub("#", first) != NUMBER.sub("#", second):
        return ["the marks"]
    pairs = zip(NUMBER.findall(first), NUMBER.findall(second), strict=True)
    return [f"{a} and {b}" for a, b in pairs if abs(float(a) - float(b)) > 0.01]


def test_the_stored_picture_is_the_one_that_is_drawn(program):
    stored = STORED.read_text(encoding="utf-8")
    fresh = program.draw().svg + "\n"
    # The names of clips and marks are drawn from their coordinates.
    names = re.compile(r"(?<=[#\"])[a-zA-Z]\w*(?=[\")])")
    assert differences(names.sub("name", stored), names.sub("name", fresh)) == []


def test_a_moved_bar_and_a_lost_one_are_seen():
    assert differences("M 1.5 2", "M 1.501 2") == []
    assert differences("M 1.5 2", "M 1.6 2") == ["1.5 and 1.6"]
    assert differences("M 1.5 2", "M 1.5") == ["the marks"]


@pytest.mark.parametrize("activation", ["tanh", "ReLU"])
@pytest.mark.parametrize("placement", ["none", "before", "after"])
def test_what_is_drawn_is_what_a_sample_shows(program, placement, activation):
    z = 1.0 + 2.0 * np.random.default_rng(0).normal(size=DRAWN)
    if placement == "before":
        z = (z - z.mean()) / z.std()
    out = np.tanh(z) if activation == "tanh" else np.maximum(z, 0)
    if placement == "after":
        out = (out - out.mean()) / out.std()
    found = program.handed_on(placement, activation)
    assert found["mean"] == pytest.approx(out.mean(), abs=0.01)
    assert found["deviation"] == pytest.approx(out.std(), abs=0.01)
    place, piled = found["pile"]
    at_place = np.isclose(out, place, atol=0.01) & (activation == "ReLU")
    assert piled == pytest.approx(at_place.mean(), abs=0.01)
    shares, _ = np.histogram(np.clip(out[~at_place], *program.LIMITS), found["edges"])
    assert found["shares"] == pytest.approx(shares / DRAWN, abs=0.012)
    assert found["shares"].sum() + piled == pytest.approx(1)
