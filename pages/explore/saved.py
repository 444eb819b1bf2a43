"""Selections of images: opened, deleted and imported from one menu; saved and exported beside what is shown."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
import streamlit as st

from derm.errors import DermError
from derm.explore import selections
from derm.explore.shown_data import ShownData
from derm.figures.text import plain
from derm.language.quantities import images_counted
from derm.language.speech import say
from derm.paths import results_folder
from pages.parts import visit
from pages.parts.downloading import download_button
from pages.parts.pressing import counted_once

NONE = ""
SAID = "explore_said"
"""Key of what was last said about selections."""

GONE = "explore_gone"
"""Key of the sentence on a selection that was open and is no longer there."""


def selections_folder() -> Path:
    """Where selections are kept."""
    return results_folder() / selections.FOLDER


def choose_selection(shown: ShownData) -> tuple[str, list[str] | None]:
    """The menu of selections; name and images of the one that is open, None for all images."""
    folder = selections_folder()
    names = selections.listed(folder)
    if (before := st.session_state.get("explore_selection", NONE)) not in (NONE, *names):
        st.session_state[GONE] = selections.gone(before)
        st.session_state.explore_selection = NONE
    with st.popover(say("Selections"), icon=":material/bookmarks:", width="content"):
        chosen = st.selectbox(
            say("Open a selection"),
            [NONE, *names],
            key="explore_selection",
            format_func=lambda name: name or say("All images"),
            persist_state="session",
        )
        if chosen:
            st.button(say("Delete it"), icon=":material/delete:", key="explore_delete", on_click=counted_once(forget))
        take_in(shown)
    if not chosen:
        return NONE, None
    try:
        return chosen, selections.read(folder, chosen)
    except DermError as fault:
        st.error(plain(str(fault)), icon=":material/bookmark_remove:")
        return NONE, None


def take_in(shown: ShownData) -> None:
    """A list of images from a file, kept as a selection under the file's name."""
    key = f"explore_import-{st.session_state.get('explore_imports', 0)}"
    label = say("Import one: a CSV file with a column image_id")
    st.file_uploader(label, key=key, on_change=counted_once(bring_in), args=(shown, key))


def bring_in(shown: ShownData, key: str) -> None:
    """Keep what the file of the uploader `key` lists, and open it, or say why it cannot be."""
    file = None
    try:
        file = visit.chosen_file(key)
        if file is None:
            return
        images = selections.parse(file.getvalue(), file.name)
        found = selections.find(shown.table, images)
        known = selections.known_of(shown.table, None, images)
        kept = selections.import_as(selections_folder(), Path(file.name).stem, known, found)
    except DermError as fault:
        st.session_state[SAID] = str(fault), False
    else:
        st.session_state.explore_selection = kept
        st.session_state[SAID] = selections.sentence(kept, found), True
    if file is not None:
        visit.give_up_copies(file.file_id)
    st.session_state.explore_imports = st.session_state.get("explore_imports", 0) + 1  # an uploader without the file


def forget() -> None:
    """Delete the selection that the menu names now: a click may come together with another choice."""
    name = st.session_state.explore_selection
    if name == NONE:
        return
    try:
        selections.delete(selections_folder(), name)
        st.session_state.explore_selection = NONE
        st.session_state[SAID] = say("Selection '{name}' is deleted.", name=name), True
    except DermError as fault:
        st.session_state[SAID] = str(fault), False


def tell_done() -> None:
    """What was last done with selections, once, and that the one that was open is gone."""
    if gone := st.session_state.get(GONE):
        st.info(plain(gone), icon=":material/bookmark_remove:")
    said, done = st.session_state.get(SAID, ("", True))
    if said:
        (st.success if done else st.error)(plain(said), icon=":material/bookmark:")
    for key in (GONE, SAID):  # last: a page that a click broke off has not said it
        st.session_state.pop(key, None)


def offer(
    shown: ShownData,
    cases: pd.DataFrame | None,
    names: Callable[[], Sequence[str]],
    count: int,
    place: str,
    threshold: float | None = None,
) -> None:
    """Save or export the images that are shown. names: of these, `count` in all, asked for only then. place: of this
    menu on the page, for its keys. threshold: for referral, where answers are judged by that alone."""

    def known() -> pd.DataFrame:
        return selections.known_of(shown.table, cases, names(), threshold)

    with st.popover(say("Save or export"), icon=":material/bookmark_add:", width="content"):
        # Another form after each saving: its name is empty again, and a late second click finds the button gone.
        times = st.session_state.get("explore_times", 0)
        with st.form(f"explore_keep-{place}-{times}", border=False):
            key = f"explore_name-{place}-{times}"
            st.text_input(say("Name of the selection"), max_chars=60, key=key)
            st.form_submit_button(
                say("Save {images}", images=images_counted(count)), on_click=counted_once(keep), args=(known, key)
            )
        download_button(
            say("Export as CSV"),
            lambda: selections.to_csv(known()),
            "selection.csv",
            "text/csv",
            key=f"explore_export-{place}",
            type="secondary",
        )
        st.caption(say("Image names, with what the table and the results say of each."))


def keep(known: Callable[[], pd.DataFrame], key: str) -> None:
    """Save a selection under the name that stands in the field `key`, or say why it cannot be."""
    try:
        images = known()
        kept = selections.save(selections_folder(), st.session_state[key], images)
        st.session_state.explore_times = st.session_state.get("explore_times", 0) + 1
        st.session_state[SAID] = (
            say(
                "Saved as '{name}', {images}: open it under Selections.",
                name=kept,
                images=images_counted(len(images)),
            ),
            True,
        )
    except DermError as fault:
        st.session_state[SAID] = str(fault), False
