"""Which commit of Derm is running, for the description of weights.

Needs git and a checkout; without them the answer is None.
"""

import subprocess
from pathlib import Path


def current_commit() -> str | None:
    """The commit of the checkout Derm runs from, 40 hexadecimal digits, with "+changes" where files differ from it."""
    folder = Path(__file__).parents[1]  # derm/, in the checkout

    def git(*words: str) -> str:
        return subprocess.run(
            ["git", "-C", str(folder), *words], capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        if Path(git("rev-parse", "--show-toplevel")).resolve() != folder.parent.resolve():
            return None  # Derm is installed inside somebody else's checkout
        changed = git("status", "--porcelain", "--untracked-files=no", "--", ".")
        return git("rev-parse", "HEAD") + ("+changes" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return None
