"""The view's address: what it asks for is taken over once, and it is kept in step with what is chosen."""

import streamlit as st

from derm.explore import address, filters, selections
from derm.explore.shown_data import ShownData
from derm.model.weights import Model
from pages.explore.gallery import open_image
from pages.explore.results.folders import result_names
from pages.explore.saved import selections_folder

WRITTEN = "explore_address"
"""Key of the address as this page last wrote it."""


def known_fields(model: Model, shown: ShownData) -> tuple[address.Field, ...]:
    """All that an address of this page may name."""
    return address.fields(
        filters.options(shown.table),
        list(result_names(model, shown)),
        selections.listed(selections_folder()),
        frozenset(shown.table["image_id"]),
    )


def follow_address(model: Model, shown: ShownData) -> str | None:
    """Take over what the address asks for, where this page has not written it itself; the sentence where it cannot."""
    asked = {name: st.query_params.get_all(name) for name in st.query_params}
    if not asked or asked == st.session_state.get(WRITTEN):
        return None
    known = known_fields(model, shown)
    found = address.follow(asked, known)
    for field in known:
        st.session_state.pop(address.PREFIX + field.key, None)
    for key, value in found.values.items():
        st.session_state[key] = value
    if image_id := found.values.get(address.PREFIX + "opened"):
        open_image(model, shown, image_id)
    return found.fault


def write_address(model: Model, shown: ShownData) -> None:
    """Bring the address in step with what is chosen, so that it brings this view back."""
    written = address.address_of(st.session_state.to_dict(), known_fields(model, shown))
    st.session_state[WRITTEN] = written
    if written != {name: st.query_params.get_all(name) for name in st.query_params}:
        st.query_params.from_dict(written)
