"""The map of winners and the differences over a shared rate: what is drawn is what was given."""

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle

from bn_companion import plots

RATES = (0.01, 0.1, 1.0)


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def table(**changes):
    """Invented differences: two depths, two activations, two data sets."""
    rows = [
        (dataset, depth, activation, "before", "after", 0.1, 1.0)
        for dataset in ("digits", "breast_cancer")
        for depth in (2, 6)
        for activation in ("tanh", "relu")
    ]
    columns = ["dataset", "depth", "activation", "first", "second", "first_rate", "second_rate"]
    frame = pd.DataFrame(rows, columns=columns)
    frame["difference"] = [0.031, -0.022, 0.001, -0.0004, 0.05, -0.05, 0.002, 0.003]
    frame["low"], frame["high"] = frame["difference"] - 0.012, frame["difference"] + 0.012
    frame["verdict"] = ["before", "after", *["inconclusive"] * 2] * 2
    return frame.assign(**changes)


def shared():
    part = table().query("dataset == 'digits' and depth == 2")
    return pd.concat([part.assign(first_rate=r, second_rate=r) for r in RATES]).sort_values(
        "activation", ascending=False
    )


def texts(ax):
    return [text.get_text() for text in ax.texts]


def legend(figure):
    (found,) = figure.legends
    return found.get_title().get_text(), [text.get_text() for text in found.get_texts()]


# --- oracle ---


def test_the_map_has_a_cell_for_each_condition():
    figure = plots.plot_winners(table())
    assert [ax.get_title() for ax in figure.axes] == ["depth 2", "depth 6"]
    ax = figure.axes[0]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["digits", "breast\ncancer"]
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["tanh", "relu"]
    assert texts(ax)[::2] == ["+3.1", "\N{MINUS SIGN}2.2", "+5.0", "\N{MINUS SIGN}5.0"]
    assert texts(ax)[1::2] == ["±1.2"] * 4
    assert texts(figure.axes[1])[::2] == ["+0.1", "0.0", "+0.2", "+0.3"]
    ((x, y),) = {text.get_position() for text in ax.texts if text.get_text() == "+5.0"}
    assert (round(x), round(y)) == (1, 0)  # breast cancer, tanh
    assert legend(figure) == (
        "BN before minus BN after, percentage points",
        ["BN before better", "BN after better", "inconclusive"],
    )


def test_a_cell_looks_like_its_winner():
    clear, unclear = plots.plot_winners(table()).axes
    for ax, arms in ((clear, ("before", "after")), (unclear, (None, None))):
        cells = [patch for patch in ax.patches if isinstance(patch, Rectangle)]
        for arm, cell, line in zip(arms * 2, cells, ax.lines, strict=True):
            if arm is None:
                assert cell.get_hatch()
                assert to_hex(line.get_markerfacecolor()) == "#ffffff"
            else:
                style = plots.arm_style(arm)
                assert not cell.get_hatch()
                assert to_hex(cell.get_facecolor()).upper() == style.color
                assert line.get_marker() == style.marker
                assert line.get_markerfacecolor() == style.color


def test_a_shared_rate_has_its_interval_and_its_verdict():
    frame = shared()
    figure = plots.plot_shared_rates(frame, table())
    assert [ax.get_title() for ax in figure.axes] == [
        "digits, depth 2, tanh",
        "digits, depth 2, relu",
    ]
    for ax, activation, arm in zip(figure.axes, ("tanh", "relu"), ("before", "after"), strict=True):
        rows = frame[frame["activation"] == activation].sort_values("first_rate")
        marks = [line for line in ax.lines if len(line.get_xdata()) == 1]
        marks.sort(key=lambda line: line.get_xdata()[0])
        assert [line.get_xdata()[0] for line in marks] == list(RATES)
        assert [line.get_ydata()[0] for line in marks] == rows["difference"].tolist()
        assert {line.get_marker() for line in marks} == {plots.arm_style(arm).marker}
        whiskers = {
            (line.get_xdata()[0], *line.get_ydata())
            for line in ax.lines
            if len(line.get_xdata()) == 2 and line.get_xdata()[0] == line.get_xdata()[1] in RATES
        }
        assert whiskers == set(rows[["first_rate", "low", "high"]].itertuples(index=False))
        assert ax.get_xscale() == "log"


