"""Draw what each placement hands to the next layer: the picture on the first page.

No network is trained and nothing is drawn at random: one unit computes a normal pre-activation,
and what comes out behind it is integrated. ``python book/results/handed_on.py`` writes
``handed_on.svg`` beside this file; tests/book/test_handed_on.py compares the two.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from scipy.integrate import quad
from scipy.stats import norm

from bn_companion import plots

TARGET = Path(__file__).with_suffix(".svg")
MEAN, DEVIATION = 1.0, 2.0  # of the pre-activation, neither of which a network would keep
LIMITS, BARS = (-3.0, 5.0), 40
Function = Callable[[Any], Any]

# Each activation with its inverse, in the limit where it has none.
ACTIVATIONS: dict[str, tuple[Function, Function]] = {
    "tanh": (np.tanh, lambda y: np.arctanh(np.clip(y, -1, 1))),
    "ReLU": (lambda z: np.maximum(z, 0), lambda y: np.where(y < 0, -np.inf, y)),
}


def moments(function: Function) -> tuple[float, float]:
    """Return mean and standard deviation of a function of a standard normal number."""

    def expected(power: int) -> float:
        def integrand(u: float) -> Any:
            return function(u) ** power * norm.pdf(u)

        bend = -MEAN / DEVIATION  # where ReLU has its corner, before normalization
        return float(quad(integrand, -10, 10, points=[bend, 0.0], limit=200, epsabs=1e-12)[0])

    mean = expected(1)
    return mean, float(np.sqrt(expected(2) - mean**2))


def handed_on(placement: str, activation: str) -> dict[str, Any]:
    """Return the shares of the bars, the share of exact zeros, mean and standard deviation."""
    function, inverse = ACTIVATIONS[activation]
    shift, scale = (0.0, 1.0) if placement == "before" else (MEAN, DEVIATION)
    mean, deviation = moments(lambda u: function(shift + scale * u))
    # BN behind the activation moves and stretches what it gives out, and nothing else.
    centre, width = (mean, deviation) if placement == "after" else (0.0, 1.0)
    edges = np.linspace(*LIMITS, BARS + 1)
    with np.errstate(divide="ignore"):
        below = norm.cdf((inverse(centre + width * edges) - shift) / scale)
    below[0], below[-1] = 0.0, 1.0  # what lies beyond the axis counts in the outermost bars
    shares = np.diff(below)
    piled = float(norm.cdf(-shift / scale)) if activation == "ReLU" else 0.0
    pile = (0.0 - centre) / width
    if piled:
        shares[np.searchsorted(edges, pile) - 1] -= piled
    return {
        "edges": edges,
        "shares": shares.clip(0),
        "pile": (pile, piled),
        "mean": (mean - centre) / width,
        "deviation": deviation / width,
    }


def draw() -> plots.Drawing:
    """Return the picture: a row a placement, a column an activation."""
    plots.use_style()
    figure, axes = plt.subplots(3, 2, figsize=(4.0, 4.4), sharex=True)
    for row, placement in zip(axes, ("none", "before", "after"), strict=True):
        style = plots.arm_style(placement)
        for ax, activation in zip(row, ACTIVATIONS, strict=True):
            found = handed_on(placement, activation)
            edges, shares, (pile, piled) = found["edges"], found["shares"], found["pile"]
            ax.stairs(shares, edges, fill=True, color=style.color)
            top = float(shares.max())
            if piled:
                width = edges[1] - edges[0]
                height = min(piled, 1.5 * top)
                ax.bar(pile, height, width, color="white", ec=style.color, hatch="/////")
            ax.errorbar(
                found["mean"], -0.22 * top, xerr=found["deviation"], color="black", marker=".",
                capsize=3, lw=1.4,
            )  # fmt: skip
            numbers = f"mean {abs(found['mean']):.2f}, std {found['deviation']:.2f}"
            ax.text(0.5, 1.0, numbers, transform=ax.transAxes, ha="center", va="bottom", size=9)
            ax.set(xlim=LIMITS, ylim=(-0.45 * top, 1.55 * top), yticks=[])
            ax.grid(visible=False)
            ax.spines["left"].set_visible(False)
        row[0].set_ylabel(style.label, color=style.color, fontweight="bold", fontsize=10)
    for ax, activation in zip(axes[0], ACTIVATIONS, strict=True):
        ax.set_title(f"behind {activation}", pad=16, loc="center")
    for ax in axes[-1]:
        ax.set_xticks([-2, 0, 2, 4])
        ax.set_xlabel("the next layer receives", fontsize=10)
    return plots.as_vector(figure)


if __name__ == "__main__":
    TARGET.write_text(draw().svg + "\n", encoding="utf-8")
