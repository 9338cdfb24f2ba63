"""Drawings as vector graphics that come out the same, to the letter, wherever they are made."""

import io
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Drawing", "as_vector"]

# What would tell when, and by which version of what, a drawing was made.
_METADATA = dict.fromkeys(("Date", "Creator", "Format", "Type"))


@dataclass(frozen=True)
class Drawing:
    """A figure as SVG; as the last value of a notebook's cell it is shown.

    Attributes
    ----------
    svg : str
        One element, ``<svg ...>...</svg>``, which names nothing outside itself.
    width, height : float
        In points, as the figure had them.
    """

    svg: str = field(repr=False)
    width: float
    height: float

    def _repr_svg_(self) -> str:
        return self.svg


def as_vector(figure: "Figure") -> Drawing:
    """Return a figure as a vector graphic, and close it, so that a notebook shows it once.

    Meant for drawings, whose every mark is placed by code. A figure of measured numbers is better
    shown as pixels: those can be compared with some slack, and do not grow with the number of runs.

    Parameters
    ----------
    figure : matplotlib Figure
        Drawn as it is, at its own size.

    Returns
    -------
    Drawing
        The same text for the same figure on every machine with the same version of Matplotlib.

    Raises
    ------
    TypeError
        If `figure` is not a Matplotlib figure.

    Examples
    --------
    >>> from bn_companion.plots import as_vector, plot_transform_graph
    >>> drawing = as_vector(plot_transform_graph())
    >>> drawing
    Drawing(width=316.8, height=360.0)
    >>> drawing.svg[:4], drawing.svg[-6:]
    ('<svg', '</svg>')
    """
    import matplotlib.pyplot as plt  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    if not isinstance(figure, Figure):
        raise TypeError(f"`figure` must be a Matplotlib figure. Received: {type(figure).__name__}")
    text = io.StringIO()
    # Without a salt the names inside are drawn at random; letters as outlines look alike where the
    # reader has other fonts.
    with plt.rc_context({"svg.hashsalt": "bn_companion", "svg.fonttype": "path"}):
        figure.savefig(text, format="svg", metadata=_METADATA)
    plt.close(figure)
    width, height = (72 * float(inches) for inches in figure.get_size_inches())
    return Drawing(_tidied(text.getvalue()), round(width, 2), round(height, 2))


def _tidied(svg: str) -> str:
    """Keep the element alone, with one line for each mark: a diff then shows which one changed."""
    element = svg[svg.index("<svg") :].rstrip()
    return re.sub(r"\s*\n(?=[A-Za-z\"])", " ", element)
