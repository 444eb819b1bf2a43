"""How visitors log in: the provider of OpenID Connect, the roles of people, and how long a session lasts.

Needs a file of secrets in TOML or environment variables; without either nobody is asked to log in. Knows no server.
"""

import os
import secrets
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from derm.errors import ConfigFault
from derm.files import MOST_JSON, is_named, is_there, read_file
from derm.language.speech import mark, say
from derm.serve.opening import is_loopback
from derm.serve.roles import Role

SECRETS = "DERM_SECRETS"
"""The file of secrets; without it `.streamlit/secrets.toml` where the app was started, or beside the app."""

REQUIRED = "DERM_LOGIN"
"""Set to 1, the app does not start unless login is set up: for an app behind a server that lets everybody pass."""

PROVIDER = "DERM_LOGIN_PROVIDER"
"""Address of the provider's description, which ends in /.well-known/openid-configuration."""

CLIENT_ID = "DERM_LOGIN_CLIENT_ID"
CLIENT_SECRET = "DERM_LOGIN_CLIENT_SECRET"

REDIRECT = "DERM_LOGIN_REDIRECT"
"""Address to which the provider sends people back, as the browser sees it: https://derm.example/oauth2callback."""

PEOPLE = "DERM_LOGIN_PEOPLE"
"""Roles by e-mail address: ada@derm.example=clinician,bob@derm.example=reader+researcher."""

ROLES_CLAIM = "DERM_LOGIN_ROLES_CLAIM"
"""The provider's claim that holds roles, with dots from object to object, such as realm_access.roles."""

IDLE_MINUTES = "DERM_LOGIN_IDLE_MINUTES"
HOURS = "DERM_LOGIN_HOURS"

DESCRIPTION = "/.well-known/openid-configuration"
CALLBACK = "/oauth2callback"
SHORTEST_SECRET = 32
"""Characters of the secret that signs cookies, at least; without one it is made anew at each start."""

MOST_MINUTES, MOST_HOURS = 24 * 60, 24 * 7
MISSING = mark(
    "Login is set up, and what it needs is not installed: pip install 'derm[login]', or take its settings away."
)


@dataclass(frozen=True)
class Login:
    """How visitors log in. All fields are checked by `login_of`."""

    provider: str
    """Address of the provider's description."""

    issuer: str
    """What the provider calls itself in what it signs, without a slash at the end."""

    client_id: str
    client_secret: str = field(repr=False)
    redirect: SplitResult
    """Where the provider sends people back to."""

    cookie_secret: str = field(repr=False)
    people: Mapping[str, frozenset[Role]] = field(default_factory=dict, repr=False)
    """Roles by e-mail address in lower case."""

    roles_claim: str = ""
    """Path of the claim that holds roles, with dots; '' where the provider tells none."""

    claim_roles: Mapping[str, Role] = field(default_factory=dict)
    """Role by the claim's values, for a provider that has its own names; empty: the names of `Role`."""

    unverified_email: bool = False
    """Whether an e-mail address counts that the provider does not call verified."""

    idle: float = 30 * 60
    """Seconds without use after which a session ends."""

    longest: float = 10 * 3600
    """Seconds after the login at which it ends, used or not."""

    client: Mapping[str, Any] = field(default_factory=dict)
    """Further settings for Authlib, as Streamlit has them under auth.client_kwargs."""

    @property
    def origin(self) -> str:
        """Scheme, host name and port under which visitors come, such as https://derm.example."""
        return f"{self.redirect.scheme}://{self.redirect.netloc}".lower()

    @property
    def secure(self) -> bool:
        """Whether they come by TLS, so that cookies may be kept to it."""
        return self.redirect.scheme == "https"

    @property
    def base(self) -> str:
        """The path before all of the app's paths; '' where it has the host for itself."""
        return self.redirect.path.removesuffix(CALLBACK)

    def secrets(self) -> dict[str, Any]:
        """What `st.login` reads, by section and key."""
        return {
            "auth": {
                "redirect_uri": self.redirect.geturl(),
                "cookie_secret": self.cookie_secret,
                "client_id": self.client_id,
                "client_secret": self.client_secret,
                "server_metadata_url": self.provider,
                "client_kwargs": dict(self.client),
            }
        }


