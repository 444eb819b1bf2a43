"""How far the server may be reached, and who looks at a page: from Streamlit's settings and what `derm.serve` reads.

Needs Streamlit's settings. Draws what the top of every page says of it. What somebody may see is asked here alone.
"""

import os
import sys
import threading
import webbrowser
from collections.abc import Callable
from functools import cache
from typing import Any

import streamlit as st
from streamlit import net_util
from streamlit.runtime.scriptrunner import get_script_run_ctx

from derm.errors import ConfigFault, DermError
from derm.figures.text import plain
from derm.language.speech import say
from derm.monitor.quota import Visitor, browser_of
from derm.paths import (
    DIRECTIONS,
    STRUCTURES,
    WEIGHTS,
    app_folder,
    cache_folder,
    library_folder,
    records_folder,
    results_folder,
    studies_folder,
    user_path,
)
from derm.predict.budget import memory_limit
from derm.serve import log, roles, words
from derm.serve.claims import Account
from derm.serve.gate import BROWSER, App, knows_one
from derm.serve.login import Login, login_now
from derm.serve.login_gate import VISITOR, LoginGate
from derm.serve.open_files import allow_more
from derm.serve.opening import Opening, opening_of
from derm.serve.places import without_places
from derm.serve.roles import Right, Role
from derm.serve.sessions import Session, Sessions
from derm.serve.spool import keep_private
from pages.parts.wire import wire

SOON = 0.5
"""Seconds from the server's start until it takes requests, at most."""


@cache
def login() -> Login | None:
    """How visitors log in, read once; None where nobody is asked to. Raises ConfigFault."""
    return login_now(app_folder())


@cache
def sessions() -> Sessions:
    """Of those who are logged in. Only where there is a login."""
    found = login()
    assert found is not None
    return Sessions(found.idle, found.longest)


def opening_now() -> Opening:
    """How far the app is open. Raises ConfigFault."""
    found = login()
    return opening_of(os.environ, None if found is None else found.origin)


def secrets() -> dict[str, Any]:
    """What `st.login` reads; ends the server with a sentence where the settings of login are wrong."""
    try:
        found = login()
    except ConfigFault as fault:
        sys.exit(f"derm: {fault}")
    return {} if found is None else found.secrets()


def checked() -> Opening:
    """How far the app is open; ends the server with a sentence where it would listen further, or a setting is wrong."""
    try:
        opening = opening_now()
        opening.check_address(st.get_option("server.address"))
        check_base()
        memory_limit()
    except ConfigFault as fault:
        sys.exit(f"derm: {fault}")
    keep_private(cache_folder() / "uploads", os.environ)
    allow_more()
    # Nobody outside is asked for this machine's address: the gate knows its names, and each question stops the server.
    net_util.get_external_ip = lambda: None
    return opening


def below() -> str:
    """The path before all paths of the app, as '/derm'; '' where it lies at the top."""
    base = (st.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{base}" if base else ""


def check_base() -> None:
    """Raise ConfigFault where the provider sends people back to another path than the app's."""
    found = login()
    if found is not None and found.base != below():
        raise ConfigFault(
            say(
                "redirect_uri is {address}, and the app lies under /{base}: let both name the same path.",
                address=found.redirect.geturl(),
                base=below().removeprefix("/"),
            )
        )


def guarded(app: App) -> App:
    """The server's app for those alone who are logged in, where there is a login."""
    found = login()
    return app if found is None else LoginGate(app, found, sessions(), wire(found.base))


def logged(app: App) -> App:
    """The server's app with a line of JSON for each request, where that is asked for."""
    if not log.wanted(os.environ):
        return app
    log.write_json()
    return log.RequestLog(app, below())


def browser() -> Callable[[], None] | None:
    """What opens a browser when the server starts; None where there is none to open."""
    if st.get_option("server.headless"):
        return None

    def show() -> None:
        address = f"http://{st.get_option('server.address')}:{st.get_option('server.port')}{below() or '/'}"
        threading.Timer(SOON, webbrowser.open, [address]).start()

    return show


def session_now() -> Session | None:
    """The session to which the page belongs; None where it has none, or nobody is asked to log in."""
    if login() is None:
        return None
    return sessions().known(st.context.headers.get(VISITOR.decode()) or "")


def account_now() -> Account | None:
    """Who looks at the page; None where nobody is asked to log in. Ends the page of who should have, and has not."""
    session = session_now()
    if login() is not None and session is None:
        st.error(say(words.PAST_THE_GATE), icon=":material/lock:")
        st.stop()
    return None if session is None else session.account


def roles_now() -> frozenset[Role] | None:
    """The roles of who looks at the page; None where nobody is asked to log in, who then may do all."""
    account = account_now()
    return None if account is None else account.roles


def may(right: Right) -> bool:
    """Whether who looks at the page has a right. The one question that pages ask."""
    return roles.may(roles_now(), right)


def check(right: Right) -> None:
    """Raise NotAllowed, with the sentence, where `may` says no: before something is done, whatever the page shows."""
    roles.check(roles_now(), right)


def told(fault: DermError | str) -> str:
    """A refusal's sentence, without where files of the server lie for who may not know that."""
    if may(Right.PATHS):
        return str(fault)
    own = (records_folder(), studies_folder(), results_folder(), library_folder(), cache_folder(), app_folder())
    named = (user_path(os.environ.get(name) or "").parent for name in (WEIGHTS, STRUCTURES, DIRECTIONS))
    return without_places(str(fault), (*own, *named))


def enter(page: str) -> None:
    """End the page of who may not see it, with a sentence; else remember that it belongs to the session."""
    session, known = session_now(), roles_now()
    if known is not None and not roles.may(known, Right(page)):
        st.error(plain(roles.refusal(known, Right(page))), icon=":material/block:")
        st.stop()
    context = get_script_run_ctx()
    if session is not None and context is not None:
        sessions().bind(session, context.session_id)


def own(token: str) -> str:
    """A token of this page, under which nobody finds anything who is logged in as somebody else."""
    account = account_now()
    return token if account is None else f"{account.id} {token}"


def way_out() -> None:
    """Who is logged in, and the way out; nothing where nobody is asked to log in."""
    account = account_now()
    if account is None:
        return
    name = plain(account.name or account.id)
    with st.popover(name, icon=":material/account_circle:", width="content", key="way-out"):
        st.markdown(plain(words.logged_in_as(account.name, roles.named(account.roles), account.id)))
        st.button(say("Log out"), icon=":material/logout:", key="log-out", on_click=st.logout)


def visitor_now() -> Visitor:
    """Who looks at the page, as far as that is known; see `derm.monitor.quota`."""
    account = account_now()
    if account is not None:
        return Visitor(name=account.id, alone=roles.may(account.roles, Right.ALL_RUNS))
    opening = opening_now()
    return Visitor(
        name=opening.name_in(st.context.headers),
        browser=browser_of(st.context.cookies.get(BROWSER)),
        alone=not opening.beyond and not opening.hosts,
    )


def warn() -> None:
    """Say on top of a page that the setup is insecure; end the page where it was started past the gate."""
    try:
        opening = opening_now()
        if not knows_one(opening, st.context.cookies.items()):
            opening = Opening()  # no gate has asked for the token
        opening.check_address(st.get_option("server.address"))
    except ConfigFault as fault:
        st.error(plain(str(fault)), icon=":material/lock:")
        st.stop()
        raise AssertionError from fault  # never reached: `stop` ends the page
    account_now()
    if opening.warning:
        st.warning(plain(opening.warning), icon=":material/lock_open:")
