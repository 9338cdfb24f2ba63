"""Networks as columns of boxes."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras
    from matplotlib.figure import Figure

__all__ = ["plot_layer_order"]

_ROLE_COLORS = {
    "BatchNormalization": ("#0072B2", "white"),
    "Activation": ("#FBE3C8", "black"),
    "Dense": ("#E4E4E4", "black"),
    "Conv": ("#E4E4E4", "black"),
    "Dropout": ("#FFFFFF", "black"),
}


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
