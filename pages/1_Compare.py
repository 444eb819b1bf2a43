"""Compare: two methods' heat maps of one case side by side, held to account; every image of a part; two visits.

The page only draws; what it says, measures and paints comes from `derm`. Results belong to the visitor's session.
The parts of the page lie in `pages/compare`.
"""

import streamlit as st

from derm.language.speech import say
from pages.compare.seven import seven
from pages.compare.this_case import case_view
from pages.compare.two_visits import two_visits
from pages.compare.views import VIEWS
from pages.compare.whole_part import whole_part
from pages.parts import top


def main() -> None:
    """The page, from top to bottom."""
    model = top.open_page("Compare")
    catalogue = top.known_data()
    top.take_in(model, catalogue)
    top.choose()
    st.session_state.setdefault("compare_view", VIEWS[0])
    view = st.segmented_control(
        say("View"),
        VIEWS,
        format_func=say,
        key="compare_view",
        required=True,
        label_visibility="collapsed",
        persist_state="session",
    )
    if view == VIEWS[1]:
        seven(model, catalogue)
    elif view == VIEWS[2]:
        whole_part(model)
    elif view == VIEWS[3]:
        two_visits(model)
    elif top.opened(model):
        case_view(model)


main()
