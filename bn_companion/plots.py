"""Every figure of the book that a reader would want for their own run.

One visual language: each placement has one colour, one marker and one line style everywhere
(Okabe and Ito's colours, told apart by colour-blind readers and in grey).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import keras
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bn_companion.train.study import PlacementStudy

__all__ = [
    "ArmStyle",
    "arm_style",
    "plot_arms",
    "plot_history",
    "plot_layer_order",
    "plot_study",
    "use_style",
]


@dataclass(frozen=True)
class ArmStyle:
    """How one arm of a comparison is drawn everywhere.

    Attributes
    ----------
    color : str
        A hexadecimal colour.
    marker, linestyle : str
        As Matplotlib names them.
    label : str
        The text in a legend.
    """

    color: str
    marker: str
    linestyle: str
    label: str


_PLACEMENTS = {
    "none": ArmStyle("#595959", "o", ":", "no BN"),
    "before": ArmStyle("#0072B2", "s", "-", "BN before"),
    "after": ArmStyle("#D55E00", "^", "--", "BN after"),
}
_OTHERS = (("#9A4C7E", "D", "-."), ("#00775B", "v", (0, (5, 1, 1, 1))), ("#7A6A00", "P", ":"))
_ROLE_COLORS = {
    "BatchNormalization": ("#0072B2", "white"),
    "Activation": ("#FBE3C8", "black"),
    "Dense": ("#E4E4E4", "black"),
    "Conv": ("#E4E4E4", "black"),
    "Dropout": ("#FFFFFF", "black"),
}


def arm_style(arm: str, *, others: Sequence[str] = ()) -> ArmStyle:
    """Return the style of a placement, or of another arm by its place among `others`.

    Parameters
    ----------
    arm : str
        ``"none"``, ``"before"``, ``"after"``, or the name of another arm.
    others : sequence of str
        The further arms of the comparison, in the order in which they take a style.

    Returns
    -------
    ArmStyle
        The same for the same arm in every figure.

    Raises
    ------
    ValueError
        If `arm` is neither a placement nor one of `others`.

    Examples
    --------
    >>> from bn_companion.plots import arm_style
    >>> arm_style("before").color
    '#0072B2'
    """
    if arm in _PLACEMENTS:
        return _PLACEMENTS[arm]
    extra = [name for name in others if name not in _PLACEMENTS]
    if arm not in extra:
        raise ValueError(f"`arm` must be one of {[*_PLACEMENTS, *extra]}. Received: {arm!r}")
    color, marker, linestyle = _OTHERS[extra.index(arm) % len(_OTHERS)]
    return ArmStyle(color, marker, linestyle, arm)  # type: ignore[arg-type]


def use_style() -> None:
    """Use the book's figure style from here on.

    Examples
    --------
    >>> import matplotlib as mpl
    >>> from bn_companion.plots import use_style
    >>> use_style()
    >>> mpl.rcParams["axes.spines.top"]
    False
    """
    import matplotlib.pyplot as plt  # noqa: PLC0415

    with resources.as_file(resources.files("bn_companion") / "book.mplstyle") as path:
        plt.style.use(path)


def plot_layer_order(models: "Mapping[str, keras.Model]") -> "Figure":
    """Draw the layers of each model as a column of boxes, input at the bottom.

    Parameters
    ----------
    models : mapping of str to keras.Model
        Title and model; models whose layers form a chain, built.

    Returns
    -------
    Figure
        One column a model. Batch normalization is dark, a linear map grey with its bias named.

    Raises
    ------
    ValueError
        If there is no model, one is not built, or its layers do not form a chain.

    Examples
    --------
    >>> from bn_companion import mlp
    >>> from bn_companion.plots import plot_layer_order
    >>> models = {name: mlp((4,), 2, placement=name) for name in ("before", "after")}
    >>> figure = plot_layer_order(models)
    >>> len(figure.axes)
    2
    """
    import matplotlib.pyplot as plt  # noqa: PLC0415

    if not isinstance(models, Mapping) or not models:
        raise ValueError(f"`models` must map titles to at least one model. Received: {models!r}")
    columns = {title: [_box(layer) for layer in _chain(model)] for title, model in models.items()}
    tallest = max(map(len, columns.values()))
    figure, axes = plt.subplots(
        1, len(columns), figsize=(1.45 * len(columns), 0.34 * tallest + 0.5), squeeze=False
    )
    for ax, (title, boxes) in zip(axes[0], columns.items(), strict=True):
        for height, (text, (face, ink)) in enumerate(boxes):
            ax.annotate(
                text,
                (0.5, height),
                ha="center",
                va="center",
                fontsize=9,
                color=ink,
                bbox={"boxstyle": "round,pad=0.3", "fc": face, "ec": "#404040", "lw": 0.8},
            )
        for height in range(len(boxes) - 1):
            ax.annotate(
                "",
                (0.5, height + 0.72),
                (0.5, height + 0.28),
                arrowprops={"arrowstyle": "-", "color": "#404040", "lw": 1},
            )
        ax.set(xlim=(0, 1), ylim=(-0.6, tallest - 0.3))
        ax.set_title(title, loc="center", fontsize=10)
        ax.axis("off")
    return figure


def plot_history(
    history: "pd.DataFrame", *, metric: str = "val_accuracy", arm: str = "placement"
) -> "Axes":
    """Draw a metric over the epochs: each seed a thin line, the mean of each arm a thick one.

    Parameters
    ----------
    history : pandas.DataFrame
        A row per arm, seed and epoch, as the histories of `train_once` put together: columns
        ``seed``, ``epoch``, `metric` and `arm`.
    metric : str, default "val_accuracy"
        The column to draw.
    arm : str, default "placement"
        The column that tells the arms apart.

    Returns
    -------
    Axes
        With a legend of the arms.

    Raises
    ------
    ValueError
        If a column is missing.

    Examples
    --------
    >>> import pandas as pd
    >>> from bn_companion.plots import plot_history
    >>> rows = [("before", 0, 1, 0.8), ("before", 0, 2, 0.9), ("after", 0, 1, 0.7)]
    >>> frame = pd.DataFrame(rows, columns=["placement", "seed", "epoch", "val_accuracy"])
    >>> [text.get_text() for text in plot_history(frame).get_legend().get_texts()]
    ['BN before', 'BN after']
    """
    import matplotlib.pyplot as plt  # noqa: PLC0415

    missing = [name for name in (arm, "seed", "epoch", metric) if name not in history]
    if missing:
        raise ValueError(
            f"`history` must have the columns {arm!r}, 'seed', 'epoch', {metric!r}. "
            f"Missing: {missing}"
        )
    _, ax = plt.subplots()
    arms = list(dict.fromkeys(history[arm]))
    for name in arms:
        style = arm_style(name, others=arms)
        runs = history[history[arm] == name].set_index(["epoch", "seed"])[metric].unstack("seed")
        ax.plot(runs, color=style.color, linestyle=style.linestyle, linewidth=0.6, alpha=0.35)
        ax.plot(
            runs.mean(axis=1),
            color=style.color,
            linestyle=style.linestyle,
            marker=style.marker,
            markevery=max(1, len(runs) // 8),
            label=style.label,
        )
    ax.set(xlabel="epoch", ylabel=metric.replace("val_", "validation ").replace("_", " "))
    ax.legend()
    return ax


def plot_arms(study: "PlacementStudy") -> "Axes":
    """Draw what every seed of every arm achieved, on an axis from zero to one.

    Parameters
    ----------
    study : PlacementStudy
        As `compare_placements` returns it.

    Returns
    -------
    Axes
        Test accuracy of each seed (markers) and mean of each arm (line), at the learning rate
        that the validation data chose; a run that diverged counts as guessing.

    Examples
    --------
    >>> from bn_companion import compare_placements, mlp
    >>> from bn_companion.plots import plot_arms
    >>> study = compare_placements(
    ...     lambda placement: mlp((13,), 3, hidden=(4,), placement=placement), "wine",
    ...     placements=("before", "after"), seeds=2, learning_rates=0.1, epochs=1,
    ... )
    >>> [label.get_text() for label in plot_arms(study).get_xticklabels()]
    ['BN before', 'BN after']
    """
    import matplotlib.pyplot as plt  # noqa: PLC0415

    _, ax = plt.subplots(figsize=(6.4, 3.0))
    rates = study.table()["learning_rate"]
    arms = list(rates.index)
    for place, arm in enumerate(arms):
        style = arm_style(arm, others=arms)
        of_arm = study.runs[study.runs["placement"] == arm]
        scores = of_arm.loc[of_arm["learning_rate"] == rates[arm], "test_accuracy"]
        scores = scores.fillna(study.chance).to_numpy()
        # Seeds side by side, in their order: equal accuracies would hide each other.
        across = place + 0.6 * ((0.5 + np.arange(len(scores))) / len(scores) - 0.5)
        ax.hlines(scores.mean(), place - 0.38, place + 0.38, color=style.color, linewidth=2)
        ax.plot(across, scores, style.marker, color=style.color, markersize=5, alpha=0.55)
    ax.axhline(study.chance, color="#404040", linewidth=1, linestyle=(0, (2, 3)))
    ax.annotate("guessing", (len(arms) - 0.5, study.chance), ha="right", va="bottom", fontsize=9)
    ax.set_xticks(range(len(arms)), [arm_style(arm, others=arms).label for arm in arms])
    ax.set(ylabel="test accuracy", xlim=(-0.5, len(arms) - 0.5), ylim=(0, 1.02))
    ax.grid(visible=False, axis="x")
    return ax


def plot_study(study: "PlacementStudy") -> "Figure":
    """Draw a comparison of placements: every run over the learning rate, and the differences.

    Parameters
    ----------
    study : PlacementStudy
        As `compare_placements` returns it.

    Returns
    -------
    Figure
        Above, the test accuracy of every seed at every learning rate with the mean of each arm, a
        ring around the rate that the validation data chose; a run that diverged counts as guessing.
        Below, the paired difference of every two arms at those rates with its 95% interval.

    Examples
    --------
    >>> from bn_companion import compare_placements, mlp
    >>> from bn_companion.plots import plot_study
    >>> study = compare_placements(
    ...     lambda placement: mlp((13,), 3, hidden=(4,), placement=placement), "wine",
    ...     placements=("before", "after"), seeds=2, learning_rates=[0.01, 0.1], epochs=1,
    ... )
    >>> len(plot_study(study).axes)
    2
    """
    import matplotlib.pyplot as plt  # noqa: PLC0415

    table, pairs = study.table(), study.pairs
    arms = list(table.index)
    figure, (above, below) = plt.subplots(
        2, 1, figsize=(6.4, 4.2 + 0.3 * len(pairs)), height_ratios=[3.2, 0.5 + 0.35 * len(pairs)]
    )
    for place, arm in enumerate(arms):
        style = arm_style(arm, others=arms)
        runs = study.runs[study.runs["placement"] == arm].fillna({"test_accuracy": study.chance})
        # Arms that share a learning rate stand side by side.
        shift = 1.06 ** (place - (len(arms) - 1) / 2)
        above.plot(
            runs["learning_rate"] * shift,
            runs["test_accuracy"],
            linestyle="none",
            marker=style.marker,
            markersize=3,
            alpha=0.35,
            color=style.color,
        )
        means = runs.groupby("learning_rate")["test_accuracy"].mean()
        above.plot(
            means.index * shift,
            means,
            color=style.color,
            marker=style.marker,
            linestyle=style.linestyle,
            label=style.label,
        )
        chosen = float(table["learning_rate"][arm])
        above.plot(
            chosen * shift,
            means.loc[chosen],
            marker="o",
            markersize=13,
            markerfacecolor="none",
            markeredgecolor=style.color,
        )
    above.set(xscale="log", xlabel="learning rate", ylabel="test accuracy")
    above.legend()
    labels = []
    for first, second in zip(pairs["first"], pairs["second"], strict=True):
        names = (arm_style(arm, others=arms).label for arm in (first, second))
        labels.append(" minus ".join(names))
    difference = pairs["difference"].to_numpy()
    below.errorbar(
        difference,
        range(len(labels)),
        xerr=[difference - pairs["low"].to_numpy(), pairs["high"].to_numpy() - difference],
        fmt="o",
        color="#202020",
        capsize=4,
    )
    below.axvline(0, color="#404040", linewidth=1)
    below.set(xlabel="difference in test accuracy, 95% interval", ylim=(len(labels) - 0.5, -0.5))
    below.set_yticks(range(len(labels)), labels)
    return figure


def _chain(model: Any) -> list[Any]:
    import keras  # noqa: PLC0415

    if not isinstance(model, keras.Model) or not model.built:
        raise ValueError(f"`models` must hold built Keras models. Received: {model!r}")
    graph = getattr(model, "_functional", None) or model
    levels = getattr(graph, "_nodes_by_depth", {})
    nodes = [node for depth in sorted(levels, reverse=True) for node in levels[depth]]
    branching = len(nodes) > len(levels) or any(len(node.input_tensors) > 1 for node in nodes)
    if not nodes or branching or len(graph.outputs) > 1:
        raise ValueError(
            "`models` must hold models whose layers form a chain. "
            f"Received: {model.name!r}, which branches or is no graph of layers"
        )
    layers = [node.operation for node in nodes]
    return [layer for layer in layers if not isinstance(layer, keras.layers.InputLayer)]


def _box(layer: Any) -> tuple[str, tuple[str, str]]:
    kind = type(layer).__name__
    colors = next(
        (pair for role, pair in _ROLE_COLORS.items() if kind.startswith(role)), ("#FFFFFF", "black")
    )
    text = {"BatchNormalization": "BatchNorm"}.get(kind, kind)
    function = getattr(layer, "activation", None)
    name = str(getattr(function, "__name__", function))
    if kind == "Activation":
        return name, colors
    if kind == "Dropout":
        text = f"Dropout {layer.rate:g}"
    if size := getattr(layer, "units", None) or getattr(layer, "filters", None):
        text = f"{kind} {size}"
    if not getattr(layer, "use_bias", True):
        text += ", no bias"
    if function is not None and name != "linear":
        text += f", {name}"  # fused: a batch normalization behind it stands after the activation
    return text, colors
