"""The pictures that files, folders, archives, lists and addresses hold, found by content, and a name for each.

Needs paths. Decodes nothing: a file that shows something is found, be it that Derm reads it or not, so that none is
passed over in silence. Knows nothing of models.
"""

import os
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from derm.diagnoses import CODES
from derm.errors import ConfigFault, ImageRefused
from derm.files import without_ending
from derm.image.kind import HEAD, is_picture
from derm.predict.archive import HIDDEN, NAMED, NOT_ORDINARY, WITHOUT_ENDING, is_archive, survey_archive
from derm.predict.found import FoundPicture, printable, true_path
from derm.predict.manifest import NoList, is_list, read_list
from derm.predict.remote import is_address, survey_address

RESULT = re.compile(rf".*_(segmentation|({'|'.join(CODES)})(_soft|_heat)?)\.png", re.DOTALL)
"""Names of the masks and maps that Derm writes."""


class Survey(NamedTuple):
    """What paths hold."""

    files: list[FoundPicture]
    """In the order of the paths, folders sorted; a path that holds nothing stands there with its fault."""

    passed_over: Counter[str]
    """Files in folders that show nothing, by ending, and what is hidden or no file."""


def survey(paths: Iterable[str | Path], outputs: Iterable[Path] = (), own: Collection[Path] = ()) -> Survey:
    """Look through files, which are taken as they are, and folders, to the bottom, for whatever is a picture.

    So are archives (`derm.predict.archive`), lists (`derm.predict.manifest`) and addresses (`derm.predict.remote`)
    looked through that are named themselves or in a list, not those in folders.

    What is hidden is counted and left out; links to folders are followed, each folder once. A file found twice counts
    once. outputs: folders of results, in which nothing is looked for: a second run must not take the first one's masks
    for pictures. own: files of this run, not counted. Raises ConfigFault for a folder that lies in one of `outputs`, or
    for addresses where what reads them is not installed.
    """
    written = [os.path.realpath(folder) for folder in outputs]
    passed_over: Counter[str] = Counter()
    found: dict[str, FoundPicture] = {}  # by its one true path
    not_taken = {os.path.realpath(file) for file in own}
    for path in paths:
        for one in _of_name(str(path), written, not_taken, passed_over):
            found.setdefault(one.file if one.fault or one.source else true_path(one.path), one)
    return Survey(list(found.values()), passed_over)


def find_images(paths: Iterable[Path], outputs: Iterable[Path] = ()) -> list[Path]:
    """The files of `survey`; ImageRefused for the first path that holds nothing, or where there is none."""
    paths = list(paths)
    found = survey(paths, outputs).files
    for one in found:
        if one.fault:
            raise ImageRefused(one.fault)
        if one.source is not None:
            raise ImageRefused(f"{one.file} is no file of its own: unpack or fetch it first, and name the folder.")
    if not found:
        raise ImageRefused("No picture was found in an empty list: name files, or folders of pictures.")
    return [one.path for one in found]


def not_looked_at(passed_over: Counter[str]) -> str:
    """What was left out, in one sentence; '' where it was nothing."""
    total = passed_over.total()
    if not total:
        return ""
    named = [f"{name} {count:,}" for name, count in passed_over.most_common(NAMED)]
    if rest := total - sum(count for _, count in passed_over.most_common(NAMED)):
        named.append(f"others {rest:,}")
    many = f"{total:,} further files were" if total > 1 else "1 further file was"
    return f"{many} not looked at, for they are no pictures: {', '.join(named)}."


def name_images(files: list[Path], taken: Collection[str] = ()) -> list[str]:
    """An image_id for each of these different files, so that no two share one: in the table and on disk.

    It is the file's name without ending. Where that is not the only one, or among those `taken` before, it is the path
    below the folder common to all files, with its ending and '/' between folders: `left/7.jpg`, `right/7.jpg`; and
    where that is taken, too, the whole path; each as `printable` has it. Upper and lower case count as the same, as
    some disks have it.
    """
    true = [Path(true_path(file)) for file in files]
    common = os.path.commonpath([file.parent for file in true]) if true else ""
    below = [printable(file.relative_to(common).as_posix()) for file in true]
    own = [printable(without_ending(file.name)) for file in files]
    stems = Counter(stem.casefold() for stem in own)
    before = {name.casefold() for name in taken}
    others = before | {path.casefold() for path in below}
    return [
        stem
        if stems[stem.casefold()] == 1 and stem.casefold() not in others
        else path
        if path.casefold() not in before
        else printable(whole.as_posix().lstrip("/"))
        for stem, path, whole in zip(own, below, true, strict=True)
    ]


def _of_name(name: str, written: list[str], own: set[str], passed_over: Counter[str]) -> Iterator[FoundPicture]:
    """What one path, list or address holds."""
    path = Path(name)
    if is_address(name):
        yield from survey_address(name, passed_over)
    elif is_list(path) and path.is_file() and not is_picture(_head(path), ""):
        yield from _of_list(path, written, own, passed_over)
    else:
        yield from _of_path(path, written, own, passed_over)


