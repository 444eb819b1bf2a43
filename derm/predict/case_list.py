"""The list of cases that one visitor keeps: a row for each picture that came in, read or refused, newest first.

Needs a loaded `Model`. Every function gives a new list and leaves the old one alone. The newest pictures stay in
memory, with all that was made of them; older ones are let go, their answers stay. Knows nothing of pages.
"""

import hashlib
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from derm.data.synthetic.samples import draw_sample
from derm.diagnoses import DIAGNOSES, Diagnosis
from derm.errors import DataFault, ImageRefused
from derm.files import stamp_now, without_ending
from derm.image.decode import claimed_in_file, claimed_pixels, image_name, read_file, read_image
from derm.image.overlay import jpeg, png
from derm.language.speech import again, mark, say
from derm.model.weights import Model
from derm.predict.budget import FilePlace, KeptFile
from derm.predict.case import Case, changed, diagnose
from derm.predict.compact import Compact, answers_of, compact
from derm.predict.entries import with_entries
from derm.predict.pixels import pixels_of
from derm.predict.view import draw_view

if TYPE_CHECKING:
    from derm.data.catalogue import Catalogue

MAX_ROWS = 1000
"""Most rows of one list for which files are taken in. A row takes about 10 kB without its picture and file."""

MAX_CASES = 50
"""Most cases of one list with their pictures in memory."""

MAX_MEGAPIXELS = 120
"""Most megapixels in one list. A case takes 8 bytes for each pixel (picture, probability, mask), so a list takes up to
1 GB, and three pictures of the largest size fit."""

MAX_FILE_BYTES = 200_000_000
"""Most bytes of files in one list, from which a picture that was let go is read again."""

THUMBNAIL = 96
"""Longer side of a thumbnail, pixels."""

DRAWN = {
    "akiec": mark("Drawn actinic keratosis or Bowen's disease"),
    "bcc": mark("Drawn basal cell carcinoma"),
    "bkl": mark("Drawn benign keratosis"),
    "df": mark("Drawn dermatofibroma"),
    "mel": mark("Drawn melanoma"),
    "nv": mark("Drawn melanocytic nevus"),
    "vasc": mark("Drawn vascular lesion"),
}
"""What a drawn sample is called, by the diagnosis's code."""

SAMPLE_SIZE = (450, 600)
"""Height and width of a drawn sample, pixels: those of HAM10000."""


class ListedCase(NamedTuple):
    """One row of a list: a case with its picture, a case whose picture was let go, or a refused file."""

    key: str
    """Its own, never given twice."""

    case: Case | None
    """The picture with the model's answer; None where it was let go (`kept`) or refused (`refusal`)."""

    thumbnail: bytes
    """JPEG file, `THUMBNAIL` pixels long; empty where the file was refused."""

    drawn: bool
    """Whether the picture is a drawing and no photograph of a patient."""

    name: str = ""
    """What the user calls the picture, and no other row of the list is called."""

    refusal: str = ""
    """Why the file was refused, a sentence; '' where it was not."""

    kept: Compact | None = None
    """What is left of a case whose picture was let go."""

    stored: KeptFile | None = None
    """What keeps the file, see `file`; None where the picture never came as one."""

    digest: str = ""
    """Of file and name, see `digest_of`; '' where no file came."""

    @property
    def answers(self) -> Case | None:
        """The case as far as it is there, perhaps without its picture; None where the file was refused."""
        return answers_of(self.kept) if self.kept is not None else self.case

    @property
    def file(self) -> bytes | None:
        """The file, from which the picture can be read again; None where that was let go, or never came as a file."""
        return None if self.stored is None else self.stored.content

    @property
    def lost(self) -> bool:
        """Whether the file was let go, so that the picture is not to come back."""
        return self.stored is not None and self.stored.lost

    @property
    def away(self) -> bool:
        """Whether the picture is not in memory now, whether for this list's limits or for all visits'."""
        pixels = None if self.case is None else pixels_of(self.case)
        return self.let_go or (pixels is not None and not pixels.here)

    @property
    def let_go(self) -> bool:
        """Whether the list has let the picture go."""
        return self.kept is not None


