"""A pytest plugin: nbval runs the cells, this compares numbers as numbers, figures as figures.

Nothing in this folder knows of the book. Load the plugin beside nbval, in the ``conftest.py`` of
the root folder::

    pytest_plugins = ["tests.book.nbval_tolerance.plugin"]

and run ``pytest --nbval`` as ever.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Generator, Iterator
from copy import deepcopy
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from nbformat.v4 import output_from_msg
from nbval.kernel import RunningKernel
from nbval.plugin import IPyNbCell, IPyNbFile
from PIL import Image

from tests.book.nbval_tolerance.declarations import DeclarationError, Rules, read_rules
from tests.book.nbval_tolerance.outputs import Difference, compare_cell
from tests.book.nbval_tolerance.progress import ChapterLines

__all__ = ["ToleranceCell", "ToleranceFile"]

_OUTPUTS = ("stream", "display_data", "execute_result", "error")
# nbval prints a line and passes where it meets one of these.
_UNCOMPARABLE = ("clear_output", "update_display_data")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add where to write the pictures of figures that differ."""
    parser.addini(
        "nbval_failures",
        "folder for the stored, the fresh and a difference image of a figure that differs",
        default="verification-failures",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Report chapters from the process that owns the terminal, not from xdist's workers."""
    if config.option.nbval and not hasattr(config, "workerinput"):
        config.pluginmanager.register(ChapterLines(config), "nbval_tolerance_lines")


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(
    parent: pytest.Collector,
) -> Generator[None, list[pytest.Collector], list[pytest.Collector]]:
    """Put our comparing file in the place of each that nbval collects."""
    collected = yield
    return [
        ToleranceFile.from_parent(parent, path=c.path) if type(c) is IPyNbFile else c
        for c in collected
    ]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tell every cell how many of its notebook will run, so that the last one is known."""
    cells: dict[Path, list[ToleranceCell]] = {}
    for item in items:
        if isinstance(item, ToleranceCell):
            cells.setdefault(item.path, []).append(item)
    for group in cells.values():
        for cell in group:
            cell.user_properties.append(("nbval_cells", len(group)))


class ToleranceFile(IPyNbFile):  # type: ignore[misc]
    """A notebook whose messages are kept, so that outputs are compared in their order."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.messages: list[dict[str, Any]] = []
        self.ipython: TemporaryDirectory[str] | None = None

    @property
    def failures(self) -> Path:
        """Where the pictures of this notebook's failures go."""
        folder: Path = self.config.rootpath / self.config.getini("nbval_failures")
        return folder / self.path.stem

    def collect(self) -> Iterator[ToleranceCell]:
        """Yield nbval's cells with what each declares; a bad declaration fails the collection."""
        for item in super().collect():
            try:
                rules = read_rules(item.cell.metadata)
            except DeclarationError as error:
                raise self.CollectError(f"{self.path.name}, {item.name}: {error}") from None
            yield ToleranceCell.from_parent(
                self,
                name=item.name,
                cell_num=item.cell_num,
                cell=item.cell,
                options=item.options,
                rules=rules,
            )

    def setup(self) -> None:
        """Start the kernel; drop pictures of an earlier run, which would mislead."""
        shutil.rmtree(self.failures, ignore_errors=True)
        with self._untraced(), self._own_ipython():
            super().setup()
        # nbval executes without history, where IPython does not honour a `;` at the end of a cell
        # and has no `_`: a notebook that is right in Jupyter would fail here.
        self.kernel.execute_cell_input = partial(_execute_as_jupyter, self.kernel)

    def teardown(self) -> None:
        """Stop the kernel."""
        with self._untraced():
            super().teardown()
        if self.ipython is not None:
            self.ipython.cleanup()

    @contextlib.contextmanager
    def _own_ipython(self) -> Iterator[None]:
        """Start the kernel without the user's history, which cells would join, and start-up files,
        which could change what cells show.
        """
        before = os.environ.get("IPYTHONDIR")
        self.ipython = TemporaryDirectory(prefix="ipython-", ignore_cleanup_errors=True)
        os.environ["IPYTHONDIR"] = self.ipython.name
        try:
            yield
        finally:
            if before is None:
                del os.environ["IPYTHONDIR"]
            else:
                os.environ["IPYTHONDIR"] = before

    @contextlib.contextmanager
    def _untraced(self) -> Iterator[None]:
        """Keep nbval from tracing the kernel under pytest-cov: it hangs there with a bare --cov,
        and a chapter that merely runs a line has not tested it.
        """
        sources = getattr(self.config.option, "cov_source", None)
        self.config.option.cov_source = None
        try:
            yield
        finally:
            self.config.option.cov_source = sources

    def get_kernel_message(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Keep each message on its way to nbval."""
        message: dict[str, Any] = super().get_kernel_message(*args, **kwargs)
        self.messages.append(message)
        return message


class ToleranceCell(IPyNbCell):  # type: ignore[misc]
    """A cell whose outputs are compared by its rules."""

    def __init__(self, *args: Any, rules: Rules, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.rules = rules

    def runtest(self) -> None:
        """Run the cell with nbval; a cell that was never run before does not pass."""
        self.parent.messages.clear()
        # nbval joins the stored streams in place, across the figures between them.
        self.stored = deepcopy(self.cell.outputs)
        super().runtest()
        if self.options["check"] and self.cell.execution_count is None and self.cell.source:
            self.raise_cell_error("The stored cell was never run: it has no execution count")

    def compare_outputs(self, test: Any, ref: Any, skip_compare: Any = None) -> bool:
        """Compare stored and fresh outputs; called by nbval, which joined both out of order."""
        own = self._own_messages()
        unusable = sorted({m["msg_type"] for m in own} & set(_UNCOMPARABLE))
        if unusable:
            self.comparison_traceback = [f"{kind} cannot be compared" for kind in unusable]
            return False
        fresh = [output_from_msg(m) for m in own if m["msg_type"] in _OUTPUTS]
        found = compare_cell(self.stored, fresh, self.rules, clean=self.sanitize)
        self.comparison_traceback = [
            f"{d}{self._write_pictures(d, number)}" for number, d in enumerate(found, start=1)
        ]
        return not found

    def _own_messages(self) -> list[dict[str, Any]]:
        # nbval stops reading at the message that ends this cell, so the last one is ours.
        messages = self.parent.messages
        own = messages[-1]["parent_header"].get("msg_id")
        return [m for m in messages if m["parent_header"].get("msg_id") == own]

    def _write_pictures(self, difference: Difference, number: int) -> str:
        if difference.stored is None or difference.fresh is None:
            return ""
        folder: Path = self.parent.failures
        folder.mkdir(parents=True, exist_ok=True)
        pictures = {"stored": difference.stored, "fresh": difference.fresh}
        if difference.unexplained is not None:
            pictures["difference"] = _overlay(difference.stored, difference.unexplained)
        stem = f"cell-{self.cell_num}" if number == 1 else f"cell-{self.cell_num}-{number}"
        for name, picture in pictures.items():
            target = folder / f"{stem}-{name}.png"
            Image.fromarray((_on_white(picture) * 255).round().astype(np.uint8)).save(target)
        return f"\n    see {folder.relative_to(self.config.rootpath)}/{stem}-*.png"


def _execute_as_jupyter(kernel: RunningKernel, source: str, allow_stdin: bool = False) -> str:
    sent: str = kernel.kc.execute(
        source, store_history=True, allow_stdin=allow_stdin, stop_on_error=False
    )
    return sent


def _on_white(picture: np.ndarray) -> np.ndarray:
    if picture.shape[-1] == 3:
        return picture
    flat: np.ndarray = picture[..., :3] + (1 - picture[..., 3:])
    return flat


def _overlay(picture: np.ndarray, unexplained: np.ndarray) -> np.ndarray:
    """Paint what differs in red over a pale copy of the stored figure."""
    pale = 0.75 + 0.25 * _on_white(picture)
    amount = np.clip(unexplained * 4, 0, 1)[..., None]
    result: np.ndarray = pale * (1 - amount) + np.array([0.85, 0.0, 0.0]) * amount
    return result
