"""The redactor that knows what the workspace holds, in whatever state it is."""

import os
from pathlib import Path

import pytest

from provisioner.customers.files.document import render
from provisioner.customers.known_secrets import known_redactor
from provisioner.secrets import MASK
from tests.customers.examples import documented

KEY = "a-key-of-no-known-form"


@pytest.mark.parametrize(
    "line",
    [
        f"ANTHROPIC_API_KEY={KEY}",
        f"export ANTHROPIC_KEY='{KEY}'",
        f"MISSPELT_NAME={KEY}",
        f"TOKEN={KEY} # the key",
        f"STRIPE_WEBHOOK_SECRET=whsec-one,{KEY}",
        f"SMTP_URL=smtps://me:{KEY}@mail.example.com",
        KEY,
        f"not a line\nTOKEN = {KEY}",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_what_stands_in_dotenv_is_known_however_it_stands_there(
    tmp_path: Path, line: str, encoding: str
) -> None:
    (tmp_path / ".env").write_text(f"{line}\n", encoding)
    assert KEY not in known_redactor(tmp_path)(f"the {KEY} is wrong")


def test_an_address_and_a_short_word_of_dotenv_are_no_secrets(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("DIGITALOCEAN_END_POINT=https://api.example.com/v2/\nREGION=sfo3-or-nyc\n")
    text = "https://api.example.com/v2/ in sfo3-or-nyc"
    assert known_redactor(tmp_path)(text) == text


def test_the_environment_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAIL_PASSPHRASE", KEY)
    monkeypatch.setenv("DATABASE_URL", "postgres://me:pass-word-of-it@host/db")
    assert known_redactor(None)(f"{KEY} pass-word-of-it") == f"{MASK} {MASK}"


@pytest.mark.parametrize("place", ["active", "archive"])
@pytest.mark.parametrize("broken", [False, True])
def test_records_are_known_and_broken_ones_too(tmp_path: Path, place: str, broken: bool) -> None:
    record = documented()
    record["setup"]["messaging"]["botToken"] = KEY
    raw = render(record)
    (tmp_path / "customers" / place).mkdir(parents=True)
    (tmp_path / "customers" / place / "x.json").write_bytes(raw.replace(b"{", b"{,", 1) if broken else raw)
    assert known_redactor(tmp_path)(KEY) == MASK
    assert known_redactor(tmp_path, records=False)(KEY) == KEY


def test_nothing_in_a_workspace_stops_it(tmp_path: Path) -> None:
    active = tmp_path / "customers" / "active"
    active.mkdir(parents=True)
    (tmp_path / ".env").mkdir()
    os.mkfifo(active / "pipe.json")
    (active / "gone.json").symlink_to("nowhere")
    (active / "deep.json").write_bytes(b"[" * 100_000)
    (active / "digits.json").write_bytes(b'{"token": "odd-token", "x": ' + b"9" * 5000 + b"}")
    (active / "bytes.json").write_bytes(b'\xff\xfe{"token')
    assert known_redactor(tmp_path)("odd-token and the rest") == f"{MASK} and the rest"
    assert known_redactor(tmp_path / "nowhere")("the rest") == "the rest"
