"""Two visits: two cases of the list laid on each other, side by side or by turns, and what has changed."""

from collections.abc import Callable
from functools import partial

import streamlit as st

from derm.compare.follow_up import FollowUp, follow_up
from derm.compare.follow_up_pictures import both, flicker_gif, side_by_side
from derm.compare.follow_up_words import (
    ADVICE,
    CHOOSE_TWO,
    OPINION_LACKS,
    doubt_lines,
    headline,
    json_text,
    sentences,
)
from derm.errors import NotRegistered
from derm.figures.text import plain
from derm.image.overlay import jpeg, png
from derm.language.speech import mark, say
from derm.model.weights import Model
from derm.predict.case_list import ListedCase
from derm.predict.words import NOTICE
from derm.records.words import WITHHELD
from pages.parts import opening, visit
from pages.parts.downloading import download_button
from pages.parts.flicker import flicker
from pages.parts.keeping import budget

WAYS = (mark("Side by side"), mark("One upon the other"))


def two_visits(model: Model) -> None:
    """Choose an earlier and a later picture, then both on each other and what has changed."""
    listed = [
        one for one in st.session_state.cases if one.case is not None or (one.stored is not None and not one.lost)
    ]
    if len(listed) < 2:
        st.markdown(plain(say(CHOOSE_TWO)))
        return
    keys = [one.key for one in reversed(listed)]  # as they came in
    name = {one.key: one.name for one in listed}.__getitem__
    at_hand = st.session_state.at_hand
    later_at = keys.index(at_hand) if at_hand in keys[1:] else len(keys) - 1
    one, two = st.columns(2)
    earlier = one.selectbox(say("Earlier picture"), keys, 0, format_func=name, key="visit-earlier")
    later = two.selectbox(say("Later picture"), keys, later_at, format_func=name, key="visit-later")
    if earlier == later:
        st.markdown(plain(say(CHOOSE_TWO)))
        return
    if waiting := [one.name for one in reversed(listed) if one.key in (earlier, later) and visit.withheld(one)]:
        st.header(say(WITHHELD), anchor=False)
        st.markdown(plain(say(OPINION_LACKS, names=", ".join(waiting))))
        return
    try:
        show(held(model, earlier, later), earlier + later)
    except NotRegistered as refused:
        st.header(say("These pictures cannot be compared"), anchor=False)
        st.markdown(plain(opening.told(refused)))
    st.caption(say(NOTICE))


def held(model: Model, earlier: str, later: str) -> FollowUp:
    """What has changed between two rows of the list, worked out once in this visit; raises NotRegistered."""
    pair = []
    for key in (earlier, later):  # one after the other: the second may let the first one go from the list again
        visit.picture_of(model, key)
        pair.append(visit.over_views(model, key))
    first, second = pair
    kept: dict[tuple[object, ...], FollowUp] = st.session_state.setdefault("follow_ups", {})
    known = (earlier, later, id(first.case), id(second.case))
    if known not in kept:
        kept.clear()
        with st.spinner(say("Laying both pictures on each other …")):
            kept[known] = _compared(first, second)
    return kept[known]


def _compared(first: ListedCase, second: ListedCase) -> FollowUp:
    if first.case is None or second.case is None:
        lost = first if first.case is None else second
        raise NotRegistered(say("The picture of {name} is no longer in memory: open it again.", name=lost.name))
    with budget().turn(sum(height * width for height, width in (first.case.shape, second.case.shape))):
        return follow_up(first.case, second.case)


@st.fragment
def show(found: FollowUp, key: str) -> None:
    """Doubts, headline, pictures, sentences and files; the switch redraws only this."""
    for doubt in doubt_lines(found):
        st.caption(plain(doubt))
    st.header(plain(headline(found)), anchor=False)
    way = st.segmented_control(
        say("Shown"),
        WAYS,
        format_func=say,
        default=WAYS[0],
        required=True,
        key="visit-way",
        label_visibility="collapsed",
    )
    if way == WAYS[0]:
        st.image(jpeg(side_by_side(found)), alt=say("The earlier picture left, the later one right, as it lies on it"))
        st.caption(
            say("Left the earlier picture, right the later one as it lies on it; the earlier outline is dashed there.")
        )
    else:
        before, after = both(found, outlines=False)
        flicker(jpeg(before), jpeg(after), f"flicker-{key}")
    for said in sentences(found):
        st.markdown(plain(said))
    st.caption(plain(say(ADVICE)))
    downloads(found)


def downloads(found: FollowUp) -> None:
    """Pictures and figures to keep; each is made only when it is asked for."""
    files: tuple[tuple[str, Callable[[], bytes | str], str, str], ...] = (
        (say("Side by side, PNG"), lambda: png(side_by_side(found)), "side_by_side.png", "image/png"),
        (say("Flicker, GIF"), partial(flicker_gif, found), "flicker.gif", "image/gif"),
        (say("Figures, JSON"), partial(json_text, found), "changes.json", "application/json"),
    )
    with st.popover(say("Download"), icon=":material/download:"), st.container(gap="xxsmall"):
        for label, make, name, kind in files:
            download_button(label, make, name, kind, key=f"get-{name}", icon=None)
