"""Serve plotly.js from the build, to the pages that hold an explorer and to no other.

The file lies in the installed ``plotly`` wheel and is large: a book without explorers gets no copy.
It does not go through ``html_static_path`` of ``_config.yml``, whose scripts Jupyter Book loads on
every page.
"""

import importlib.util
import shutil
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

FILE = "plotly/plotly.min.js"  # in _static
EXPLORER = '<div class="bn-explorer">'


def find_plotly() -> Path:
    """Return the path of ``plotly.min.js``."""
    spec = importlib.util.find_spec("plotly")
    for folder in spec.submodule_search_locations or [] if spec else []:
        path = Path(folder, "package_data", "plotly.min.js")
        if path.is_file():
            return path
    raise ExtensionError(
        "plotly.min.js not found: install the `book` requirements (the wheel plotly carries it)"
    )


def load_plotly(app: Sphinx, page: str, template: str, context: dict[str, Any], *_: Any) -> None:
    """Load the file on a page that holds an explorer, and copy it when the first one does."""
    if EXPLORER in context.get("body", ""):
        target = Path(app.outdir, "_static", FILE)
        if not target.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(find_plotly(), target)
        app.add_js_file(FILE, loading_method="defer")  # here: for this page only


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("html-page-context", load_plotly)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
