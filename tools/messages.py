"""Renew the catalogues from the source: `make messages`. Says what is not translated yet, and ends with 1 then.

In a merge or rebase that stops at a catalogue, both sides' translations are kept; `git add` is left to you.
"""

import subprocess
import sys
from pathlib import Path

from babel.messages.pofile import read_po

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # this checkout's catalogues, whichever one is installed

from derm.files import write_whole  # noqa: E402
from derm.language.messages import files, template  # noqa: E402


def main() -> int:
    """Write template and catalogues; the number of languages with something to translate decides the exit code."""
    lacking = 0
    for path, content in list(files(template(ROOT), sides_of)):
        if not path.is_file() or path.read_bytes() != content:
            write_whole(path, lambda part, content=content: part.write_bytes(content))
        if path.suffix == ".po":
            with path.open("rb") as file:
                empty = [message for message in read_po(file) if message.id and not all(_texts(message.string))]
            print(f"{path.relative_to(ROOT)}: {len(empty)} to translate")
            lacking += bool(empty)
    return min(lacking, 1)


def sides_of(path: Path) -> list[bytes]:
    """Both sides of a catalogue that git could not merge; none where there is no conflict."""
    if b"\n<<<<<<< " not in path.read_bytes():
        return []
    name = path.relative_to(ROOT).as_posix()
    return [
        subprocess.run(["git", "show", f":{side}:{name}"], cwd=ROOT, capture_output=True, check=True).stdout
        for side in (2, 3)
    ]


def _texts(string: object) -> tuple[object, ...]:
    return string if isinstance(string, tuple) else (string,)


if __name__ == "__main__":
    sys.exit(main())
