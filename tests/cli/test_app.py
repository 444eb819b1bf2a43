"""`derm app`: what it starts, and what it refuses to."""

import json
import os
import re
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from derm.cli.app import BASE
from derm.cli.main import app
from derm.errors import ConfigFault
from derm.serve.login import login_of
from derm.serve.opening import HOSTS, INSECURE, TOKEN

ROOT = Path(__file__).parents[2]


@pytest.fixture
def started(monkeypatch):
    """Arguments and environment of what would be started, and what was printed."""
    found = {}
    for name in (INSECURE, HOSTS, TOKEN):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "name", "posix")

    def replace_process(_, words, environment):
        found.update(words=words, environment=environment)
        raise SystemExit(0)

    monkeypatch.setattr(os, "execve", replace_process)

    def start(*arguments, command="app"):
        found.clear()
        result = CliRunner().invoke(app, [command, *arguments], catch_exceptions=True)
        return found.get("words"), found.get("environment"), result

    return start


def after(words, name):
    return words[words.index(name) + 1]


def test_it_listens_to_this_machine_alone(started):
    words, environment, _ = started("--no-browser")
    assert after(words, "--server.address") == "127.0.0.1"
    assert "--server.allowedHosts" not in words
    assert not {INSECURE, HOSTS, TOKEN} & environment.keys()
    assert environment["PYTHONSAFEPATH"] == "1"  # or a `streamlit.py` of the folder it is started in would run


@pytest.mark.parametrize("address", ["0.0.0.0", "192.0.2.1", "::"])
def test_it_is_not_opened_unasked(started, address):
    words, _, result = started("--address", address)
    assert words is None
    assert isinstance(result.exception, ConfigFault)
    assert "--token" in str(result.exception)


def test_a_token_is_made_printed_and_in_no_argument(started):
    words, environment, result = started("--address", "0.0.0.0", "--token")
    token = environment[TOKEN]
    assert re.fullmatch(r"[\w-]{32}", token)
    assert f"http://127.0.0.1:8501/?token={token}\n" in result.output
    assert "nothing on the way is encrypted" in result.output
    assert not any(token in word for word in words)
    assert started("--token")[1][TOKEN] != token


def test_the_printed_address_has_the_path_below_which_the_app_lies(started, monkeypatch):
    monkeypatch.setenv(BASE, "/clinic/derm/")
    _, environment, result = started("--token")
    assert f"http://127.0.0.1:8501/clinic/derm/?token={environment[TOKEN]}\n" in result.output


def test_a_token_that_is_set_stays(started, monkeypatch):
    monkeypatch.setenv(TOKEN, "0123456789abcdef")
    assert "?token=0123456789abcdef" in started("--token", "--address", "::1")[2].output
    monkeypatch.setenv(TOKEN, "abc+def&ghi#jkl%mno")
    assert "?token=abc%2Bdef%26ghi%23jkl%25mno\n" in started("--token")[2].output
    monkeypatch.setenv(TOKEN, "short")
    assert "give 16 ASCII characters" in str(started("--token")[2].exception)


@pytest.mark.parametrize(("address", "named"), [("0.0.0.0", "127.0.0.1"), ("::", "127.0.0.1"), ("::1", "[::1]")])
def test_streamlit_is_told_an_address_to_print_lest_it_asks_amazon_for_one(started, address, named):
    assert after(started("--insecure", "--address", address)[0], "--browser.serverAddress") == named


def test_it_is_opened_by_a_flag_or_behind_a_server(started):
    words, environment, _ = started("--address", "0.0.0.0", "--insecure")
    assert environment[INSECURE] == "1"
    assert after(words, "--server.allowedHosts") == "*"
    words, environment, _ = started("--behind", "derm.example", "--behind", "d.example")
    assert environment[HOSTS] == "derm.example,d.example"
    assert after(words, "--server.address") == "127.0.0.1"


def test_an_address_of_another_machine_is_named(started):
    words, _, result = started("--address", "192.0.2.77", "--insecure")
    assert words is None
    assert "192.0.2.77 is no address of this machine" in str(result.exception)


def test_several_people_log_in_or_nobody_is_served(started, monkeypatch):
    for name in [name for name in os.environ if name.startswith("DERM_LOGIN")]:
        monkeypatch.delenv(name)
    words, _, result = started(command="serve")
    assert words is None
    assert isinstance(result.exception, ConfigFault)
    assert "login" in str(result.exception).lower()
    given = {
        "PROVIDER": "https://id.example/.well-known/openid-configuration",
        "CLIENT_ID": "derm",
        "CLIENT_SECRET": "secret",
        "REDIRECT": "https://derm.example/oauth2callback",
    }
    for name, value in given.items():
        monkeypatch.setenv(f"DERM_LOGIN_{name}", value)
    words, environment, _ = started(command="serve")
    assert after(words, "--server.headless") == "true"
    assert (environment["DERM_LOGIN"], environment["DERM_LOG"]) == ("1", "json")


def test_what_the_composition_orders_is_taken():
    """No container engine is needed to see that options and settings are there."""
    yaml = pytest.importorskip("yaml")
    services = yaml.safe_load((ROOT / "deploy" / "compose.yml").read_text(encoding="utf-8"))["services"]
    asked = services["derm"]
    for words in (asked["command"], words_of(ROOT / "Dockerfile")):
        command = get_command(app).commands[words[1]] if words[:1] == ["derm"] else get_command(app).commands["app"]
        known = {name for option in command.params for name in (*option.opts, *option.secondary_opts)}
        assert {word.partition("=")[0] for word in words if word.startswith("--")} <= known
    login = login_of(asked["environment"], [])
    assert (login.redirect.port, login.roles_claim) == (8501, "roles")
    assert "127.0.0.1:8501:8501" in asked["ports"]
    assert services["database"]["environment"]["POSTGRES_USER"] in asked["environment"]["DERM_RECORDS_URL"]
    volumes = [one.split(":")[1] for one in asked["volumes"]]
    assert {asked["environment"]["DERM_RECORDS"], "/home/derm/runs"} == set(volumes)


def words_of(dockerfile: Path) -> list[str]:
    """The command that a Dockerfile starts."""
    (line,) = (one for one in dockerfile.read_text(encoding="utf-8").splitlines() if one.startswith("CMD"))
    return json.loads(line.removeprefix("CMD "))
