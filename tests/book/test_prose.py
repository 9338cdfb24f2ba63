"""No measured number in the book's prose is typed by hand."""

import tomllib
from pathlib import Path

import pytest

from tests.book import chapters
from tests.book.prose import find_measured, find_measured_in_cell
from tests.book.samples import code, prose

ALLOWED = tomllib.loads(Path(__file__).with_name("prose_allowed.toml").read_text("utf-8"))
MAX_ALLOWED = 10
PAGES = sorted([*chapters.BOOK.glob("*.md"), *chapters.find()])


def find_in_page(path):
    if path.suffix == ".md":
        return find_measured(path.read_text(encoding="utf-8"))
    return [f for cell in chapters.read(path).cells for f in find_measured_in_cell(cell)]


def name(path):
    return path.relative_to(chapters.ROOT).as_posix()


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_a_page_owns_no_number(path):
    allowed = {e["number"] for e in ALLOWED["allowed"] if e["page"] == name(path)}
    found = [str(f) for f in find_in_page(path) if f.number not in allowed]
    assert found == [], "glue it from a cell, cite its source, or write a setting as `code`"


def test_what_is_allowed_is_short_reasoned_and_needed():
    entries = ALLOWED["allowed"]
    assert len(entries) <= MAX_ALLOWED
    for entry in entries:
        assert len(entry["reason"].split()) >= 3
        found = find_in_page(chapters.ROOT / entry["page"])
        assert entry["number"] in {f.number for f in found}, f"no longer needed: {entry}"


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("Accuracy was 0.93.", "0.93"),
        ("Accuracy was .93 then.", ".93"),
        ("Accuracy rose by 3%.", "3%"),
        ("Accuracy rose by 3 percentage points.", "3 percentage points"),
        ("Accuracy rose by 12.5 per cent.", "12.5 per cent"),
        ("**Accuracy**: *0.93*", "0.93"),
        ("It is 3x faster.", "3x"),
        ("It is 2.5\N{MULTIPLICATION SIGN} faster.", "2.5"),
        ("It is three times faster.", "three times faster"),
        ("It is twice as fast.", "twice as"),
        ("A tenfold and a 3-fold gain.", "3-fold"),
        ("It took 40 seconds.", "40 seconds"),
        ("A step takes 12 ms.", "12 ms"),
        ("It needs 300 MB.", "300 MB"),
        ("It won on 9 of 10 seeds.", "9 of 10"),
        ("It won on nine of the ten seeds.", "nine of the ten"),
        ("It won 9/10.", "9/10"),
        ("A gain of 3 ± 1 points.", "± 1"),
        ("A rate of 1e-3.", "1e-3"),
        ("After about 300 steps.", "about 300"),
        ("With p < 0.05.", "0.05"),
        ("With $p < 0.05$ it holds.", "0.05"),
        ("It is $0.93$.", "0.93"),
        (r"It is $\approx 93\%$.", r"93\%"),
        ("It is `93%`.", "93%"),
        ("| arm | accuracy |\n|---|---|\n| before | 0.93 |", "0.93"),
        ("```{note} It was 0.93\nText.\n```", "0.93"),
        ("```{note}\n:class: w0.5\nIt was 0.93.\n```", "0.93"),
        (":::{exercise}\n:label: ex\nIt was 0.93.\n:::", "0.93"),
        ("````{admonition} A\n```{tip}\nIt was 0.93.\n```\n````", "0.93"),
        ("```{figure} a0.5.png\n:alt: up to 0.93\n```", "0.93"),
        ("- a list\n  - with 0.93 in it", "0.93"),
        ("> quoted: 0.93", "0.93"),
        ("# 0.93 is the answer", "0.93"),
        ("<b>0.93</b>", "0.93"),
        ("<div>\n0.93\n</div>", "0.93"),
        ("[0.93](page.md)", "0.93"),
        ("![the 0.93 line](a.png)", "0.93"),
        ("term\n: it is 0.93", "0.93"),
        ("It was 0.93. They had 0.5 {cite:p}`ioffe2015`.", "0.93"),
        ("{cite:t}`ioffe2015` had 0.5. Ours was 0.93.", "0.93"),
    ],
)
def test_a_measured_number_is_found(text, number):
    assert number in [f.number for f in find_measured(text)]


@pytest.mark.parametrize(
    "text",
    [
        "Accuracy was {glue:text}`accuracy:.2f`.",
        "Accuracy rose by {glue:}`gain`.",
        "They report 74.8% {cite:p}`ioffe2015`.",
        "{cite:t}`ioffe2015`, section 4.1, report 74.8% after 0.3 of the steps.",
        "| paper | accuracy |\n|---|---|\n| {cite:t}`ioffe2015` | 74.8% |",
        "A learning rate of `0.1`, momentum `0.9` and dropout `0.5`.",
        "Ten seeds, 20 epochs, 64 units and a batch of 16.",
        r"With $\epsilon = 0.001$ and $\frac{1}{2}$.",
        "$$y = 0.5 x$$",
        "Section 8.7.1, sections 4.1 and 4.2, figure 1.2, § 3.1, Algorithm 1.",
        "Python 3.12, Keras 3.15 and TensorFlow 2.21.0.",
        "A 3x3 or 3 \N{MULTIPLICATION SIGN} 3 convolution, in 2015.",
        "The first of 13 chapters; one of the two arms.",
        "See [the table](https://example.org/0.93/5%25).",
        "```python\nx = 0.93\n```",
        "```{code-block} python\nx = 0.93\n```",
        "```{eval-rst}\n.. note:: 0.93\n```",
        "```{math}\n0.93\n```",
        "```{figure} plot-0.93.png\nThe caption.\n```",
        "Version 1.0.4 of it; both/and; and/or.",
        "Trained 10 times with 10 seeds.",
        "<span class='w0.5'>word</span>",
    ],
)
def test_what_is_not_measured_is_left_alone(text):
    assert find_measured(text) == []


def test_a_finding_says_where():
    (finding,) = find_measured("# A\n\nFirst.\n\nIt was 0.93 with `a`.")
    assert str(finding) == "line 5: '0.93' in 'It was 0.93 with ....'"
    (finding,) = find_measured("A\n\n```{note}\n:class: x\n\nIt was 0.93.\n```")
    assert finding.line == 6


def test_captions_and_alt_texts_are_prose():
    spoken = {"image": {"alt": "up to 0.93"}, "figure": {"caption": "It rose by 3%."}}
    assert [f.number for f in find_measured_in_cell(code("1", "a", mystnb=spoken))] == [
        "0.93",
        "3%",
    ]
    assert find_measured_in_cell(code("0.93", "a")) == []
    assert find_measured_in_cell(prose("It was 0.93.", "a"))
