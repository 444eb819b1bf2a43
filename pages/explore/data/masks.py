"""Size and place of the lesions, after one pass over the masks."""

from pathlib import Path

import pandas as pd
import streamlit as st

from derm.explore import shapes
from derm.explore.filtered import Kept
from derm.explore.shown_data import ShownData
from derm.figures import dataset as draw
from derm.figures.text import plain
from derm.files import stamp_now
from derm.language.speech import say
from pages.explore.measured_once import once, watch
from pages.explore.widgets import chart_of


def mask_figures(shown: ShownData, kept: Kept, dark: bool) -> None:
    """Size and place of the lesions, after one pass over the masks."""
    st.header(say("The lesion in its picture"), anchor=False)
    when = stamp_now(shown.shapes)
    found = find_shapes(shown, when)
    if found is None:
        return
    st.markdown(plain(shapes.shape_sentence(found, kept)))
    left, right = st.columns(2, gap="large")
    of = (str(shown.shapes), when, kept, dark)
    with left:
        st.subheader(say("How much of it the lesion fills"), anchor=False)
        alt = say("Lesions by their share of the picture")
        chart_of(of, lambda: draw.areas(shapes.area_histogram(found, kept), dark=dark), "areas", alt)
    with right:
        st.subheader(say("Where its centre lies"), anchor=False)
        alt = say("Where the lesions' centres lie")
        chart_of(of, lambda: draw.positions(shapes.position_grid(found, kept), dark=dark), "positions", alt)


def find_shapes(shown: ShownData, when: tuple[int, ...]) -> pd.DataFrame | None:
    """The shapes of the masks, measured now where the set is small or the user asks. when: as of their file."""
    found = shared_shapes(str(shown.shapes), when, len(shown.table))
    if found is not None:
        return found
    if once(shown, say("Measure the masks"), "explore_measure"):
        tell, done = watch(say("Measuring masks, once …"))
        shapes.measure_shapes(shown.catalogue, shown.shapes, tell)
        done()
        st.rerun()
    return None


@st.cache_data(show_spinner=False, max_entries=4)
def shared_shapes(file: str, changed: tuple[int, ...], images: int) -> pd.DataFrame | None:
    """The shapes of the masks."""
    return shapes.read_shapes(Path(file), images)