def test_the_best_rate_of_each_arm_is_a_line_in_its_style():
    figure = plots.plot_shared_rates(shared(), table())
    for ax in figure.axes:
        for arm, rate in (("before", 0.1), ("after", 1.0)):
            style = plots.arm_style(arm)
            (line,) = (
                line
                for line in ax.lines
                if line.get_linestyle() == style.linestyle
                and line.get_color() == style.color
                and len(line.get_xdata()) == 2
                and list(line.get_ydata()) == [0, 1]
            )
            assert line.get_xdata()[0] == pytest.approx(rate, rel=0.05)
    assert legend(figure)[1][3:] == ["best rate of BN before", "best rate of BN after"]
    without = plots.plot_shared_rates(shared())
    assert len(without.axes[0].lines) == len(figure.axes[0].lines) - 2
    assert len(legend(without)[1]) == 3


# --- invariance ---


def test_zero_lies_in_the_middle_and_all_intervals_fit():
    for ax in plots.plot_shared_rates(shared()).axes:
        low, high = ax.get_ylim()
        assert low == -high
        assert high >= 0.043
    assert plots.plot_shared_rates(shared(), limits=(-1, 2)).axes[0].get_ylim() == (-1, 2)


def test_maps_need_no_panels_and_conditions_may_be_none():
    one = table()[lambda t: t["depth"] == 2].drop(columns="depth")
    (ax,) = plots.plot_winners(one, panels=None).axes
    assert ax.get_title() == ""
    alone = one.iloc[:1].drop(columns=["dataset", "activation"])
    (ax,) = plots.plot_shared_rates(alone, alone).axes
    assert ax.get_title() == ""


def test_rows_and_columns_may_be_exchanged():
    ax = plots.plot_winners(table(), rows="dataset", columns="activation").axes[0]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["tanh", "relu"]


def test_a_further_arm_has_its_own_name():
    frame = table(first="both").replace({"verdict": {"before": "both"}})
    assert legend(plots.plot_winners(frame))[1][0] == "both better"


def test_equal_arms_have_an_axis():
    frame = shared().assign(difference=0.0, low=0.0, high=0.0, verdict="inconclusive")
    assert plots.plot_shared_rates(frame).axes[0].get_ylim() == (-1, 1)


# --- rejection ---


def test_missing_columns_are_named():
    with pytest.raises(ValueError, match=r"`differences` must have.*Missing: \['depth', 'low'\]"):
        plots.plot_winners(table().drop(columns=["depth", "low"]))
    with pytest.raises(ValueError, match=r"`shared` must have.*Missing: \['first_rate'\]"):
        plots.plot_shared_rates(shared().drop(columns="first_rate"))
    with pytest.raises(ValueError, match=r"`own` must have.*Missing: \['depth'\]"):
        plots.plot_shared_rates(shared(), table().drop(columns="depth"))


@pytest.mark.parametrize("draw", [plots.plot_winners, plots.plot_shared_rates])
def test_one_pair_is_drawn(draw):
    frame = pd.concat([shared(), shared().assign(second="none")])
    with pytest.raises(ValueError, match="must hold one pair of arms. Received: .*'none'"):
        draw(frame)
    with pytest.raises(ValueError, match=r"must hold one pair of arms. Received: \[\]"):
        draw(frame.iloc[:0])


def test_two_rows_in_one_cell_are_refused():
    with pytest.raises(ValueError, match="one row for each cell of"):
        plots.plot_winners(table(), panels=None)


def test_own_rates_must_belong_to_the_panels():
    with pytest.raises(ValueError, match="`own` must have one row .*dataset='digits'.*Received: 0"):
        plots.plot_shared_rates(shared(), table(dataset="wine"))
