"""The figures: what they show is what they were given."""

from xml.etree import ElementTree

import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from IPython.core.formatters import DisplayFormatter

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


def test_a_band_reaches_from_quartile_to_quartile_around_the_median():
    """One seed of five that does something else moves neither."""
    history = frame(("none", "before"), seeds=range(5))
    odd = history["seed"] == 4
    ax = plots.plot_history(history.assign(val_accuracy=history["val_accuracy"] + 100 * odd))
    usual = plots.plot_history(history, seeds="band")
    wild = history.assign(val_accuracy=history["val_accuracy"] + 100 * odd)
    same = plots.plot_history(wild, seeds="band")
    assert ax.get_ylim()[1] > 100 > same.get_ylim()[1]
    for drawn in (usual, same):
        assert [line.get_ydata().tolist() for line in drawn.lines] == [
            pytest.approx([2.1, 2.2, 2.3])
        ] * 2
        assert [line.get_label() for line in drawn.lines] == ["no BN", "BN before"]
        edges = drawn.collections[0].get_paths()[0].vertices
        at_first = edges[edges[:, 0] == 1, 1]
        assert [at_first.min(), at_first.max()] == pytest.approx([1.1, 3.1])


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


def test_every_residual_order_has_a_look_of_its_own():
    styles = [plots.arm_style(name) for name in (*bn.ResidualOrder, "zero_gamma")]
    for look in ("color", "marker", "linestyle", "label"):
        assert len({getattr(style, look) for style in styles}) == 7
    assert plots.arm_style(bn.ResidualOrder.NONE) == plots.arm_style("none")


def through_depth():
    rows = [
        (order, block, seed, factor**block * (1 + seed))
        for order, factor in (("original", 1.0), ("none", 10.0))
        for block in range(4)
        for seed in (0, 2)
    ]
    return pd.DataFrame(rows, columns=["order", "block", "seed", "variance"])


def test_depth_is_drawn_with_mean_and_range():
    figure = plots.plot_depth(through_depth(), {"variance": "its variance"}, log=("variance",))
    (ax,) = figure.axes
    assert ax.get_title() == "its variance"
    assert ax.get_yscale() == "log"
    lines = {line.get_label(): line.get_ydata() for line in ax.lines}
    np.testing.assert_allclose(lines["no BN"], [2, 20, 200, 2000])
    band = ax.collections[0].get_paths()[0].vertices
    assert (band[:, 1].min(), band[:, 1].max()) == (1, 3)
    linear = plots.plot_depth(through_depth(), {"variance": "its variance"})
    assert linear.axes[0].get_yscale() == "linear"


def test_orders_are_rows_and_data_sets_panels():
    frame = pd.DataFrame(
        [("a", "none", 0.5), ("a", "original", 0.6), ("a", "none", 0.7), ("b", "original", 0.2)],
        columns=["data", "order", "test_accuracy"],
    )
    first, second = plots.plot_orders(frame, limits={"b": (0, 1)}).axes
    assert [tick.get_text() for tick in second.get_yticklabels()] == ["no BN", "original"]
    runs, mean = first.lines[:2]
    np.testing.assert_allclose(runs.get_xdata(), [0.5, 0.7])
    np.testing.assert_allclose(mean.get_xdata(), 0.6)
    assert second.get_xlim() == (0, 1) != first.get_xlim()


# --- rejection ---


@pytest.mark.parametrize("column", ["order", "block", "variance"])
def test_depth_needs_its_columns(column):
    with pytest.raises(ValueError, match=f"Missing: .*{column}"):
        plots.plot_depth(through_depth().drop(columns=column), {"variance": "v"})


@pytest.mark.parametrize("column", ["order", "data", "test_accuracy"])
def test_orders_need_their_columns(column):
    frame = pd.DataFrame([("a", "none", 0.5)], columns=["data", "order", "test_accuracy"])
    with pytest.raises(ValueError, match=f"Missing: .*{column}"):
        plots.plot_orders(frame.drop(columns=column))


