"""How visitors log in, as secrets and variables say it."""

import pytest

from derm.errors import ConfigFault
from derm.serve.login import (
    CLIENT_ID,
    CLIENT_SECRET,
    HOURS,
    IDLE_MINUTES,
    PEOPLE,
    PROVIDER,
    REDIRECT,
    REQUIRED,
    ROLES_CLAIM,
    SECRETS,
    login_of,
)
from derm.serve.roles import Role

ISSUER = "https://id.example/realms/clinic"
WELL_KNOWN = f"{ISSUER}/.well-known/openid-configuration"
GIVEN = {
    PROVIDER: WELL_KNOWN,
    CLIENT_ID: "derm",
    CLIENT_SECRET: "a secret of this test",
    REDIRECT: "https://derm.example/oauth2callback",
}
FILE = f"""
[auth]
server_metadata_url = "{WELL_KNOWN}"
client_id = "derm"
client_secret = "a secret of this test"
redirect_uri = "https://Derm.example:8443/app/oauth2callback"
[derm]
roles_claim = "realm_access.roles"
idle_minutes = 15
hours = 8
[derm.claims]
"derm-staff" = "clinician"
[derm.people]
"Ada@Derm.example" = "admin"
"bob@derm.example" = ["reader", "researcher"]
"""


def test_without_settings_nobody_is_asked(tmp_path):
    assert login_of({}) is None
    assert login_of({}, [tmp_path / "none.toml"]) is None


def test_a_file_says_everything(tmp_path):
    file = tmp_path / "secrets.toml"
    file.write_text(FILE, encoding="utf-8")
    login = login_of({}, [tmp_path / "none.toml", file])
    assert (login.issuer, login.origin, login.base, login.secure) == (ISSUER, "https://derm.example:8443", "/app", True)
    assert (login.idle, login.longest, login.roles_claim) == (900, 28800, "realm_access.roles")
    assert login.claim_roles == {"derm-staff": Role.CLINICIAN}
    assert login.people == {
        "ada@derm.example": {Role.ADMIN},
        "bob@derm.example": {Role.READER, Role.RESEARCHER},
    }
    assert login.secrets()["auth"]["redirect_uri"].endswith("/app/oauth2callback")
    assert len(login.cookie_secret) >= 32


def test_variables_go_before_the_file(tmp_path):
    file = tmp_path / "secrets.toml"
    file.write_text(FILE, encoding="utf-8")
    people = "Eve@derm.example=reader+clinician, ada@derm.example=reader"
    login = login_of({SECRETS: str(file), PEOPLE: people, IDLE_MINUTES: "5", HOURS: "1", ROLES_CLAIM: "groups"})
    assert (login.idle, login.longest, login.roles_claim) == (300, 3600, "groups")
    assert login.people["eve@derm.example"] == {Role.READER, Role.CLINICIAN}
    assert login.people["ada@derm.example"] == {Role.READER}
    assert login_of(GIVEN).cookie_secret != login_of(GIVEN).cookie_secret


def test_no_secret_is_printed():
    login = login_of({**GIVEN, PEOPLE: "ada@derm.example=admin"})
    assert "a secret of this test" not in repr(login)
    assert login.cookie_secret not in repr(login)
    assert "ada@derm.example" not in repr(login)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({REQUIRED: "1"}, "asks for login, and none is set up"),
        ({PROVIDER: WELL_KNOWN}, "Login lacks client_id, client_secret, redirect_uri"),
        ({**GIVEN, CLIENT_SECRET: " "}, "Login lacks client_secret"),
        ({**GIVEN, REDIRECT: "http://derm.example/oauth2callback"}, "without TLS everybody on the way"),
        ({**GIVEN, REDIRECT: "https://derm.example/callback"}, "it has to end in /oauth2callback"),
        ({**GIVEN, REDIRECT: "https://derm.example/oauth2callback?a=1"}, "it has to end in /oauth2callback"),
        ({**GIVEN, REDIRECT: "derm.example/oauth2callback"}, "give a whole address"),
        ({**GIVEN, REDIRECT: "https://a:b@derm.example/oauth2callback"}, "give a whole address"),
        ({**GIVEN, REDIRECT: "https://[/oauth2callback"}, "give a whole address"),
        ({**GIVEN, PROVIDER: WELL_KNOWN.replace("https", "http")}, "is asked without TLS"),
        ({**GIVEN, PROVIDER: ISSUER}, "does not end in /.well-known/openid-configuration"),
        ({**GIVEN, PEOPLE: "ada@derm.example"}, "give address=role"),
        ({**GIVEN, PEOPLE: "a@b.ch=admin,A@b.ch=reader"}, "names 'a@b.ch' twice: name it once"),
        ({**GIVEN, PEOPLE: "a@b.ch=reader=admin"}, "'a@b.ch=reader' among the people who may log in is no e-mail"),
        ({**GIVEN, SECRETS: "x" * 5_000}, "and there is no such file: check the path"),
        ({**GIVEN, PEOPLE: "ada=admin"}, "'ada' among the people who may log in is no e-mail address"),
        ({**GIVEN, PEOPLE: "ada@derm.example=root"}, "there is not: choose from reader, clinician, researcher, admin"),
        ({**GIVEN, IDLE_MINUTES: "0"}, "give a number above 0, 1440 at most"),
        ({**GIVEN, IDLE_MINUTES: "nan"}, "give a number above 0"),
        ({**GIVEN, HOURS: "1000"}, "168 at most"),
        ({**GIVEN, SECRETS: "/nowhere/secrets.toml"}, "there is no such file"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(given, said):
    with pytest.raises(ConfigFault, match=said) as found:
        login_of(given)
    assert "a secret of this test" not in str(found.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('client_secret = "unclosed', "cannot be read as TOML"),
        ("auth = 1", "'auth' in .* is one value where a section"),
        ('[auth]\ncookie_secret = "short"', "cookie_secret has fewer than 32 characters"),
        ('[derm]\nunverified_email = "yes"', "give true or false"),
        ("[derm]\nissuer = 3", "give a text in quotes"),
        ("[derm]\nidle_minutes = true", "give a number above 0"),
        ('[derm.claims]\nstaff = "boss"', "'staff' is given the role 'boss'"),
        ('[derm.people]\n"ada@derm.example" = []', "'ada@derm.example' is given no role"),
    ],
)
def test_what_is_wrong_in_a_file_is_said_in_one_sentence(tmp_path, text, said):
    file = tmp_path / "secrets.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigFault, match=said) as found:
        login_of({**GIVEN, SECRETS: str(file)})
    assert "unclosed" not in str(found.value)


def test_what_login_needs_is_named_where_it_is_not_installed(monkeypatch):
    monkeypatch.setattr("derm.serve.login.find_spec", lambda name: None)
    with pytest.raises(ConfigFault, match=r"pip install 'derm\[login\]'"):
        login_of(GIVEN)


def test_an_app_on_its_own_machine_needs_no_tls():
    assert not login_of({**GIVEN, REDIRECT: "http://localhost:8501/oauth2callback"}).secure
