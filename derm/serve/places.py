"""Where files of the server lie, taken out of a sentence for who may not know it.

Needs the sentence and the folders. Knows no role and no page.
"""

import os
import re
from collections.abc import Iterable
from pathlib import Path

DATABASE = re.compile(r"postgresql\+psycopg://[^\s,;]+")
"""A database's address as `derm.records.connect` says it."""

SERVER = re.compile(r'(?<=server) (?:at|on socket) "[^"]*"(?: \([^)]*\))?(?:, port \d+)?')
"""Where its server is, as PostgreSQL's library says it."""


ANYWHERE = re.compile(r"(?<![\w.:/\\-])(?:/(?:[^\s/,;:]+/)+|[A-Za-z]:\\(?:[^\s\\,;:]+\\)+)")
"""Folders before a file's name, wherever they lie, as far as they have no blanks: a command may have been given any."""


def without_places(sentence: str, folders: Iterable[Path]) -> str:
    """The sentence with files named from these folders on, a folder by its own name, and a database by its kind."""
    for folder in sorted({one for one in folders if one.is_absolute() and one.name}, key=lambda one: -len(str(one))):
        named = rf"(?<![\w.:/\\-]){re.escape(str(folder))}"
        sentence = re.sub(named + re.escape(os.sep), "", sentence)
        sentence = re.sub(rf"{named}(?![\w-])", folder.name.replace("\\", r"\\"), sentence)
    sentence = ANYWHERE.sub("", sentence)
    return SERVER.sub("", DATABASE.sub("PostgreSQL", sentence))
