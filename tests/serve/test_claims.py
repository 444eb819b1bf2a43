"""Who has logged in: what Streamlit signs, checked for signature, freshness, issuer, audience and roles."""

import time
from dataclasses import replace
from secrets import token_hex

import pytest
from logins import LOGIN, claims, cookies

from derm.errors import NotAllowed
from derm.serve import words
from derm.serve.claims import USER, Account, pseudonym, read_account, roles_of
from derm.serve.roles import Role


def test_a_login_becomes_an_account_without_a_name_in_its_id():
    account = read_account(cookies(claims()), LOGIN)
    assert account == Account(
        pseudonym("https://id.example", "ada"), frozenset({Role.CLINICIAN}), "Ada", "ada@derm.example"
    )
    assert account.id.startswith("u-")
    assert len(account.id) == 18
    assert "ada" not in repr(account).lower()
    assert account.id != pseudonym("https://id.example", "bob") != pseudonym("https://other.example", "bob")


def test_a_long_login_comes_in_parts():
    made = cookies(claims(groups=[token_hex(50) for _ in range(80)]))
    assert len(made) > 2
    assert read_account(made, LOGIN).name == "Ada"


@pytest.mark.parametrize(
    "made",
    [
        {},
        {USER: "forged"},
        {USER: cookies(claims(), secret="another secret of 32 characters!!")[USER]},
        {USER: cookies(claims())[USER][:-2] + "xx"},
        {USER: cookies(claims(), name="_streamlit_user_tokens")["_streamlit_user_tokens"]},
        cookies("chunks-3"),
        cookies(["no", "mapping"]),
        cookies(7),
    ],
)
def test_what_is_not_signed_so_is_refused(made):
    with pytest.raises(NotAllowed) as found:
        read_account(made, LOGIN)
    assert str(found.value) == words.FOREIGN_LOGIN


def test_a_part_that_lacks_is_noticed():
    made = cookies(claims(groups=[token_hex(50) for _ in range(80)]))
    del made[f"{USER}_1"]
    with pytest.raises(NotAllowed):
        read_account(made, LOGIN)


@pytest.mark.parametrize(
    "wrong",
    [
        {"iss": "https://evil.example"},
        {"iss": "https://id.example.evil.example"},
        {"iss": None},
        {"iss": ["https://id.example"]},
        {"aud": "another app"},
        {"aud": ["another app"]},
        {"aud": None},
        {"aud": ["derm", "another app"], "azp": "another app"},
        {"sub": ""},
        {"sub": 7},
        {"sub": "x" * 256},
        {"is_logged_in": "true"},
    ],
)
def test_what_is_for_another_app_or_from_another_provider_is_refused(wrong):
    with pytest.raises(NotAllowed) as found:
        read_account(cookies(claims(**wrong)), LOGIN)
    assert str(found.value) == words.FOREIGN_LOGIN


@pytest.mark.parametrize("wrong", [{"exp": time.time() - 3600}, {"exp": None}, {"exp": "never"}, {"exp": True}])
def test_a_token_that_is_over_is_refused(wrong):
    with pytest.raises(NotAllowed) as found:
        read_account(cookies(claims(**wrong)), LOGIN)
    assert str(found.value) == words.OLD_LOGIN


def test_a_cookie_of_an_earlier_login_is_refused(monkeypatch):
    made = cookies(claims(exp=time.time() + 9e6))
    now = time.time()
    monkeypatch.setattr("itsdangerous.timed.time.time", lambda: now + 3600)
    with pytest.raises(NotAllowed) as found:
        read_account(made, LOGIN)
    assert str(found.value) == words.FOREIGN_LOGIN


@pytest.mark.parametrize(
    ("said", "who"),
    [
        ({"email_verified": False}, pseudonym("https://id.example", "ada")),
        ({"email_verified": "true"}, pseudonym("https://id.example", "ada")),
        ({"email_verified": None}, pseudonym("https://id.example", "ada")),
        ({"email": "eve@derm.example"}, "eve@derm.example"),
        ({"email": None}, pseudonym("https://id.example", "ada")),
    ],
)
def test_nobody_without_a_role_gets_in(said, who):
    with pytest.raises(NotAllowed) as found:
        read_account(cookies(claims(**said)), LOGIN)
    assert str(found.value) == words.no_role(who)


@pytest.mark.parametrize(
    ("said", "path", "names", "expected"),
    [
        ({"roles": ["admin", "chef"]}, "roles", {}, {Role.ADMIN}),
        ({"roles": "reader"}, "roles", {}, {Role.READER}),
        ({"realm_access": {"roles": ["researcher"]}}, "realm_access.roles", {}, {Role.RESEARCHER}),
        ({"groups": ["derm-staff", "admin"]}, "groups", {"derm-staff": Role.CLINICIAN}, {Role.CLINICIAN}),
        ({"roles": {"admin": True}}, "roles", {}, set()),
        ({"roles": [["admin"], 7, None]}, "roles", {}, set()),
        ({"roles": ["Admin"]}, "roles", {}, set()),
        ({"roles": ["admin"]}, "", {}, set()),
        ({"realm_access": "admin"}, "realm_access.roles", {}, set()),
    ],
)
def test_roles_come_from_a_claim(said, path, names, expected):
    login = replace(LOGIN, people={}, roles_claim=path, claim_roles=names)
    assert roles_of(claims(**said), login) == expected


def test_claim_and_table_count_together():
    login = replace(LOGIN, roles_claim="roles")
    assert roles_of(claims(roles=["researcher"]), login) == {Role.CLINICIAN, Role.RESEARCHER}


def test_an_account_finds_itself_among_names():
    account = read_account(cookies(claims()), LOGIN)
    assert account.among(["Ada@derm.example", account.id, "Ada", ""]) == ("Ada@derm.example", account.id)
    assert Account("u-1", frozenset()).among([""]) == ()
