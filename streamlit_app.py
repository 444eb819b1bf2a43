"""Diagnose: a picture's outline, seven probabilities and the evidence behind them, in one look.

The page only draws; what it says, measures and paints comes from `derm`. Results belong to the visitor's session.
The parts of the page lie in `pages/diagnose`. For the server, which imports this file, it gives `app`, behind its gate.
"""

import streamlit as st

from derm.model.weights import Model
from derm.predict import case_list
from derm.serve.connections import Connections
from derm.serve.gate import App, Gate
from pages.diagnose.answer import answer, bars_of
from pages.diagnose.picture import picture
from pages.diagnose.reasons import method, reasons
from pages.diagnose.similar import similar
from pages.diagnose.structures import structures
from pages.diagnose.what_if import changes
from pages.parts import keeping, opening, top, visit


def main() -> None:
    """The page, from top to bottom."""
    model = top.open_page("Diagnose")
    top.take_in(model, top.known_data())
    top.choose()
    if listed := top.opened(model):
        show_case(listed, model)


@st.fragment
def show_case(listed: case_list.ListedCase, model: Model) -> None:
    """One case: the answer, the picture, and the reasons, in this order where there is no room side by side.

    A click redraws only this.
    """
    views, description = None if listed.case is None else listed.case.views, model.description
    listed = visit.as_asked(model, listed)
    case = listed.case
    if case is None or case.views != views:  # let go while other files were read; or the line above has another answer
        st.rerun()
        return
    with st.container(key="desk"):
        on_top, in_view, below = (st.container(key=name) for name in ("answer", "view", "reasons"))
        with on_top:
            answer(case, description)
        with below:
            index = bars_of(listed.key, case, description)
        with in_view:
            picture(listed, case, description, index)
        with below:
            reasons(listed.key, case, description, index)
            structures(listed.key, case)
            similar(listed.key, case)
            changes(listed.key, case)
            method(case, description)


if __name__ == "__main__":  # a visit
    main()
else:  # the server: Streamlit finds a file's `st.App` by its text, and serves what `app` is in the end
    app: st.App | App = st.App(__file__, secrets=opening.secrets())
    opened = opening.checked()  # before anything else: it ends the server with a sentence where a setting is wrong
    app = Gate(opening.guarded(keeping.bounded(app)), opened, opening.browser())
    app = Connections(opening.logged(app))
