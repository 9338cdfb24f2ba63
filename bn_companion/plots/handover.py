"""What each placement hands on: to the activation, and to the next layer."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from bn_companion.plots.style import arm_style

if TYPE_CHECKING:
    import keras
    from matplotlib.figure import Figure

__all__ = ["plot_handover"]


def plot_handover(
    models: "Mapping[str, keras.Model]",
    x: Any,
    *,
    activation: str,
    following: str,
    limits: tuple[float, float] = (-4.0, 4.0),
) -> "Figure":
    """Draw what an activation receives and what the next layer receives, a row an arm.

    Parameters
    ----------
    models : mapping of str to keras.Model
        The arms by name, placements first of all: networks whose layers bear the same names.
    x : array_like of shape (batch, ...)
        Inputs. The models run on them as in training, on the statistics of this batch.
    activation, following : str
        Names of the layer that applies the activation and of the layer behind the block.
    limits : tuple of float, default (-4, 4)
        Of the common horizontal axis; values beyond it count in the outermost bars.

    Returns
    -------
    Figure
        Histograms over all units and inputs. The bar of exact zeros is hatched, and cut where it
        is half as tall again as the tallest other bar; below each stand mean and standard
        deviation, as a dot with whiskers.

    Raises
    ------
    ValueError
        If a model has no layer of that name.

    Examples
    --------
    >>> import numpy as np
    >>> from bn_companion import mlp
    >>> from bn_companion.plots import plot_handover
    >>> models = {p: mlp((5,), 2, hidden=(8, 8), placement=p) for p in ("none", "after")}
    >>> x = np.random.default_rng(0).normal(size=(50, 5))
    >>> figure = plot_handover(
    ...     models, x, activation="hidden_1_activation", following="hidden_2_dense"
    ... )
    >>> len(figure.axes)
    4
    """
    import keras  # noqa: PLC0415
    import matplotlib.pyplot as plt  # noqa: PLC0415
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415

    arms = list(models)
    figure, axes = plt.subplots(
        len(arms), 2, figsize=(4.8, 1.15 * len(arms) + 1.0), sharex=True, squeeze=False
    )
    bins = np.linspace(*limits, 49)
    for row, name in zip(axes, arms, strict=True):
        model, style = models[name], arm_style(name, others=arms)
        tensors = [model.get_layer(activation).input, model.get_layer(following).input]
        both = keras.Model(model.input, tensors)(np.asarray(x, np.float32), training=True)
        for ax, tensor in zip(row, both, strict=True):
            values = np.asarray(tensor).reshape(-1)
            zeros = float((values == 0).mean())
            shares, _ = np.histogram(np.clip(values[values != 0], *limits), bins)
            ax.bar(bins[:-1], shares / len(values), np.diff(bins), align="edge", color=style.color)
            top = max(0.02, float(shares.max()) / len(values))
            if zeros > 0:
                height, width = min(zeros, 1.5 * top), bins[1] - bins[0]
                ax.bar(0, height, width, color="white", ec=style.color, hatch="////")
                if zeros > 1.5 * top:
                    ax.text(width, 1.2 * top, "zeros", color=style.color, fontsize=9)
            ax.errorbar(
                values.mean(), -0.25 * top, xerr=values.std(), color="black", marker=".", capsize=3
            )
            ax.set_ylim(-0.45 * top, 1.6 * top)
            ax.set_yticks([])
            ax.grid(visible=False)
            ax.spines["left"].set_visible(False)
        row[0].set_ylabel(style.label, rotation=0, ha="right", va="center")
    for ax in axes[-1]:
        ax.set_xlabel("value")
        ax.xaxis.set_major_locator(MaxNLocator(7, integer=True))
    axes[0, 0].set_title("the activation\nreceives")
    axes[0, 1].set_title("the next layer\nreceives")
    return figure
