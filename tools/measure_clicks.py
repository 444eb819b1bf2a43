#!/usr/bin/env python3
"""What a click costs the server: processor time from the click until the page stands still, for docs/explorer.md.

Needs a data set and results of `derm evaluate` on it. The app is served and visited without a browser: a click is what
the browser would send. Each click is made several times over; the first of its kind is not counted.

    python tools/measure_clicks.py --data HAM10000 --results results
"""

import argparse
import os
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from derm.bench.visitor import ServedVisitor
from derm.paths import app_folder

ROUNDS = 3
"""Times that each choice is made; the first time is not counted."""

SETTLE = 0.15
"""Seconds after which a page that is done has sent everything."""

Value = str | list[str]


class Clicker(ServedVisitor):
    """A visitor who knows the widgets of the page by their keys."""

    def __init__(self, address: str) -> None:
        self.page = ""
        self.widgets: dict[str, Any] = {}
        super().__init__(address)

    def turn_to(self, page: str) -> None:
        """Go to another page, and stay there with what is clicked."""
        self.page = page
        super().turn_to(page)

    def click(self, chosen: Mapping[str, Value]) -> None:
        """Choose a value in each widget, by its key, and wait until the page stands still; none: draw it anew."""
        state = self._new("ClientState", "ClientState", page_name=self.page)
        for key, value in chosen.items():
            told = state.widget_states.widgets.add(id=self.widgets[key].id)
            if isinstance(value, list):
                told.string_array_value.data.extend(value)
            else:
                told.string_value = value
        self._send(rerun_script=state)
        self._read_page("")

    def options(self, key: str) -> list[str]:
        """What can be chosen in a widget."""
        return [getattr(option, "content", option) for option in self.widgets[key].options]

    def _note(self, message: Any) -> None:  # noqa: ANN401 - of Streamlit's protocol
        super()._note(message)
        if message.WhichOneof("type") == "delta" and message.delta.WhichOneof("type") == "new_element":
            element = message.delta.new_element
            widget = getattr(element, element.WhichOneof("type"))
            if hasattr(widget, "id"):
                self.widgets[widget.id.split("-", 2)[-1]] = widget


@contextmanager
def served(data: Path, results: Path) -> Iterator[tuple[str, int]]:
    """The app on a free port: its address and its process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    told = os.environ | {"DERM_DATA": str(data), "DERM_RESULTS": str(results), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-P", "-m", "streamlit", "run", "streamlit_app.py", "--server.headless", "true"]
    server = subprocess.Popen([*command, "--server.port", str(port)], cwd=app_folder(), env=told)
    address = f"http://127.0.0.1:{port}"
    try:
        while server.poll() is None:
            try:
                with urllib.request.urlopen(f"{address}/_stcore/health", timeout=5):
                    break
            except OSError:
                time.sleep(0.25)
        yield address, server.pid
    finally:
        server.terminate()
        server.wait()


def processor_seconds(process: int) -> float:
    """Processor time that a process has taken, seconds, as Linux counts it."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(visitor: Clicker, process: int, name: str, clicks: Sequence[Mapping[str, Value]]) -> None:
    """Print the median processor time of `clicks`, which are made `ROUNDS` times."""
    times = []
    for turn in range(ROUNDS):
        for chosen in clicks:
            began = processor_seconds(process)
            visitor.click(chosen)
            time.sleep(SETTLE)
            if turn:
                times.append(processor_seconds(process) - began)
    print(f"{name:<40} {1000 * statistics.median(times):5.0f} ms, at most {1000 * max(times):5.0f}", flush=True)


def explore(visitor: Clicker, process: int) -> None:
    """The clicks of the page Explore."""
    visitor.turn_to("Explore")
    visitor.click({})
    views = visitor.options("explore_view")
    kept = visitor.options("explore_filter_diagnosis")
    measure(visitor, process, "Explore, Data: filter", [{"explore_filter_diagnosis": [one]} for one in kept])
    visitor.click({"explore_filter_diagnosis": []})
    visitor.click({"explore_view": [views[1]]})
    measure(visitor, process, "Explore, Quality: drawn anew", [{}] * 5)
    visitor.click({"explore_view": [views[2]]})
    cells = visitor.options("explore_predicted")
    measure(visitor, process, "Explore, Results: cell of the matrix", [{"explore_predicted": one} for one in cells])
    sexes = visitor.options("explore_filter_sex")
    measure(visitor, process, "Explore, Results: filter", [{"explore_filter_sex": [one]} for one in sexes])
    visitor.click({"explore_filter_sex": []})
    for part in visitor.options("explore_results")[1:]:
        visitor.click({"explore_results": [part]})
        measure(visitor, process, f"Explore, Results, {part}: drawn anew", [{}] * 5)


def main() -> None:
    """Serve the app, click, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, required=True, help="Folder of the data set.")
    parser.add_argument("--results", type=Path, required=True, help="Folder that holds results of the shipped weights.")
    asked = parser.parse_args()
    with served(asked.data.absolute(), asked.results.absolute()) as (address, process), Clicker(address) as visitor:
        measure(visitor, process, "Diagnose: drawn anew", [{}] * 5)
        explore(visitor, process)
        for page in ("Compare", "Monitor", "Cases", "Study"):
            visitor.turn_to(page)
            measure(visitor, process, f"{page}: drawn anew", [{}] * 5)


if __name__ == "__main__":
    main()