def login_of(environment: Mapping[str, str], places: Sequence[Path] = ()) -> Login | None:
    """How visitors log in, as the file of secrets and the environment say; None where neither says anything.

    places: files of secrets that are looked for, in this order, where `environment` names none. What stands in the
    environment goes before the file. Raises ConfigFault for what is incomplete or wrong.
    """
    said, file = _read(environment, places)
    auth, own = _section(said, "auth", file), _section(said, "derm", file)
    wanted = {
        "server_metadata_url": environment.get(PROVIDER) or auth.get("server_metadata_url"),
        "client_id": environment.get(CLIENT_ID) or auth.get("client_id"),
        "client_secret": environment.get(CLIENT_SECRET) or auth.get("client_secret"),
        "redirect_uri": environment.get(REDIRECT) or auth.get("redirect_uri"),
    }
    if not any(wanted.values()):
        if environment.get(REQUIRED, "") not in ("", "0"):
            raise ConfigFault(
                say(
                    "{variable} asks for login, and none is set up: docs/operations.md has its settings.",
                    variable=REQUIRED,
                )
            )
        return None
    lacking = [name for name, value in wanted.items() if not isinstance(value, str) or not value.strip()]
    if lacking:
        raise ConfigFault(
            say(
                "Login lacks {lacking}: give it in [auth] of the secrets, or as a variable.",
                lacking=", ".join(lacking),
            )
        )
    if find_spec("authlib") is None:
        raise ConfigFault(say(MISSING))
    given = {name: str(value).strip() for name, value in wanted.items()}
    return Login(
        provider=_provider(given["server_metadata_url"]),
        issuer=_text(own, "issuer", given["server_metadata_url"].removesuffix(DESCRIPTION)).rstrip("/"),
        client_id=given["client_id"],
        client_secret=given["client_secret"],
        redirect=_redirect(given["redirect_uri"]),
        cookie_secret=_cookie_secret(auth),
        people=_people(own, environment.get(PEOPLE, "")),
        roles_claim=environment.get(ROLES_CLAIM) or _text(own, "roles_claim", ""),
        claim_roles={value: _role(role, value) for value, role in _section(own, "claims", file).items()},
        unverified_email=_switch(own, "unverified_email"),
        idle=60 * _number(environment.get(IDLE_MINUTES), own, "idle_minutes", 30, MOST_MINUTES),
        longest=3600 * _number(environment.get(HOURS), own, "hours", 10, MOST_HOURS),
        client=_section(auth, "client_kwargs", file),
    )


def own_places(app: Path) -> tuple[Path, ...]:
    """Where a file of secrets is looked for. app: the folder of the app."""
    return tuple(folder / ".streamlit" / "secrets.toml" for folder in (Path.cwd(), app))


def _read(environment: Mapping[str, str], places: Sequence[Path]) -> tuple[dict[str, Any], str]:
    named = environment.get(SECRETS)
    if named and not is_there(Path(named)):
        raise ConfigFault(
            say(
                "{variable} names {named}, and there is no such file: check the path.",
                variable=SECRETS,
                named=named,
            )
        )
    found = Path(named) if named else next((place for place in places if is_named(place)), None)
    if found is None:
        return {}, say("the environment")
    try:
        return tomllib.loads(read_file(found, MOST_JSON).decode()), str(found)
    except (OSError, ValueError) as error:
        # The parser's words may quote the line, which may hold a secret.
        raise ConfigFault(
            say(
                "{found} cannot be read as TOML ({reason}): mend it.",
                found=found,
                reason=type(error).__name__,
            )
        ) from None


def _section(said: Mapping[str, Any], name: str, file: str) -> dict[str, Any]:
    found = said.get(name, {})
    if not isinstance(found, dict):
        raise ConfigFault(
            say(
                "'{name}' in {file} is one value where a section [{name}] was expected.",
                name=name,
                file=file,
            )
        )
    return found


def _text(own: Mapping[str, Any], name: str, usual: str) -> str:
    found = own.get(name, usual)
    if not isinstance(found, str):
        raise ConfigFault(
            say(
                "'{name}' in [derm] of the secrets is {found!r}: give a text in quotes.",
                name=name,
                found=found,
            )
        )
    return found.strip()


def _switch(own: Mapping[str, Any], name: str) -> bool:
    found = own.get(name, False)
    if not isinstance(found, bool):
        raise ConfigFault(
            say(
                "'{name}' in [derm] of the secrets is {found!r}: give true or false.",
                name=name,
                found=found,
            )
        )
    return found