def test_unknown_arm_is_refused():
    with pytest.raises(ValueError, match="`arm` must be one of .*'mine'.*Received: 'middle'"):
        plots.arm_style("middle", others=["mine"])


def test_missing_columns_are_named():
    with pytest.raises(ValueError, match=r"Missing: \['seed', 'val_accuracy'\]"):
        plots.plot_history(frame().drop(columns=["seed", "val_accuracy"]))


def test_seeds_are_lines_or_a_band():
    with pytest.raises(ValueError, match="`seeds` must be 'lines' or 'band'. Received: 'dots'"):
        plots.plot_history(frame(), seeds="dots")


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


# --- drawings ---


def arrows(ax):
    return [text for text in ax.texts if getattr(text, "arrow_patch", None) is not None]


def test_the_graph_of_the_transform_shows_where_gradients_go():
    forward = plots.plot_transform_graph(gradient=False).axes[0]
    backward = plots.plot_transform_graph().axes[0]
    symbols = {"$x$", r"$\mu$", r"$\sigma^2$", r"$\hat{x}$", r"$\gamma$", r"$\beta$", "$y$"}
    assert set(texts(forward)) == symbols
    assert symbols < set(texts(backward))
    assert {r"$d\gamma$", r"$d\beta$", r"$d\mu$", r"$d\sigma^2$"} < set(texts(backward))
    assert not any(r"\frac" in text for text in texts(backward))  # too small on a phone
    # Every arrow of the one is an arrow of the other turned round.
    ends = [{(a.xy, a.xyann) for a in arrows(ax)} for ax in (forward, backward)]
    assert len(ends[0]) == 9
    assert ends[1] == {(tail, head) for head, tail in ends[0]}


def test_the_paths_of_the_gradient_can_be_told_apart_without_colour():
    ax = plots.plot_transform_graph().axes[0]
    looks = {(a.arrow_patch.get_edgecolor(), a.arrow_patch.get_linestyle()) for a in arrows(ax)}
    to_x = [a for a in arrows(ax) if a.xy == (0.0, 0.0)]
    assert len(to_x) == 3
    assert len({a.arrow_patch.get_linestyle() for a in to_x}) == 3
    assert len({color for color, _ in looks}) == len(looks)


def coloured(ax):
    """Cells drawn in the colour of the first channel, and all of them."""
    red = [p for p in ax.patches if p.get_facecolor()[0] > 1.5 * p.get_facecolor()[1]]
    return len(red), len(ax.patches)


@pytest.mark.parametrize(
    ("shape", "axis", "expected"),
    [
        ((5, 3), -1, (5, 15)),  # a column
        ((5, 3), 0, (3, 15)),  # a row
        # Front, top and right side of a box with 4 x 3 cells in front and a depth of 2.
        ((2, 4, 3), -1, (4 + 2, 12 + 6 + 8)),
        ((2, 4, 3), 1, (3 + 6 + 2, 12 + 6 + 8)),
        ((2, 4, 3), 0, (12 + 3 + 4, 12 + 6 + 8)),
        ((2, 2, 4, 3), -1, (2 * (4 + 2), 2 * 26)),
        ((2, 2, 4, 3), 1, (2 * 19, 2 * 26)),
    ],
)
def test_what_shares_a_mean_is_coloured(shape, axis, expected):
    assert coloured(plots.plot_batch_axes({"a": (shape, axis)}).axes[0]) == expected


def test_axes_are_numbered_and_panels_titled():
    cases = {"one": ((5, 3), -1), "two": ((2, 4, 3), -1), "three": ((2, 2, 4, 3), 1)}
    figure = plots.plot_batch_axes(cases)
    assert [ax.get_title() for ax in figure.axes] == list(cases)
    assert texts(figure.axes[0]) == ["axis 1", "axis 0"]
    assert texts(figure.axes[1]) == ["axis 2", "axis 1", "axis 0"]
    assert texts(figure.axes[2]) == ["axis 3", "axis 2", "axis 1", "axis 0:\nbox to box"]