Hold = Callable[[Case, Callable[[], Case]], Case]
"""Gives a case with its pixels where they are kept; told how to make it again. See `derm.predict.budget`."""


def as_it_is(case: Case, again: Callable[[], Case]) -> Case:  # noqa: ARG001
    """The case keeps its pixels itself."""
    return case


Turn = Callable[[int], AbstractContextManager[None]]
"""Entered with its number of pixels while a picture is read, see `derm.predict.budget.Budget.turn`."""


def at_once(pixels: int) -> AbstractContextManager[None]:  # noqa: ARG001
    """Nobody else reads a picture."""
    return nullcontext()


def add_case(
    cases: list[ListedCase],
    case: Case,
    *,
    drawn: bool = False,
    file: KeptFile | None = None,
    digest: str = "",
    first: str = "",
) -> list[ListedCase]:
    """The list with one case more, newest first; what then is too much is let go (see `MAX_CASES`), but for its row.

    The first picture of the user's own sends the drawings away, lest one is taken for a patient's. file: the picture's
    own, if it came as one; digest: see `digest_of`; first: the key of a row whose picture stays.
    """
    name = free_name(cases, case.name)
    if name != case.name:
        case = changed(case, name=name)
    thumbnail = jpeg(draw_view(case, "Original", 0, 1.0, THUMBNAIL))
    newest = ListedCase(uuid4().hex, case, thumbnail, drawn, name, stored=file, digest=digest)
    return within_limits([newest, *_beside(cases, drawn=drawn)], newest.key, first)


def add_refused(cases: list[ListedCase], name: str, sentence: str, digest: str = "") -> list[ListedCase]:
    """The list with a row for a file that was refused, with the sentence why; newest first."""
    newest = ListedCase(uuid4().hex, None, b"", False, free_name(cases, image_name(name)), sentence, digest=digest)
    return [newest, *_beside(cases, drawn=False)]


def find_case(cases: list[ListedCase], key: str) -> ListedCase:
    """The row with this key, or the newest where it is gone; the list holds at least one."""
    return next((listed for listed in cases if listed.key == key), cases[0])


def find_file(cases: list[ListedCase], digest: str) -> ListedCase | None:
    """The row of the same file under the same name, or None."""
    return next((listed for listed in cases if digest and listed.digest == digest), None)


def find_named(cases: list[ListedCase], name: str, file: KeptFile | None = None) -> ListedCase | None:
    """The row of a drawing, or of an image of the data set that was read from `file`, by its name; or None."""
    same = (name,) if file is None else (name, *(_numbered(name, number) for number in range(2, len(cases) + 2)))
    named = (listed for listed in cases if listed.name in same and not listed.digest and not listed.refusal)
    return next((one for one in named if file is None or (one.stored is not None and file.is_same(one.stored))), None)


def digest_of(name: str, file: bytes) -> str:
    """What tells whether a file came before, under the same name."""
    return hashlib.sha256(name.encode(errors="replace") + b"\0" + file).hexdigest()


def with_case(cases: list[ListedCase], key: str, case: Case) -> list[ListedCase]:
    """The list with `case`, at the data's own mix, in the row with this key, whose picture is here."""
    return [one._replace(case=case) if one.key == key and one.case is not None else one for one in cases]


def free_name(cases: list[ListedCase], name: str) -> str:
    """`name`, or with a number before its ending where a row has it already: two patients' IMG_1.jpg are told apart."""
    taken = {listed.name for listed in cases}
    number, free = 2, name
    while free in taken:
        free, number = _numbered(name, number), number + 1
    return free


def _numbered(name: str, number: int) -> str:
    stem = without_ending(name)
    return f"{stem} ({number}){name[len(stem) :]}"


def said_anew(cases: list[ListedCase]) -> list[ListedCase]:
    """The list with what Derm itself has said in it, names of drawings and refusals, in the language now spoken."""
    return [_said_anew(listed) for listed in cases]


