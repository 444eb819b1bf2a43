"""Pictures of noise as files, for tests of what is done with files.

Needs nothing. Knows no network.
"""

from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image


def picture(seed: int, height: int = 48, width: int = 80) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def encoded(image: np.ndarray, form: str = "PNG") -> bytes:
    stream = BytesIO()
    Image.fromarray(image).save(stream, format=form)
    return stream.getvalue()


def save(path: Path, seed: int, form: str = "PNG") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encoded(picture(seed), form))
    return path


def read_grey(path: Path) -> np.ndarray:
    with Image.open(path) as opened:
        assert (opened.format, opened.mode) == ("PNG", "L")
        return np.asarray(opened)
