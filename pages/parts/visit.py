"""One visitor's session: the model that all share, and the cases that are his alone and follow him from page to page.

Needs Streamlit's session. Every page calls `begin` first, for each may be the first that is opened.
"""

import time
from collections import Counter
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import streamlit as st
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.uploaded_file_manager import DeletedFile, UploadedFile

from derm.diagnoses import DIAGNOSES, Diagnosis
from derm.errors import DermError, ImageRefused
from derm.files import stamp_now
from derm.image.decode import claimed_pixels
from derm.language.speech import keeping_language, language, mark, say, speaking
from derm.model.weights import Model, load_weights
from derm.paths import data_folder
from derm.predict import case_list, triage, words
from derm.predict.archive import is_zip
from derm.predict.budget import Budget, FilePlace, KeptFile
from derm.predict.case import Case, diagnose_bytes
from derm.predict.case_list import DataCase, ListedCase
from derm.predict.entries import entries_of, with_entries
from derm.predict.learned_words import FLAG, answer_doubt
from derm.predict.memory import CaseMemory
from derm.predict.open import weights_in_use
from derm.predict.pixels import pixels_of
from derm.predict.practice import at_practice
from derm.predict.reading import Reading, WaitingFile
from derm.predict.record import Record, csv_of, settings_of, weights_key
from derm.predict.unpacked import left_out, unpacked
from derm.predict.views import EIGHT
from derm.predict.visits import minutes
from derm.serve.roles import Right
from pages.parts import opening
from pages.parts.keeping import budget, is_here, kept_visits, told_gone
from pages.parts.spinning import spinning

if TYPE_CHECKING:
    from derm.data.catalogue import Catalogue
    from derm.records.write import Saved

HELD = ("held", "trials", "follow_ups")
"""What Compare keeps of the visitor's cases, by their keys."""

ENTERED = ("entered", "kept_before")
"""What is kept for files that are read again: what was entered to them, and where they were saved."""

HEARD = 1.5
"""Seconds in which a tab tells of the visit that it had."""

CASES, FIRST = "c", "f"
"""Behind a token: the visit has cases of its own; opinions come before answers."""


class KeptList(NamedTuple):
    """What is kept of a visit over a reload of its page."""

    cases: list[ListedCase]
    waiting: list[str]
    """Names of the files that waited to be read."""

    weights: str
    """Key of those that answered, see `weights_key`."""

    saved: "dict[str, Saved]"
    """Where rows were saved in the records, by their keys."""

    former: dict[str, str]
    """Rows of lists that other weights had answered, and that this one came from: of each key the file's digest."""

    first: bool
    """Whether the visitor's opinion comes before an answer."""

    answered: frozenset[str]
    """Keys of the rows whose answer may be seen nevertheless."""

    views: int
    """Over how many answers are wanted."""

    shares: tuple[float | None, float | None]
    """Of malignant lesions among the visitor's patients: as set, None for the data's; and as set last."""

    at_hand: str
    """Key of the row at hand."""

    seen_before: frozenset[str]
    """Digests of files whose answer was in sight, and that are read again or were cleared."""

    asked: dict[str, tuple[str, float]]
    """When an opinion on a row was asked for: as UTC, and by the clock of the process."""


@spinning(mark("Loading the model …"), once=True)
@st.cache_resource(show_spinner=False, max_entries=3)
def loaded_model(place: str, stamp: tuple[int, ...]) -> Model:
    """The model of the weights at `place`, loaded once for all sessions; nothing in it changes, so threads share it."""
    return load_weights(Path(place))


def shared_model() -> Model:
    """The model of this visit: that which was in use when it began, whatever is taken into use meanwhile."""
    if "model" not in st.session_state:
        place = weights_in_use()
        st.session_state.model = loaded_model(str(place), stamp_now(place))
    model: Model = st.session_state.model
    return model


@spinning(mark("Reading the data set's table …"), once=True)
@st.cache_resource(show_spinner=False, max_entries=2)
def shared_catalogue(folder: str) -> "Catalogue":
    """The data set in `folder`, read once for all sessions."""
    from derm.data.catalogue import read_catalogue

    return read_catalogue(Path(folder))


def find_catalogue() -> "Catalogue | None":
    """The data set that the app was started with, or None; raises DermError for one that cannot be read."""
    folder = data_folder()
    return None if folder is None else shared_catalogue(str(folder))


