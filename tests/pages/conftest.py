"""One browser for the tests of a page, and each drawn sample once for all visits."""

from collections.abc import Iterator
from functools import cache

import pytest
from playwright.sync_api import Browser
from served import launch

from derm.predict import case_list


@pytest.fixture(scope="module")
def browser(address) -> Iterator[Browser]:
    """Chromium, once the module's `address` is served."""
    with launch() as started:
        yield started


@pytest.fixture(scope="session", autouse=True)
def drawn_samples() -> Iterator[None]:
    """Draw each sample once: they are always the same, take 0.2 s each, and the first greets every visitor."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(case_list, "draw_sample", cache(case_list.draw_sample))
        yield
