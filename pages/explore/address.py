"""The view's address: what it asks for is taken over once, and it is kept in step with what is chosen."""

import time
from typing import NamedTuple

import streamlit as st

from derm.explore import address, selections
from derm.explore.shown_data import ShownData
from derm.model.weights import Model
from pages.explore.gallery import open_image
from pages.explore.results.folders import result_names
from pages.explore.saved import selections_folder

Address = dict[str, list[str]]
"""Values by name, as a query string holds them."""

GRACE = 3.0
"""Seconds after an address was written in which the browser may still ask by the one before: that was under way.

A visitor who goes back so soon is brought forward again."""

WRITTEN = "explore_address"
"""Key of the address as this page last wrote it, an `OwnAddress`."""


class OwnAddress(NamedTuple):
    """An address that this page wrote, and the one that it wrote over."""

    now: Address
    before: Address
    at: float
    """When, by `time.monotonic`."""

    def made(self, asked: Address) -> bool:
        """Whether `asked` is this page's own making: the address itself, or for `GRACE` seconds the one before."""
        return asked == self.now or (asked == self.before and time.monotonic() - self.at < GRACE)


def known_fields(model: Model, shown: ShownData) -> tuple[address.AddressField, ...]:
    """All that an address of this page may name."""
    return address.fields(
        shown.options,
        list(result_names(model, shown)),
        selections.listed(selections_folder()),
        shown.images,
    )


def follow_address(model: Model, shown: ShownData) -> str | None:
    """Take over what the address asks for, where this page has not written it itself; the sentence where it cannot."""
    asked, own = asked_for(), st.session_state.get(WRITTEN)
    if not asked or (own is not None and own.made(asked)):
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
    own = st.session_state.get(WRITTEN)
    if own is None or own.now != written:
        st.session_state[WRITTEN] = OwnAddress(written, {} if own is None else own.now, time.monotonic())
    if written != asked_for():
        st.query_params.from_dict(written)


def asked_for() -> Address:
    """The address as the browser last told it."""
    return {name: st.query_params.get_all(name) for name in st.query_params}
