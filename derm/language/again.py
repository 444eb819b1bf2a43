"""A sentence that was kept in English, said once more in the language now spoken.

Needs `speech`. Knows only the sentences that it is given: any other text comes back as it is.
"""

import re
from collections.abc import Iterable
from string import Formatter

from derm.language.speech import say


def say_again(text: str, messages: Iterable[str]) -> str:
    """`text`, made before by one of `messages` (marked, with plain fields), in the language now spoken."""
    for message in messages:
        if found := re.fullmatch(_pattern(message), text, re.DOTALL):
            return say(message, **found.groupdict())
    return text


def _pattern(message: str) -> str:
    """A message as a regular expression with a group for each field."""
    known: set[str] = set()
    pieces = []
    for text, field, *_ in Formatter().parse(message):
        pieces.append(re.escape(text))
        if field is not None:
            pieces.append(f"(?P={field})" if field in known else f"(?P<{field}>.*?)")
            known.add(field)
    return "".join(pieces)
