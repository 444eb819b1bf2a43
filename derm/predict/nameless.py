"""A case without the name of its file, which may be a patient's: for what leaves the place where the file lies.

Needs a `Case`. The same picture has the same name in its place every time, and no other one has it.
"""

from derm.language.speech import mark, say
from derm.predict.case import Case, changed

NAMED = mark("Name of the file on documents")
NAMED_HELP = mark(
    "Files may bear a patient's name. Without it documents call the picture by eight digits of its content."
)
"""What the page's switch says."""


def without_name(case: Case) -> Case:
    """`case`, with its picture at hand, called by the first 8 digits of the SHA-256 of its pixels."""
    return changed(case, name=say("Picture {digits}", digits=case.digest[:8]))