@pytest.mark.parametrize(
    ("cases", "message"),
    [
        ({}, "`cases` must map titles to a shape and an axis"),
        ([((3, 2), 1)], "`cases` must map titles to a shape and an axis"),
        ({"a": ((3,), 0)}, "two to four axes.*Received: .3,. for 'a'"),
        ({"a": ((1, 2, 3, 4, 5), 0)}, "two to four axes"),
        ({"a": ((64, 64), 0)}, "at most 400 cells"),
        ({"a": ((0, 3), 0)}, "two to four axes"),
        ({"a": ((3, 2), 2)}, "must name an axis of .3, 2.. Received: 2 for 'a'"),
        ({"a": ((3, 2), 1.0)}, "must name an axis"),
    ],
)
def test_arrays_that_cannot_be_drawn_are_refused(cases, message):
    with pytest.raises(ValueError, match=message):
        plots.plot_batch_axes(cases)


# --- drawings as vectors ---


def test_a_drawing_comes_out_the_same_to_the_letter():
    first, second = (plots.as_vector(plots.plot_transform_graph()) for _ in range(2))
    assert first == second
    assert first != plots.as_vector(plots.plot_transform_graph(gradient=False))


def test_a_drawing_is_one_element_that_needs_nothing_from_elsewhere():
    drawing = plots.as_vector(plots.plot_batch_axes({"a": ((4, 3), -1)}))
    root = ElementTree.fromstring(drawing.svg)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert root.attrib["viewBox"] == f"0 0 {drawing.width:g} {drawing.height:g}"
    links = [v for e in root.iter() for k, v in e.attrib.items() if k.endswith("href")]
    assert links
    assert all(link.startswith("#") for link in links)
    tags = {element.tag.split("}")[1] for element in root.iter()}
    assert not tags & {"text", "metadata", "image", "script"}  # letters are outlines


def test_every_mark_of_a_drawing_has_its_line():
    svg = plots.as_vector(plots.plot_batch_axes({"a": ((5, 3), -1)})).svg
    cells = [line for line in svg.splitlines() if "clip-path=" in line]
    assert len(cells) == 15
    assert all("<path d=" in line and line.endswith("/>") for line in cells)


def test_a_notebook_shows_a_drawing_once_and_as_a_vector():
    figure = plots.plot_transform_graph()
    formatted, _ = DisplayFormatter().format(plots.as_vector(figure))
    assert set(formatted) == {"image/svg+xml", "text/plain"}
    assert formatted["text/plain"] == "Drawing(width=316.8, height=360.0)"
    assert not plt.fignum_exists(figure.number)


def test_what_is_no_figure_cannot_be_a_drawing():
    with pytest.raises(TypeError, match="`figure` must be a Matplotlib figure. Received: Axes"):
        plots.as_vector(plots.plot_transform_graph().axes[0])


# --- distributions ---


def percentiles(arms=("none", "before")):
    rows = [
        (arm, seed, step, seed - 1.0, seed + 0.0, seed + step)
        for arm in arms
        for seed in (0, 1, 2)
        for step in (1, 10)
    ]
    columns = ["placement", "seed", "step", "p15", "p50", "p85"]
    return pd.DataFrame(rows, columns=columns)


def test_the_band_is_the_first_seeds_and_every_other_seed_has_its_line():
    figure = plots.plot_percentiles(percentiles(), label="input")
    first, second = figure.axes
    assert [ax.get_title() for ax in figure.axes] == ["no BN", "BN before"]
    band = first.collections[0].get_paths()[0].vertices
    assert band[:, 1].min() == -1.0
    assert band[:, 1].max() == 10.0
    assert sorted(line.get_ydata()[0] for line in second.lines) == [0.0, 1.0, 2.0]
    assert first.get_ylim() == second.get_ylim()


