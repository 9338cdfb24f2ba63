"""The figures: what they show is what they were given."""

import keras
import matplotlib.pyplot as plt
import pandas as pd
import pytest

import bn_companion as bn
from bn_companion import plots


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def frame(arms=("none", "before", "after"), seeds=(0, 1), epochs=3):
    rows = [
        (arm, seed, epoch, 0.1 * epoch + seed)
        for arm in arms
        for seed in seeds
        for epoch in range(1, epochs + 1)
    ]
    return pd.DataFrame(rows, columns=["placement", "seed", "epoch", "val_accuracy"])


def texts(ax):
    return [text.get_text() for text in ax.texts if text.get_text()]


# --- oracle ---


def test_layer_order_names_every_layer_from_the_input_up():
    figure = plots.plot_layer_order({"q": bn.question_mlp(placement="before")})
    assert texts(figure.axes[0]) == [
        *["Dense 64, no bias", "BatchNorm", "tanh", "Dropout 0.5"] * 2,
        "Dense 2",
        "softmax",
    ]
    assert figure.axes[0].get_title() == "q"


def test_layer_order_names_convolutions_and_other_layers():
    model = keras.Sequential(
        [keras.Input((8, 8, 1)), keras.layers.Conv2D(4, 3), keras.layers.Flatten()]
    )
    assert texts(plots.plot_layer_order({"c": model}).axes[0]) == ["Conv2D 4", "Flatten"]


def test_layer_order_shows_a_fused_activation_and_a_layer_used_twice():
    """A normalization behind a fused activation must not look like one before it."""
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4, activation="tanh")])
    model.add(keras.layers.BatchNormalization())
    assert texts(plots.plot_layer_order({"m": model}).axes[0]) == ["Dense 4, tanh", "BatchNorm"]
    shared, inputs = keras.layers.BatchNormalization(), keras.Input((4,))
    twice = keras.Model(inputs, shared(keras.layers.Dense(4)(shared(inputs))))
    assert texts(plots.plot_layer_order({"m": twice}).axes[0]) == [
        "BatchNorm",
        "Dense 4",
        "BatchNorm",
    ]
    depthwise = keras.Sequential([keras.Input((8, 8, 2)), keras.layers.DepthwiseConv2D(3)])
    assert texts(plots.plot_layer_order({"m": depthwise}).axes[0]) == ["DepthwiseConv2D"]


def test_history_draws_every_seed_thin_and_the_mean_thick():
    ax = plots.plot_history(frame())
    thick = [line for line in ax.lines if line.get_linewidth() > 1]
    thin = [line for line in ax.lines if line.get_linewidth() < 1]
    assert (len(thick), len(thin)) == (3, 6)
    for line in thick:
        assert line.get_ydata().tolist() == pytest.approx([0.6, 0.7, 0.8])
        assert line.get_xdata().tolist() == [1, 2, 3]
    assert ax.get_xlabel() == "epoch"
    assert ax.get_ylabel() == "validation accuracy"


# --- invariance ---


def test_an_arm_looks_the_same_in_every_figure():
    styles = [plots.arm_style(name, others=["x", "y"]) for name in ("none", "before", "after", "y")]
    assert len({s.color for s in styles}) == len({s.marker for s in styles}) == 4
    first = plots.plot_history(frame(("after", "none")))
    color = next(line for line in first.lines if line.get_label() == "BN after").get_color()
    assert color == plots.arm_style("after").color


def test_the_order_of_the_rows_does_not_matter():
    shuffled = frame().sample(frac=1, random_state=0)
    lines = plots.plot_history(shuffled).lines
    assert all((line.get_xdata() == [1, 2, 3]).all() for line in lines)


def test_a_further_arm_gets_a_style_and_its_own_name():
    ax = plots.plot_history(frame(("before", "before + output")))
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        "BN before",
        "before + output",
    ]


# --- rejection ---


def test_unknown_arm_is_refused():
    with pytest.raises(ValueError, match="`arm` must be one of .*'mine'.*Received: 'middle'"):
        plots.arm_style("middle", others=["mine"])


def test_missing_columns_are_named():
    with pytest.raises(ValueError, match=r"Missing: \['seed', 'val_accuracy'\]"):
        plots.plot_history(frame().drop(columns=["seed", "val_accuracy"]))


def test_layer_order_needs_chains():
    for nothing in ({}, bn.mlp((4,), 2)):
        with pytest.raises(ValueError, match="must map titles to at least one model"):
            plots.plot_layer_order(nothing)
    inputs = keras.Input((4,))
    two_heads = keras.Model(inputs, [keras.layers.Dense(2)(inputs), keras.layers.Dense(3)(inputs)])
    for model in (bn.resnet((8, 8, 3), 2), two_heads):
        with pytest.raises(ValueError, match="form a chain. Received: .*, which branches"):
            plots.plot_layer_order({"m": model})
    with pytest.raises(ValueError, match="must hold built Keras models"):
        plots.plot_layer_order({"m": keras.Sequential([keras.layers.Dense(2)])})
