"""Who has logged in: what the provider said, as Streamlit signs it, checked and brought to an account with its roles.

Needs the cookies that Streamlit made of a login, and the settings of `derm.serve.login`. Knows no server. The cookies
are those of Streamlit 1.42 to 1.67, signed by itsdangerous; what is not understood is refused.
"""

import json
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from itsdangerous import BadData, URLSafeTimedSerializer

from derm.errors import NotAllowed
from derm.language.speech import say
from derm.serve import words
from derm.serve.login import Login
from derm.serve.roles import Role

USER = "_streamlit_user"
"""Streamlit's cookie that holds what the provider said; where it is long, a count, and parts `_streamlit_user_1` on."""

FAMILY = re.compile(r"_streamlit_user(_tokens)?(_\d+)?")
"""Names of all cookies that Streamlit makes of a login."""

CHUNKS = re.compile(r"chunks-(\d{1,2})")

FRESH = 300
"""Seconds for which a signed cookie counts as made by the login that is being answered."""

LEEWAY = 120.0
"""Seconds by which the clocks of provider and server may differ."""


@dataclass(frozen=True)
class Account:
    """Somebody who has logged in."""

    id: str
    """Pseudonym: u- and 16 digits, of issuer and subject; the same at each login, and no name or address."""

    roles: frozenset[Role]
    name: str = field(default="", repr=False)
    """As the provider tells it, for who has logged in to see; kept nowhere."""

    email: str = field(default="", repr=False)
    """Lower case; '' where none is told, or none that counts."""

    def among(self, names: Iterable[str]) -> tuple[str, ...]:
        """Those of the names that are this account's: its id, or its e-mail address in any case."""
        own = {self.id, self.email} - {""}
        return tuple(name for name in names if name.lower() in own)


def pseudonym(issuer: str, subject: str) -> str:
    """The id of an account. Whoever knows issuer and subject can compute it; nobody can read them from it."""
    whose = f"{issuer}\n{subject}"
    return f"u-{sha256(whose.encode()).hexdigest()[:16]}"


def read_account(cookies: Mapping[str, str], login: Login, now: float | None = None) -> Account:
    """The account of a login that Streamlit has just finished.

    cookies: by name, as Streamlit set them in its answer to the provider's way back; never those that a browser sent.
    now: seconds of the clock. Raises NotAllowed, with the sentence, for a wrong signature, one that is not fresh,
    another issuer or audience, a token that is over, and an account without a role.
    """
    claims = _claims(cookies, login)
    check_claims(claims, login, time.time() if now is None else now)
    email = _email(claims, login)
    found = Account(
        pseudonym(login.issuer, claims["sub"]), roles_of(claims, login), _short(claims.get("name")) or email, email
    )
    if not found.roles:
        raise NotAllowed(words.no_role(email or found.id))
    return found


def check_claims(claims: Mapping[str, Any], login: Login, now: float) -> None:
    """Raise NotAllowed unless the claims are of this provider, for this app, and not over."""
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    expires, subject = claims.get("exp"), claims.get("sub")
    known = (
        isinstance(claims.get("iss"), str)
        and claims["iss"].rstrip("/") == login.issuer
        and login.client_id in audiences
        and claims.get("azp", login.client_id) == login.client_id
        and isinstance(subject, str)
        and 0 < len(subject) <= 255
        and claims.get("is_logged_in") is True
    )
    if not known:
        raise NotAllowed(say(words.FOREIGN_LOGIN))
    if isinstance(expires, bool) or not isinstance(expires, int | float) or not now - LEEWAY < expires:
        raise NotAllowed(say(words.OLD_LOGIN))


def roles_of(claims: Mapping[str, Any], login: Login) -> frozenset[Role]:
    """All roles that the provider's claim and the table of people give together."""
    told: Any = claims
    for part in login.roles_claim.split(".") if login.roles_claim else ("",):
        told = told.get(part) if isinstance(told, Mapping) else None
    values = [told] if isinstance(told, str) else told if isinstance(told, list) else []
    names = login.claim_roles or {role.value: role for role in Role}
    by_claim = {names[value] for value in values if isinstance(value, str) and value in names}
    return frozenset(by_claim) | login.people.get(_email(claims, login), frozenset())


def _email(claims: Mapping[str, Any], login: Login) -> str:
    """The address that counts; '' for one that the provider does not vouch for, unless the settings take it."""
    told = claims.get("email")
    if not isinstance(told, str) or not (claims.get("email_verified") is True or login.unverified_email):
        return ""
    return told.strip().lower()[:254]


def _short(text: object) -> str:
    return text.strip()[:80] if isinstance(text, str) else ""


def _claims(cookies: Mapping[str, str], login: Login) -> dict[str, Any]:
    """What the cookies hold, put together and checked for their signatures: NotAllowed where they are not right."""
    text = _signed(cookies, USER, login)
    if parts := CHUNKS.fullmatch(text):
        text = "".join(_signed(cookies, f"{USER}_{place}", login) for place in range(1, int(parts[1]) + 1))
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise NotAllowed(say(words.FOREIGN_LOGIN))
    return found


def _signed(cookies: Mapping[str, str], name: str, login: Login) -> str:
    try:
        text = URLSafeTimedSerializer(login.cookie_secret, salt=name).loads(cookies.get(name, ""), max_age=FRESH)
    except BadData:
        text = None
    if not isinstance(text, str):
        raise NotAllowed(say(words.FOREIGN_LOGIN))
    return text
