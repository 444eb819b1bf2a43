"""The page of who is not logged in: a sentence, and the way to the provider. It needs no script and loads nothing.

Needs nothing. Knows no session.
"""

from html import escape
from urllib.parse import quote

from derm.language.speech import language, say
from derm.serve.words import SIGN_IN_TITLE

LONGEST = 500
"""Characters of an address to return to; who asks for a longer one comes to the first page."""

PAGE = """<!doctype html>
<html lang="{language}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title><style>
:root {{ color-scheme: light dark }}
body {{ font: 16px/1.5 sans-serif; max-width: 34rem; margin: 18vh auto 0; padding: 0 1.5rem }}
h1 {{ font-size: 1.25rem; font-weight: 600 }}
a {{ display: inline-block; padding: .5rem 1.1rem; border-radius: .4rem; background: #2B5A6E; color: #fff;
text-decoration: none }}
small {{ opacity: .8 }}
</style></head><body><h1>Derm</h1><p>{sentence}</p><p><a href="{address}">{label}</a></p><p><small>{note}</small></p>
</body></html>
"""


def sign_in_page(sentence: str, note: str, address: str, label: str) -> bytes:
    """The page in the language now spoken; everything is text but the address, which is the app's own."""
    texts = {"sentence": sentence, "note": note, "label": label, "title": say(SIGN_IN_TITLE), "address": address}
    written = {name: escape(text) for name, text in texts.items()}
    return PAGE.format(language=language(), **written).encode()


def in_one(address: str) -> str:
    """An address as one value of a query or of a cookie."""
    return quote(address, safe="")


def address_of(path: str, query: str) -> str:
    """The address of a page of the app, from a request's decoded path and its query."""
    return f"{quote(path)}?{query}" if query else quote(path)


def address_back(told: str, base: str) -> str:
    """Where the browser goes after the login: `told`, where it leads to a page of the app, else the first page.

    told: from the browser, so that it may be anything. base: the path before all paths of the app.
    """
    first = f"{base}/"
    # //host and /\\host lead elsewhere, whatever a browser makes of them.
    own = told.startswith(first) and not told.startswith("//") and "\\" not in told
    plain = told.isascii() and told.isprintable() and " " not in told
    return told if own and plain and len(told) <= LONGEST else first
