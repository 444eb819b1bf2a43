"""The rule that no test is skipped in silence, tried on tests in a folder of their own."""

import shutil
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

pytest_plugins = "pytester"

SKIPPING = """
import pytest

@pytest.fixture
def missing():
    pytest.skip("nothing to drive")

@pytest.mark.browser
def test_drives(missing): ...

@pytest.mark.browser
def test_stops():
    pytest.skip("half way")

@pytest.mark.real
def test_reads():
    pytest.skip("no data")

@pytest.mark.real
@pytest.mark.xfail
def test_known():
    assert False

def test_other():
    pytest.skip("not here")
"""


@pytest.fixture
def tests(pytester: pytest.Pytester) -> pytest.Pytester:
    """A checkout with our conftest.py and five tests, four of which skip."""
    folder = pytester.mkdir("checkout") / "tests"
    folder.mkdir()
    shutil.copy(Path(__file__).parents[1] / "conftest.py", folder)
    (folder / "test_skipping.py").write_text(SKIPPING)
    pytester.makeini("[pytest]\nmarkers =\n  browser: b\n  real: r\n")
    return pytester


def test_skips_are_allowed_outside_ci(tests, monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    tests.runpytest("-p", "no:cacheprovider").assert_outcomes(skipped=4, xfailed=1)


def test_under_ci_a_browser_test_may_not_be_skipped(tests, monkeypatch):
    monkeypatch.setenv("CI", "true")
    result = tests.runpytest("-p", "no:cacheprovider")
    # The fixture's skip comes before its test, which pytest calls an error.
    result.assert_outcomes(errors=1, failed=1, skipped=2, xfailed=1)
    result.stdout.fnmatch_lines(
        [
            "*test_drives may not be skipped under CI, and was: Skipped: nothing to drive",
            "*test_stops may not be skipped under CI, and was: Skipped: half way",
        ]
    )


def test_under_ci_a_real_test_may_not_be_skipped_where_the_data_are(tests, monkeypatch):
    monkeypatch.setenv("CI", "true")
    tests.mkdir("shared").joinpath("ham10000").mkdir()
    result = tests.runpytest("-p", "no:cacheprovider")
    result.assert_outcomes(errors=1, failed=2, skipped=1, xfailed=1)
    result.stdout.fnmatch_lines(["*test_reads may not be skipped under CI, and was: Skipped: no data"])
