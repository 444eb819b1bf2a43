"""The language of a request that no page answers."""

import pytest

from derm.language.speech import speaking
from derm.serve.browser_language import COOKIE, language_of
from derm.serve.sign_in import sign_in_page
from derm.serve.words import LOG_IN, sessions_end


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ((), "en"),
        (((b"accept-language", b"de-AT,de;q=0.9,en;q=0.8"),), "de"),
        (((b"Accept-Language", b"de;q=0.9"),), "de"),
        (((b"accept-language", b"fr,de"),), "en"),
        (((b"accept-language", b"de"), (b"cookie", f"a=b; {COOKIE}=en".encode())), "en"),
        (((b"cookie", f"{COOKIE}=../../x".encode()), (b"accept-language", b"\xff;;,")), "en"),
    ],
)
def test_a_request_is_answered_as_the_visitor_chose_or_as_the_browser_asks(headers, code):
    assert language_of(headers) == code


def test_the_way_in_is_said_in_the_language_and_tells_it():
    with speaking("de"):
        page = sign_in_page("<b>", sessions_end(5400, 60), "/login", "Anmelden").decode()
    assert '<html lang="de">' in page
    assert "&lt;b&gt;" in page
    assert "nach 1,5 Stunden ohne Nutzung und 1 Minute nach der Anmeldung" in page
    assert '<html lang="en">' in sign_in_page("a", "b", "/login", LOG_IN).decode()