def _of_list(path: Path, written: list[str], own: set[str], passed_over: Counter[str]) -> Iterator[FoundPicture]:
    """What a list holds; another list that it names is no picture."""
    try:
        entries = read_list(path)
    except NoList as error:
        yield FoundPicture(path, f"{printable(path)} {error}.")
        return
    except OSError as error:
        yield FoundPicture(path, f"{printable(path)} cannot be read ({error.strerror}): check its permissions.")
        return
    for entry in entries:
        if is_address(entry):
            yield from survey_address(entry, passed_over)
        else:
            yield from _of_path(Path(entry), written, own, passed_over)


def _of_path(path: Path, written: list[str], own: set[str], passed_over: Counter[str]) -> Iterator[FoundPicture]:
    """What one path holds, or itself with the reason why it holds nothing."""
    name = printable(path)
    try:
        if not path.exists():
            link = " (the link points nowhere)" if path.is_symlink() else ""
            yield FoundPicture(path, f"There is no file or folder {name}{link}: check the path.")
        elif path.is_dir():
            yield from _of_folder(path, written, own, passed_over)
        elif RESULT.fullmatch(path.name) and os.path.realpath(path.parent) in written:
            yield FoundPicture(
                path, f"{name} looks like a result of an earlier run: leave it out, or name another folder."
            )
        elif is_archive(path):
            yield from survey_archive(path, passed_over)
        else:
            yield FoundPicture(path)
    except (OSError, ValueError) as error:  # too long a name, no permission on the way, a zero byte
        yield FoundPicture(
            path, f"{name} cannot be looked at ({getattr(error, 'strerror', None) or error}): check the path."
        )


def _of_folder(folder: Path, written: list[str], own: set[str], passed_over: Counter[str]) -> list[FoundPicture]:
    """The pictures in `folder` and below, sorted, and the folders that cannot be read."""
    if any(_within(os.path.realpath(folder), output) for output in written):
        raise ConfigFault(
            f"The results would lie among the pictures of {folder}, and the next run would take them for pictures: "
            "name a folder of their own."
        )
    before = passed_over.total()
    found = sorted(_walk(folder, written, own, passed_over), key=lambda one: one.path)
    if not found:
        others = passed_over.total() - before
        held = f", but {others:,} other file{'' if others == 1 else 's'}" if others else ""
        return [
            FoundPicture(
                folder, f"No picture was found in {printable(folder)}{held}: name files or folders of pictures."
            )
        ]
    return found


def _walk(folder: Path, written: list[str], own: set[str], passed_over: Counter[str]) -> Iterator[FoundPicture]:
    """As `_of_folder`, in no order; links to folders come last, so that each folder has its own path where it can."""
    waiting, linked = [folder], list[Path]()
    seen = set[tuple[int, int]]()
    while waiting or linked:
        here = waiting.pop() if waiting else linked.pop()
        try:
            about = here.stat()
            if (about.st_dev, about.st_ino) in seen or any(_within(os.path.realpath(here), out) for out in written):
                continue
            seen.add((about.st_dev, about.st_ino))
            with os.scandir(here) as entries:
                for entry in entries:
                    if entry.name.startswith("."):
                        passed_over[HIDDEN] += os.path.realpath(entry.path) not in own
                    elif entry.is_dir(follow_symlinks=False):
                        waiting.append(Path(entry.path))
                    elif Path(entry.path).is_dir():  # a link in a circle is none; its entry would raise
                        linked.append(Path(entry.path))
                    elif os.path.realpath(entry.path) not in own:
                        yield from _of_entry(Path(entry.path), passed_over)
        except OSError as error:
            yield FoundPicture(
                here, f"The folder {printable(here)} cannot be read ({error.strerror}): check its permissions."
            )


def _of_entry(path: Path, passed_over: Counter[str]) -> Iterator[FoundPicture]:
    """A file in a folder, where it is a picture, or may be one."""
    ending = path.suffix.lower()
    if not path.is_file():
        if is_picture(b"", ending):
            yield FoundPicture(
                path, "" if path.exists() else f"{printable(path)} is a link that points nowhere: mend it."
            )
        else:
            passed_over[NOT_ORDINARY] += 1
        return
    if is_picture(b"", ending) or is_picture(_head(path), ending):
        yield FoundPicture(path)
    else:
        passed_over[printable(ending) or WITHOUT_ENDING] += 1


def _head(path: Path) -> bytes:
    """The first bytes of a file; none where it cannot be read."""
    try:
        with path.open("rb") as stream:
            return stream.read(HEAD)
    except OSError:
        return b""


def _within(path: str, folder: str) -> bool:
    """Whether a true path is a folder's, or lies below it."""
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)
