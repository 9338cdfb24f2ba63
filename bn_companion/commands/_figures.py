"""Figures to files, without a display and in the book's style."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from bn_companion._files import replacing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["FIGURES", "save_figure"]

#: The formats, by the ending of the file.
FIGURES = (".png", ".svg", ".pdf")


def save_figure(draw: "Callable[[], Figure]", path: Path) -> None:
    """Draw a figure and write it, whole or not at all, in the format that `path` ends in."""
    import matplotlib as mpl  # noqa: PLC0415

    mpl.use("agg")  # a window could not be opened everywhere, and is never needed
    import matplotlib.pyplot as plt  # noqa: PLC0415

    from bn_companion.plots.style import use_style  # noqa: PLC0415

    with mpl.rc_context():
        use_style()
        figure = draw()
        with replacing(path) as new:
            figure.savefig(new, format=path.suffix.lstrip("."))
        plt.close(figure)
