"""`demo`: a whole setup on the sandbox, from an empty workspace to the bot's answer."""

import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from provisioner.cli.output import render
from provisioner.errors import ProvisionerError, SandboxError

if TYPE_CHECKING:
    from provisioner.customers.store import CustomerStore
    from provisioner.sandbox.control.client import Sandbox

SANDBOX = "demo"
EMAIL = "ada@example.com"
PHONE = "ada"
_PATIENCE_SECONDS = 900
_ANSWER_SECONDS = 90
_LOOK_SECONDS = 0.2
_NO_POOL, _POOL = "[pool]\nsize = 0", "[pool]\nsize = 1"
_ECHO = "You wrote: “hello"
"""The answer of the sandbox's model; her Start may be answered as well."""


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("demo")(demo)


def demo(
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the sandbox running, and keep the workspace.")
    ] = False,
    fast: Annotated[
        bool, typer.Option("--fast", help="Build an image and fill a pool first, and see what they save.")
    ] = False,
) -> None:
    """Run a whole setup on the sandbox, up to the bot's answer.

    Needs Linux and root.
    """
    began = time.monotonic()
    # So that everything is cleaned up then too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with _sandbox(keep=keep) as sandbox, _folder(keep=keep) as folder:
        stage = Stage(sandbox, folder)
        _prepare(stage)
        if fast:
            _warm_up(stage)
        bot, seconds = _provision(stage)
        _show(stage, bot)
        _heading(f"All done in {time.monotonic() - began:.0f} s")
        _say_how_long(seconds, fast=fast)
        _say_how_to_play(stage, bot, kept=keep)


@dataclass(frozen=True)
class Stage:
    """The sandbox and the operator's workspace."""

    sandbox: "Sandbox"
    folder: Path

    @property
    def store(self) -> "CustomerStore":
        from provisioner.workspace import Workspace

        return Workspace(self.folder).store()

    def command(self, *words: str, typed: str = "") -> None:
        """Run `provisioner` visibly, as the operator would; SandboxError if it fails."""
        render.print_line()
        render.print_line(f"$ provisioner {shlex.join(words)}")
        render.flush()
        argv = [sys.executable, "-m", "provisioner.cli.main", *words]
        environment = {**os.environ, **self.sandbox.env, "PROVISIONER_WORKSPACE": str(self.folder)}
        ended = subprocess.run(argv, env=environment, input=typed, text=True, check=False)
        if ended.returncode:
            hint = "make demo KEEP=1 leaves everything as it is at the end, for looking into it"
            cause = f"provisioner {words[0]} ended with exit code {ended.returncode}"
            raise SandboxError("finish the demo", cause=cause, hint=hint)


def _prepare(stage: Stage) -> None:
    """A workspace with one customer, who has a phone and a mailbox."""
    _heading("A workspace and a customer")
    stage.command("init", str(stage.folder), "--contact", "help@stuffpress.example")
    stage.command("add", EMAIL, "sub_demo", "--name", "Ada Lovelace", "--telegram", f"@{PHONE}")
    stage.sandbox.add_phone(PHONE, "Ada")


def _warm_up(stage: Stage) -> None:
    """What an operator does once, before the customers come."""
    _heading("An image, and a server that runs before anybody needs it")
    stage.command("image", "build")
    settings = stage.folder / "provisioner.toml"
    settings.write_text(settings.read_text("utf-8").replace(_NO_POOL, _POOL), "utf-8")
    render.print_line()
    render.print_line(f"{settings.name} has now: {_POOL.replace(chr(10), ' ')}")
    stage.command("pool", "fill")


def _provision(stage: Stage) -> tuple[str, float]:
    """The one command; the bot's username, and the seconds until it answered."""
    _heading("One command")
    customer, began = _Customer(stage), time.monotonic()
    customer.start()
    try:
        stage.command("provision", EMAIL, "--wait", "15m")
    finally:
        customer.join_or_give_up()
    if not customer.answered_at:
        raise SandboxError("finish the demo", cause=customer.trouble or "the Moltbot did not answer")
    return customer.bot, customer.answered_at - began