@st.cache_resource(show_spinner=False, max_entries=4 * len(DIAGNOSES))
def shared_sample(_model: Model, diagnosis: Diagnosis, weights: str, spoken: str) -> Case:
    """A drawn sample with the answer of these `weights`, made once for all sessions that speak a language."""
    with speaking(spoken):
        ask = keeping_language(partial(case_list.sample_case, _model, diagnosis))
    return budget().hold(ask(), ask, "")


def sample(model: Model, diagnosis: Diagnosis) -> Case:
    """The drawn sample of a diagnosis with the model's answer, as `shared_sample` has it for the language spoken."""
    return shared_sample(model, diagnosis, weights_key(model), language())


def begin(model: Model) -> None:
    """Give a new visitor a list of cases, with a drawn sample already analysed; settle that of an old one."""
    if st.session_state.get("cases"):  # empty where a click cut short the run that began
        st.session_state.setdefault("at_hand", st.session_state.cases[0].key)
        is_here(st.session_state.token)
        drop_cleared(model)
        settle()
        take_over()  # before anything is drawn: patients and views, too
        return
    st.session_state.cases = []
    st.session_state.reading = Reading()
    budget().watch(st.session_state.reading)
    st.session_state.told = []
    st.session_state.table_open = False
    st.session_state.setdefault("round", 0)
    st.session_state.setdefault("views", 1)
    st.session_state.setdefault("entered", {})
    st.session_state.setdefault("kept_before", {})
    st.session_state.setdefault("seen_before", frozenset())
    st.session_state.setdefault("token", kept_visits().new_token())
    is_here(st.session_state.token)
    keep_sample(model, case_list.first_sample())


def settle() -> None:
    """Say which files were let go for other visits, and keep the answers alone of those that had one."""
    if (context := get_script_run_ctx()) and (gone := told_gone(context.session_id)):
        tell(triage.no_memory(gone))
    cases = st.session_state.cases
    lost = [listed.name for listed in cases if listed.case is not None and listed.lost]
    if lost:
        st.session_state.cases = case_list.settle(cases)
        tell(triage.let_go_for_others(lost))


def hold(case: Case, again: Callable[[], Case]) -> Case:
    """The case with its pixels in the memory that all visits share; again: makes it once more."""
    return budget().hold(case, again, st.session_state.token)


def practice() -> float | None:
    """The share of malignant lesions among this visitor's patients, as set; None for that of the data."""
    share: float | None = st.session_state.get("practice")
    return share


def set_practice() -> None:
    """The setting of this visitor's patients was changed: keep it, for a widget forgets while another page is open."""
    st.session_state.practice_last = st.session_state["practice-share"]
    st.session_state.practice = st.session_state["practice-share"] if st.session_state["practice-on"] else None


def seen(listed: ListedCase) -> ListedCase:
    """A row of the list as it is among this visitor's patients."""
    return listed if listed.case is None else listed._replace(case=at_practice(listed.case, practice()))


def answers(listed: ListedCase, share: float | None) -> Case | None:
    """What was answered of a row, among patients of whom `share` have a malignant lesion, None for the data's own;
    None where the file was refused."""
    found = listed.answers
    return None if found is None else at_practice(found, share)


def at_hand() -> ListedCase:
    """The row that follows the visitor from page to page, as it is among his patients."""
    found = case_list.find_case(st.session_state.cases, st.session_state.at_hand)
    if found.stored is None or not found.stored.open:
        budget().open(found.stored, st.session_state.token)
    st.session_state.shown = seen(found)
    shown: ListedCase = st.session_state.shown
    return shown


def keep(case: Case, *, drawn: bool = False, file: KeptFile | None = None) -> None:
    """Make a drawing, or an image of the data set with its file, the case at hand; it gets a row unless it has one."""
    if listed := case_list.find_named(st.session_state.cases, case.name, file):
        open_case(listed.key)
        return
    st.session_state.cases = case_list.add_case(st.session_state.cases, case, drawn=drawn, file=file)
    open_case(st.session_state.cases[0].key)


def open_case(key: str) -> None:
    """Make a row the case at hand, and fold the table up."""
    st.session_state.at_hand = key
    st.session_state.follow = False
    st.session_state.table_open = False
    at_hand()