def _number(told: str | None, own: Mapping[str, Any], name: str, usual: float, most: float) -> float:
    found = told or own.get(name, usual)
    try:
        number = float(found)
    except (TypeError, ValueError):
        number = 0.0
    if isinstance(found, bool) or not 0 < number <= most:
        raise ConfigFault(
            say(
                "{name} of login is {found!r}: give a number above 0, {most:g} at most.",
                name=name,
                found=found,
                most=most,
            )
        )
    return number


def _provider(address: str) -> str:
    parts = _address(address, "server_metadata_url")
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        raise ConfigFault(
            say(
                "The provider {address} is asked without TLS: give its address with https://.",
                address=address,
            )
        )
    if not parts.path.endswith(DESCRIPTION):
        raise ConfigFault(
            say(
                "The provider's address {address} does not end in {ending}: give that of its description.",
                address=address,
                ending=DESCRIPTION,
            )
        )
    return address


def _redirect(address: str) -> SplitResult:
    parts = _address(address, "redirect_uri")
    if parts.query or parts.fragment or not parts.path.endswith(CALLBACK):
        raise ConfigFault(
            say(
                "redirect_uri is {address}: it has to end in {ending}.",
                address=address,
                ending=CALLBACK,
            )
        )
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        raise ConfigFault(
            say(
                "redirect_uri is {address}: without TLS everybody on the way could take over a session. "
                "Put a server with TLS in front (docs/operations.md) and give its address with https://.",
                address=address,
            )
        )
    return parts


def _address(address: str, name: str) -> SplitResult:
    try:
        parts = urlsplit(address)
        known = parts.scheme in ("https", "http") and parts.hostname and parts.username is None and parts.port != 0
    except ValueError:
        known = None
    if not known:
        raise ConfigFault(
            say(
                "{name} is {address}: give a whole address, such as https://derm.example{ending}.",
                name=name,
                address=address,
                ending=CALLBACK,
            )
        )
    return parts


def _cookie_secret(auth: Mapping[str, Any]) -> str:
    found = auth.get("cookie_secret")
    if found is None:
        return secrets.token_urlsafe(48)
    if not isinstance(found, str) or len(found) < SHORTEST_SECRET:
        raise ConfigFault(
            say(
                "cookie_secret has fewer than {least} characters: take it away, and one is made at each start.",
                least=SHORTEST_SECRET,
            )
        )
    return found


def _people(own: Mapping[str, Any], told: str) -> dict[str, frozenset[Role]]:
    found: dict[str, frozenset[Role]] = {}
    for address, roles in _section(own, "people", "the secrets").items():
        several = roles if isinstance(roles, list) else [roles]
        if not several:
            raise ConfigFault(
                say(
                    "'{address}' is given no role: give one, or take the address away.",
                    address=address,
                )
            )
        found[_email(address)] = frozenset(_role(role, address) for role in several)
    named = set[str]()
    for entry in filter(None, (part.strip() for part in told.split(","))):
        address, equals, together = entry.rpartition("=")
        if not equals:
            raise ConfigFault(
                say(
                    "{variable} has '{entry}': give address=role, several with commas between.",
                    variable=PEOPLE,
                    entry=entry,
                )
            )
        if (name := _email(address)) in named:
            raise ConfigFault(
                say(
                    "{variable} names '{address}' twice: name it once, several roles with + between.",
                    variable=PEOPLE,
                    address=name,
                )
            )
        named.add(name)
        found[name] = frozenset(_role(role.strip(), address) for role in together.split("+"))
    return found


def _email(address: str) -> str:
    name = address.strip().lower()
    if name.count("@") != 1 or not all(name.split("@")) or "=" in name.partition("@")[2]:
        raise ConfigFault(
            say(
                "'{address}' among the people who may log in is no e-mail address.",
                address=address,
            )
        )
    return name


def _role(name: object, whose: str) -> Role:
    try:
        return Role(str(name).strip().lower())
    except ValueError:
        known = ", ".join(Role)
        raise ConfigFault(
            say(
                "'{whose}' is given the role '{name}', which there is not: choose from {known}.",
                whose=whose,
                name=name,
                known=known,
            )
        ) from None


def login_now(app: Path) -> Login | None:
    """`login_of` this process. app: the folder of the app."""
    return login_of(os.environ, own_places(app))
