"""The language of a request that no page answers: as the visitor chose before, or as the browser asks.

Needs the headers of ASGI. Knows no page; pages keep the choice in the cookie `COOKIE`.
"""

from derm.language.speech import known_language, languages
from derm.serve.cookies import Headers, cookies_in

COOKIE = "derm-language"


def language_of(headers: Headers) -> str:
    """A language that there is: the cookie's, else the first that the browser names, else English."""
    headers = list(headers)
    chosen = next((value for name, value in cookies_in(headers) if name == COOKIE), "")
    if chosen in languages():
        return chosen
    asked = next((value.decode("latin-1") for name, value in headers if name.lower() == b"accept-language"), "")
    return known_language(asked.split(",")[0].split(";")[0].strip())