def test_several_frames_stand_side_by_side_with_the_arms_in_rows():
    figure = plots.plot_percentiles({"short": percentiles(), "long": percentiles()})
    assert [ax.get_title() for ax in figure.axes] == [
        *("short, no BN", "long, no BN"),
        *("short, BN before", "long, BN before"),
    ]
    figure.axes[1].set_xscale("log")
    assert [ax.get_xscale() for ax in figure.axes] == ["linear", "log"] * 2
    with pytest.raises(ValueError, match="`frames` must have the same arms"):
        plots.plot_percentiles({"short": percentiles(), "long": percentiles(("none", "after"))})


def distances(seeds=(0, 1), activations=("relu", "tanh"), tensors=("u", "Wu+b")):
    rows = [
        (activation, "before", seed, epoch, tensor, (seed + 1) * (1 + epoch) / (1 + n), seed)
        for activation in activations
        for seed in seeds
        for epoch in (0, 20)
        for n, tensor in enumerate(tensors)
    ]
    columns = ["activation", "placement", "seed", "epoch", "tensor", "distance", "skewness"]
    return pd.DataFrame(rows, columns=columns)


def test_each_distance_runs_from_the_hollow_mean_to_the_filled_one():
    figure = plots.plot_distances(distances())
    assert [ax.get_title() for ax in figure.axes] == ["relu", "tanh"]
    lines = figure.axes[0].lines
    joined = [list(line.get_ydata()) for line in lines if line.get_linestyle() == "-"]
    assert joined == [pytest.approx([1.5, 0.75]), pytest.approx([31.5, 15.75])]
    large = [line for line in lines if line.get_marker() == "s" and line.get_markersize() > 3]
    assert [line.get_markerfacecolor() == "white" for line in large] == [True, False] * 2
    hollow, filled = (line.get_markersize() for line in large[:2])
    assert hollow > filled + 2  # a pair in one place still shows both
    small = [list(line.get_ydata()) for line in lines if line.get_markersize() < 2]
    assert small[:2] == [[1.0, 2.0], [0.5, 1.0]]
    assert [text.get_text() for text in figure.axes[0].get_xticklabels()] == ["0", "20"]
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == ["u", "Wu+b", "BN before"]


def test_each_measure_has_a_column_of_panels():
    figure = plots.plot_distances(distances(), measures=("distance", "skewness"))
    assert [ax.get_title() for ax in figure.axes] == [
        *("relu, distance", "relu, skewness"),
        *("tanh, distance", "tanh, skewness"),
    ]


def test_a_distance_needs_a_pair():
    with pytest.raises(ValueError, match=r"`pair` must be a column of two.*Received: \['u'\]"):
        plots.plot_distances(distances(tensors=("u",)))


def test_each_difference_stands_in_its_panel_with_its_interval():
    columns = ["activation", "epochs", "difference", "low", "high"]
    rows = [("relu", 60, 0.01, -0.01, 0.04), ("relu", 15, 0.02, 0.01, 0.03)]
    rows += [("tanh", 240, -0.05, -0.06, -0.03)]
    figure = plots.plot_differences(pd.DataFrame(rows, columns=columns))
    first, second = figure.axes
    assert [ax.get_title() for ax in figure.axes] == ["relu", "tanh"]
    for ax in figure.axes:
        labels = [label.get_text() for label in ax.get_yticklabels()]
        assert labels == ["15 epochs", "60 epochs", "240 epochs"]
    line, _, (bars,) = first.containers[0]
    assert line.get_xydata().tolist() == [[0.01, 1], [0.02, 0]]
    ends = [path[:, 0].tolist() for path in bars.get_segments()]
    assert ends == [pytest.approx([-0.01, 0.04]), pytest.approx([0.01, 0.03])]
    assert second.containers[0][0].get_xydata().tolist() == [[-0.05, 2]]
    assert second.get_xlabel() == "before minus after"


