"""own-terminal: nothing that it runs is on the caller's terminal."""

import array
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from provisioner.playbook.load import shipped_playbooks

OWN_TERMINAL = (sys.executable, "-I", str(shipped_playbooks() / "openclaw" / "files" / "own-terminal"))
# Types into every terminal that it can reach.
PUSH = """
import fcntl, os, termios
opened = [number for number in range(20) if os.path.exists(f"/proc/self/fd/{number}")]
try:
    opened.append(os.open("/dev/tty", os.O_RDWR))
except OSError:
    pass
for number in filter(os.isatty, opened):
    try:
        for letter in b"reboot\\n":
            fcntl.ioctl(number, termios.TIOCSTI, bytes([letter]))
    except OSError:
        pass
print("pushed", flush=True)
"""


@dataclass
class Terminal:
    """The terminal of somebody who types; `inner` is what their shell has."""

    outer: int
    inner: int

    def start(
        self, *command: str, stdin: int | None = None, stdout: int | None = None
    ) -> subprocess.Popen[bytes]:
        """As from a shell: in a session whose terminal this is."""
        return subprocess.Popen(
            command,
            stdin=self.inner if stdin is None else stdin,
            stdout=self.inner if stdout is None else stdout,
            stderr=self.inner,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(self.inner, termios.TIOCSCTTY, 0),
        )

    def typed(self) -> int:
        """How many characters wait for the shell."""
        waiting = array.array("i", [0])
        fcntl.ioctl(self.inner, termios.FIONREAD, waiting)
        return waiting[0]

    def shown(self, words: str) -> str:
        """What is shown until these words are."""
        shown, until = "", time.monotonic() + 30
        while words not in shown:
            assert select.select([self.outer], [], [], max(0, until - time.monotonic()))[0], shown
            shown += os.read(self.outer, 4096).decode()
        return shown


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    outer, inner = pty.openpty()
    settings = termios.tcgetattr(inner)
    settings[3] &= ~(termios.ICANON | termios.ECHO)
    termios.tcsetattr(inner, termios.TCSANOW, settings)
    fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 41, 133, 0, 0))
    yield Terminal(outer, inner)
    os.close(outer)
    os.close(inner)


@pytest.fixture
def push(tmp_path: Path) -> str:
    program = tmp_path / "push.py"
    program.write_text(PUSH)
    return str(program)


def test_without_it_a_program_types_into_the_shell(terminal: Terminal, push: str) -> None:
    terminal.start(sys.executable, push).wait(30)

    if not terminal.typed():
        pytest.skip("this kernel lets nobody push characters")


@pytest.mark.parametrize("piped", [(), (0,), (1,), (0, 1)])
def test_nothing_that_it_runs_can_type_into_the_shell(
    terminal: Terminal, push: str, piped: tuple[int, ...]
) -> None:
    command = (*OWN_TERMINAL, sys.executable, push)
    pipes = {("stdin", "stdout")[number]: subprocess.DEVNULL for number in piped}

    ended = terminal.start(*command, **pipes).wait(30)

    assert ended == 0
    if 1 not in piped:
        terminal.shown("pushed")
    assert terminal.typed() == 0


def test_no_terminal_at_all_can_be_opened_where_none_was_given(terminal: Terminal) -> None:
    look = "exec 2> /dev/null; if : < /dev/tty; then exit 3; fi"
    process = subprocess.Popen(
        [*OWN_TERMINAL, "bash", "-c", look],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(terminal.inner, termios.TIOCSCTTY, 0),
    )

    assert process.wait(30) == 0


def test_the_window_has_its_size_and_follows(terminal: Terminal) -> None:
    look = "trap 'stty size' WINCH; stty size; while :; do sleep 0.05; done"
    process = terminal.start(*OWN_TERMINAL, "bash", "-c", look)

    assert "41 133" in terminal.shown("133")
    fcntl.ioctl(terminal.outer, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 90, 0, 0))
    process.send_signal(signal.SIGWINCH)
    assert "50 90" in terminal.shown("90")
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 143


def test_ctrl_c_reaches_the_program_and_its_exit_code_comes_back(terminal: Terminal) -> None:
    before = termios.tcgetattr(terminal.inner)
    process = terminal.start(
        *OWN_TERMINAL, "bash", "-c", "trap 'exit 7' INT; echo ready; while :; do sleep 0.05; done"
    )
    terminal.shown("ready")

    os.write(terminal.outer, b"\x03")

    assert process.wait(30) == 7
    assert termios.tcgetattr(terminal.inner) == before


def test_what_is_typed_goes_to_the_program_and_all_of_its_output_comes(terminal: Terminal) -> None:
    process = terminal.start(*OWN_TERMINAL, "bash", "-c", "read -r x; seq 20000; echo got $x")

    os.write(terminal.outer, b"hello\n")

    assert "\n20000" in terminal.shown("got hello").replace("\r", "")
    assert process.wait(30) == 0


def test_pipes_stay_as_they_are(terminal: Terminal) -> None:
    process = subprocess.Popen(
        [*OWN_TERMINAL, "bash", "-c", "cat; [[ ! -t 1 && -t 2 ]] && echo plain"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=terminal.inner,
    )

    assert process.communicate(b"a\nb\n", 30)[0] == b"a\nb\nplain\n"


def test_when_the_terminal_hangs_up_the_program_is_told(terminal: Terminal, tmp_path: Path) -> None:
    ended = tmp_path / "ended"
    process = terminal.start(
        *OWN_TERMINAL,
        "bash",
        "-c",
        f"trap 'echo x > {ended}; exit 5' HUP; echo ready; while :; do sleep 0.05; done",
    )
    terminal.shown("ready")

    process.send_signal(signal.SIGHUP)

    assert process.wait(30) == 5
    assert ended.exists()
