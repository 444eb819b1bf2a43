"""Counts the frames of a websocket (RFC 6455, 5.2) by their heads alone, however they are cut on their way.

Needs the bytes that come after the handshake, in order. Looks at no payload.
"""

import struct

SHORT, LONG = 126, 127
"""What stands for a length in two and in eight further bytes."""


CONTROL = 8
"""The bit of a frame's kind by which pings and the like are told from parts of messages."""


class FrameCount:
    """The frames of one connection, from its first byte on."""

    def __init__(self) -> None:
        self.messages = 0
        """Frames so far with which a message ends (5.4), of those that were counted."""
        self._head = b""
        self._left = 0

    def add(self, data: bytes, most: int) -> int:
        """How many frames begin in `data`, the next bytes; no more than `most` and one are counted."""
        seen, place, found = self._head + data, min(self._left, len(data)), 0
        self._left -= place
        self._head = b""
        while place < len(seen) and found <= most:
            length = _length(seen, place)
            if length is None:
                self._head = seen[place:]
                return found
            found += 1
            self.messages += seen[place] >> 7 and not seen[place] & CONTROL
            place += length
        self._left += max(0, place - len(seen))
        return found


def _length(seen: bytes, place: int) -> int | None:
    """Of the frame that begins at `place`, head and payload, in bytes; None where its head is not all there."""
    if len(seen) < place + 2:
        return None
    mask, short = 4 * (seen[place + 1] >> 7), seen[place + 1] & 127
    if short < SHORT:
        return 2 + mask + short
    form = ">H" if short == SHORT else ">Q"
    size = struct.calcsize(form)
    if len(seen) < place + 2 + size:
        return None
    return 2 + size + mask + int(struct.unpack_from(form, seen, place + 2)[0])