def test_a_difference_wears_the_colour_of_neither_arm():
    columns = ["activation", "epochs", "difference", "low", "high"]
    figure = plots.plot_differences(pd.DataFrame([("relu", 15, 0.0, -0.1, 0.1)], columns=columns))
    line = figure.axes[0].containers[0][0]
    styles = [plots.arm_style(name) for name in ("before", "after")]
    assert line.get_color() not in {style.color for style in styles}
    assert line.get_marker() not in {style.marker for style in styles}


def handed_over(zeros):
    """A network whose second layer receives ReLUs, `zeros` of ten of them zero."""
    model = bn.mlp((1,), 2, hidden=(10, 2), placement="none")
    signs = [-1.0] * zeros + [1.0] * (10 - zeros)
    model.get_layer("hidden_1_dense").set_weights([np.array([signs]), np.zeros(10)])
    x = np.linspace(0.1, 1.0, 100)[:, np.newaxis]
    return plots.plot_handover(
        {"none": model},
        x,
        activation="hidden_1_activation",
        following="hidden_2_dense",
        limits=(-2, 2),
    )


def test_the_handover_shows_both_sides_of_the_activation():
    received, handed_on = handed_over(zeros=1).axes
    assert received.get_title() == "the activation\nreceives"
    assert handed_on.get_title() == "the next layer\nreceives"
    assert received.get_xlabel() == handed_on.get_xlabel() == "value"
    heights = [[bar.get_height() for bar in ax.patches] for ax in (received, handed_on)]
    assert sum(heights[0]) == pytest.approx(1)  # nothing is exactly zero in front of the ReLU
    assert sum(heights[1]) == pytest.approx(1)
    (hatched,) = (bar for bar in handed_on.patches if bar.get_hatch())
    assert hatched.get_height() == pytest.approx(0.1)
    means = [ax.containers[-1][0].get_xdata()[0] for ax in (received, handed_on)]
    assert means == pytest.approx([0.55 * 0.8, 0.55 * 0.9])


def test_a_bar_of_zeros_above_all_others_is_cut():
    handed_on = handed_over(zeros=8).axes[1]
    (hatched,) = (bar for bar in handed_on.patches if bar.get_hatch())
    others = [bar.get_height() for bar in handed_on.patches if not bar.get_hatch()]
    assert hatched.get_height() == pytest.approx(1.5 * max(others))
    assert hatched.get_height() < 0.8
    assert texts(handed_on) == ["zeros"]


def test_the_models_of_an_arm_count_alike():
    """Two networks with one and eight of ten units at zero: nine of twenty, together."""
    models = []
    for zeros in (1, 8):
        models.append(bn.mlp((1,), 2, hidden=(10, 2), placement="none"))
        signs = [-1.0] * zeros + [1.0] * (10 - zeros)
        models[-1].get_layer("hidden_1_dense").set_weights([np.array([signs]), np.zeros(10)])
    x = np.linspace(0.1, 1.0, 100)[:, np.newaxis]
    names = {"activation": "hidden_1_activation", "following": "hidden_2_dense"}
    shares, means = [], []
    for of_arm in (models[0], models[1], models):
        ax = plots.plot_handover({"none": of_arm}, x, limits=(-2, 2), **names).axes[1]
        shares.append(np.array([bar.get_height() for bar in ax.patches if not bar.get_hatch()]))
        means.append(ax.containers[-1][0].get_xdata()[0])
    assert shares[2] == pytest.approx((shares[0] + shares[1]) / 2)
    assert means[2] == pytest.approx((means[0] + means[1]) / 2)


def test_a_handover_needs_the_layers_that_it_names():
    model = bn.mlp((1,), 2, hidden=(2,))
    with pytest.raises(ValueError, match="No such layer: nowhere"):
        plots.plot_handover({"before": model}, [[0.0]], activation="nowhere", following="logits")
    with pytest.raises(ValueError, match=r"must hold a model of every arm. None of: \['before'\]"):
        plots.plot_handover({"before": []}, [[0.0]], activation="logits", following="logits")


