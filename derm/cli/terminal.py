"""What the commands share in speaking to a terminal: results to standard output, all else to standard error.

Needs rich. Knows nothing of what is done.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

out = Console(highlight=False, soft_wrap=True, markup=False, emoji=False)
"""Results."""

err = Console(stderr=True, highlight=False, soft_wrap=True, markup=False, emoji=False)
"""Progress, notes and errors."""


def bar() -> Progress:
    """A progress bar with the time left, on standard error; silent where that is not a terminal."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=err,
        transient=True,
        disable=not err.is_terminal,
    )


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show `what` as a bar while the block runs; the block calls what it is given with (done, total)."""
    with bar() as shown:
        task = shown.add_task(what, total=None)

        def tell(done: int, total: int) -> None:
            shown.update(task, completed=done, total=total)

        yield tell
