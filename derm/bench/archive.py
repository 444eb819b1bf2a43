"""How many pictures `derm predict` answers in a second, in one process and in several, as whole commands in turn.

Needs the weights that come with Derm. Draws its pictures into a temporary folder. Knows nothing of the terminal.
"""

import io
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZipFile

import numpy as np
from PIL import Image

from derm.data.synthetic.lesion import draw_lesion
from derm.diagnoses import CODES
from derm.engine.runtime import THREADS, OnnxEngine
from derm.errors import ConfigFault
from derm.model.tensors import StoredNet
from derm.model.weights import default_weights, load_weights
from derm.paths import search_path

DRAWN = 28
"""Different drawings, which noise turns into as many pictures as are wanted."""


@dataclass(frozen=True)
class ArchiveTiming:
    """Medians over the rounds: seconds of whole commands, milliseconds of the cores together for each picture, and of
    the network alone with one thread."""

    pictures: int
    processes: int
    one: float
    several: float
    cores_one: float
    cores_several: float
    network: float

    @property
    def ratio(self) -> float:
        """How many times as many pictures several processes answer in a second."""
        return self.one / self.several

    def rate(self, processes: int) -> float:
        """Pictures a second."""
        return self.pictures / (self.one if processes == 1 else self.several)


def bench_archive(pictures: int, processes: int, rounds: int) -> ArchiveTiming:
    """Time `pictures` of 400 × 300 pixels in a ZIP, by one process and by `processes`, `rounds` times in turn."""
    seconds: dict[int, list[float]] = {1: [], processes: []}
    worked: dict[int, list[float]] = {1: [], processes: []}
    network = []
    with TemporaryDirectory() as folder:
        archive = Path(folder) / "drawn.zip"
        pack_drawn(archive, pictures)
        for _ in range(rounds):
            network.append(_network_ms())
            for count, times in seconds.items():
                words = [str(archive), "--out", str(Path(folder) / "out.csv"), "--processes", str(count)]
                began, before = time.perf_counter(), _children()
                _run(words)
                times.append(time.perf_counter() - began)
                worked[count].append((_children() - before) / pictures * 1000)
    one, several, cores_one, cores_several = (
        statistics.median(times[count]) for times in (seconds, worked) for count in (1, processes)
    )
    return ArchiveTiming(pictures, processes, one, several, cores_one, cores_several, statistics.median(network))


def pack_drawn(archive: Path, count: int, height: int = 300, width: int = 400) -> None:
    """Write a ZIP of `count` drawn lesions with noise, as JPEG."""
    drawn = [draw_lesion(CODES[seed % 7], seed, height=height, width=width).image for seed in range(min(DRAWN, count))]
    random = np.random.default_rng(0)
    with ZipFile(archive, "w") as packed:
        for place in range(count):
            noisy = drawn[place % len(drawn)] + random.normal(0, 2, (height, width, 3))
            stream = io.BytesIO()
            Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(stream, "JPEG", quality=90)
            packed.writestr(f"{place:06}.jpg", stream.getvalue())


def _run(words: Sequence[str]) -> None:
    kept = {name: value for name, value in os.environ.items() if name != THREADS}
    done = subprocess.run(
        [sys.executable, "-P", "-m", "derm", "predict", *words],
        env={**kept, "PYTHONPATH": search_path()},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ConfigFault(f"derm predict ended with exit status {done.returncode}: {done.stderr.strip()[-300:]}")


def _children() -> float:
    """Seconds of the cores that processes which ended have taken."""
    times = os.times()
    return times.children_user + times.children_system


def _network_ms(calls: int = 15) -> float:
    """Of the cores, for one square."""
    source = load_weights(default_weights()).source
    graph = source.graph if isinstance(source, StoredNet) else None
    content = None if graph is None else graph.read()
    if not isinstance(source, StoredNet) or graph is None or content is None:
        raise ConfigFault("The graph of the weights that come with Derm is not there: install Derm anew.")
    engine = OnnxEngine(content, source.floats(graph), threads=1)
    square = np.random.default_rng(0).integers(0, 256, (1, *[source.config.input_size] * 2, 3), dtype=np.uint8)
    times = []
    for _ in range(calls):
        began = time.process_time()
        engine.look(square)
        times.append(time.process_time() - began)
    return statistics.median(times) * 1000
