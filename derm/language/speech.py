"""Sentences in the language now spoken: `say` looks the English one up in its catalogue and fills in its fields.

Needs the compiled catalogues beside this file; Babel is imported for other languages than English alone. What language
is spoken belongs to the context (`speaking`) or, where none was set there, is told by whoever was named to `ask_for`.
"""

import gettext
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import date
from functools import cache, wraps
from numbers import Number
from pathlib import Path
from string import Formatter
from typing import ParamSpec, TypeVar

CATALOGUES = Path(__file__).with_name("catalogues")
DOMAIN = "derm"

ENGLISH = "en"
"""The language of the sentences in the source, which needs no catalogue."""

BRACKETED = "brackets"
"""No language: English, and whatever a catalogue has stands in ⟦ ⟧. Tests find by it what is not said."""

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

_language: ContextVar[str | None] = ContextVar("language", default=None)
_asked: list[Callable[[], str | None]] = []


@cache
def languages() -> tuple[str, ...]:
    """Codes of the languages that there are, English first: 'en', 'de'."""
    found = (path.parents[1].name for path in CATALOGUES.glob(f"*/LC_MESSAGES/{DOMAIN}.mo"))
    return ENGLISH, *sorted(found)


def own_name(language: str) -> str:
    """A language in its own words, as a choice shows it: 'Deutsch'."""
    with speaking(language):
        return say_of("this language", "English")


def known_language(wanted: str | None) -> str:
    """The language that comes closest to a browser's 'de-AT': 'de'; English where there is none."""
    code = (wanted or "").replace("_", "-").split("-")[0].lower()
    return code if code in languages() else ENGLISH


def language() -> str:
    """The language now spoken."""
    if told := _language.get():
        return told
    return next((found for ask in _asked if (found := ask())), ENGLISH)


def document_language() -> str:
    """Code of the language now spoken, for what a document says of itself; `BRACKETED` is none and reads English."""
    return language() if language() in languages() else ENGLISH


@contextmanager
def speaking(code: str) -> Iterator[None]:
    """Speak a language within; raises ValueError for one that there is not."""
    if code not in (*languages(), BRACKETED):
        raise ValueError(f"{code!r} is no language of Derm: choose one of {', '.join(languages())}.")
    token = _language.set(code)
    try:
        yield
    finally:
        _language.reset(token)


def ask_for(whom: Callable[[], str | None]) -> None:
    """Let `whom` tell the language wherever none was set: the page's, by its visitor. None: it does not know."""
    _asked[:] = [whom]


def keeping_language(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """`function` in the language that is spoken now, whenever it is called: in a thread, after the page."""
    code = language()

    @wraps(function)
    def spoken(*arguments: Arguments.args, **named: Arguments.kwargs) -> Result:
        with speaking(code):
            return function(*arguments, **named)

    return spoken


def mark(message: str) -> str:
    """A sentence of a table that is made at import: it gets into the catalogue, and is said where it is used."""
    return message


def mark_of(context: str, message: str) -> str:  # noqa: ARG001 (for the catalogue)
    """As `mark`, for `say_of`."""
    return message


def say(message: str, /, **values: object) -> str:
    """A sentence in the language now spoken, its fields filled: {name}, {share:.2f}; numbers by locale."""
    return _filled(_catalogue(language()).gettext(message), values) if message else ""


def say_many(one: str, many: str, count: int, /, **values: object) -> str:
    """A sentence with a number, in the form that the language wants for it; {count} is a field."""
    return _filled(_catalogue(language()).ngettext(one, many, count), {"count": count, **values})


def say_of(context: str, message: str, /, **values: object) -> str:
    """A word that means several things, told apart by `context`, which is not shown."""
    return _filled(_catalogue(language()).pgettext(context, message), values)


def number(value: float, form: str = "") -> str:
    """A number as `format` writes it, with point and thousands as the language has them: '1.234,5'."""
    return _by_locale(format(value, form))


def day_text(day: date) -> str:
    """A day as the language writes it: '27.11.2026'; in English as ISO 8601 does."""
    if language() in (ENGLISH, BRACKETED):
        return f"{day:%Y-%m-%d}"
    from babel.dates import format_date

    return str(format_date(day, "medium", language()))


def separators() -> str:
    """Decimal point and thousands separator of the language as plotly takes them: '.,'."""
    return "".join(_symbols(language()))


class _Filling(Formatter):
    """Fills fields as `str.format` does; numbers with the point of the language."""

    def format_field(self, value: object, format_spec: str) -> str:
        text = str(super().format_field(value, format_spec))
        return _by_locale(text) if isinstance(value, Number) else text


class _Unknown(gettext.NullTranslations):
    """What is asked where a catalogue does not have a sentence: says so."""

    def gettext(self, message: str) -> str:
        raise LookupError(message)

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:  # noqa: ARG002
        raise LookupError(msgid1)

    def pgettext(self, context: str, message: str) -> str:  # noqa: ARG002
        raise LookupError(message)


class _Bracketed(gettext.NullTranslations):
    """English, with what the catalogues have in brackets; what they do not have, and what is filled in, stands outside
    of them."""

    def __init__(self) -> None:
        super().__init__()
        self._known = gettext.translation(DOMAIN, CATALOGUES, [languages()[1]])
        self._known.add_fallback(_Unknown())

    def gettext(self, message: str) -> str:
        with suppress(LookupError):
            self._known.gettext(message)
            return _bracketed(message)
        return message

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        message = msgid1 if n == 1 else msgid2
        with suppress(LookupError):
            self._known.ngettext(msgid1, msgid2, n)
            return _bracketed(message)
        return message

    def pgettext(self, context: str, message: str) -> str:
        with suppress(LookupError):
            self._known.pgettext(context, message)
            return _bracketed(message)
        return message


def _bracketed(message: str) -> str:
    pieces = []
    for text, field, form, conversion in Formatter().parse(message):
        pieces.append(f"⟦{text}⟧" if any(letter.isalpha() for letter in text) else text)
        if field is not None:
            pieces.append("{" + field + (f"!{conversion}" if conversion else "") + (f":{form}" if form else "") + "}")
    return "".join(pieces)


def _filled(message: str, values: dict[str, object]) -> str:
    return _FILLING.vformat(message, (), values) if values else message


_FILLING = _Filling()


@cache
def _catalogue(code: str) -> gettext.NullTranslations:
    if code == ENGLISH:
        return gettext.NullTranslations()
    if code == BRACKETED:
        return _Bracketed()
    return gettext.translation(DOMAIN, CATALOGUES, [code])


def _by_locale(text: str) -> str:
    point, thousands = _symbols(language())
    return text if (point, thousands) == (".", ",") else text.translate({ord("."): point, ord(","): thousands})


@cache
def _symbols(code: str) -> tuple[str, str]:
    """Decimal point and thousands separator."""
    if code in (ENGLISH, BRACKETED):
        return ".", ","
    from babel.numbers import get_decimal_symbol, get_group_symbol

    return str(get_decimal_symbol(code)), str(get_group_symbol(code))
