"""Apply a script to a server: start it or attach to it, follow it, bring back its result.

The script runs there as a systemd unit of one fixed name, so there are never two, and it does not need us:
a broken link is made again, and a run that goes on is attached to. A run that a reboot has cut is started
again from its first task, because the guards know better than any journal what is still so. See
`remote/bootstrap.bash` for the other end of the one command that this sends.
"""

import contextlib
import io
import os
import tarfile
import time
from collections.abc import Callable, Mapping
from typing import Any, Literal

from provisioner.errors import ConnectionLost, RemoteError, TaskFailed
from provisioner.failpoints import failpoint
from provisioner.playbook.journal import Ending, Event, Lines, LinkLost, OtherRun, Report, RunBegan, RunReader
from provisioner.playbook.script import Script, server_text
from provisioner.reasons import DISK_FULL_HINT, says_disk_full
from provisioner.secrets import Redactor
from provisioner.ssh.connection import Connection
from provisioner.ssh.login import NothingRan, Tries
from provisioner.ssh.stream import Stream
from provisioner.timestamps import present

Mode = Literal["run", "plan"]

RUNS = "/var/lib/provisioner/runs"
# The server shows a sign of life every 3 seconds.
_SILENCE_SECONDS = 20
_MOST_STARTS = 4
_MOST_OTHERS = 20
_LEAST_TRIES = 8
_LONGEST_CAUSE = 1000
_SLACK_SECONDS = 120
# Another run is bounded by the timeouts of its own tasks, which are not known here.
_OTHER_SECONDS = 3600


class Execution:
    """One script on its way to one server.

    `secrets` are the values of the script's secrets. `listen` is told what happens, each thing once.
    `patience` is how many seconds a server that does not answer any more is waited for; a reboot takes one
    or two minutes. `redact` cuts whatever must not be seen out of all output.
    """

    def __init__(
        self,
        connection: Connection,
        script: Script,
        *,
        secrets: Mapping[str, str] | None = None,
        redact: Redactor | None = None,
        listen: Callable[[Event], None] | None = None,
        patience: float = 300,
    ) -> None:
        self._connection = connection
        self._script = script
        self._secrets = _fit(script, secrets or {})
        self._redact = redact or Redactor()
        self._redact.learn(*self._secrets.values())
        self._listen = listen or (lambda _: None)
        self._patience = patience
        self._heard: set[tuple[object, ...]] = set()
        self._tries = Tries(patience, least=_LEAST_TRIES)
        self._mine = "-"
        self._started_here = False
        self._starts = 0
        self._others = 0

    def apply(self) -> Report:
        """Bring the server to the state; returns when the run's end has been read.

        TaskFailed, ConnectionLost (the run goes on), RemoteError (`retry` says if it may go better later).
        """
        return self._to_the_end("run")

    def plan(self) -> Report:
        """Ask the guards only: tasks that would do something are "planned"."""
        return self._to_the_end("plan")

    def _to_the_end(self, mode: Mode) -> Report:
        until = time.monotonic() + _OTHER_SECONDS + self._script.longest + _SLACK_SECONDS
        while True:
            try:
                report = self._once(mode, until)
                if report is not None:
                    return report
                # The other one has ended: what is left of the time is for ours.
                until = time.monotonic() + self._script.longest + _SLACK_SECONDS
            except (ConnectionLost, NothingRan) as lost:
                if time.monotonic() >= until:
                    raise
                self._tries.again(lost)
                self._listen(LinkLost(self._redact(lost.cause or "")))
                self._connection.reopen(deadline=self._patience, grace=self._patience)

    def _once(self, mode: Mode, until: float) -> Report | None:
        """Follow one run to its end over one channel; None if it was another one: ours is still to come."""
        program = self._script.program()
        payload = _archive(program, self._script.files, self._secrets)
        playbook = self._script.playbook
        failpoint(f"before start of {playbook}")
        with self._connection.stream(
            server_text("bootstrap.bash"), *self._words(mode, len(payload))
        ) as stream:
            failpoint(f"before send of {playbook}")
            stream.send(payload)
            failpoint(f"after send of {playbook}")
            lines = Lines(self._whom)
            reader: RunReader | None = None
            ours = False
            while reader is None or reader.ending is None:
                for line in self._receive(stream, lines, until):
                    if reader is None:
                        ours = self._accept(line)
                        reader = RunReader(line["run"], self._redact)
                    elif reader.ending is None:
                        self._watch(reader, line, ours=ours)
            failpoint(f"after end of {playbook}")
            if ours:
                _acknowledge(stream)
                failpoint(f"after word of {playbook}")
        return self._result(reader) if ours else None

    def _receive(self, stream: Stream, lines: Lines, until: float) -> list[dict[str, Any]]:
        out, err = stream.receive(_SILENCE_SECONDS)
        if not out and not err:
            raise ConnectionLost(
                "follow the run", whom=self._whom, cause="the connection ended before the run did", retry=True
            )
        if time.monotonic() >= until:
            raise self._error("it takes longer than all timeouts of its tasks together")
        return list(lines.feed(out))

    def _words(self, mode: Mode, size: int) -> tuple[str, ...]:
        """The arguments of `remote/bootstrap.bash`."""
        playbook = self._script.playbook
        run = f"{present():%Y%m%dT%H%M%S}-{playbook}-{os.urandom(3).hex()}"
        return run, playbook, self._script.digest(self._secrets, mode), str(size), mode, self._mine

    def _accept(self, line: dict[str, Any]) -> bool:
        """Judge the server's first word; whether the run that follows is the one that was asked for."""
        match line["event"]:
            case "refused":
                raise self._error(f"the server refused: {line['cause'][:_LONGEST_CAUSE]}")
            case "other":
                self._others += 1
                if self._others > _MOST_OTHERS:
                    raise self._error(f"{_MOST_OTHERS} other runs came before it", retry=True)
                self._listen(OtherRun(line["run"], line["playbook"]))
                return False
            case "started":
                self._starts += 1
                self._started_here = True
                if self._starts > _MOST_STARTS:
                    raise self._error(f"the run was cut {self._starts - 1} times before its end")
            case "attached" | "ended":
                pass
            case event:
                raise self._error(f"the server's answer begins with “{event}”")
        self._mine = line["run"]
        self._news(line["run"], line["event"])
        return True

    def _news(self, *what: object) -> bool:
        """Whether this is heard for the first time: after a lost link all is said again."""
        if what in self._heard:
            return False
        self._heard.add(what)
        self._tries.worked()
        return True

    def _watch(self, reader: RunReader, line: dict[str, Any], *, ours: bool) -> None:
        if ours and "task" in line:
            if line["task"] not in range(1, len(self._script.tasks) + 1):
                raise self._error(f"the server speaks of a task {line['task']}, which there is not")
            # What a task is called we know ourselves.
            line = {**line, "name": self._script.tasks[line["task"] - 1]}
        event: Event | None = reader.read(line)
        if line["event"] == "run":
            event = RunBegan(reader.run, self._script.playbook, reader.total, not self._started_here)
        news = self._news(reader.run, line["event"], line.get("task"), line.get("attempt"))
        if news and ours and event is not None:
            self._listen(event)

    def _result(self, reader: RunReader) -> Report:
        ending = reader.ending
        assert ending is not None
        if not ending.ok:
            raise self._failure(reader.run, ending)
        return reader.report(self._script.playbook)

    def _failure(self, run: str, ending: Ending) -> RemoteError:
        if ending.failed is None:
            return self._error(ending.cause or "the run ended without a reason", retry=True)
        task = ending.failed
        return TaskFailed(
            f"apply the playbook {self._script.playbook}",
            whom=self._whom,
            playbook=self._script.playbook,
            task=task.name,
            exit_code=task.exit,
            output=task.output,
            log=f"{RUNS}/{run}/{task.number:03d}.log",
        )

    def _error(self, cause: str, *, retry: bool = False) -> RemoteError:
        return RemoteError(
            f"apply the playbook {self._script.playbook}",
            whom=self._whom,
            cause=self._redact(cause),
            hint=_hint(cause, retry=retry),
            retry=retry,
        )

    @property
    def _whom(self) -> str:
        return str(self._connection.host)


