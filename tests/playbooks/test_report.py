"""openclaw-report: what it makes of what the assistant's user says, which may be anything."""

import json
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from provisioner.playbook.load import shipped_playbooks
from tests.playbooks.programs import program

GOOD: dict[str, Any] = {
    "service": {
        "ActiveState": "active",
        "ActiveEnterTimestamp": "2026-01-29T05:54:00Z",
        "NRestarts": "3",
        "MemoryCurrent": "1100000000",
    },
    "gateway": {"live": True, "ready": False, "failing": ["telegram"], "version": "2026.9.6"},
    "installed": "2026.9.6",
    "channels": {
        "telegram": {"running": True, "connected": False, "lifecycle": "blocked", "lastError": "401"}
    },
}


@pytest.fixture
def openclaw_report(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return program("openclaw", "openclaw-report", monkeypatch)


def saying(tmp_path: Path, report: ModuleType, monkeypatch: pytest.MonkeyPatch, shell: str) -> None:
    """The part that runs as the assistant's user is this shell text."""
    stand_in = tmp_path / "as-openclaw"
    stand_in.write_text(f"#!/bin/bash\n{shell}\n")
    stand_in.chmod(0o755)
    hear = (shipped_playbooks() / "openclaw" / "files" / "hear-openclaw").read_text()
    heard = tmp_path / "hear-openclaw"
    heard.write_text(hear.replace("/usr/local/sbin/as-openclaw", str(stand_in)))
    heard.chmod(0o755)
    monkeypatch.setattr(report, "HEAR", str(heard))


def test_it_has_the_shape_that_the_readme_promises(
    openclaw_report: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "said").write_text(json.dumps(GOOD))
    saying(tmp_path, openclaw_report, monkeypatch, f"cat {tmp_path / 'said'}")

    made = openclaw_report.report()

    assert made["report"] == 1
    assert made["service"] == {
        "active": True,
        "state": "active",
        "since": "2026-01-29T05:54:00Z",
        "restarts": 3,
        "memory_mb": 1100,
        "complaint": None,
    }
    assert made["gateway"] == {"live": True, "ready": False, "failing": ["telegram"], "version": "2026.9.6"}
    assert made["installed"] == "2026.9.6"
    assert made["channels"] == {"telegram": {"connected": False, "state": "blocked", "error": "401"}}
    assert isinstance(made["reboot_required"], bool)
    assert made["disk"]["total_mb"] >= made["disk"]["free_mb"] > 0
    assert made["memory"]["total_mb"] >= made["memory"]["available_mb"] > 0
    assert len(made["load"]) == 3
    assert made["processors"] >= 1
    assert abs(made["clock"] - time.time()) < 60


def test_an_error_that_is_over_is_none(openclaw_report: ModuleType) -> None:
    account = {"running": True, "connected": True, "lifecycle": "ready", "lastError": "fetch failed"}

    assert openclaw_report.of_assistant({"channels": {"telegram": account}})["channels"] == {
        "telegram": {"connected": True, "state": "ready", "error": None}
    }


@pytest.mark.parametrize(
    "shell",
    [
        "yes '{'",
        "cat /dev/zero",
        "head -c 60000 /dev/zero | tr '\\0' '['",
        "echo 7",
        "echo '[]'",
        'echo \'{"service": 1, "gateway": [], "channels": {"a": 1}, "installed": {}}\'',
        "exit 1",
    ],
)
def test_whatever_the_assistants_user_says_it_stays_small_and_whole(
    openclaw_report: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shell: str
) -> None:
    saying(tmp_path, openclaw_report, monkeypatch, shell)

    made = openclaw_report.report()

    assert made["service"]["active"] is False
    assert made["gateway"]["live"] is False
    assert made["installed"] is None


def test_texts_are_short_and_without_control_characters(openclaw_report: ModuleType) -> None:
    hostile = "\x1b[2J" + "🦞" * 10_000
    said = {
        "installed": hostile,
        "gateway": {"version": hostile, "failing": [hostile] * 50},
        "channels": {f"{hostile}{n}": {"lastError": hostile, "lifecycle": hostile} for n in range(50)},
        "service": {"NRestarts": "9" * 5000, "ActiveState": hostile, "MemoryCurrent": "[not set]"},
    }

    made = json.dumps(openclaw_report.of_assistant(said), ensure_ascii=False)

    assert "\\u001b" not in made
    assert len(made.encode()) < 16_000


def test_a_gateway_that_hangs_is_not_waited_for(
    openclaw_report: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The grandchild holds the pipe open when its parent is gone.
    saying(tmp_path, openclaw_report, monkeypatch, "sleep infinity & wait")
    monkeypatch.setattr(openclaw_report, "WHOLE_SECONDS", 0.2)

    made = openclaw_report.report()

    assert made["gateway"]["live"] is False


def test_of_its_log_only_what_breaks_a_gateway_is_said(
    openclaw_report: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "log"
    stand_in = tmp_path / "journalctl"
    stand_in.write_text(f"#!/bin/bash\ncat {log}\n")
    stand_in.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    log.write_text("started\nSqliteError: database disk image is malformed\nAAF-a-token\nstopped\n")
    assert openclaw_report.complaint() == "SqliteError: database disk image is malformed"

    log.write_text("started\nstopped\n")

    assert openclaw_report.complaint() is None
