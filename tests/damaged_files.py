"""Files that are damaged as a bad disk leaves them."""

import io

import numpy as np


def packed_otherwise(content: bytes) -> bytes:
    """An archive, .zip or .npz, with one bit of its directory turned: of a compression that nobody knows."""
    spoilt = bytearray(content)
    spoilt[content.rindex(b"PK\x01\x02") + 10] ^= 1 << 6
    return bytes(spoilt)


def an_npy() -> bytes:
    """A whole array, for a place where an .npz should be."""
    stream = io.BytesIO()
    np.save(stream, np.zeros(3))
    return stream.getvalue()


def an_npz() -> bytes:
    """A whole ZIP of an array, for a place where an .npy should be; NumPy reads either whatever it is called."""
    stream = io.BytesIO()
    np.savez(stream, np.zeros(3))
    return stream.getvalue()
