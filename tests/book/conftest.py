"""What the tests of pages share."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.book import browser as browsers


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for a whole module."""
    path = browsers.find()
    if path is None:
        pytest.fail("No Chromium that starts: run `make browser`, or set CHROMIUM to one")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=list(browsers.ARGUMENTS))
        yield running
        running.close()
