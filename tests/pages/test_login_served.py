"""Login as the served app has it, with a provider on this machine: over HTTP and the websocket, and in Chromium."""

import http.client
import json
import re
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect
from served import PATIENCE, STILL, at_once, rest, serve

from derm.bench.provider import ask, local_provider, log_in, session_of
from derm.bench.serve import encoded
from derm.bench.visitor import ServedVisitor
from derm.data.synthetic.lesion import draw_lesion
from derm.records.missing import can_be_kept
from derm.serve import words
from derm.serve.claims import pseudonym
from derm.serve.login import PROVIDER

pytestmark = [pytest.mark.slow, pytest.mark.browser]
PEOPLE = {"ada": ["clinician"], "bob": ["reader", "chef"], "eve": []}
PICTURE = encoded(draw_lesion("nv", 5, height=64, width=80).image)


@pytest.fixture(scope="module")
def places(tiny_weights, tmp_path_factory):
    folder = tmp_path_factory.mktemp("login")
    with (
        local_provider(PEOPLE) as variables,
        serve(
            folder / "log", ("DERM_TOKEN", "DERM_INSECURE"), DERM_WEIGHTS=str(tiny_weights), DERM_LOG="json",
            DERM_RECORDS=str(folder / "records"), DERM_RUNS=str(folder / "runs"), **variables,
        ) as address,
    ):  # fmt: skip
        yield address, variables[PROVIDER].partition("/.well")[0], folder / "log"


@pytest.fixture(scope="module")
def address(places):
    return places[0]


def status(address, path, session="", method="GET"):
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)
    connection.request(method, path, headers={"Cookie": session} if session else {})
    try:
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.skipif(not can_be_kept(), reason="needs the extra records")
def test_somebody_else_s_addresses_are_refused_and_a_logout_ends_everything(address):
    ada, bob = (session_of(log_in(address, name)) for name in ("ada", "bob"))
    with ServedVisitor(address, ada) as visitor:
        visitor.diagnose("mole.jpg", PICTURE)
        visitor.turn_to("Cases")
        (picture, *_), upload = sorted(visitor.files), f"/{visitor._urls('second.jpg').upload_url.lstrip('/')}"
        assert [status(address, picture, who) for who in (ada, bob, "")] == [200, 403, 401]
        assert [status(address, upload, who, "PUT") for who in (bob, "")] == [403, 401]
        assert visitor.upload(upload, "second.jpg", PICTURE) == 204
        assert ask(f"{address}/auth/logout", dict([ada.split("=")])).status == 303
        assert visitor.upload(upload, "second.jpg", PICTURE) == 401
        assert [status(address, path, ada) for path in ("/", picture, "/_stcore/stream")] == [401] * 3
        assert status(address, "/", bob) == 200


def test_who_has_no_role_gets_one_sentence(address):
    answered = log_in(address, "eve")
    assert answered.status == 403
    assert words.no_role("eve@derm.example") in answered.body.decode()
    assert "derm-session" not in answered.cookies()


def test_login_page_and_logout_in_a_browser(places, browser):
    address, issuer, log = places
    visitor = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion=STILL)
    visitor.route("https://**", lambda route: route.abort())  # the provider's style, which is elsewhere
    page = visitor.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(f"{address}/Study")
    at_once(page.get_by_role("link", name="Log in"))
    at_once(page.get_by_role("button", name="ada", exact=True))
    expect(page).to_have_url(re.compile("/Study$"))
    rest(page)
    links = page.locator(".st-key-top").get_by_role("link")
    expect(links).to_contain_text(["Diagnose", "Compare", "Cases", "Study"])
    expect(links).to_have_count(4)
    second = visitor.new_page()
    second.goto(f"{address}/Study")
    rest(second)
    page.locator(".st-key-way-out").get_by_role("button").first.click()
    account = pseudonym(issuer, "ada")
    expect(page.get_by_text(f"What you enter bears the name {account}")).to_be_visible()
    at_once(page.locator(".st-key-log-out").get_by_role("button"))
    page.wait_for_url(re.compile("end_session"))
    expect(second.get_by_role("link", name="Log in")).to_be_visible(timeout=PATIENCE)
    page.goto(f"{address}/Cases")
    expect(page.get_by_role("link", name="Log in")).to_be_visible()
    visitor.close()
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    assert {"login", "logout", "request"} <= {line["message"] for line in lines}
    assert not re.search("ada|127.0.0.1|derm.example", json.dumps([line | {"at": ""} for line in lines]))
