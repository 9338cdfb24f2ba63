"""Serve plotly.js from the build, to the pages that hold an explorer and to no other.

The file lies in the installed ``plotly`` wheel and is large. As in ``offline_mathjax``, it is
handed to Sphinx as one more static folder at build time: what lies in ``html_static_path`` of
``_config.yml`` Jupyter Book loads on every page.
"""

import importlib.util
import shutil
import tempfile
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


def stage_plotly(app: Sphinx) -> None:
    """Lay the file into a folder of its own, which Sphinx copies."""
    if app.builder.format != "html":
        return
    staged = Path(tempfile.mkdtemp(prefix="plotly-"))
    (staged / FILE).parent.mkdir(parents=True)
    shutil.copyfile(find_plotly(), staged / FILE)
    app.config.html_static_path.append(str(staged))
    app.connect("build-finished", lambda *_: shutil.rmtree(staged, ignore_errors=True))


def load_plotly(app: Sphinx, page: str, template: str, context: dict[str, Any], *_: Any) -> None:
    """Load the file on a page that holds an explorer; what is added here is for this page only."""
    if EXPLORER in context.get("body", ""):
        app.add_js_file(FILE, loading_method="defer")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("builder-inited", stage_plotly)
    app.connect("html-page-context", load_plotly)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
