"""Note in tests/slow.txt which tests are too slow for `make test-quick`, by the processor's time that they take.

    python tools/list_slow_tests.py             # what `make test-quick` runs today
    python tools/list_slow_tests.py tests/zoo   # or some of it

Other work on the machine does not count, for it is not time on a clock; a test that only waits is slow, too, where it
waits for long. What a fixture of several tests takes is told of the first that asks for it, and of the next one once
that is left out: repeat until nothing is added. tests/house/test_slow.py finds names that are no longer there.
"""

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1] / "tests"
LIST = TESTS / "slow.txt"
LEAST = 0.2
"""Seconds of a processor from which on a test is slow, setting up and putting away included."""
WAIT = 3.0
"""Seconds on a clock from which on a test is slow that hardly takes a processor."""
QUICK = "not (browser or real or slow or training)"
"""What `make test-quick` runs."""
HEAD = f"# Tests that take {LEAST} s of a processor or more: written by tools/list_slow_tests.py, for conftest.py.\n"


class Watch:
    """A plugin of pytest that notes which tests are slow. slow: as tests/slow.txt names them, file::function."""

    def __init__(self) -> None:
        self.slow: set[str] = set()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Measure one test, with the processes that it ended."""
        worked, began = sum(os.times()[:4]), time.monotonic()
        answer = yield
        if sum(os.times()[:4]) - worked >= LEAST or time.monotonic() - began >= WAIT:
            self.slow.add(item.nodeid.partition("[")[0])
        return answer


def main() -> int:
    """Run the tests that are named, or all, and add to the list what was slow."""
    watch = Watch()
    ended = pytest.main(["-m", QUICK, *(sys.argv[1:] or [str(TESTS)])], plugins=[watch])
    known = {line for line in LIST.read_text().splitlines() if "::" in line} if LIST.is_file() else set()
    LIST.write_text(HEAD + "".join(f"{name}\n" for name in sorted(known | watch.slow)))
    print(f"{len(watch.slow - known)} more, {len(known | watch.slow)} in all.")
    return int(ended)


if __name__ == "__main__":
    sys.exit(main())
