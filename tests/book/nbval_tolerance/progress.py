"""One line a notebook as the run goes: its name, its cells, its seconds, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

__all__ = ["ChapterLines"]


@dataclass
class _Progress:
    total: int
    done: int = 0
    failed: int = 0
    seconds: float = 0.0


class ChapterLines:
    """Reads the reports of all processes, so it works under xdist as well."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._running: dict[str, _Progress] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a cell; after the last of its notebook print the line."""
        total = dict(report.user_properties).get("nbval_cells")
        if total is None:
            return
        notebook = report.nodeid.split("::")[0]
        progress = self._running.setdefault(notebook, _Progress(int(str(total))))
        progress.seconds += report.duration
        progress.failed += report.outcome == "failed"
        progress.done += report.when == "teardown"
        if progress.done == progress.total:
            self._print(notebook, self._running.pop(notebook))

    def pytest_sessionfinish(self) -> None:
        """Name the notebooks that a stop left unfinished: their silence could pass for success."""
        for notebook, progress in self._running.items():
            self._print(notebook, progress)

    def _print(self, notebook: str, progress: _Progress) -> None:
        terminal = self._config.pluginmanager.getplugin("terminalreporter")
        if terminal is None:
            return
        if progress.failed:
            verdict = f"{progress.failed} FAILED"
        else:
            verdict = "ok" if progress.done == progress.total else "NOT FINISHED"
        cells = f"{progress.done} of {progress.total} cells"
        terminal.ensure_newline()
        writer = self._config.get_terminal_writer()
        if writer.width_of_current_line:  # xdist's dots, of which the line above does not know
            writer.line()
        terminal.write_line(f"{notebook:<44} {cells:>16} {progress.seconds:7.1f} s  {verdict}")
