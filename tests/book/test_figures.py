"""Figures compared as a reader would. The numbers behind the threshold are measured here."""

import base64
import io
from functools import cache

import numpy as np
import pytest
from matplotlib.figure import Figure

from tests.book.nbval_tolerance.figures import THRESHOLD, compare_figures, decode, displacement

HEIGHT = 0.77 * 300  # of the axes below, in pixels
COLOURS = ("#0072B2", "#D55E00", "#009E73")


@cache
def draw(
    *,
    shift=0.0,
    colours=COLOURS,
    names=("none", "before", "after"),
    missing=None,
    faint=True,
    xlabel="epoch",
    ticks=None,
    ylim=(0, 1),
    style="-",
    dpi=100,
    tight=True,
    transparent=False,
):
    """Draw three learning curves; `shift` moves them up, in pixels."""
    figure = Figure(figsize=(4, 3), dpi=dpi)
    axes = figure.subplots()
    epochs = np.linspace(0, 20, 21)
    for index, (colour, name) in enumerate(zip(colours, names, strict=True)):
        if index != missing:
            accuracy = 0.9 - 0.9 * np.exp(-epochs / (2 + 2 * index)) + shift / HEIGHT
            axes.plot(epochs, accuracy, style, color=colour, label=name)
    if faint:
        axes.plot(epochs, 0.3 - epochs / 100, color="#0072B2", alpha=0.1, linewidth=0.8)
    axes.set(ylim=ylim, xlabel=xlabel, ylabel="accuracy")
    if ticks:
        axes.set_yticks([0.5], [ticks])
    axes.grid(alpha=0.3)
    axes.legend()
    file = io.BytesIO()
    figure.savefig(file, bbox_inches="tight" if tight else None, transparent=transparent)
    return decode(base64.b64encode(file.getvalue()).decode())


def differ(fresh, stored=None, **kwargs):
    return compare_figures(draw() if stored is None else stored, fresh, **kwargs).message


def test_a_figure_agrees_with_itself_drawn_again():
    assert differ(draw.__wrapped__()) is None


@pytest.mark.parametrize("shift", [-0.5, -0.25, 0.1, 0.25, 0.5, 0.75, 1.0])
@pytest.mark.parametrize("style", ["-", "--"])
def test_jitter_below_a_pixel_agrees(shift, style):
    assert differ(draw(shift=shift, style=style), draw(style=style)) is None


@pytest.mark.parametrize("shift", [-2.0, 1.5, 2.0, 5.0])
def test_a_curve_that_moves_differs(shift):
    assert "marks may move 1 px" in differ(draw(shift=shift))


@pytest.mark.parametrize(
    "change",
    [
        {"missing": 0},
        {"missing": 2},
        {"faint": False},
        {"colours": (COLOURS[1], COLOURS[0], COLOURS[2])},
        {"names": ("none", "after", "before")},
        {"xlabel": "epochs"},
        {"xlabel": "Epoch"},
        {"style": "--"},
        {"style": "o-"},
        {"ylim": (0, 1.02), "tight": False},
        {"ylim": (-0.01, 1), "tight": False},
    ],
    ids=str,
)
def test_a_changed_figure_differs(change):
    stored = draw(tight=change.get("tight", True))
    assert "unexplained" in differ(draw(**change), stored)


@pytest.mark.parametrize("pair", ["89", "38", "68", "08", "56", "17", "27"])
@pytest.mark.parametrize("dpi", [72, 100])
def test_one_digit_of_a_tick_label_differs(pair, dpi):
    one, other = (draw(ticks=f"0.{digit}", dpi=dpi) for digit in pair)
    worst = compare_figures(one, other).unexplained
    assert worst.max() > 1.4 * THRESHOLD


def test_another_size_differs():
    assert "pixels: fix its labels" in differ(draw(ylim=(0, 1000)))


def test_a_line_that_only_a_dark_page_shows_is_seen():
    plain = draw(transparent=True, faint=False, missing=0)
    white = draw(
        transparent=True, faint=False, colours=("#ffffff", *COLOURS[1:]), names=("_", *"ba")
    )
    bare = draw(
        transparent=True,
        faint=False,
        missing=0,
        colours=("#ffffff", *COLOURS[1:]),
        names=("_", *"ba"),
    )
    assert plain.shape == draw(transparent=True).shape
    assert differ(white, bare)


class TestSlack:
    """A declared slack lets coloured marks move, and nothing else."""

    @pytest.mark.parametrize("shift", [2, 3, 4])
    def test_marks_may_move_that_far(self, shift):
        fresh = draw(shift=shift)
        assert differ(fresh)
        assert differ(fresh, pixels=shift + 1) is None

    def test_but_not_farther(self):
        assert differ(draw(shift=8), pixels=4)

    @pytest.mark.parametrize(
        "change",
        [
            {"missing": 1},
            {"colours": (COLOURS[1], COLOURS[0], COLOURS[2])},
            {"xlabel": "epochs"},
            {"ylim": (0, 1.02), "tight": False},
        ],
        ids=str,
    )
    def test_what_must_not_change_still_differs(self, change):
        stored = draw(tight=change.get("tight", True))
        assert differ(draw(**change), stored, pixels=4)

    @pytest.mark.parametrize("pair", ["89", "38", "17"])
    def test_tick_labels_are_held_in_place(self, pair):
        one, other = (draw(ticks=f"0.{digit}") for digit in pair)
        assert differ(one, other, pixels=6)

    def test_displacement_measures_what_to_declare(self):
        assert displacement(draw(), draw(), largest=12) == 1
        assert displacement(draw(), draw(shift=4), largest=6) in {4, 5}
        assert displacement(draw(), draw(missing=1), largest=4) is None
