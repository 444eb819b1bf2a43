"""What the commands share in speaking to a terminal: results to standard output, all else to standard error.

Needs rich. Knows nothing of what is done.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

from derm.errors import ConfigFault

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from derm.data.catalogue import Catalogue
    from derm.data.learned import Known
    from derm.data.split import Part
    from derm.model.weights import Model
    from derm.structures.weights import StructureWeights

CONTROLS = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""What no terminal shows, but obeys, or shows in another order; and what is no character."""


class Terminal(Console):
    """Writes what stands in names and descriptions, and is none to be seen, as Python would: '\\x1b'."""

    def render_str(self, text: str, **settings: Any) -> Text:  # noqa: ANN401 (those of rich)
        """As of a console."""
        return super().render_str(seen(text), **settings)


def seen(text: str) -> str:
    """Text in which what no terminal shows, but obeys, stands as Python would write it."""
    return CONTROLS.sub(lambda found: found.group().encode("unicode_escape").decode("ascii"), text)


out = Terminal(highlight=False, soft_wrap=True, markup=False, emoji=False)
"""Results."""

err = Terminal(stderr=True, highlight=False, soft_wrap=True, markup=False, emoji=False)
"""Progress, notes and errors."""


def read_known(folders: Sequence[Path]) -> "Catalogue":
    """The data in `folders` as one catalogue in which copies of the shipped splits' images are known by their look."""
    from derm.data import recognise
    from derm.paths import cache_folder

    with progress(recognise.LOOKING) as watch:
        return recognise.read_known(folders, cache_folder(), watch)


def check_learned(model: "Model", catalogue: "Catalogue", part: "Part") -> None:
    """Refuse to measure on a part by lesion of which the weights learned: DataFault.

    Of the training part, which is asked for on purpose, it is said.
    """
    from derm.data.split import split_catalogue
    from derm.evaluate.known import OTHER_IMAGES, find_known, refuse_known

    split = split_catalogue(catalogue)
    rows = split.rows(part)
    with progress("Looking for images that the weights know") as watch:
        known = find_known(model.description, catalogue, split, rows, watch)
    if part != "train":
        refuse_known(known, catalogue, rows, part, OTHER_IMAGES)
    elif known.spoils:
        out.print(_too_good("the weights", known, len(rows)))


def check_decoder_learned(
    decoder: "StructureWeights", catalogue: "Catalogue", part: "Part", rows: "NDArray[np.int64]"
) -> None:
    """As `check_learned`, of a decoder of structures and of the rows that are measured, int64 (n,)."""
    from derm.data.split import split_catalogue
    from derm.evaluate.known import find_known_to_decoder, refuse_known_to_decoder

    with progress("Looking for images that the decoder knows") as watch:
        known = find_known_to_decoder(decoder.info, catalogue, split_catalogue(catalogue), rows, watch)
    if part != "train":
        refuse_known_to_decoder(known, catalogue, rows, part)
    elif known.spoils:
        out.print(_too_good("the decoder of structures", known, len(rows)))


def _too_good(who: str, known: "Known", count: int) -> str:
    return (
        f"THESE FIGURES ARE TOO GOOD: {who} learned from {int(known.rows.sum()):,} of these {count:,} images, or from "
        "others of their lesions."
    )


def figure(value: float | None) -> str:
    """A figure with three digits after the point, or a dash where it is undefined."""
    return "–" if value is None else f"{value:.3f}"


def check_description(target: Path) -> None:
    """Refuse a place for weights that is not named by its description: ConfigFault."""
    if target.suffix != ".json":
        raise ConfigFault(f"--out {target} does not end in .json: name the description, the tensors go beside it.")


def bar() -> Progress:
    """A progress bar with the time left, on standard error; silent where that is not a terminal."""
    return Progress(
        TextColumn("{task.description}", markup=False),
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
        task = shown.add_task(seen(what), total=None)

        def tell(done: int, total: int) -> None:
            shown.update(task, completed=done, total=total)

        yield tell
