"""Files that are damaged as a bad disk leaves them."""


def packed_otherwise(content: bytes) -> bytes:
    """An archive, .zip or .npz, with one bit of its directory turned: of a compression that nobody knows."""
    spoilt = bytearray(content)
    spoilt[content.rindex(b"PK\x01\x02") + 10] ^= 1 << 6
    return bytes(spoilt)
