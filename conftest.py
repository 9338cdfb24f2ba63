"""Plugins for every test in the repository; pytest reads this list only in the root folder."""

import signal
import sys
from collections.abc import Iterator

import pytest

from tests.book.environment import settle

pytest_plugins = ["pytester", "tests.book.nbval_tolerance.plugin"]

settle()

# A shell starts what it runs in the background deaf to Ctrl-C, and so are all children of that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Build matplotlib's font cache before any chapter: building it writes to stderr."""
    if session.config.option.nbval and not hasattr(session.config, "workerinput"):
        import matplotlib.font_manager  # noqa: F401, PLC0415 (half a second, for chapters only)


@pytest.fixture(autouse=True)
def own_style() -> Iterator[None]:
    """Give matplotlib's settings back: a figure must not depend on which test ran before."""
    if "matplotlib" not in sys.modules:
        yield
        if "matplotlib" in sys.modules:
            sys.modules["matplotlib"].rcdefaults()
        return
    with sys.modules["matplotlib"].rc_context():
        yield
