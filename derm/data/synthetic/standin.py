"""The drawn data set that stands in where there is no other: made once, kept beside the decoded images.

Needs a folder to keep it in. Knows nothing of pages and runs.
"""

import contextlib
from collections.abc import Callable
from pathlib import Path

from derm.data.synthetic.dataset import synthesise
from derm.files import making_folder

IMAGES = 210
"""Pictures in it: enough for each diagnosis to be in each part of the split."""

SEED = 7


def drawn_folder(cache: Path) -> Path:
    """Where the drawn data set lies in `cache`, whether it has been drawn or not."""
    return cache / f"drawn-{IMAGES}-{SEED}"


def draw_once(cache: Path, progress: Callable[[int, int], None] | None = None, images: int = IMAGES) -> Path:
    """The drawn data set's folder in `cache`, drawn now if it is not there, which takes some ten seconds: whole or
    absent.

    progress: told (done, total). Raises ConfigFault where nothing can be written.
    """
    folder = drawn_folder(cache)
    if not folder.is_dir():
        with making_folder(folder) as part:
            synthesise(part / "set", images=images, seed=SEED, progress=progress)
            # Another process may have finished first: its set is the same, so ours is let go.
            with contextlib.suppress(OSError):
                (part / "set").rename(folder)
    return folder
