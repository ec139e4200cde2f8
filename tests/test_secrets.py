"""What is secret in a record, and what the redactor cuts."""

import html
import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.secrets import (
    MASK,
    Redactor,
    is_secret_path,
    mask_record,
    passwords_in,
    secrets_in,
    secrets_in_text,
)

KEY = 'odd/key+of no"known\\form&é'


@pytest.mark.parametrize(
    "path",
    [
        *("setup.messaging.botToken", "setup.messaging.link.code", "passphrase", "ssh.passcode", "API_KEY"),
        *("credentials.value", "credentials.0.deep.er", "auth.password.old", "x.privateKey", "sessionCookie"),
    ],
)
def test_what_is_secret_by_its_place(path: str) -> None:
    assert is_secret_path(path)


@pytest.mark.parametrize(
    "path",
    ["setup.droplet.hostKey", "setup.droplet.nextHostKey", "name", "email", "setup.messaging.link.manager"],
)
def test_and_what_is_not(path: str) -> None:
    assert not is_secret_path(path)


RECORD: dict[str, Any] = {
    "credentials": {"value": "swordfish-1", "more": ["swordfish-2", {"deep": "swordfish-3"}]},
    "passphrase": "swordfish-4",
    "bots": [{"name": "one", "token": "swordfish-5"}, [{"token": "swordfish-6"}]],
    "passcode": 12345678,
    "tokenChecked": True,
    "empty": {"token": "", "secret": None},
    "notes": [{"note": "kept"}],
}


def test_groups_and_lists_under_a_secret_name_are_hidden() -> None:
    masked = mask_record(RECORD)
    assert "swordfish" not in json.dumps(masked)
    assert masked["passcode"] == MASK
    assert masked["credentials"] == {"value": MASK, "more": [MASK, {"deep": MASK}]}
    assert masked["bots"][0] == {"name": "one", "token": MASK}
    assert (masked["tokenChecked"], masked["empty"], masked["notes"]) == (
        True,
        {"token": "", "secret": None},
        [{"note": "kept"}],
    )


def test_their_values_are_known_for_all_other_texts() -> None:
    assert sorted(secrets_in(RECORD)) == ["12345678", *(f"swordfish-{number}" for number in range(1, 7))]


def test_a_text_that_is_no_record_gives_its_secrets_too() -> None:
    text = '{"a": 1,, "botToken": "swordfish-1",\n "api_key" : "sword\\"fish", "code": "c0de-c0de", "b": "c"'
    assert secrets_in_text(text) == ["swordfish-1", 'sword\\"fish', "c0de-c0de"]


FORMS: dict[str, str] = {
    "as it is": KEY,
    "in JSON": json.dumps({"x": KEY}),
    "in JSON with its characters": json.dumps({"x": KEY}, ensure_ascii=False),
    "in an address": f"https://example.com/?key={quote(KEY, safe='')}",
    "in a path": f"https://example.com/{quote(KEY)}/x",
    "in Python": repr({"x": KEY}),
    "in HTML": f"<p>{html.escape(KEY)}</p>",
}


@pytest.mark.parametrize("form", FORMS)
def test_a_known_secret_is_cut_in_every_form(form: str) -> None:
    said = Redactor([KEY])(FORMS[form])
    assert MASK in said
    assert "known" not in said


def test_a_secret_of_several_lines_is_cut_line_by_line() -> None:
    redact = Redactor(["first-line\r\n  second-line\n"])
    assert redact("a second-line of it") == f"a {MASK} of it"
    assert redact("first-line, only") == f"{MASK}, only"


@pytest.mark.parametrize(
    ("secret", "text", "said"),
    [
        ("4711", "the PIN 4711 is wrong", f"the PIN {MASK} is wrong"),
        ("4711", "droplet 471147119", "droplet 471147119"),
        ("cat", "the cat sat", "the cat sat"),
        ("true", "it is true", "it is true"),
        ("", "nothing", "nothing"),
    ],
)
def test_a_short_secret_is_cut_only_where_it_stands_alone(secret: str, text: str, said: str) -> None:
    assert Redactor([secret])(text) == said


def test_a_longer_secret_goes_before_one_that_is_in_it() -> None:
    assert Redactor(["secret", "secret-and-more"])("x secret-and-more y") == f"x {MASK} y"


def test_what_is_learned_later_is_cut_too() -> None:
    redact = Redactor(["first-secret"])
    assert redact("first-secret") == MASK
    redact.learn("second-secret")
    assert redact("second-secret") == MASK


def test_passwords_in_addresses() -> None:
    found = passwords_in(["smtps://me:p%40ss-word@mail.example.com", "https://example.com", "http://[broken"])
    assert sorted(found) == ["p%40ss-word", "p@ss-word"]


@given(st.text('abcdefé"&/', min_size=6), st.text("uvwxyz 019"))
def test_a_secret_never_comes_through(secret: str, text: str) -> None:
    assert Redactor([secret])(f"{text}{secret}{text}") == f"{text}{MASK}{text}"
