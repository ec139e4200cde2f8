"""The operator at the command line: real processes, on a workspace of their own, against the sandbox."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from provisioner.droplets.identity import tag_of
from provisioner.sandbox.control.client import Sandbox
from provisioner.workspace import MARK_FILE

_LATER = """
import os, signal, sys, time
ahead, dies_at = float(sys.argv.pop(1)), sys.argv.pop(1)
real = time.time
time.time = lambda: real() + ahead
from provisioner import failpoints
if dies_at:
    failpoints.watch = lambda place: os.kill(os.getpid(), signal.SIGKILL) if place == dies_at else None
from provisioner.cli.main import run
run()
"""
"""`provisioner` on a machine whose clock is so many seconds ahead; it dies at that failpoint, if any."""


@dataclass(frozen=True)
class Ended:
    """What a command ended with."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        parsed = json.loads(self.out)
        assert isinstance(parsed, dict)
        return parsed


class Operator:
    """Runs `provisioner` in a workspace whose settings point at the sandbox."""

    def __init__(self, workspace: Path, sandbox: Sandbox, **settings: str) -> None:
        """`settings` go before those of the sandbox."""
        self.workspace = workspace
        self.sandbox = sandbox
        self._environment = {
            **_without_settings(os.environ),
            **sandbox.env,
            **settings,
            "PROVISIONER_WORKSPACE": str(workspace),
        }
        self._ahead = 0.0
        self.run("init", str(workspace), "--contact", "help@example.com")

    @property
    def environment(self) -> dict[str, str]:
        """What the commands see."""
        return dict(self._environment)

    def take_mark(self, mark: str) -> None:
        """Have the workspace be the one with this mark: what the account has of it is this one's, too."""
        (self.workspace / "customers" / MARK_FILE).write_text(f"{mark}\n", "utf-8")

    def pass_days(self, days: float) -> None:
        """From here on the clock of all commands is so many days further than it was."""
        self._ahead += days * 86_400

    def dies(self, place: str, *words: str) -> None:
        """One command that is killed at that failpoint, which it has to reach."""
        ended = self.run(*words, dies_at=place)
        assert ended.code == -signal.SIGKILL, f"{words} never came to {place!r}: {ended.err}"

    def run(self, *words: str, text: str = "", timeout: float = 900, dies_at: str = "") -> Ended:
        """One command, to its end."""
        ended = subprocess.run(
            self._argv(words, dies_at),
            env=self._environment,
            input=text,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        return Ended(ended.returncode, ended.stdout, ended.stderr)

    def done(self, *words: str, text: str = "") -> Ended:
        """One command that has to end well."""
        ended = self.run(*words, text=text)
        assert ended.code == 0, f"{words}: {ended.err}"
        return ended

    def start(self, *words: str, program: str | None = None, dies_at: str = "") -> "Running":
        """One command that goes on meanwhile; `program` is Python that runs it in its own way."""
        return Running(
            subprocess.Popen(
                [sys.executable, "-c", program, *words] if program else self._argv(words, dies_at),
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
        )

    def _argv(self, words: tuple[str, ...], dies_at: str) -> list[str]:
        if self._ahead or dies_at:
            return [sys.executable, "-c", _LATER, str(self._ahead), dies_at, *words]
        return [sys.executable, "-m", "provisioner.cli.main", *words]

    def record(self, email: str) -> dict[str, Any]:
        """The customer's record as it stands, secrets too."""
        shown = self.done("show", email, "--json", "--reveal").document
        customer = shown["customer"]
        assert isinstance(customer, dict)
        return customer

    def droplets_of(self, record: Mapping[str, Any]) -> list[str]:
        """The ids of this customer's droplets; the account has those of other tests too."""
        tag = tag_of(record["id"])
        return [str(droplet.id) for droplet in self.sandbox.droplets() if tag in droplet.tags]

    def demand_an_answer(self, phone: str, bot: str) -> None:
        """The customer's own assistant has to answer them."""
        said = self.sandbox.say(phone, bot, "hello")
        answer = self.sandbox.wait_for_reply(
            phone, bot, after=said.id, containing="You wrote: “hello", timeout=180
        )
        assert answer is not None, self.sandbox.chat(phone, bot)

    def sign_up(self, email: str, name: str, username: str, bot: str) -> str:
        """A paying customer with a phone and a bot of their own; the bot's token."""
        self.sandbox.add_phone(username, name.split()[0])
        token = self.sandbox.create_bot(f"{name}'s Moltbot", bot, username).token
        self.done("add", email, f"sub_{username}", "--name", name, "--telegram", f"@{username}")
        self.done("update", email, "setup.messaging.botToken", "-", text=f"{token}\n")
        return token


class Running:
    """A command at work, whose progress can be watched; it never outlives the test."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self._lines: list[str] = []
        self._left = False
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait_for(self, words: str, timeout: float = 600) -> None:
        """Until a line with these words has been said; AssertionError if the command ends before."""
        with self._news:
            self._news.wait_for(lambda: self._said(words) or not self._reader.is_alive(), timeout)
        assert self._said(words), f"never said {words!r}: {self._lines}"

    def kill(self) -> None:
        """SIGKILL, as by a power cut."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(60)
        self._reader.join(60)

    def leave(self) -> None:
        """Read no more of what it says."""
        assert self._process.stderr is not None
        self._left = True
        # Only when its reader lets go of it, at the next line, is the pipe closed.
        self._reader.join(60)

    def interrupt(self) -> int:
        """Ctrl-C; the exit code."""
        self._process.send_signal(signal.SIGINT)
        return self.end()

    def end(self, timeout: float = 600) -> int:
        """The exit code, when it has ended by itself."""
        code = self._process.wait(timeout)
        self._reader.join(10)
        return code

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self.kill()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def said(self) -> str:
        return "".join(self._lines)

    def _said(self, words: str) -> bool:
        return any(words in line for line in self._lines)

    def _read(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as stream:
            for line in stream:
                with self._news:
                    self._lines.append(line)
                    self._news.notify_all()
                if self._left:
                    break
        with self._news:
            self._news.notify_all()


def _without_settings(environment: Mapping[str, str]) -> dict[str, str]:
    prefixes = ("DIGITALOCEAN_", "ANTHROPIC_", "OPENROUTER_", "TELEGRAM_", "PROVISIONER_", "SMTP_", "STRIPE_")
    return {name: value for name, value in environment.items() if not name.startswith(prefixes)}
