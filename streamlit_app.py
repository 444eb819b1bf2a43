"""Diagnose: a picture's outline, seven probabilities and the evidence behind them, in one look.

The page only draws; what it says, measures and paints comes from `derm`. Results belong to the visitor's session.
The parts of the page lie in `pages/diagnose`. For the server, which imports this file, it gives `app`, behind its gate.
"""

import streamlit as st

from derm.model.weights import Model
from derm.predict import case_list
from derm.serve.gate import Gate
from pages.diagnose.answer import answer
from pages.diagnose.picture import picture
from pages.diagnose.reasons import reasons
from pages.parts import opening, top, visit


def main() -> None:
    """The page, from top to bottom."""
    model = top.open_page("Diagnose")
    top.take_in(model, top.known_data())
    show_case(top.choose(alone=False), model)


@st.fragment
def show_case(listed: case_list.ListedCase, model: Model) -> None:
    """One case: the picture on the left, the answer and its reasons on the right. A click redraws only this."""
    listed, description = visit.as_asked(model, listed), model.description
    left, right = st.columns([3, 2], gap="medium")
    with right:
        index = answer(listed, description)
    with left:
        picture(listed, index)
    with right:
        reasons(listed, description, index)


if __name__ == "__main__":  # a visit
    main()
else:  # the server: Streamlit finds a file's `st.App` by its text, and serves what `app` is in the end
    app = st.App(__file__)
    app = Gate(app, opening.checked(), opening.browser())
