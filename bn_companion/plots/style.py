"""One visual language: each arm of a comparison looks the same in every figure.

Okabe and Ito's colours, told apart by colour-blind readers and in grey.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

__all__ = ["ArmStyle", "arm_style", "use_style"]


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

    @property
    def line(self) -> dict[str, Any]:
        """What ``Axes.plot`` takes to draw a curve of this arm."""
        return {"color": self.color, "linestyle": self.linestyle, "marker": self.marker}


_PLACEMENTS = {
    "none": ArmStyle("#525A6E", "o", ":", "no BN"),
    "before": ArmStyle("#0072B2", "s", "-", "BN before"),
    "after": ArmStyle("#D55E00", "^", "--", "BN after"),
}
# Orders of a residual block. The original one normalizes in the branch, before the addition.
_ORDERS = {
    "original": ArmStyle("#0072B2", "s", "-", "original"),
    "zero_gamma": ArmStyle("#202020", "X", (0, (3, 1)), "original, gamma 0"),  # type: ignore[arg-type]
    "bn_after_addition": ArmStyle("#D55E00", "^", "--", "BN after addition"),
    "relu_before_addition": ArmStyle("#9A4C7E", "D", "-.", "ReLU before addition"),
    "relu_only_pre_activation": ArmStyle(
        "#00775B",
        "v",
        (0, (5, 1, 1, 1)),  # type: ignore[arg-type]
        "ReLU-only pre-activation",
    ),
    "pre_activation": ArmStyle(
        "#7A6A00",
        "P",
        (0, (4, 1, 1, 1, 1, 1)),  # type: ignore[arg-type]
        "pre-activation",
    ),
}
_OTHERS = (("#9A4C7E", "D", "-."), ("#00775B", "v", (0, (5, 1, 1, 1))), ("#7A6A00", "P", ":"))


def arm_style(arm: str, *, others: Sequence[str] = ()) -> ArmStyle:
    """Return the style of a placement, or of another arm by its place among `others`.

    Parameters
    ----------
    arm : str
        ``"none"``, ``"before"``, ``"after"``, a `ResidualOrder`, ``"zero_gamma"`` (the original
        order with a last gamma of 0), or the name of another arm.
    others : sequence of str
        The further arms of the comparison, in the order in which they take a style.

    Returns
    -------
    ArmStyle
        The same for the same arm in every figure.

    Raises
    ------
    ValueError
        If `arm` is neither a placement, nor an order, nor one of `others`.

    Examples
    --------
    >>> from bn_companion.plots import arm_style
    >>> arm_style("before").color
    '#0072B2'
    """
    if arm in _PLACEMENTS:
        return _PLACEMENTS[arm]
    if arm in _ORDERS:
        return _ORDERS[arm]
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
