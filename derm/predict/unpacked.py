"""Uploads as pictures: a ZIP becomes its pictures, each of which waits by itself; anything else stays as it is.

Needs the upload's bytes, which it holds already; nothing is written to the disk, and what a ZIP may unpack to is
bounded before anything is read. One bad member costs its own row. Knows nothing of pages.
"""

from collections import Counter
from functools import reduce

from derm.errors import ImageRefused
from derm.image.decode import image_name
from derm.language.speech import say, say_many
from derm.predict.archive import HIDDEN, NAMED, NOT_ORDINARY, OLDER, WITHOUT_ENDING, is_zip, survey_zip
from derm.predict.found import FoundPicture
from derm.predict.reading import WaitingFile

MOST_TIMES = 3
"""Times its own size to which a ZIP of pictures may unpack above `ALWAYS`: photographs hardly shrink."""

ALWAYS = 50_000_000
MOST = 400_000_000
"""Bytes to which any may unpack, and to which none may unpack more."""

MEMBERS = 1_000
"""Most pictures of one ZIP."""


def unpacked(file: WaitingFile, passed_over: Counter[str] | None = None) -> list[WaitingFile]:
    """The pictures of an uploaded ZIP, in its order, or the file itself where it is none.

    passed_over: counts what is left out, see `left_out`. A member that cannot be read waits with its fault, and so does
    a ZIP that is damaged, holds no picture, or unpacks to too much.
    """
    if not is_zip(file.content):
        return [file]
    found = survey_zip(file.content, file.name, Counter() if passed_over is None else passed_over)
    fault = _too_much(found, file.name, len(file.content))
    if fault:
        return [WaitingFile(f"{file.token}/0", file.name, b"", fault)]
    return [_member(file, one, place) for place, one in enumerate(found)]


def left_out(name: str, passed_over: Counter[str]) -> str:
    """What was left out of the ZIP of that name, in one sentence; '' where it was nothing."""
    total = passed_over.total()
    if not total:
        return ""
    kinds = passed_over.most_common(NAMED)
    counted = [
        say("{kind} {count:,}", kind=say(kind) if kind in _KINDS else kind, count=count) for kind, count in kinds
    ]
    if rest := total - sum(count for _, count in kinds):
        counted.append(say("others {count:,}", count=rest))
    return say_many(
        "{name}: 1 of its files was not taken in ({kinds}).",
        "{name}: {count:,} of its files were not taken in ({kinds}).",
        total,
        name=image_name(name),
        kinds=reduce(lambda before, one: say("{before}, {one}", before=before, one=one), counted),
    )


_KINDS = (HIDDEN, NOT_ORDINARY, OLDER, WITHOUT_ENDING)
"""What is left out for another reason than its ending."""


def _member(file: WaitingFile, one: FoundPicture, place: int) -> WaitingFile:
    token, name = f"{file.token}/{place}", one.path.name
    if one.fault:
        return WaitingFile(token, name, b"", one.fault)
    try:
        return WaitingFile(token, name, one.read())
    except ImageRefused as refused:
        return WaitingFile(token, name, b"", str(refused))


def _too_much(found: list[FoundPicture], name: str, size: int) -> str:
    if len(found) > MEMBERS:
        return say(
            "{name} holds more than {members:,} pictures: unpack it, and open its pictures.", name=name, members=MEMBERS
        )
    most = min(MOST, max(ALWAYS, MOST_TIMES * size))
    total = sum(one.source.member.file_size for one in found if one.source is not None)  # type: ignore[attr-defined]
    if total <= most:
        return ""
    return say(
        "{name} unpacks to {total:,} bytes, more than the {most:,} that are taken at once: unpack it, and open its "
        "pictures.",
        name=name,
        total=total,
        most=most,
    )
