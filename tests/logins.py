"""Logins as the installed Streamlit signs them, for the tests of the gate: what a provider said, as cookies."""

import time

from streamlit.auth_util import set_cookie_with_chunks
from streamlit.web.server.starlette.starlette_app_utils import create_signed_value

from derm.serve.claims import USER
from derm.serve.login import CLIENT_ID, CLIENT_SECRET, PEOPLE, PROVIDER, REDIRECT, login_of

ISSUER = "https://id.example"
LOGIN = login_of(
    {
        PROVIDER: f"{ISSUER}/.well-known/openid-configuration",
        CLIENT_ID: "derm",
        CLIENT_SECRET: "a secret of this test",
        REDIRECT: "https://derm.example/oauth2callback",
        PEOPLE: "ada@derm.example=clinician,bob@derm.example=reader",
    }
)


def claims(name="ada", **others):
    """What a provider says of somebody; others: claims beside or in place of the usual ones, None for none."""
    said = {
        "iss": ISSUER,
        "aud": "derm",
        "sub": name,
        "exp": time.time() + 300,
        "email": f"{name}@derm.example",
        "email_verified": True,
        "name": name.capitalize(),
        "origin": "https://derm.example",
        "is_logged_in": True,
        "provider": "default",
    }
    return {key: value for key, value in (said | others).items() if value is not None}


def cookies(said, secret=None, name=USER):
    """The cookies that Streamlit sets of it."""
    made = {}

    def sign(name, value):
        return create_signed_value(secret or LOGIN.cookie_secret, name, value)

    def keep(name, value):
        made[name] = sign(name, value).decode()

    set_cookie_with_chunks(keep, sign, name, said, cookie_attr_size=60)
    return made
