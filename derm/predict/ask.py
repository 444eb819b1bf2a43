"""One picture of a run asked about: its content to a record, and its masks and maps as files.

Needs a loaded `Model` and a picture that was found. Whatever is wrong with it is in the record. Knows nothing of
tables, of other pictures, and of the process in which it runs.
"""

import hashlib
from pathlib import Path
from typing import NamedTuple

from derm.errors import ConfigFault, ImageRefused
from derm.image.decode import read_file, read_image
from derm.model.weights import Model
from derm.predict.case import Case, diagnose
from derm.predict.mask_files import Folders, origin_of, own_name, write_pictures
from derm.predict.practice import at_practice
from derm.predict.record import Record, Settings, record_of, refused_record


class Task(NamedTuple):
    """A picture to be asked about; processes send it to each other."""

    path: Path
    """Of `Found`."""

    file: str
    """Of `Found`."""

    name: str
    """The image_id."""

    content: bytes | None = None
    """What it holds; None for a file, which is read where it is asked about."""

    fault: str = ""
    """Why it cannot be asked about, where that is known already; else ''."""


class Asking(NamedTuple):
    """What all pictures of a run are asked, and where what they give is written."""

    settings: Settings
    """Of the table."""

    folders: Folders
    """For masks and maps."""

    prevalence: float | None
    """Share of malignant lesions to which probabilities are carried, see `derm.predict.practice`."""


def ask(model: Model, task: Task, asking: Asking) -> tuple[Record, Case | None]:
    """The record of a picture, and its case where it was answered."""
    settings, digest = asking.settings, None
    try:
        if task.fault:
            raise ImageRefused(task.fault)
        content = read_file(task.path) if task.content is None else task.content
        digest = hashlib.sha256(content).hexdigest()
        pixels = read_image(content, task.path.name)
    except ImageRefused as error:
        return refused_record(task.name, task.file, str(error), settings) | {"sha256": digest}, None
    case = at_practice(diagnose(model, pixels, task.name, views=settings.views), asking.prevalence)
    written_as, fault = _write(case, task.path, digest, asking)
    about = {"image_id": task.name, "file": task.file, "sha256": digest, "written_as": written_as}
    return record_of(case, **about, error=fault, calibration=settings.calibration), case


def _write(case: Case, path: Path, digest: str, asking: Asking) -> tuple[str | None, str]:
    """The name under which the case's files were written, and why one could not be, if so."""
    folders, name = asking.folders, None
    if not folders.given():
        return None, ""
    origin = origin_of(path, digest, asking.settings)
    try:
        name = own_name(case.name, origin, folders)
        write_pictures(case, name, folders, origin)
    except ConfigFault as error:
        return name, str(error)
    return name, ""