def enter(key: str, change: Callable[[Case], Case]) -> bool:
    """Add to the case of a row what `change` makes of it, and let go what Compare made of it; whether it was there."""
    found = next((listed.case for listed in st.session_state.cases if listed.key == key), None)
    if found is None:
        return False
    st.session_state.cases = case_list.with_case(st.session_state.cases, key, change(found.at_data or found))
    for name in HELD:  # what Compare made of the case as it was
        st.session_state.pop(name, None)
    stay()
    remember()  # what is entered draws a part of the page alone, after which a reload may come
    return True


def stay() -> None:
    """The visitor is at work on the case at hand: no other one that is read meanwhile takes its place."""
    st.session_state.follow = False


def keep_sample(model: Model, diagnosis: Diagnosis) -> None:
    """Draw a lesion and make it the case at hand."""
    keep(sample(model, diagnosis), drawn=True)


def hold_file(content: bytes, origin: FilePlace) -> KeptFile:
    """The file of an image of the data set in the memory that all visits share."""
    return budget().hold_file(content, st.session_state.token, origin)


def data_case(model: Model, catalogue: "Catalogue", image_id: str, views: int = 1) -> DataCase:
    """An image of the data set over `views` views, asked about once in this visit; raises DataFault."""
    memory: CaseMemory = st.session_state.setdefault("memory", CaseMemory(hold, budget().turn, hold_file))
    return memory.case(model, catalogue, image_id, views)


def keep_from_data(model: Model, catalogue: "Catalogue", image_id: str) -> None:
    """Make an image of the data set, with its true outline, the case at hand, or an empty one that says why not."""
    try:
        found = data_case(model, catalogue, image_id, st.session_state.views)
        keep(found.case, file=found.file)
    except DermError as error:
        refuse(image_id, str(error))


def refuse(name: str, sentence: str, digest: str = "") -> None:
    """Make a file that cannot be read the case at hand, empty but for the sentence that says why."""
    st.session_state.cases = case_list.add_refused(st.session_state.cases, name, sentence, digest)
    st.session_state.at_hand = st.session_state.cases[0].key


def new(files: list[UploadedFile]) -> list[UploadedFile]:
    """The uploads that were not taken in yet."""
    known = st.session_state.reading.known
    return [file for file in files if file.file_id not in known]


def take_in(files: list[WaitingFile]) -> None:
    """Let uploaded files wait to be read, each once; say which find no room.

    Streamlit may interrupt a script wherever it asks for its session. So all that is asked of it comes first: until the
    files wait the uploader has them, and once they do nothing is left that could be lost.
    """
    if not files:
        return
    reading: Reading = st.session_state.reading
    if not reading.waiting:
        st.session_state.batch, st.session_state.again = [], []
        st.session_state.follow = True
    if len(reading.waiting) + len(files) > 1 or is_zip(files[0].content):
        st.session_state.table_open = True
    told: list[str] = st.session_state.told
    room, memory = case_list.MAX_ROWS - len(st.session_state.cases), budget()
    for sentence in let_wait(reading, files, room, memory):
        if sentence not in told:
            told.append(sentence)
    give_up_copies(*(file.token for file in files))


def let_wait(reading: Reading, files: list[WaitingFile], room: int, memory: Budget) -> list[str]:
    """Let files wait that were not taken in yet, as many as there is room for; sentences on the others come back."""
    fresh = [file for file in files if file.token not in reading.known]
    reading.known.update(file.token for file in fresh if is_zip(file.content))
    not_taken = {file.token: Counter[str]() for file in fresh}
    named = {file.token: file.name for file in fresh}
    fresh = [one for file in fresh for one in unpacked(file, not_taken[file.token])]
    admitted, refused = memory.admit(fresh)
    reading.known.update({file.token for file in fresh} - {file.token for file in admitted})
    turned_away = reading.take_in(admitted, room)
    return [
        *filter(None, [left_out(named[token], kinds) for token, kinds in not_taken.items()]),
        *([triage.no_memory(refused)] if refused else []),
        *([triage.no_room(turned_away, case_list.MAX_ROWS)] if turned_away else []),
    ]


