"""The small programs that the playbooks put on a server, tried here."""

import json
import sqlite3
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

from provisioner.remote.playbook import shipped_playbooks
from tests.playbooks.programs import program

SECRET = shipped_playbooks() / "moltbot" / "files" / "openclaw-secret"


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


@pytest.fixture
def requests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = program("telegram", "telegram-requests", monkeypatch)
    monkeypatch.setattr(module, "DATABASE", str(tmp_path / "state.sqlite"))
    return module


def held(path: Path, rows: list[tuple[str, str, str | None, str]]) -> None:
    database = sqlite3.connect(path)
    with database:
        database.execute(
            "CREATE TABLE channel_pairing_requests (channel_key TEXT, account_id TEXT, request_id TEXT,"
            " code TEXT, created_at TEXT, last_seen_at TEXT, meta_json TEXT)"
        )
        for channel, sender, about, seen in rows:
            seen_at = database.execute("SELECT strftime('%Y-%m-%dT%H:%M:%fZ', 'now', ?)", (seen,)).fetchone()[
                0
            ]
            database.execute(
                "INSERT INTO channel_pairing_requests VALUES (?, 'default', ?, 'CODE', ?, ?, ?)",
                (channel, sender, seen_at, seen_at, about),
            )
    database.close()


def test_who_waits_is_read_from_the_gateways_database(requests: ModuleType, tmp_path: Path) -> None:
    ada = json.dumps({"username": "Ada_L", "firstName": "Ada", "accountId": "default"})
    held(
        tmp_path / "state.sqlite",
        [
            ("telegram", "111", ada, "-1 minutes"),
            ("telegram", "112", None, "-50 minutes"),
            ("telegram", "113", ada, "-61 minutes"),
            ("signal", "114", ada, "-1 minutes"),
        ],
    )

    found = requests.from_database()

    assert [(one["id"], one["username"], one["name"]) for one in found] == [
        ("111", "Ada_L", "Ada"),
        ("112", "", ""),
    ]


def test_another_database_is_an_error_after_which_the_command_is_asked(
    requests: ModuleType, tmp_path: Path
) -> None:
    sqlite3.connect(tmp_path / "state.sqlite").close()

    with pytest.raises(sqlite3.Error):
        requests.from_database()
