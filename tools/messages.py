"""Renew the catalogues from the source: `make messages`. Says what is not translated yet, and ends with 1 then."""

import sys
from pathlib import Path

from babel.messages.pofile import read_po

from derm.files import write_whole
from derm.language.messages import files, template

ROOT = Path(__file__).parents[1]


def main() -> int:
    """Write template and catalogues; the number of languages with something to translate decides the exit code."""
    lacking = 0
    for path, content in list(files(template(ROOT))):
        if not path.is_file() or path.read_bytes() != content:
            write_whole(path, lambda part, content=content: part.write_bytes(content))
        if path.suffix == ".po":
            with path.open("rb") as file:
                empty = [message for message in read_po(file) if message.id and not all(_texts(message.string))]
            print(f"{path.relative_to(ROOT)}: {len(empty)} to translate")
            lacking += bool(empty)
    return min(lacking, 1)


def _texts(string: object) -> tuple[object, ...]:
    return string if isinstance(string, tuple) else (string,)


if __name__ == "__main__":
    sys.exit(main())