def chosen_file(key: str) -> UploadedFile | None:
    """The file in the uploader with this key; None where there is none. Raises ImageRefused where it was let go for
    other visitors: a widget's state tells so by a value of another kind."""
    file = st.session_state.get(key)
    if isinstance(file, DeletedFile):
        raise ImageRefused(say(triage.FILE_GONE))
    return file


def give_up_copies(*file_ids: str) -> None:
    """Let the uploader forget files that were read or wait: it would keep them for as long as the page is open."""
    context = get_script_run_ctx()
    if context and isinstance(held := context.uploaded_file_mgr, MemoryUploadedFileManager):
        for file_id in file_ids:
            held.remove_file(context.session_id, file_id)


def hear_first() -> None:
    """Files that came with the first run of a session wait until its tab has told which visit it had, for a moment at
    most: where opinions came before answers, they do for these."""
    if not st.session_state.get("greeted") and st.session_state.reading.waiting:
        st.session_state.heard_by = time.monotonic() + HEARD


def read_some(model: Model, seconds: float) -> None:
    """Read waiting files for about so long; each has its row as soon as it is read."""
    reading: Reading = st.session_state.reading
    if not st.session_state.get("claimed") and time.monotonic() < st.session_state.get("heard_by", 0.0):
        return
    reading.work(partial(read_file, model), seconds)
    if not reading.waiting and st.session_state.again:
        tell(triage.came_before(st.session_state.again))
    if not reading.waiting and st.session_state.follow and len(st.session_state.batch) > 1:
        st.session_state.at_hand = next(row.key for row in rows() if row.key in st.session_state.batch)


def read_file(model: Model, file: WaitingFile) -> None:
    """Give one uploaded file its row: a case, or the sentence that says why it is refused.

    Streamlit may interrupt a script wherever it asks for its session. So the list is set last: before that the file is
    read again, and after it nothing is left to do that could be lost.
    """
    state = st.session_state
    cases, at_hand, batch, again, follow = state.cases, state.at_hand, state.batch, state.again, state.follow
    owner = state.token
    digest = case_list.digest_of(file.name, file.token.encode() if file.fault else file.content)
    listed = case_list.find_file(cases, digest)
    if listed:
        key = listed.key
        if listed.file is None:
            cases = case_list.give_file(cases, listed, budget().hold_file(file.content, owner))
    else:
        with budget().turn(claimed_pixels(file.content)):
            cases = with_file(model, cases, file, digest, at_hand, owner)
        key = cases[0].key
        if (was := state.entered.get(digest)) is not None and cases[0].case is not None:
            cases = case_list.with_case(cases, key, with_entries(cases[0].case, was))
        if (kept := state.kept_before.get(digest)) is not None:
            state.saved = state.get("saved", {}) | {key: kept}
        if digest in state.seen_before:
            show_answer(key)
    if follow and not batch:
        state.at_hand = key
    state.cases = cases
    batch.append(key)
    if listed:
        again.append(file.name)


def with_file(
    model: Model, cases: list[ListedCase], file: WaitingFile, digest: str, at_hand: str, owner: str
) -> list[ListedCase]:
    """The list of the visit `owner` with a row for an uploaded file on top; the picture of the row with the key
    `at_hand` stays."""
    if file.fault:
        return case_list.add_refused(cases, file.name, file.fault, digest)
    try:
        case = diagnose_bytes(model, file.content, file.name)
        kept = budget().hold_file(file.content, owner)
        held = budget().hold(case, partial(case_list.ask_file, model, kept, file.name), owner)
        return case_list.add_case(cases, held, file=kept, digest=digest, first=at_hand)
    except ImageRefused as error:
        sentence = str(error)
    except MemoryError:
        sentence = triage.too_large(file.name)
    return case_list.add_refused(cases, file.name, sentence, digest)


def stop_reading() -> None:
    """Keep what was read, and say what was not."""
    if names := st.session_state.reading.stop():
        tell(triage.not_read(names))


def tell(sentence: str) -> None:
    """Say something above the cases until the visitor has seen it."""
    if sentence not in st.session_state.told:
        st.session_state.told = [*st.session_state.told, sentence]


def forget_told() -> None:
    """The visitor has seen what was said."""
    st.session_state.told = []


