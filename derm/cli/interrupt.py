"""Ctrl-C at any moment ends a command with one sentence and exit status 130, without a traceback.

Needs the standard library alone, so that it is heeded from the first import on. Commands that have more to say, such as
which checkpoint there is, take the signal themselves.
"""

import os
import signal
import sys
from types import FrameType

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it: 128 and the number of the signal."""

ENDED = "derm: Ended by Ctrl-C; files that were written are whole."

_IMPORTING = "<frozen importlib._bootstrap>"
_SHOW_CURSOR = "\x1b[?25h"


def heed() -> None:
    """Have Ctrl-C raise KeyboardInterrupt once, and end the process at once where that could not arrive.

    It could not while something is imported, for modules in C++ abort on it, nor where Python drops exceptions, as in
    `__del__`; and a second one is not to wait for what the first began. Without effect where Ctrl-C is ignored already.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _raise_once)
        sys.unraisablehook = _unraisable


def end_at_once() -> None:
    """Have the next Ctrl-C end the process at once: nothing is left to be tidied up."""
    if signal.getsignal(signal.SIGINT) is _raise_once:
        signal.signal(signal.SIGINT, end)


def _raise_once(number: int, frame: FrameType | None) -> None:
    signal.signal(number, end)
    if _is_importing(frame):
        end()
    raise KeyboardInterrupt


def _is_importing(frame: FrameType | None) -> bool:
    """Whether a frame, or one that led to it, is of the import system."""
    while frame is not None:
        if frame.f_code.co_filename == _IMPORTING:
            return True
        frame = frame.f_back
    return False


def _unraisable(dropped: "sys.UnraisableHookArgs") -> None:
    if issubclass(dropped.exc_type, KeyboardInterrupt):
        end()
    sys.__unraisablehook__(dropped)


def end(*_: object) -> None:
    """Say so and end, past whatever is under way."""
    bar = _SHOW_CURSOR + "\r\n" if os.isatty(2) else ""
    os.write(2, f"{bar}{ENDED}\n".encode())
    os._exit(INTERRUPTED)
