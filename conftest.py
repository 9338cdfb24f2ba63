"""Plugins for every test in the repository; pytest reads this list only in the root folder."""

import pytest

from tests.book.environment import settle

pytest_plugins = ["pytester", "tests.book.nbval_tolerance.plugin"]

settle()


def pytest_sessionstart(session: pytest.Session) -> None:
    """Build matplotlib's font cache before any chapter: building it writes to stderr."""
    if session.config.option.nbval and not hasattr(session.config, "workerinput"):
        import matplotlib.font_manager  # noqa: F401, PLC0415 (half a second, for chapters only)