def _said_anew(listed: ListedCase) -> ListedCase:
    name, case, kept = again(listed.name), listed.case, listed.kept
    if name != listed.name:
        case = None if case is None else changed(case, name=name)
        kept = None if kept is None else kept._replace(case=changed(kept.case, name=name))
    return listed._replace(name=name, case=case, kept=kept, refusal=again(listed.refusal))


def bring_back(
    model: Model, cases: list[ListedCase], listed: ListedCase, views: int, hold: Hold = as_it_is
) -> list[ListedCase]:
    """The list with the picture of `listed` read from its file again and asked about over `views` views.

    The list as it is where nothing was let go, or the file was, too. Others may be let go instead.
    """
    if listed.kept is None or listed.stored is None or listed.lost:
        return cases
    was = answers_of(listed.kept)
    ask = partial(ask_file, model, listed.stored, listed.name, drawn=listed.drawn, views=views)
    anew = listed._replace(case=with_entries(hold(ask(truth=was.truth), ask), was), kept=None)
    return within_limits([anew if one.key == listed.key else one for one in cases], anew.key)


def ask_file(
    model: Model,
    file: KeptFile,
    name: str,
    *,
    truth: NDArray[np.bool_] | None = None,
    drawn: bool = False,
    views: int = 1,
) -> Case:
    """Ask the model about the picture in a file; ImageRefused, LookupError where the file was let go."""
    image = read_image(file.read(), name)
    return diagnose(model, image, image_name(name), truth=truth, drawn=drawn, views=views)


def give_file(cases: list[ListedCase], listed: ListedCase, file: KeptFile) -> list[ListedCase]:
    """The list with the file of `listed`, which came again."""
    return [one._replace(stored=file) if one.key == listed.key else one for one in cases]


def settle(cases: list[ListedCase]) -> list[ListedCase]:
    """The list with the answers alone of pictures whose file was let go for other visits."""
    return [let_go(one) if one.case is not None and one.lost else one for one in cases]


def within_limits(cases: list[ListedCase], *first: str) -> list[ListedCase]:
    """The list with its newest pictures, up to `MAX_CASES` and `MAX_MEGAPIXELS`, and files, up to `MAX_FILE_BYTES`.

    At least one picture stays: that of the row with the first of the keys `first`, or the newest.
    """
    order = sorted(cases, key=lambda listed: first.index(listed.key) if listed.key in first else len(first))
    pictures = pixels = files = 0
    held: dict[str, ListedCase] = {}
    for listed in order:
        one = listed
        if one.case is not None:
            height, width = one.case.shape
            pixels += height * width
            pictures += 1
            if pictures > 1 and (pictures > MAX_CASES or pixels > MAX_MEGAPIXELS * 1_000_000):
                pixels, pictures = pixels - height * width, pictures - 1
                one = let_go(one)
        files += len(one.file or b"")
        if files > MAX_FILE_BYTES:
            files -= len(one.file or b"")
            one = (one if listed is order[0] else let_go(one))._replace(stored=None)
        held[one.key] = one
    return [held[listed.key] for listed in cases]


def let_go(listed: ListedCase) -> ListedCase:
    """The row without its picture in memory. One that never came as a file keeps a lossless one, to come back from."""
    if listed.case is None:
        return listed
    stored = listed.stored
    if stored is None and not listed.digest:
        stored = KeptFile(png((listed.case.at_data or listed.case).image))
    return listed._replace(case=None, kept=compact(listed.case), stored=stored)


def _beside(cases: list[ListedCase], *, drawn: bool) -> list[ListedCase]:
    """The rows that stay beside a new one."""
    return [old for old in cases if drawn or not old.drawn]


