"""openclaw-gateway, with stand-ins for systemd and the gateway: the service as it answers itself."""

import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from provisioner.playbook.load import shipped_playbooks

GATEWAY = shipped_playbooks() / "openclaw" / "files" / "openclaw-gateway"
SYSTEMCTL = r"""
shift # --user
echo "$*" >> $BENCH/asked
case "$*" in
  --quiet\ is-active*) [[ -e $BENCH/active ]] ;;
  *is-active*) [[ -e $BENCH/active ]] && echo active ;;
  *is-failed*) [[ -e $BENCH/failed ]] ;;
  *ActiveEnterTimestamp*) date --date "@$(< $BENCH/since)" ;;
esac
"""
CURL = r"""
[[ -e $BENCH/hangs ]] && exit 28
case "$*" in
  *healthz*) printf 200 ;;
  *startupz*) cat $BENCH/startup ;;
esac
"""


@dataclass(frozen=True)
class Gateway:
    folder: Path

    def ask(self, verb: str, timeout: float = 30) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            ["bash", str(self.folder / "openclaw-gateway"), verb],
            env={
                "PATH": f"{self.folder}:{os.environ['PATH']}",
                "BENCH": str(self.folder),
                "LC_ALL": "C.UTF-8",
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
        )

    def set(self, name: str, text: str = "") -> None:
        (self.folder / name).write_text(text)

    @property
    def asked(self) -> str:
        path = self.folder / "asked"
        return path.read_text() if path.exists() else ""


@pytest.fixture
def gateway(tmp_path: Path) -> Gateway:
    """One that has run for an hour, and was started after its .env was written."""
    made = Gateway(tmp_path)
    state = tmp_path / "state"
    state.mkdir()
    (state / ".env").write_text("A=b\n")
    os.utime(state / ".env", (1, 1))
    made.set("openclaw-gateway", GATEWAY.read_text().replace("/home/openclaw/.openclaw", str(state)))
    programs = {
        "as-openclaw": 'exec "$@"',
        "systemctl": SYSTEMCTL,
        "curl": CURL,
        "sleep": "exec /bin/sleep 0.01",
    }
    for name, shell in programs.items():
        made.set(name, f"#!/bin/bash\n{shell}\n")
        (tmp_path / name).chmod(0o755)
    made.set("active")
    made.set("since", str(int(time.time()) - 3600))
    return made


def test_one_that_runs_and_answers_is_current(gateway: Gateway) -> None:
    assert gateway.ask("current").returncode == 0


@pytest.mark.parametrize("missing", ["active", "answer", "secrets"])
def test_one_that_does_not_run_or_answer_or_has_old_secrets_is_not(gateway: Gateway, missing: str) -> None:
    if missing == "active":
        (gateway.folder / "active").unlink()
    elif missing == "answer":
        gateway.set("hangs")
    else:
        os.utime(gateway.folder / "state" / ".env")

    assert gateway.ask("current").returncode != 0


def test_one_that_is_still_starting_is_given_its_time(gateway: Gateway) -> None:
    gateway.set("hangs")
    gateway.set("since", str(int(time.time()) - 20))

    assert gateway.ask("current").returncode == 0
    assert gateway.ask("restart").returncode == 0
    assert "kill" not in gateway.asked


def test_one_that_hangs_is_not_waited_for_before_it_is_started_again(gateway: Gateway) -> None:
    gateway.set("hangs")

    assert gateway.ask("restart").returncode == 0

    lines = gateway.asked.splitlines()
    killed = next(at for at, line in enumerate(lines) if line.startswith("kill --signal KILL"))
    assert any(line.startswith("restart") for line in lines[killed:])


def test_one_that_answers_ends_what_it_is_doing_first(gateway: Gateway) -> None:
    assert gateway.ask("restart").returncode == 0
    assert "kill" not in gateway.asked
    assert "restart" in gateway.asked


def test_waiting_says_from_the_beginning_what_for(gateway: Gateway) -> None:
    gateway.set("hangs")

    with pytest.raises(subprocess.TimeoutExpired) as caught:
        gateway.ask("wait", timeout=2)

    said = caught.value.stderr or b""
    assert b"the gateway has not started yet (systemd: active; itself: no answer)" in said


def test_the_version_is_what_it_says_when_it_has_started(gateway: Gateway) -> None:
    gateway.set("startup", '{"ok": true, "status": "started", "version": "2026.9.6"}')

    assert gateway.ask("wait").stdout == "2026.9.6\n"
