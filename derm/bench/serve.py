"""How the served app does with many visitors at once: latency, throughput, memory, and each their own answer.

Needs the app and nothing else: it serves it to itself, draws its pictures, and visits without a browser. Memory is
read on Linux alone. Knows nothing of the terminal.
"""

import os
import signal
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BytesIO
from itertools import count
from pathlib import Path
from threading import Barrier, BrokenBarrierError, current_thread, main_thread
from typing import NamedTuple

import numpy as np
from PIL import Image

from derm.bench.provider import local_provider, log_in, session_of
from derm.bench.visitor import Answer, ServedVisitor
from derm.data.synthetic.lesion import draw_lesion
from derm.diagnoses import CODES
from derm.errors import ConfigFault
from derm.paths import SAFE_PATH, app_folder

START = 180.0
"""Seconds that the server may take to answer at all, and as many for its first page."""

GRACE = 10.0
"""Seconds to end in before it is killed."""

PICTURES = 20
"""Different pictures that visitors upload, of 600 × 450 pixels."""

PEOPLE = tuple(f"visitor{number:03}" for number in range(100))
"""Who logs in, each with an account of their own."""

HOSTILE_SIDE = 6324
"""Pixels: the side of the largest square picture that is read."""

SETTLED = 10.0
"""Seconds after the last visitor has left when memory is looked at."""

Progress = Callable[[int, int], None]


class Memory(NamedTuple):
    """Of the server, megabytes; None where that cannot be told."""

    now: float | None
    peak: float | None


@dataclass(frozen=True)
class Crowd:
    """So many sessions at once, each with some diagnoses, one after the other.

    median, late: seconds from the upload's beginning to the end of the page, median and 95th percentile. a_second:
    diagnoses of all together. wrong: answers that are not those that the picture gets alone.
    """

    sessions: int
    diagnoses: int
    median: float
    late: float
    a_second: float
    wrong: int
    memory: float | None
    peak: float | None


@dataclass(frozen=True)
class Soak:
    """Many diagnoses over many sessions.

    memory: megabytes after each tenth of them. growth: of its last tenth over its second, megabytes. left: megabytes
    once all have left.
    """

    diagnoses: int
    sessions: int
    wrong: int
    seconds: float
    memory: tuple[float, ...]
    growth: float | None
    left: float | None


@dataclass(frozen=True)
class Hostile:
    """Sessions that upload what is small as a file and large as a picture.

    files: bytes of each. before, peak, held, left: megabytes of the server before, at most, with all pages open, and
    `SETTLED` seconds after all were closed. limit: megabytes that pictures, files and uploads may take.
    """

    sessions: int
    uploads: int
    files: tuple[int, ...]
    limit: float
    before: float | None
    peak: float | None
    held: float | None
    left: float | None


class Server(NamedTuple):
    """A running app.

    login: whether it asks visitors to log in, with a provider that knows `PEOPLE`.
    """

    address: str
    pid: int
    login: bool = False

    def visitor(self, number: int) -> ServedVisitor:
        """A visitor, logged in as one of `PEOPLE` where that is asked for."""
        session = session_of(log_in(self.address, PEOPLE[number % len(PEOPLE)])) if self.login else ""
        return ServedVisitor(self.address, session)

    def memory(self) -> Memory:
        """What it takes now, and has taken at most since `forget_peak`."""
        try:
            told = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        except OSError:
            return Memory(None, None)
        found = dict(line.split(":", 1) for line in told.splitlines() if line.startswith(("VmRSS", "VmHWM")))
        now, peak = (int(found[name].split()[0]) * 1024 / 1e6 for name in ("VmRSS", "VmHWM"))
        return Memory(now, peak)

    def forget_peak(self) -> None:
        """Count the peak anew from now on."""
        with suppress(OSError):
            Path(f"/proc/{self.pid}/clear_refs").write_text("5", encoding="ascii")