def ask_again(
    model: Model, cases: list[ListedCase], listed: ListedCase, views: int, hold: Hold = as_it_is
) -> tuple[list[ListedCase], ListedCase]:
    """The list and the row in it, asked over `views` views; both as they are where it was asked over as many, or where
    there is no picture to ask about."""
    case = listed.case
    if case is None or case.views == views:
        return cases, listed

    def ask() -> Case:
        return diagnose(model, case.image, case.name, truth=case.truth, drawn=listed.drawn, views=views)

    def ask_anew() -> Case:
        if listed.stored is None:
            return ask()
        return ask_file(model, listed.stored, case.name, drawn=listed.drawn, views=views)

    anew = listed._replace(case=with_entries(hold(ask(), ask_anew), case))
    return [anew if one.key == listed.key else one for one in cases], anew


def sample_case(model: Model, diagnosis: Diagnosis) -> Case:
    """Draw a lesion as this diagnosis would look and ask the model about it; always the same one, see
    `derm.data.synthetic.samples`."""
    height, width = SAMPLE_SIZE
    drawn = draw_sample(diagnosis.code, height=height, width=width)
    return diagnose(model, drawn.image, say(DRAWN[diagnosis.code]), truth=drawn.mask, drawn=True)


class DataCase(NamedTuple):
    """An image of the data set with the model's answer, and its file, from which it comes back when it was let go:
    another may lie in its place by then."""

    case: Case
    file: KeptFile

    @property
    def lost(self) -> bool:
        """Whether the picture was let go, and its file, too."""
        pixels = pixels_of(self.case)
        return self.file.lost and pixels is not None and not pixels.here

    def held(self, model: Model, hold: Hold) -> "DataCase":
        """The same with its pixels where `hold` keeps them."""
        ask = partial(ask_file, model, self.file, self.case.name, views=self.case.views)
        return self._replace(case=hold(self.case, ask))


def kept_here(content: bytes, origin: FilePlace) -> KeptFile:
    """The file of an image of the data set, kept by whoever has it."""
    return KeptFile(content, origin=origin)


def data_case(model: Model, catalogue: "Catalogue", image_id: str, turn: Turn = at_once) -> Case:
    """The case alone of `case_with_file`."""
    return case_with_file(model, catalogue, image_id, turn).case


def case_with_file(
    model: Model,
    catalogue: "Catalogue",
    image_id: str,
    turn: Turn = at_once,
    hold_file: Callable[[bytes, FilePlace], KeptFile] = kept_here,
    views: int = 1,
) -> DataCase:
    """Ask the model over `views` views about an image of the data set, with its true outline where there is one; in its
    turn.

    hold_file: keeps the file. Raises DataFault for an image that the data set does not know, or cannot be read.
    """
    from derm.data.store import read_pair

    image_path, mask_path = data_paths(catalogue, image_id)
    origin = FilePlace(Path(image_path), stamp_now(Path(image_path)))
    try:
        content = read_file(Path(image_path))
    except ImageRefused as error:
        raise DataFault(say("{error} `derm data check` lists all that cannot be read.", error=error)) from error
    with turn(max(claimed_pixels(content), claimed_in_file(mask_path))):
        image, truth = read_pair(image_path, mask_path, content)
        return DataCase(diagnose(model, image, image_id, truth=truth, views=views), hold_file(content, origin))


def data_paths(catalogue: "Catalogue", image_id: str) -> tuple[str, str]:
    """Where an image of the data set and its mask lie, '' for none; raises DataFault for one that it does not know."""
    rows = catalogue.table.index[catalogue.table["image_id"] == image_id]
    if not len(rows):
        raise DataFault(
            say(
                "The data set has no image '{image_id}': give a name of its table, such as {first}.",
                image_id=image_id,
                first=first_id(catalogue),
            )
        )
    row = catalogue.table.loc[rows[0]]
    return row["image_path"], row["mask_path"]


def first_id(catalogue: "Catalogue") -> str:
    """The name of the data set's first image."""
    return str(catalogue.table["image_id"].iloc[0])


def first_sample() -> Diagnosis:
    """What the drawing shows that greets a visitor: melanoma, with most to see."""
    return next(diagnosis for diagnosis in DIAGNOSES if diagnosis.code == "mel")
