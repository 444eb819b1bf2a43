"""Sentences in the language now spoken: `say` looks the English one up in its catalogue and fills in its fields.

Needs the compiled catalogues beside this file; Babel is imported for other languages than English alone. What language
is spoken belongs to the context (`speaking`) or, where none was set there, is told by whoever was named to `ask_for`.
"""

import gettext
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import date
from functools import cache, wraps
from numbers import Integral, Number, Real
from pathlib import Path
from string import Formatter
from typing import Any, ParamSpec, TypeVar

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
    return _retold(("say", (message,), values))


def say_many(one: str, many: str, count: int, /, **values: object) -> str:
    """A sentence with a number, in the form that the language wants for it; {count} is a field."""
    return _retold(("many", (one, many), {"count": count, **values}))


def say_of(context: str, message: str, /, **values: object) -> str:
    """A word that means several things, told apart by `context`, which is not shown."""
    return _retold(("of", (context, message), values))


_How = tuple[str, Sequence[str], dict[str, Any]]
"""What made a sentence: 'say', 'many' or 'of', the texts that the catalogues know it by, its values."""


class _Said(str):
    """A sentence that knows how to be said in another language; what is made of it is text as any other."""

    __slots__ = ("how",)
    how: _How


def again(text: str) -> str:
    """What was said before, anew in the language now spoken, what was filled into it, too; another text as it is."""
    return _retold(text.how) if isinstance(text, _Said) else text


def json_of_said(text: object) -> object:
    """What was said such that JSON holds how, and how what was filled in was said; numbers and None as they are,
    anything else as text."""
    if isinstance(text, _Said):
        kind, texts, values = text.how
        return {"kind": kind, "texts": list(texts), "values": {name: json_of_said(one) for name, one in values.items()}}
    if isinstance(text, Integral) and not isinstance(text, bool):
        return int(text)
    if isinstance(text, Real) and not isinstance(text, bool):
        return float(text)
    return text if text is None or isinstance(text, bool) else str(text)


def said_of_json(told: Any) -> Any:  # noqa: ANN401 (of JSON)
    """What `json_of_said` was made of, in the language now spoken; raises LookupError, TypeError or ValueError for what
    it did not make."""
    if not isinstance(told, dict):
        return told
    values = {name: said_of_json(value) for name, value in told["values"].items()}
    return _retold((told["kind"], told["texts"], values))


def _retold(how: _How) -> str:
    """A sentence in the language now spoken."""
    kind, texts, given = how
    values: dict[str, Any] = {name: again(value) if isinstance(value, str) else value for name, value in given.items()}
    catalogue = _catalogue(language())
    if kind == "many":
        found = catalogue.ngettext(texts[0], texts[1], values["count"])
    elif kind == "of":
        found = catalogue.pgettext(texts[0], texts[1])
    else:
        found = catalogue.gettext(texts[0]) if texts[0] else ""
    said = _Said(_filled(found, values))
    said.how = how
    return said


def number(value: float, form: str = "") -> str:
    """A number as `format` writes it, with point and thousands as the language has them: '1.234,5'. What rounds to zero
    is never written as negative."""
    text = format(value, form)
    if text.startswith("-") and "0" in text and not any(digit in text for digit in "123456789"):
        text = ("+" if "+" in form else "") + text[1:]
    return _by_locale(text)


def day_text(day: date | str) -> str:
    """A day, also one that is written as in ISO 8601, as the language writes it: '27.11.2026'; in English as ISO 8601
    does. A text that is no day stays as it is."""
    if isinstance(day, str):
        try:
            return day_text(date.fromisoformat(day))
        except ValueError:
            return day
    if language() in (ENGLISH, BRACKETED):
        return f"{day:%Y-%m-%d}"
    from babel.dates import format_date

    return str(format_date(day, "medium", language()))


def day_pattern() -> str:
    """How a day is entered, as Streamlit's calendar takes it: 'DD.MM.YYYY'; in English as ISO 8601 has it."""
    return "YYYY-MM-DD" if language() in (ENGLISH, BRACKETED) else "DD.MM.YYYY"


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
    if (point, thousands) == (".", ","):
        return text
    return text.translate({ord("."): point, ord(","): thousands, ord("%"): "\N{NO-BREAK SPACE}%"})


@cache
def _symbols(code: str) -> tuple[str, str]:
    """Decimal point and thousands separator."""
    if code in (ENGLISH, BRACKETED):
        return ".", ","
    from babel.numbers import get_decimal_symbol, get_group_symbol

    return str(get_decimal_symbol(code)), str(get_group_symbol(code))
