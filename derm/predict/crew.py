"""Pictures answered in several processes of one thread each, which costs less than several threads at one picture.

Needs a model and tasks. A process that ends, whatever ended it, costs nothing but time: what it had not answered is
given to another. Knows nothing of tables.
"""

import os
import pickle
import subprocess
import sys
import time
from collections import deque
from collections.abc import Generator, Iterator
from contextlib import suppress
from queue import SimpleQueue
from threading import BoundedSemaphore, Event, Lock, Thread
from typing import IO, Any, cast

from derm.engine.runtime import THREADS
from derm.errors import ConfigFault
from derm.image.decode import image_name
from derm.model.weights import Model
from derm.paths import search_path
from derm.predict.ask import Asking, Task
from derm.predict.record import Record, refused_record

AHEAD = 2
"""Tasks that a process has at a time, so that it need not wait for the next."""

UNREAD = 32
"""Answers of each process that may wait to be taken."""

PATIENCE = 10.0
"""Seconds in which a process may finish its pictures when a run is left."""

ONE_THREAD = {THREADS: "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
"""What keeps libraries from starting threads of their own."""

Answer = tuple[Task, Record]


class Crew:
    """`count` processes at work on `tasks`, which are taken as they are needed, from several threads but never at once.

    Iterate over `answers`, and close it where it is left.
    """

    def __init__(self, model: Model, asking: Asking, tasks: Iterator[Task], count: int) -> None:
        self._setting_out = pickle.dumps((model, asking), protocol=pickle.HIGHEST_PROTOCOL)
        self._settings = asking.settings
        self._tasks, self._taking = tasks, Lock()
        self._left = Event()
        self._slots = BoundedSemaphore(count * UNREAD)
        self._found: SimpleQueue[Answer | BaseException | None] = SimpleQueue()
        self._processes: set[_Process] = set()
        self._threads = [Thread(target=self._serve, name=f"crew-{number}") for number in range(count)]

    def answers(self) -> Generator[Answer, None, None]:
        """Each task with its record, as they come, in no order.

        Raises what taking a task raises, and ConfigFault where processes end before they can answer anything.
        """
        for thread in self._threads:
            thread.start()
        try:
            working = len(self._threads)
            while working:
                got = self._found.get()
                if isinstance(got, BaseException):
                    raise got
                if got is None:
                    working -= 1
                    continue
                self._slots.release()
                yield got
        finally:
            self._leave()

    def _leave(self) -> None:
        """Let all processes end, and end those that do not."""
        self._left.set()
        until = time.monotonic() + PATIENCE
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        for process in list(self._processes):
            process.kill()
        for thread in self._threads:
            thread.join()

    def _serve(self) -> None:
        """The thread that keeps one process at work, and starts another where that ends."""
        try:
            waiting: deque[Task] = deque()
            suspect: Task | None = None
            while True:
                process = _Process(self._setting_out)
                self._processes.add(process)
                try:
                    process.wait_until_ready()
                    self._exchange(process, waiting)
                    return
                except (EOFError, OSError, pickle.UnpicklingError):
                    if self._left.is_set():
                        return
                    suspect = self._blame(process, waiting, suspect)
                finally:
                    self._processes.discard(process)
                    process.end()
        except BaseException as error:
            self._found.put(error)
        finally:
            self._found.put(None)

    def _exchange(self, process: "_Process", waiting: deque[Task]) -> None:
        """Send tasks, first those that wait, and take records until there are no more; raises where it ends."""
        for before in waiting:
            process.send(before)
        while not self._left.is_set():
            while len(waiting) < AHEAD and (task := self._take()) is not None:
                waiting.append(task)
                process.send(task)
            if not waiting:
                return
            record = process.receive()
            self._found.put((waiting.popleft(), record))

    def _take(self) -> Task | None:
        """The next task, once there is room for its answer; None where there is no more."""
        while not self._slots.acquire(timeout=0.1):
            if self._left.is_set():
                return None
        with self._taking:
            task = None if self._left.is_set() else next(self._tasks, None)
        if task is None:
            self._slots.release()
        return task

    def _blame(self, process: "_Process", waiting: deque[Task], suspect: Task | None) -> Task | None:
        """Whom to suspect that the process has ended: the picture that it had; a second time it is given up."""
        if not process.ready:
            raise ConfigFault(
                f"A process that was to answer pictures ended before its first ({process.end()}): "
                "set --processes 1, or fewer than now where memory is short."
            )
        if not waiting:
            return None
        first = waiting[0]
        if first is not suspect:
            return first
        waiting.popleft()
        self._found.put((first, refused_record(first.name, first.file, _given_up(first), self._settings)))
        return None


class _Process:
    """One worker."""

    def __init__(self, setting_out: bytes) -> None:
        self.ready = False
        self._setting_out = setting_out
        self._running = subprocess.Popen(
            [sys.executable, "-P", "-m", "derm.predict.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **ONE_THREAD, "PYTHONPATH": search_path()},
            start_new_session=True,  # Ctrl-C is for whoever asked, who then ends it
        )
        self._requests, self._answers = cast(IO[bytes], self._running.stdin), cast(IO[bytes], self._running.stdout)

    def wait_until_ready(self) -> None:
        """Hand it the model; EOFError or OSError where it ends."""
        self._write(self._setting_out)
        self.receive()
        self.ready = True

    def send(self, task: Task) -> None:
        """Give it a task."""
        self._write(pickle.dumps(task, protocol=pickle.HIGHEST_PROTOCOL))

    def receive(self) -> Any:  # noqa: ANN401 - what was sent
        """Its next answer; EOFError where it ended."""
        return pickle.load(self._answers)

    def end(self) -> str:
        """Let it finish what it is at, and end it where that takes long; how it ended."""
        with suppress(OSError):
            self._requests.close()
        try:
            self._running.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
        self._answers.close()
        return f"exit status {self._running.wait()}"

    def kill(self) -> None:
        """End it."""
        self._running.kill()

    def _write(self, content: bytes) -> None:
        self._requests.write(content)
        self._requests.flush()


def _given_up(task: Task) -> str:
    return (
        f"{image_name(task.path.name)} ended the process that read it, twice: it may take more memory than there is; "
        "make it smaller, or look at it alone."
    )