def withheld(listed: ListedCase) -> bool:
    """Whether the answer for a row waits for the visitor's own opinion: one that came as a file since that was set."""
    waits = wants_first() and bool(listed.digest) and not listed.refusal
    return waits and listed.key not in st.session_state.get("answered", ())


def show_answer(key: str) -> None:
    """The visitor may see the answer for this row from now on."""
    st.session_state.answered = st.session_state.get("answered", frozenset()) | {key}


def ask_first(wanted: bool) -> None:
    """Ask for the visitor's opinion before an answer, or no longer; what was seen already stays in sight."""
    if wanted and not wants_first():
        for listed in st.session_state.cases:
            show_answer(listed.key)
    st.session_state.opinion_first = wanted


def rows() -> list[triage.TriageRow]:
    """The table of all cases of this visit, the most urgent first; each row is made once. A row that was answered over
    another number of views than the visitor wants says so."""
    asked, share = st.session_state.views, practice()
    doubts = (say(FLAG),) if answer_doubt(shared_model().description.training) else ()
    made: dict[tuple[object, ...], triage.TriageRow] = st.session_state.get("rows", {})
    found = {}
    for listed in st.session_state.cases:
        case = listed.kept.case if listed.kept is not None else listed.case
        waits = withheld(listed)
        known = (listed.key, share, None if case is None else case.views, asked, waits, language())
        if known in made:
            found[known] = made[known]
        else:
            found[known] = (
                triage.withheld_row(listed) if waits else triage.row_of(listed, answers(listed, share), asked, doubts)
            )
    st.session_state.rows = found
    return triage.by_urgency(found.values())


def table_files(model: Model) -> tuple[Callable[[], str], Callable[[], str]]:
    """The table of all cases of this visit as it is now, as CSV and as JSON, each made when it is asked for.

    By then there is no session to ask, so that what belongs to it is taken along.
    """
    hidden = {listed.key for listed in st.session_state.cases if withheld(listed)}
    cases = [one._replace(refusal=triage.WITHHELD) if one.key in hidden else one for one in st.session_state.cases]
    views, share = st.session_state.views, practice()

    def records() -> list[Record]:
        answered = (None if listed.key in hidden else answers(listed, share) for listed in cases)
        return triage.records(cases, answered, settings_of(model, views, share))

    return lambda: csv_of(records()), lambda: triage.as_json(records(), model.description.licence)


def with_picture(model: Model) -> ListedCase:
    """The case at hand, its picture read again where it was let go and its file is there."""
    picture_of(model, st.session_state.at_hand)
    return at_hand()


def picture_of(model: Model, key: str) -> ListedCase:
    """A row of the list with its picture, read again where it was let go and its file is there."""
    listed = case_list.find_case(st.session_state.cases, key)
    if listed.kept is not None:
        height, width = listed.kept.case.shape
        with st.spinner(say(triage.READING_AGAIN)), budget().turn(height * width):
            st.session_state.cases = case_list.bring_back(
                model, st.session_state.cases, listed, st.session_state.views, hold
            )
    return case_list.find_case(st.session_state.cases, key)


def as_asked(model: Model, listed: ListedCase) -> ListedCase:
    """The case over as many views as the visitor wants, among his patients; asked anew where that has changed."""
    return seen(over_views(model, listed.key))


def over_views(model: Model, key: str) -> ListedCase:
    """A row of the list over as many views as the visitor wants; asked anew where that has changed."""
    current = case_list.find_case(st.session_state.cases, key)
    if current.case is not None and current.case.views != st.session_state.views:
        height, width = current.case.shape
        with st.spinner(say(words.ASKING_AGAIN)), budget().turn(height * width):
            st.session_state.cases, current = case_list.ask_again(
                model, st.session_state.cases, current, st.session_state.views, hold
            )
        if key == st.session_state.at_hand:
            st.session_state.shown = seen(current)
        for name in HELD:  # what Compare made of the case as it was
            st.session_state.pop(name, None)
        remember()
    return current


def choose_views() -> None:
    """Take over what the switch says."""
    st.session_state.views = EIGHT if st.session_state.wide else 1


def own() -> bool:
    """Whether there is more in the list than drawings."""
    return any(not listed.drawn for listed in st.session_state.cases)


def kept_as() -> str:
    """The token that this visit's list is kept under."""
    return opening.own(st.session_state.token)