@contextmanager
def served(log: Path, **environment: str) -> Iterator[Server]:
    """The app on a free port of this machine, until the block ends; what it prints goes to `log`.

    environment: variables beside this process's, with the port where they say {port}. Raises ConfigFault, with the end
    of the log, where it does not start.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [sys.executable, "-m", "streamlit", "run", str(app_folder() / "streamlit_app.py"), "--server.headless"]
    given = {name: value for name, value in os.environ.items() if name not in ("DERM_TOKEN", "DERM_HOSTS")}
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [*words, "true", "--server.port", str(port)],
            env=given | SAFE_PATH | {name: value.replace("{port}", str(port)) for name, value in environment.items()},
            stdout=stream,
            stderr=stream,
            start_new_session=os.name == "posix",
        )
    before = signal.getsignal(signal.SIGTERM)
    if current_thread() is main_thread():  # or the server would outlive a bench that is told to end
        signal.signal(signal.SIGTERM, lambda *_told: sys.exit(128 + signal.SIGTERM))
    try:
        _wait_for(f"http://127.0.0.1:{port}/_stcore/health", process, log)
        yield Server(f"http://127.0.0.1:{port}", process.pid)
    finally:
        _end(process)
        if current_thread() is main_thread():
            signal.signal(signal.SIGTERM, before)


@contextmanager
def served_with_login(log: Path) -> Iterator[Server]:
    """`served`, for those alone who log in with a provider on this machine."""
    with local_provider({name: ["clinician"] for name in PEOPLE}) as variables, served(log, **variables) as server:
        yield server._replace(login=True)


def _wait_for(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + START
    while process.poll() is None and time.monotonic() < until:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    raise ConfigFault(f"The app did not start:\n{log.read_text(encoding='utf-8', errors='replace')[-2000:]}")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def pictures() -> list[bytes]:
    """`PICTURES` drawn lesions as JPEG files."""
    return [
        encoded(draw_lesion(CODES[seed % len(CODES)], seed, height=450, width=600).image) for seed in range(PICTURES)
    ]


def encoded(image: np.ndarray, form: str = "JPEG", **settings: int | bool) -> bytes:
    """A picture, uint8 (H, W, 3), as a file."""
    stream = BytesIO()
    Image.fromarray(image).save(stream, form, **settings)
    return stream.getvalue()


def hostile_pictures() -> list[bytes]:
    """Files that are small beside their pictures of 40 megapixels: WebP of some bytes, JPEG, and PNG."""
    plain = np.full((HOSTILE_SIDE, HOSTILE_SIDE, 3), (224, 172, 150), dtype=np.uint8)
    return [encoded(plain, "WEBP", lossless=True, method=0), encoded(plain), encoded(plain, "PNG", compress_level=1)]


def alone(server: Server, files: Sequence[bytes]) -> list[Answer]:
    """What each picture gets when nobody else is there."""
    with server.visitor(0) as visitor:
        return [visitor.diagnose(f"alone{place:03}.jpg", content) for place, content in enumerate(files)]


def bench_crowd(server: Server, files: Sequence[bytes], expected: Sequence[Answer], sessions: int, each: int) -> Crowd:
    """`sessions` at once, with `each` diagnoses; all begin when all are there, and none leaves before all are done."""
    server.forget_peak()
    together = Barrier(sessions + 1)
    times: list[float] = []

    def visit(number: int) -> int:
        with _ends(together), server.visitor(number) as visitor:
            together.wait()
            wrong = 0
            for turn in range(each):
                place = (number + 7 * turn) % len(files)
                began = time.perf_counter()
                found = visitor.diagnose(f"visitor{number:03}x{turn:03}.jpg", files[place])
                times.append(time.perf_counter() - began)
                wrong += found != expected[place]
            together.wait()
            together.wait()
        return wrong

    with ThreadPoolExecutor(sessions) as pool:
        visits = [pool.submit(visit, number) for number in range(sessions)]
        with suppress(BrokenBarrierError):
            together.wait()
            began = time.perf_counter()
            together.wait()
            seconds, memory = time.perf_counter() - began, server.memory()
            together.wait()
        for fault in (one.exception() for one in visits):
            if fault is not None and not isinstance(fault, BrokenBarrierError):
                raise fault
        wrong = sum(one.result() for one in visits)
    late = float(np.percentile(times, 95))
    return Crowd(sessions, len(times), statistics.median(times), late, len(times) / seconds, wrong, *memory)


@contextmanager
def _ends(together: Barrier) -> Iterator[None]:
    """A visit that fails holds up nobody."""
    try:
        yield
    except BaseException:
        together.abort()
        raise


def bench_soak(
    server: Server,
    files: Sequence[bytes],
    expected: Sequence[Answer],
    diagnoses: int,
    sessions: int,
    at_once: int = 4,
    progress: Progress | None = None,
) -> Soak:
    """`diagnoses` over `sessions`, which come one after the other, `at_once` at a time, and leave.

    progress: told (done, total).
    """
    done, memory, began = count(1), [], time.perf_counter()
    each = [len(part) for part in np.array_split(range(diagnoses), sessions)]

    def visit(number: int) -> int:
        wrong = 0
        with server.visitor(number) as visitor:
            for turn in range(each[number]):
                place = (number + 7 * turn) % len(files)
                wrong += visitor.diagnose(f"soak{number:04}x{turn:04}.jpg", files[place]) != expected[place]
                if progress:
                    progress(next(done), diagnoses)
        return wrong

    wrong = 0
    with ThreadPoolExecutor(at_once) as pool:
        for part in np.array_split(range(sessions), min(10, sessions)):
            wrong += sum(pool.map(visit, part.tolist()))
            memory.append(server.memory().now)
    seconds = time.perf_counter() - began
    time.sleep(SETTLED)
    known = tuple(one for one in memory if one is not None)
    growth = known[-1] - known[1] if len(known) > 1 else None
    return Soak(diagnoses, sessions, wrong, seconds, known, growth, server.memory().now)


def bench_hostile(server: Server, sessions: int, limit: int, progress: Progress | None = None) -> Hostile:
    """`sessions` that stay open, four at a time, each with all of `hostile_pictures`; limit: bytes, see `Hostile`."""
    files = hostile_pictures()
    before, done = server.memory().now, count(1)
    server.forget_peak()

    def visit(number: int) -> ServedVisitor:
        visitor = server.visitor(number)
        for place, content in enumerate(files):
            visitor.diagnose(f"hostile{number:03}x{place}.jpg", content)
            if progress:
                progress(next(done), sessions * len(files))
        return visitor

    visitors: list[ServedVisitor] = []
    try:
        with ThreadPoolExecutor(4) as pool:
            visitors += pool.map(visit, range(sessions))
        held = server.memory()
    finally:
        for visitor in visitors:
            visitor.close()
    time.sleep(SETTLED)
    left = server.memory().now
    sizes = tuple(len(content) for content in files)
    return Hostile(sessions, sessions * len(files), sizes, limit / 1e6, before, held.peak, held.now, left)
