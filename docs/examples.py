"""Examples in docstrings, lines that begin with >>>, as blocks of code on the API pages, not as quotes.

Needs griffe, which the extra `docs` brings. Read by mkdocs.yml, no part of Derm.
"""

import re

from griffe import Extension, Object

EXAMPLE = re.compile(r"^>>> .*(?:\n(?!\n|\Z).+)*", re.MULTILINE)
"""From >>> to the next empty line or the end."""


class FencedExamples(Extension):
    """Puts a fence around each example as docstrings are read."""

    def on_object(self, *, obj: Object, **_: object) -> None:
        """Called for each module, class, function and attribute that was read."""
        if obj.docstring is not None:
            obj.docstring.value = EXAMPLE.sub(lambda found: f"```python\n{found[0]}\n```", obj.docstring.value)