def wants_first() -> bool:
    """Whether the visitor's opinion comes before an answer: set by who may keep one, for a tab could tell anything."""
    wanted: bool = st.session_state.get("opinion_first", False)
    return wanted and opening.may(Right.RECORD)


def remember() -> None:
    """Keep the list over a reload of the page, if it holds more than drawings, or what was seen counts further on."""
    state = st.session_state
    now = KeptList(
        state.cases,
        [file.name for file in state.reading.waiting],
        weights_key(shared_model()),
        state.get("saved", {}),
        state.get("former", {}),
        wants_first(),
        frozenset(state.get("answered", ())),
        state.views,
        (practice(), state.get("practice_last")),
        state.at_hand,
        state.seen_before,
        dict(state.get("asked", {})),
    )
    before: KeptList | None = state.get("remembered")
    worth = own() or (now.first and bool(now.seen_before))  # the tab's mark tells of the switch by itself
    same = before is not None and before.cases is now.cases and before[3:] == now[3:]
    if same and (not worth or kept_visits().use(kept_as())):
        return
    state.remembered = now
    if worth:
        kept_visits().keep(kept_as(), now)
    else:
        kept_visits().forget(kept_as())


def handed() -> str:
    """What the tab is handed of this visit, to find it by after a reload: its token, and what it holds; '' for
    nothing."""
    held = "".join(mark for mark, holds in ((CASES, minutes() > 0 and own()), (FIRST, wants_first())) if holds)
    return f"{st.session_state.token}.{held}" if held else ""


def claim() -> None:
    """After a reload: the tab has told which list it had before."""
    st.session_state.claimed_token = st.session_state.reload.claim


def was_away() -> None:
    """The page has outlived its session: say what is gone with that, which nothing on it shows."""
    tell(say(triage.WAS_AWAY))


def take_over() -> None:
    """Take over the list that the tab had before a reload, if it has told one."""
    told = st.session_state.pop("claimed_token", None)
    if told is None:
        return
    st.session_state.claimed = True
    token, told_more, held = str(told).partition(".")
    if token == st.session_state.token:
        return
    found: KeptList | None = kept_visits().find(opening.own(token), kept_as())
    if FIRST in held or (found is not None and found.first):
        ask_first(True)
        st.session_state["opinion-first"] = True  # the switch, which would go on with what it showed
    if found is None:
        if CASES in held or not told_more:
            tell(say(triage.NO_LONGER_KEPT))
        return
    take_settings(found)
    st.session_state.seen_before = found.seen_before | st.session_state.seen_before
    before = found.cases
    st.session_state.former = st.session_state.get("former", {}) | found.former
    if found.waiting:
        tell(triage.not_read(found.waiting))
    if found.weights != weights_key(shared_model()):
        read_again(found, token)
        return
    own_files(before)
    for key in seen_of(found):
        show_answer(key)
    st.session_state.asked = found.asked | st.session_state.get("asked", {})
    st.session_state.saved = found.saved | st.session_state.get("saved", {})
    st.session_state.cases = [*(one for one in st.session_state.cases if not one.drawn), *before]
    settle()  # some may have been let go while nobody had a page of them open
    there = any(listed.key == found.at_hand for listed in st.session_state.cases)
    st.session_state.at_hand = found.at_hand if there else rows()[0].key
    st.session_state.table_open = len(before) > 1


def seen_of(kept: KeptList) -> Collection[str]:
    """Keys of the rows of a kept list whose answer was in sight."""
    return kept.answered if kept.first else {listed.key for listed in kept.cases}


def take_settings(kept: KeptList) -> None:
    """Take over over how many views, and among which patients, answers are wanted."""
    st.session_state.views = kept.views
    share, last = kept.shares
    if last is not None:
        st.session_state.practice, st.session_state.practice_last = share, last


def own_files(cases: list[ListedCase]) -> None:
    """Let the files and pictures of these rows, but for drawn samples, belong to this visit."""
    for listed in cases:
        for held in (listed.stored, None if listed.case is None else pixels_of(listed.case)):
            if held is not None and held.owner:
                held.owner = st.session_state.token


