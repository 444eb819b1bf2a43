"""What the gate says, to who starts the app and to who is refused.

Needs nothing. Knows no server.
"""

from derm.language.speech import mark, say

INSECURE = mark(
    "Insecure setup: this app is open to the network and asks nobody who they are. Whoever reaches it sees the data "
    "set and can start and stop training."
)
"""On top of every page of an app that is open to the network."""

FOREIGN_HOST = mark(
    "Refused: this app answers to its own machine's name alone, or to that under which visitors log in. If a server in "
    "front of it passes this name on, start the app with derm app --behind NAME.\n"
)

FOREIGN_PAGE = mark(
    "Refused: the request comes from a page of another site, or of another port of this one. If a server in front of "
    "this app listens on another port than 443, start the app with derm app --behind NAME:PORT.\n"
)

OTHER_MACHINE = mark("Refused: this app answers to its own machine alone. Start it with derm app --token to open it.\n")

NO_TOKEN = mark(
    "This app asks for a token: open the address that ends in ?token=…, as `derm app --token` printed it when it "
    "started.\n"
)

LONG_HEADER = mark(
    "Refused: a line of what the browser sends is too long, most often its cookies for this address, which all "
    "programs on this machine share: delete the cookies of this address in the browser, then open it again.\n"
)

NO_ROOM = mark("The server's memory is full with what its visitors have open: send the file again later.\n")

DISK_FULL = mark("The server's disk has no room for this file: send it again when room was made there.\n")

STALLED = mark("The file has stopped coming: choose it again.\n")

UPLOAD_REFUSALS = {408: STALLED, 503: NO_ROOM, 507: DISK_FULL}
"""Why an upload was refused, by the status that its page is told."""

TOO_MANY_FILES = mark("Several files are being made already: ask for this one again when they have come.")

PAGE_CLOSED = mark("This page was closed: open it again, then ask for the file once more.")

CLOSED = mark("Not found.\n")
LOG_IN = mark("Log in")
AS_SOMEBODY_ELSE = mark("Log in as somebody else")
SIGN_IN_TITLE = mark("Derm: log in")

HEALTHY, STARTING = "ok\n", "starting\n"

LOG_IN_FIRST = mark("Log in to use this app.\n")
"""To who asks for a part of the app and has no session."""

ANOTHERS = mark("Refused: this address belongs to another session.\n")

NOT_FROM_THERE = mark("Refused: a page of another site cannot log you out.\n")

FOREIGN_LOGIN = mark(
    "The login could not be checked, or it was made for another app: log in again, and if that does not help, ask who "
    "runs this app to look at its settings of login."
)

OLD_LOGIN = mark("This login is over already: log in again, and if that does not help, let the server's clock be set.")

NOT_LOGGED_IN = mark("The provider did not log you in: log in again, or ask who runs it.")

NO_PROVIDER = mark(
    "The provider that you would log in with does not answer: try again in a few minutes, or ask who runs this app."
)

PAST_THE_GATE = mark("This page was opened without a session: reload it and log in.")


def open_address(address: str | None) -> str:
    """Why the app does not start on `address`, and the cures."""
    return say(
        "The app does not listen on {address}, for it asks nobody who they are: leave the address at 127.0.0.1 (a "
        "server that asks may stand before it: `derm app --behind NAME`), or let visitors log in (docs/operations.md), "
        "or ask for a token with `derm app --token`, or open it to everybody with `derm app --insecure`, which every "
        "page then says.",
        address=address or say("every address"),
    )


def unencrypted(address: str) -> str:
    """What is said when the app starts with a token on an address that others reach."""
    return (
        f"{address} is reached from other machines, and nothing on the way is encrypted: use it in a network that you "
        "trust, or put a server with TLS before it."
    )


def login_words(address: str, issuer: str) -> str:
    """What is said when an app starts whose visitors log in."""
    return f"Visitors come by {address}/ and log in with {issuer}."


def sessions_end(idle: float, longest: float) -> str:
    """How long a session lasts. idle, longest: seconds."""
    return say(
        "A session ends after {idle} without use, and {longest} after the login.",
        idle=_span(idle),
        longest=_span(longest),
    )


def no_role(who: str) -> str:
    """To somebody who has logged in and has no role."""
    return say("{who} has no role here: ask who runs this app for one, then log in again.", who=who)


def logged_in_as(name: str, roles: str, account: str) -> str:
    """To somebody who is logged in; account: as the records name them."""
    return say(
        "{who} ({roles}). What you enter bears the name {account}.", who=name or account, roles=roles, account=account
    )


def _span(seconds: float) -> str:
    """'1 hour', '1.5 hours', '30 seconds'."""
    hours, minutes = float(f"{seconds / 3600:.3g}"), float(f"{seconds / 60:.3g}")
    if hours >= 1:
        return say("1 hour") if hours == 1 else say("{count:.3g} hours", count=hours)
    if minutes >= 1:
        return say("1 minute") if minutes == 1 else say("{count:.3g} minutes", count=minutes)
    return say("{count:.3g} seconds", count=seconds)


def no_reader(account: str) -> str:
    """To somebody who is logged in and none of a study's readers."""
    return say("You are none of this study's readers: ask who leads it to name {account} among them.", account=account)