def _hint(cause: str, *, retry: bool) -> str:
    if says_disk_full(cause):
        return DISK_FULL_HINT
    return "run the same command again" if retry else f"look on the server: {RUNS} has the journals"


def _acknowledge(stream: Stream) -> None:
    """Tell the server that the result has arrived, and wait until it knows: else it is given out again."""
    until = time.monotonic() + _SILENCE_SECONDS
    # The result is here: nothing that the server does now takes it away.
    with contextlib.suppress(RemoteError):
        stream.send(b"taken\n")
        while (left := until - time.monotonic()) > 0 and any(stream.receive(left)):
            pass


def _fit(script: Script, secrets: Mapping[str, str]) -> dict[str, str]:
    """The secrets that the script wants, and no other."""
    wanted = {}
    for name in script.secrets:
        value = secrets.get(name)
        if not value or "\0" in value:
            cause = "was not given" if not value else "has a NUL in it"
            raise RemoteError(f"apply the playbook {script.playbook}", cause=f"its secret {name} {cause}")
        wanted[name] = value
    return wanted


def _archive(program: str, files: Mapping[str, bytes], secrets: Mapping[str, str]) -> bytes:
    """One tar archive of the script, its files and its secrets, for root's eyes only."""
    pairs = "".join(f"{name}\0{value}\0" for name, value in secrets.items())
    members = {"script": program.encode(), "secrets": pairs.encode()}
    members |= {f"files/{name}": content for name, content in files.items()}
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        folder = tarfile.TarInfo("files")
        folder.type, folder.mode = tarfile.DIRTYPE, 0o700
        archive.addfile(folder)
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o600
            archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()
