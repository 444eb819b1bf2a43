"""One browser for the tests of a page."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser
from served import launch


@pytest.fixture(scope="module")
def browser(address) -> Iterator[Browser]:
    """Chromium, once the module's `address` is served."""
    with launch() as started:
        yield started
