"""Masks as a few bytes, to keep and to get back bit for bit.

Needs NumPy. Knows nothing of cases.
"""

import math
import zlib

import numpy as np
from numpy.typing import NDArray

LEVEL = 1
"""Of zlib: an outline is so plain that more brings nothing."""


def pack(mask: NDArray[np.bool_]) -> bytes:
    """A mask, bool (h, w), as bytes: 20 megapixels take 20 to 40 kB."""
    return zlib.compress(np.packbits(mask).tobytes(), LEVEL)


def unpack(packed: bytes, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """The mask, bool of `shape` (h, w), that `pack` made bytes of. Raises ValueError for other bytes.

    Nothing beyond the mask is unpacked, for a few bytes may hold gigabytes.
    """
    wanted, stream = -(-math.prod(shape) // 8), zlib.decompressobj()
    try:
        content = stream.decompress(packed, wanted + 1)
    except zlib.error as error:
        raise ValueError(f"a mask that cannot be unpacked ({error})") from error
    if len(content) != wanted:
        raise ValueError(f"a mask of another size than {shape}")
    bits = np.frombuffer(content, dtype=np.uint8)
    return np.unpackbits(bits, count=math.prod(shape)).reshape(shape).view(np.bool_)
