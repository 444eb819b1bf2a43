"""What each role may see and start: one table, and the sentence for who is refused.

Needs nothing. Knows of a page its name, script and icon, no provider and no session; who has no role is let in by
nobody who asks here.
"""

from collections.abc import Collection
from enum import StrEnum
from typing import NamedTuple

from derm.errors import NotAllowed
from derm.language.quantities import either, listed
from derm.language.speech import mark, mark_of, say, say_of


class Role(StrEnum):
    """What somebody who logs in is here for; one may have several, and then what any of them may."""

    READER = "reader"
    """Reads the cases of a study."""

    CLINICIAN = "clinician"
    """Sees patients and keeps the practice's records."""

    RESEARCHER = "researcher"
    """Works with data sets, trains and evaluates; sees no patient's record."""

    ADMIN = "admin"
    """Answers for the installation."""


class Right(StrEnum):
    """What is asked for; of a page its name."""

    DIAGNOSE = mark("Diagnose")
    COMPARE = mark("Compare")
    EXPLORE = mark("Explore")
    MONITOR = mark("Monitor")
    CASES = mark("Cases")
    STUDY = mark("Study")
    OWN_CASES = mark("taking away tables and reports of one's own visit")
    RECORD = mark("entering into the records")
    DELETE = mark("deleting patients")
    SIMILAR = mark("seeing confirmed cases that look alike")
    DATA_SETS = mark("opening pictures of data sets")
    EXPORT = mark("taking away tables of data sets and results")
    STUDY_RESULTS = mark("seeing what a study found")
    TRAIN = mark("starting and stopping training")
    ALL_RUNS = mark("stopping the runs of others")
    WEIGHTS = mark("training on the records and choosing the weights in use")
    PATHS = mark("seeing where files of the server lie")


class PageScript(NamedTuple):
    """A page's script, from the app's folder on, and its icon among Google's Material symbols."""

    script: str
    icon: str


EVERYBODY = frozenset(Role)
CARE = frozenset({Role.CLINICIAN, Role.ADMIN})
RESEARCH = frozenset({Role.RESEARCHER, Role.ADMIN})
ANSWERABLE = frozenset({Role.ADMIN})

TABLE: dict[Right, frozenset[Role]] = {
    Right.DIAGNOSE: EVERYBODY,
    Right.COMPARE: CARE | RESEARCH,
    Right.EXPLORE: RESEARCH,
    Right.MONITOR: RESEARCH,
    Right.CASES: CARE,
    Right.STUDY: EVERYBODY,
    Right.OWN_CASES: EVERYBODY,
    Right.RECORD: CARE,
    Right.DELETE: ANSWERABLE,
    Right.SIMILAR: CARE | RESEARCH,
    Right.DATA_SETS: RESEARCH,
    Right.EXPORT: RESEARCH,
    Right.STUDY_RESULTS: RESEARCH,
    Right.TRAIN: RESEARCH,
    Right.ALL_RUNS: ANSWERABLE,
    Right.WEIGHTS: ANSWERABLE,
    Right.PATHS: RESEARCH,
}
"""Who has which right. A test holds docs/operations.md to it."""

SHEETS: dict[Right, PageScript] = {
    Right.DIAGNOSE: PageScript("streamlit_app.py", ":material/dermatology:"),
    Right.COMPARE: PageScript("pages/1_Compare.py", ":material/compare:"),
    Right.EXPLORE: PageScript("pages/2_Explore.py", ":material/grid_view:"),
    Right.MONITOR: PageScript("pages/3_Monitor.py", ":material/monitoring:"),
    Right.CASES: PageScript("pages/4_Cases.py", ":material/folder_shared:"),
    Right.STUDY: PageScript("pages/5_Study.py", ":material/groups_3:"),
}
"""The pages in the order of the row on top of each, beside the rights in `TABLE`: all that is to be known of one."""

PAGES = tuple(SHEETS)
"""The rights that are pages."""

NAMES = {
    Role.READER: mark_of("role", "reader"),
    Role.CLINICIAN: mark_of("role", "clinician"),
    Role.RESEARCHER: mark_of("role", "researcher"),
    Role.ADMIN: mark_of("role", "admin"),
}
"""The roles as sentences name them."""


def may(roles: Collection[Role] | None, right: Right) -> bool:
    """Whether somebody with these roles has a right. None: nobody is asked to log in, and whoever is here has all."""
    return roles is None or not TABLE[right].isdisjoint(roles)


def refusal(roles: Collection[Role], right: Right) -> str:
    """Why somebody with these roles is refused, and what would help."""
    wanted = either([_name(role) for role in Role if role in TABLE[right]])
    if right in PAGES:
        return say(
            "Your role ({roles}) does not include the page {page}: ask who runs this app for the role {wanted}.",
            roles=named(roles),
            page=say(right.value),
            wanted=wanted,
        )
    return say(
        "Your role ({roles}) does not include {what}: ask who runs this app for the role {wanted}.",
        roles=named(roles),
        what=say(right.value),
        wanted=wanted,
    )


def check(roles: Collection[Role] | None, right: Right) -> None:
    """Raise NotAllowed, with the sentence, where `may` says no."""
    if not may(roles, right):
        raise NotAllowed(refusal(roles or (), right))


def named(roles: Collection[Role]) -> str:
    """Roles in words, in the order of `Role`."""
    return listed([_name(role) for role in Role if role in roles] or [say_of("role", "none")])


def _name(role: Role) -> str:
    return say_of("role", NAMES[role])