class _Customer(threading.Thread):
    """Ada: follows the e-mails, and writes "hello" when her assistant has written to her."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(daemon=True)
        self.bot = ""
        self.answered_at = 0.0
        self.trouble: str | None = None
        self._stage = stage
        self._gone = threading.Event()

    def run(self) -> None:
        try:
            self._live()
        except ProvisionerError as error:
            self.trouble = error.summary

    def join_or_give_up(self) -> None:
        """Wait for the answer if the setup is complete; stop otherwise."""
        if not self._setup_is_complete():
            self._gone.set()
        self.join(_ANSWER_SECONDS + 10)

    def _live(self) -> None:
        self.bot = self._open_mail("two taps are yours", link="/newbot/")
        _tell(f"makes the bot @{self.bot}: she taps the button in her e-mail, then Create")
        self._open_mail("Your assistant is ready", link=self.bot)
        _tell("opens the link in her second e-mail, and presses Start")
        if not self._until(self._setup_is_complete):
            return
        said = self._stage.sandbox.say(PHONE, self.bot, "hello")
        _tell("writes: hello")
        answer = self._stage.sandbox.wait_for_reply(
            PHONE, self.bot, after=said.id, containing=_ECHO, timeout=_ANSWER_SECONDS
        )
        if answer is not None:
            self.answered_at = time.monotonic()

    def _open_mail(self, subject: str, *, link: str) -> str:
        """Open the link with these words in this e-mail, and confirm; the bot's username."""
        sandbox = self._stage.sandbox
        if not self._until(lambda: sandbox.wait_for_mail(EMAIL, subject, timeout=0) is not None):
            raise SandboxError("wait for the e-mail", whom=subject, cause="it did not come")
        mail = sandbox.wait_for_mail(EMAIL, subject)
        assert mail is not None, "it is there"
        sandbox.open_link(PHONE, next(one for one in mail.links if link in one))
        return sandbox.confirm(PHONE).username

    def _setup_is_complete(self) -> bool:
        return self._stage.store.read(EMAIL).customer.setup.status == "complete"

    def _until(self, true: Callable[[], bool]) -> bool:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not true():
            if time.monotonic() > deadline or self._gone.wait(_LOOK_SECONDS):
                return False
        return True


def _show(stage: Stage, bot: str) -> None:
    from provisioner.secrets import mask_record

    _heading("Her history")
    stage.command("timeline", EMAIL)
    _heading("The setup block of her record")
    render.print_document({"setup": mask_record(stage.store.read(EMAIL).data)["setup"]})
    _heading("Her e-mails")
    for mail in stage.sandbox.mailbox():
        render.print_line(mail.subject)
    _heading(f"The chat on her phone, with @{bot}")
    for message in stage.sandbox.chat(PHONE, bot):
        who = "Ada" if message.sender == "user" else "Moltbot"
        for number, line in enumerate(message.text.splitlines() or [""]):
            render.print_wrapped(f"{who if number == 0 else '':>9}  ", line, 11)


def _tell(text: str) -> None:
    """Say what Ada does, among the messages of the command."""
    render.say(f"  ~ Ada {text}")


def _say_how_long(seconds: float, *, fast: bool) -> None:
    render.print_line(f"From the command to the bot's answer it took {seconds:.0f} s.")
    if not fast:
        render.print_wrapped(
            "",
            "Most of that can be done before a customer comes: “provisioner image build” installs everything "
            "once, and “provisioner pool fill” keeps servers running. To see it: make demo FAST=1",
            0,
        )


def _say_how_to_play(stage: Stage, bot: str, *, kept: bool) -> None:
    if not kept:
        render.print_line("Nothing is left running. To play on: make demo KEEP=1")
        return
    here = shlex.quote(str(stage.folder))
    render.print_text(
        f"""The sandbox is up, and the workspace is {here}. To play on:

    . .venv/bin/activate; cd {here}; export PROVISIONER_SANDBOX={SANDBOX}; eval "$(provisioner sandbox env)"
    provisioner sandbox phone say {PHONE} {bot} "What can you do?"
    provisioner sandbox phone read {PHONE} {bot}
    provisioner add you@example.com sub_test

To end it: provisioner sandbox down; rm -r {here}
"""
    )


@contextmanager
def _sandbox(*, keep: bool) -> Iterator["Sandbox"]:
    from provisioner.sandbox.control.client import Sandbox
    from provisioner.sandbox.control.launch import down, lifeline, up
    from provisioner.sandbox.control.options import Options
    from provisioner.sandbox.control.state import folder_named
    from provisioner.sandbox.machines.prepare import prepare

    _heading("The sandbox: the outside world in a box")
    prepare(render.say)
    options = Options(state=folder_named(SANDBOX))
    down(options.folder)
    # A demo that is killed takes its sandbox with it.
    with nullcontext() if keep else lifeline() as alive:
        try:
            up(options, render.say, lifeline=alive)
            yield Sandbox(options.state)
        finally:
            if not keep:
                render.say("taking the sandbox down")
                down(options.folder, render.say)


@contextmanager
def _folder(*, keep: bool) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="provisioner-demo-"))
    try:
        yield folder
    finally:
        if not keep:
            shutil.rmtree(folder)


def _heading(text: str) -> None:
    render.print_line()
    render.print_line(render.styled(f"== {text}", "bold"))
