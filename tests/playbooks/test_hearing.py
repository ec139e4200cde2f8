"""hear-openclaw: root reads what the assistant's user says, for a limited time and up to a limited size."""

import subprocess
from pathlib import Path

import pytest

from provisioner.playbook.load import shipped_playbooks

HEAR = shipped_playbooks() / "openclaw" / "files" / "hear-openclaw"


@pytest.fixture
def hear(tmp_path: Path) -> Path:
    """The program, for which everybody is the assistant's user."""
    stand_in = tmp_path / "as-openclaw"
    stand_in.write_text('#!/bin/bash\nexec "$@"\n')
    stand_in.chmod(0o755)
    program = tmp_path / "hear-openclaw"
    program.write_text(HEAR.read_text().replace("/usr/local/sbin/as-openclaw", str(stand_in)))
    program.chmod(0o755)
    return program


@pytest.mark.parametrize(
    ("shell", "said", "code"),
    [
        ("echo hello", "hello\n", 0),
        ("echo hello; exit 7", "hello\n", 7),
        ("echo before; sleep infinity", "before\n", 124),
        # Somebody else keeps the pipe, out of reach of a signal to the group.
        ("setsid sleep 30 & echo before", "before\n", 124),
        ("exec >&-; sleep infinity", "", 124),
        ("yes", "y\n" * 50, 125),
        ("kill -KILL $$", "", 137),
    ],
)
def test_it_ends_and_stays_small_whatever_it_hears(hear: Path, shell: str, said: str, code: int) -> None:
    ended = subprocess.run(
        [str(hear), "1", "100", "bash", "-c", shell],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=25,
    )

    assert (ended.stdout, ended.returncode) == (said, code)
