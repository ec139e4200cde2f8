"""The small programs that the playbooks put on a server, tried here."""

import json
import os
import sqlite3
import subprocess
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

import pytest

from provisioner.playbook.load import shipped_playbooks
from tests.playbooks.programs import program

SECRET = shipped_playbooks() / "openclaw" / "files" / "openclaw-secret"


class Env:
    def __init__(self, home: Path) -> None:
        self.home = home
        self.file = home / ".openclaw" / ".env"
        self.file.parent.mkdir()

    def ask(self, verb: str, name: str, value: str) -> bool:
        result = subprocess.run(
            ["bash", str(SECRET), verb, name],
            input=value,
            text=True,
            env={"HOME": str(self.home), "PATH": "/usr/bin:/bin"},
            capture_output=True,
            check=False,
            timeout=20,
        )
        assert result.stderr == ""
        return result.returncode == 0


@pytest.fixture
def env(tmp_path: Path) -> Env:
    return Env(tmp_path)


def test_a_secret_is_put_in_a_file_of_the_user_alone(env: Env) -> None:
    assert not env.ask("has", "TOKEN", "a$b'c\"d\n")
    assert not env.file.exists()

    assert env.ask("put", "TOKEN", "a$b'c\"d\n")

    assert env.file.read_text() == "TOKEN=a$b'c\"d\n"
    assert env.file.stat().st_mode & 0o777 == 0o600
    assert env.ask("has", "TOKEN", "a$b'c\"d\n")
    assert env.ask("has", "TOKEN", "a$b'c\"d")


def test_only_the_line_of_that_name_changes(env: Env) -> None:
    env.file.write_text("ANTHROPIC_API_KEY=old\n# theirs\nMY_ANTHROPIC_API_KEY=x\n")

    assert not env.ask("has", "ANTHROPIC_API_KEY", "ol")
    assert env.ask("put", "ANTHROPIC_API_KEY", "new")

    assert env.file.read_text() == "# theirs\nMY_ANTHROPIC_API_KEY=x\nANTHROPIC_API_KEY=new\n"
    assert [path.name for path in env.file.parent.iterdir()] == [".env"]


def test_a_look_does_not_touch_the_file(env: Env) -> None:
    env.file.write_text("TOKEN=x\n")
    before = env.file.stat()

    env.ask("has", "TOKEN", "x")

    assert env.file.stat().st_mtime_ns == before.st_mtime_ns


@pytest.mark.parametrize(("value", "keeps_its_time"), [("old", True), ("new", False)])
def test_a_line_that_goes_leaves_the_rest(env: Env, value: str, keeps_its_time: bool) -> None:
    env.file.write_text("ANTHROPIC_API_KEY=old\n# theirs\nMY_ANTHROPIC_API_KEY=x\n")
    os.utime(env.file, (1, 1))

    assert env.ask("drop", "ANTHROPIC_API_KEY", value)

    assert env.file.read_text() == "# theirs\nMY_ANTHROPIC_API_KEY=x\n"
    assert env.file.stat().st_mode & 0o777 == 0o600
    assert (env.file.stat().st_mtime == 1) == keeps_its_time


@pytest.fixture
def requests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = program("telegram", "telegram-requests", monkeypatch)
    monkeypatch.setattr(module, "DATABASE", str(tmp_path / "state.sqlite"))
    return module


Row = tuple[str, object, str | bytes | None, str]


def held(path: Path, rows: Iterable[Row]) -> None:
    database = sqlite3.connect(path)
    with database:
        database.execute(
            "CREATE TABLE channel_pairing_requests (channel_key TEXT, account_id TEXT, request_id TEXT,"
            " code TEXT, created_at TEXT, last_seen_at TEXT, meta_json TEXT)"
        )
        database.executemany(
            "INSERT INTO channel_pairing_requests VALUES (?, 'default', ?, 'CODE', '2026-01-01T00:00:00Z',"
            " strftime('%Y-%m-%dT%H:%M:%fZ', 'now', ?), ?)",
            [(channel, sender, seen, about) for channel, sender, about, seen in rows],
        )
    database.close()


