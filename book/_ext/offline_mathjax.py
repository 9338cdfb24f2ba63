"""Serve MathJax from the build, so that formulas need no network.

The one file that is needed lies in the installed ``django-static-mathjax`` wheel (its module is
``mathjax``; Django itself is not needed). It is handed to Sphinx as one more static folder at
build time rather than through ``html_static_path`` in ``_config.yml``: Jupyter Book loads every
script that it finds there on every page, and MathJax loaded twice throws.
"""

import importlib.util
import shutil
import tempfile
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError


def find_component(name: str) -> Path:
    """Return the path of one MathJax component, for example ``tex-svg-full.js``."""
    spec = importlib.util.find_spec("mathjax")
    for folder in spec.submodule_search_locations if spec else []:  # type: ignore[union-attr]
        path = Path(folder, "static", "mathjax", "es5", name)
        if path.is_file():
            return path
    raise ExtensionError(
        f"MathJax component {name!r} not found: install the `book` requirements "
        "(the wheel django-static-mathjax carries it)"
    )


def add_mathjax(app: Sphinx) -> None:
    """Stage the component that ``mathjax_path`` names in a folder of its own."""
    if app.builder.format != "html":
        return
    target = Path(app.config.mathjax_path)
    staged = Path(tempfile.mkdtemp(prefix="mathjax-"))
    (staged / target.parent).mkdir(parents=True, exist_ok=True)
    shutil.copyfile(find_component(target.name), staged / target)
    app.config.html_static_path.append(str(staged))
    app.connect("build-finished", lambda *_: shutil.rmtree(staged, ignore_errors=True))


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("builder-inited", add_mathjax)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
