"""Where a file lies while it is uploaded: in a folder that no other account of the machine may look into.

Needs a folder that may be made. What arrives above 1 MB is kept by the server in a file without a name, there.
"""

import os
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path

NAMED = ("TMPDIR", "TEMP", "TMP")
"""Variables by which who starts the app has chosen a folder already."""


def keep_private(folder: Path, environment: Mapping[str, str]) -> bool:
    """Make `folder` this account's alone and let all temporary files of the process lie there; whether it could be.

    Where `environment` names a folder for them, that one stays.
    """
    if any(environment.get(name) for name in NAMED):
        return False
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        told = folder.lstat()
        if not stat.S_ISDIR(told.st_mode) or (hasattr(os, "getuid") and told.st_uid != os.getuid()):
            return False
        folder.chmod(0o700)
    except OSError:  # another's folder, or a disk that takes nothing: the system's own place stays
        return False
    tempfile.tempdir = str(folder)
    return True