ADA = json.dumps({"username": "Ada_L", "firstName": "Ada", "accountId": "default"})


def printed(requests: ModuleType) -> list[dict[str, str]]:
    """What root prints of what the assistant's user says."""
    found: list[dict[str, str]] = requests.checked(
        json.dumps(requests.all_requests(), default=lambda _: None).encode()
    )
    return found


def test_who_waits_is_read_from_the_gateways_database(requests: ModuleType, tmp_path: Path) -> None:
    held(
        tmp_path / "state.sqlite",
        [
            ("telegram", "112", None, "-50 minutes"),
            ("telegram", "111", ADA, "-1 minutes"),
            ("signal", "114", ADA, "-1 minutes"),
        ],
    )

    assert [(one["id"], one["username"], one["name"]) for one in printed(requests)] == [
        ("111", "Ada_L", "Ada"),
        ("112", "", ""),
    ]


def test_somebody_who_wrote_days_ago_is_still_known(requests: ModuleType, tmp_path: Path) -> None:
    held(tmp_path / "state.sqlite", [("telegram", "111", ADA, "-3 days")])

    (found,) = printed(requests)

    assert (found["id"], found["username"]) == ("111", "Ada_L")
    assert found["at"].endswith("Z")
    assert found["at"] > "2026-01-02"


def test_of_very_many_the_last_ones_are_given(requests: ModuleType, tmp_path: Path) -> None:
    rows: list[Row] = [("telegram", str(n), ADA, f"-{n} minutes") for n in range(1, 2000)]
    held(tmp_path / "state.sqlite", rows)

    assert [one["id"] for one in printed(requests)] == [str(n) for n in range(1, 51)]


@pytest.mark.parametrize(
    "about",
    [
        json.dumps({"username": 4711, "firstName": ["x"]}),
        json.dumps({"username": None}),
        json.dumps([1, 2]),
        "7",
        "[" * 1900,
        "{",
        b"\xff\xfe",
        json.dumps({"username": "x" * 1_000_000}),
        json.dumps({"username": "\x1b[2J\n" + "x" * 500}),
    ],
)
def test_a_row_that_is_none_spoils_no_other(
    requests: ModuleType, tmp_path: Path, about: str | bytes | None
) -> None:
    held(
        tmp_path / "state.sqlite",
        [
            ("telegram", "7", about, "-1 minutes"),
            ("telegram", b"\xff", ADA, "-2 minutes"),
            ("telegram", "x" * 3_000_000, ADA, "-2 minutes"),
            ("telegram", "no number", ADA, "-2 minutes"),
            ("telegram", "111", ADA, "-3 minutes"),
        ],
    )

    first, last = printed(requests)

    assert all(isinstance(value, str) for value in first.values())
    assert len(first["username"]) <= 100
    assert first["username"].isprintable()
    assert (last["id"], last["username"]) == ("111", "Ada_L")


@pytest.mark.parametrize("said", [b"", b"7", b"{}", b"[" * 200_000, b"[{}"])
def test_what_is_no_list_is_an_error_and_not_an_empty_one(requests: ModuleType, said: bytes) -> None:
    with pytest.raises((ValueError, RecursionError)):
        requests.checked(said)


def test_another_database_is_an_error_after_which_the_command_is_asked(
    requests: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sqlite3.connect(tmp_path / "state.sqlite").close()
    command = tmp_path / "openclaw"
    rows = [
        {"id": "1", "lastSeenAt": "2026-01-29T05:00:00Z", "meta": {"username": "old"}},
        {"id": "2", "lastSeenAt": "2026-01-29T06:00:00Z"},
    ]
    command.write_text(f"#!/bin/bash\necho '{json.dumps({'requests': rows})}'\n")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    assert [(one["id"], one["username"]) for one in printed(requests)] == [("2", ""), ("1", "old")]
