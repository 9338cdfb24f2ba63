"""The largest rates and the gradients, layer by layer: what is drawn is what was given."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from bn_companion import plots


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def rates():
    rows = [
        (activation, depth, placement, seed, rate * (1 + seed))
        for activation in ("relu", "tanh")
        for depth in (20, 2)
        for placement, rate in (("none", 0.1), ("before", 1.0))
        for seed in (0, 1, 2)
    ]
    columns = ["activation", "depth", "placement", "seed", "learning_rate"]
    return pd.DataFrame(rows, columns=columns)


def norms():
    rows = [
        (activation, placement, seed, layer, growth**-layer * (1 + seed))
        for activation in ("relu", "sigmoid")
        for placement, growth in (("none", 1.0), ("before", 1.2))
        for seed in (0, 1, 2)
        for layer in range(1, 11)
    ]
    columns = ["activation", "placement", "seed", "layer", "gradient_norm"]
    return pd.DataFrame(rows, columns=columns)


# --- oracle ---


def test_largest_rates_are_medians_with_the_range_over_seeds():
    axes = plots.plot_largest_rates(rates(), limits=(0.01, 10)).axes
    assert [ax.get_title() for ax in axes] == ["relu", "tanh"]
    none, before = axes[0].containers
    assert list(none.lines[0].get_ydata()) == pytest.approx([0.2, 0.2])
    assert list(before.lines[0].get_ydata()) == pytest.approx([2.0, 2.0])
    (whiskers,) = before.lines[2]
    for segment in whiskers.get_segments():
        assert [float(y) for _, y in segment] == pytest.approx([1.0, 3.0])
    assert [label.get_text() for label in axes[1].get_xticklabels()] == ["2", "20"]
    assert axes[1].get_ylim() == (0.01, 10)


def test_a_seed_that_trains_at_no_rate_is_marked():
    frame = rates()
    lost = (frame["activation"] == "tanh") & (frame["depth"] == 20) & (frame["placement"] == "none")
    frame.loc[lost, "learning_rate"] = np.nan
    relu, tanh = plots.plot_largest_rates(frame).axes
    crosses = [[line for line in ax.lines if line.get_marker() == "x"] for ax in (relu, tanh)]
    assert [[len(line.get_xdata()) for line in lines] for lines in crosses] == [[0, 0], [1, 0]]


def test_gradient_norms_show_every_seed_and_the_median():
    axes = plots.plot_gradient_norms(norms(), limits=(1e-3, 1e2)).axes
    assert [ax.get_title() for ax in axes] == ["relu", "sigmoid"]
    assert [len(ax.lines) for ax in axes] == [8, 8]
    np.testing.assert_allclose(axes[0].lines[7].get_ydata(), 2 * 1.2 ** -np.arange(1.0, 11))
    assert all(ax.get_yscale() == "log" and ax.get_ylim() == (1e-3, 1e2) for ax in axes)


# --- invariance ---


def test_the_order_of_the_rows_does_not_matter():
    frame = norms()
    first, shuffled = (
        [line.get_ydata() for line in plots.plot_gradient_norms(f, arm="placement").axes[0].lines]
        for f in (frame, pd.concat([frame[::2], frame[1::2]]))
    )
    np.testing.assert_array_equal(first, shuffled)


# --- rejection ---


@pytest.mark.parametrize(
    ("draw", "frame", "column"),
    [
        (plots.plot_largest_rates, rates(), "learning_rate"),
        (plots.plot_gradient_norms, norms(), "layer"),
    ],
)
def test_missing_columns_are_named(draw, frame, column):
    with pytest.raises(ValueError, match=rf"Missing: \['{column}'\]"):
        draw(frame.drop(columns=column))
