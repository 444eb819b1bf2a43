"""How far the server may be reached, from Streamlit's settings and the variables of `derm.serve`.

Needs Streamlit's settings. Draws what the top of every page says of it.
"""

import os
import sys
import threading
import webbrowser
from collections.abc import Callable

import streamlit as st

from derm.errors import ConfigFault
from derm.figures.text import plain
from derm.monitor.quota import Visitor, browser_of
from derm.paths import cache_folder
from derm.predict.budget import memory_limit
from derm.serve.gate import BROWSER, COOKIE
from derm.serve.opening import Opening, opening_of
from derm.serve.spool import keep_private

SOON = 0.5
"""Seconds from the server's start until it takes requests, at most."""


def checked() -> Opening:
    """How far the app is open; ends the server with a sentence where it would listen further, or a setting is wrong."""
    try:
        opening = opening_of(os.environ)
        opening.check_address(st.get_option("server.address"))
        memory_limit()
    except ConfigFault as fault:
        sys.exit(f"derm: {fault}")
    keep_private(cache_folder() / "uploads", os.environ)
    return opening


def browser() -> Callable[[], None] | None:
    """What opens a browser when the server starts; None where there is none to open."""
    if st.get_option("server.headless"):
        return None

    def show() -> None:
        address = f"http://{st.get_option('server.address')}:{st.get_option('server.port')}/"
        threading.Timer(SOON, webbrowser.open, [address]).start()

    return show


def visitor_now() -> Visitor:
    """Who looks at the page, as far as that is known; see `derm.monitor.quota`."""
    opening = opening_of(os.environ)
    return Visitor(
        name=opening.name_in(st.context.headers),
        browser=browser_of(st.context.cookies.get(BROWSER)),
        alone=not opening.beyond and not opening.hosts,
    )


def warn() -> None:
    """Say on top of a page that the setup is insecure; end the page where it was started past the gate."""
    try:
        opening = opening_of(os.environ)
        if not opening.knows_cookie(str(st.context.cookies.get(COOKIE))):
            opening = Opening()  # no gate has asked for the token
        opening.check_address(st.get_option("server.address"))
    except ConfigFault as fault:
        st.error(plain(str(fault)), icon=":material/lock:")
        st.stop()
        raise AssertionError from fault  # never reached: `stop` ends the page
    if opening.warning:
        st.warning(plain(opening.warning), icon=":material/lock_open:")