def read_again(kept: KeptList, token: str) -> None:
    """Let the files of a list that other weights answered, that of the visit `token`, wait to be read again; what was
    entered to them, and where they were saved, stays. Say which have none."""
    before = kept.cases
    # The list is in the order of the latest first, and what is read comes on top.
    files = [(one, content) for one in reversed(before) if one.digest and (content := one.file) is not None]
    digests = {one.key: case_list.digest_of(one.name, content) for one, content in files}
    # What is read again is given new keys.
    st.session_state.former = st.session_state.former | {one.key: digests.get(one.key, "") for one in before}
    st.session_state.entered = {
        digests[one.key]: entries_of(was) for one, _ in files if (was := one.answers) is not None
    }
    st.session_state.kept_before = {digests[key]: saved for key, saved in kept.saved.items() if key in digests}
    st.session_state.seen_before |= {digests[key] for key in seen_of(kept) if key in digests}
    if files:
        tell(say(triage.OTHER_WEIGHTS))
    if gone := [one.name for one in before if not (one.digest and one.file) and not one.drawn and not one.refusal]:
        tell(triage.not_taken_over(gone))
    take_in([WaitingFile(f"{token}-{one.key}", one.name, content) for one, content in files])


def clear() -> None:
    """Forget every case of this visitor, what the visit left before a reload of its page or to a tab that was
    duplicated, and what waits to be read."""
    cases: list[ListedCase] = st.session_state.cases
    keys = {listed.key for listed in cases}.union(st.session_state.get("former", ()))
    kept_visits().clear(kept_as(), keys, partial(without, keys))
    own_files(cases)  # which a tab that was duplicated has taken over
    budget().forget(st.session_state.token)
    st.session_state.seen_before |= in_sight(cases)
    st.session_state.round += 1  # a fresh uploader, so that the files' bytes are let go
    for name in ("cases", "memory", "rows", "remembered", "saved", "former", *ENTERED, *HELD):
        st.session_state.pop(name, None)


def without(keys: Collection[str], kept: KeptList) -> KeptList | None:
    """A kept list without the rows with these keys, or read again from them, whose files belong to this visit from now
    on; None where nothing of the visitor's own is left."""
    left = not_cleared(kept.cases, keys, kept.former)
    there = {listed.key for listed in left}
    own_files([listed for listed in kept.cases if listed.key not in there])
    if all(listed.drawn for listed in left):
        return None
    return kept._replace(cases=left, saved={key: one for key, one in kept.saved.items() if key in there})


def in_sight(cases: list[ListedCase]) -> set[str]:
    """Digests of the files of these rows whose answer is in sight: no opinion on them comes before it any more, though
    the rows be cleared."""
    return {listed.digest for listed in cases if listed.digest and not withheld(listed)}


def digests_of(keys: Collection[str], former: dict[str, str]) -> set[str]:
    """Digests of the files of former rows with these keys."""
    return {former[key] for key in keys if former.get(key)}


def not_cleared(cases: list[ListedCase], keys: Collection[str], former: dict[str, str]) -> list[ListedCase]:
    """The rows that have none of these keys, and were not read again from a row that had one."""
    digests = digests_of(keys, former)
    return [listed for listed in cases if listed.key not in keys and listed.digest not in digests]


def drop_cleared(model: Model) -> None:
    """Forget the rows that this tab was handed, or has handed on, and that were cleared in the other one; say so."""
    cases, gone = st.session_state.cases, kept_visits().cleared(kept_as())
    former: dict[str, str] = st.session_state.get("former", {})
    left, digests = not_cleared(cases, gone, former), digests_of(gone, former)
    reading: Reading = st.session_state.reading
    stopped = digests and reading.let_go(lambda file: case_list.digest_of(file.name, file.content) in digests)
    if len(left) == len(cases) and not stopped:
        return
    st.session_state.seen_before |= in_sight(cases)
    st.session_state.cases = left
    st.session_state.former = {key: digest for key, digest in former.items() if key not in gone}
    there = {listed.key for listed in left}
    st.session_state.saved = {key: one for key, one in st.session_state.get("saved", {}).items() if key in there}
    st.session_state.entered, st.session_state.kept_before = {}, {}
    for name in HELD:
        st.session_state.pop(name, None)
    if not left:
        keep_sample(model, case_list.first_sample())
    elif st.session_state.at_hand not in there:
        st.session_state.at_hand = rows()[0].key
    tell(say(triage.CLEARED_ELSEWHERE))