def test_differences_need_their_columns():
    with pytest.raises(ValueError, match=r"`frame` must have .*Missing: \['low', 'high'\]"):
        plots.plot_differences(pd.DataFrame(columns=["activation", "epochs", "difference"]))


@pytest.mark.parametrize("draw", [plots.plot_percentiles, plots.plot_distances])
def test_a_frame_without_the_columns_is_refused(draw):
    with pytest.raises(ValueError, match="`frames?` must have the columns.*Missing"):
        draw(percentiles().drop(columns="placement"))


def test_a_history_is_drawn_over_steps_where_it_is_asked_to():
    _, (left, right) = plt.subplots(1, 2)
    history = frame().rename(columns={"epoch": "step"})
    assert plots.plot_history(history, over="step", ax=right) is right
    assert right.get_xlabel() == "step"
    assert not left.lines


# --- agreement ---


def test_values_that_agree_lie_on_the_line_and_others_off_it():
    given = {"same": [1.0, 2.0, 4.0], "other": [1.0, 3.0, 4.0]}
    ax = plots.plot_deviations([1.0, 2.0, 4.0], given, labels=("one", "two less one"))
    line, same, other = ax.lines
    assert list(line.get_ydata()) == [0, 0]
    assert same.get_xdata().tolist() == [1.0, 2.0, 4.0]
    assert same.get_ydata().tolist() == [0.0, 0.0, 0.0]
    assert other.get_ydata().tolist() == [0.0, 1.0, 0.0]
    assert same.get_marker() != other.get_marker()
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("one", "two less one")
    assert plots.plot_deviations([1.0], {"same": [1.0]}, limits=(-2, 2)).get_ylim() == (-2, 2)


def test_maps_of_differences_share_their_shades():
    figure = plots.plot_differences_by_position({"a": [[0.0, 1.0]], "b": [[4.0], [2.0]]})
    first, second, bar = figure.axes
    assert [ax.get_title() for ax in (first, second)] == ["a", "b"]
    assert first.images[0].get_clim() == second.images[0].get_clim() == (0, 4)
    assert second.images[0].get_array().tolist() == [[4.0], [2.0]]
    assert bar.get_ylabel() == "largest difference"
    limited = plots.plot_differences_by_position({"a": [[0.0, 1.0]]}, limit=9.0)
    assert limited.axes[0].images[0].get_clim() == (0, 9)


def test_ratios_stand_in_the_order_of_the_rows_around_one():
    index = pd.MultiIndex.from_tuples([("xla", "ResNet", 1), ("lite", "ResNet", 16)])
    columns = {"ratio": [0.8, 1.1], "low": [0.7, 1.0], "high": [0.9, 1.3]}
    ax = plots.plot_ratios(pd.DataFrame(columns, index=index), label="time", limits=(0.5, 1.5))
    names = [tick.get_text() for tick in ax.get_yticklabels()]
    assert names == ["xla ResNet 1", "lite ResNet 16"]
    assert ax.get_ylim()[0] > ax.get_ylim()[1], "the first row is at the top"
    assert ax.get_xlim() == (0.5, 1.5)
    one, points = ax.lines[0], ax.containers[0].lines[0]
    assert list(one.get_xdata()) == [1, 1]
    assert points.get_xdata().tolist() == [0.8, 1.1]
    whiskers = [path.vertices[:, 0].tolist() for path in ax.collections[0].get_paths()]
    assert whiskers == [pytest.approx([0.7, 0.9]), pytest.approx([1.0, 1.3])]


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(ValueError, match="shape of `reference`.*'b' of shape"):
        plots.plot_deviations([1.0, 2.0], {"a": [1.0, 2.0], "b": [1.0]})
    with pytest.raises(ValueError, match="`differences` must hold matrices.*'a' of shape"):
        plots.plot_differences_by_position({"a": [1.0, 2.0]})
    with pytest.raises(ValueError, match="`frame` must have the columns.*Missing: .'high'"):
        plots.plot_ratios(pd.DataFrame({"ratio": [1.0], "low": [0.9]}))
