"""Free memory of this process back to the system, which the C library would keep for the next picture.

Needs glibc; elsewhere the library gives it back by itself, or nobody does. Knows nothing of what was freed.
"""

import ctypes
import sys


def give_back() -> bool:
    """Have the C library hand free memory back to the system; whether it could: glibc can, others do it themselves."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        return bool(ctypes.CDLL(None).malloc_trim(0))
    except (OSError, AttributeError):
        return False
