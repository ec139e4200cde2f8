"""Reading the journals of runs that are over, or going on, from the server that keeps them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from provisioner.errors import InputError, RemoteError
from provisioner.playbook.execute import RUNS
from provisioner.playbook.journal import RUN_ID, Lines
from provisioner.ssh.connection import Connection

_SILENCE_SECONDS = 20

# Of each run its name, its first line and its last ones.
_LIST = """\
ls -1tr | tail -n 50 | while IFS= read -r run; do
  printf "%s\\n" "$run"
  [[ -f $run/journal.jsonl ]] || continue
  head -c 4096 -- "$run/journal.jsonl" | grep -a -m 1 '"event":"run"'
  tail -c 4096 -- "$run/journal.jsonl" | grep -a -E '"event":"(finished|stopped)"'
done
true
"""
# A task's log is cut at 10 MB by the server's own filter.
_MOST_BYTES = 16 << 20

# Dots on standard error are signs of life; a standard input that has ended means that nobody watches.
_FOLLOW = """\
trap '' PIPE
refuse() { printf '{"event":"refused","cause":"the journal %s"}\\n' "$1"; exit 1; }
size=$(stat -L -c %s -- "$1" 2>/dev/null) || refuse "is not there"
((size <= 67108864)) || refuse "has $size bytes"
exec {journal}<"$1" || refuse "cannot be read"
rest= sign=$EPOCHSECONDS
while :; do
  if IFS= read -r -u "$journal" line; then
    printf "%s\\n" "$rest$line" || exit
    rest=
    continue
  fi
  rest+=$line
  read -r -t 0.2 _
  (($? > 128)) || exit
  ((EPOCHSECONDS - sign < 3)) || { sign=$EPOCHSECONDS; printf . >&2 || exit; }
done
"""


@dataclass(frozen=True)
class Run:
    """One run that the server remembers: `ok` and `changed` (tasks) are None while it has not ended."""

    id: str
    playbook: str = ""
    looked: bool = False
    tasks: int = 0
    ok: bool | None = None
    changed: int | None = None

    @property
    def did_something(self) -> bool:
        """Whether it changed something, tried to and failed, or is still at it."""
        return not self.looked and (not self.ok or bool(self.changed))


def runs_on(connection: Connection) -> list[Run]:
    """The runs that the server remembers, oldest first.

    By the server's clock: their names come from ours, which may have been set back since. RemoteError.
    """
    known: dict[str, Run] = {}
    last = ""
    lines = Lines(str(connection.host))
    for text in connection.run(f"cd {RUNS} 2>/dev/null || exit 0\n{_LIST}").out.splitlines():
        if RUN_ID.fullmatch(text):
            last = text
            known[last] = Run(last)
        for line in lines.feed(text.encode() + b"\n"):
            if last:
                known[last] = _with(known[last], line)
    return list(known.values())


def last_run(runs: Sequence[Run]) -> Run | None:
    """The one to show when none is named: the last that did something, else the last that was to."""
    for wanted in (lambda run: run.did_something, lambda run: not run.looked, lambda _: True):
        if found := [run for run in runs if wanted(run)]:
            return found[-1]
    return None


def _with(run: Run, line: dict[str, Any]) -> Run:
    match line["event"]:
        case "run":
            looked = line.get("mode") == "plan"
            return replace(run, playbook=line["playbook"], tasks=line["tasks"], looked=looked)
        case "finished":
            changed = line.get("changed")
            return replace(run, ok=line["ok"], changed=changed if isinstance(changed, int) else None)
        case "stopped" | "gone" if run.ok is None:
            return replace(run, ok=False)
    return run


def read_journal(connection: Connection, run: str | None = None) -> list[dict[str, Any]]:
    """Every line of one run's journal, of `last_run` if none is named; empty if there was never a run.

    RemoteError if it cannot be read, or is none that a run of ours has written.
    """
    chosen = _chosen(connection, run)
    if chosen is None:
        return []
    result = connection.run(f"cat {RUNS}/{chosen}/journal.jsonl", most=_MOST_BYTES)
    if result.exit != 0:
        raise RemoteError("read the journal", whom=str(connection.host), cause=result.complaint())
    return list(Lines(str(connection.host)).feed(result.out.encode() + b"\n"))


def follow_journal(connection: Connection, run: str | None = None) -> Iterator[dict[str, Any]]:
    """The same as they come, until the run has ended. ConnectionLost, RemoteError."""
    chosen = _chosen(connection, run)
    if chosen is None:
        return
    lines = Lines(str(connection.host))
    with connection.stream(_FOLLOW, f"{RUNS}/{chosen}/journal.jsonl") as stream:
        while True:
            out, err = stream.receive(_SILENCE_SECONDS)
            if not out and not err:
                return
            for line in lines.feed(out):
                if line["event"] == "refused":
                    raise RemoteError("read the journal", whom=str(connection.host), cause=line["cause"])
                yield line
                if line["event"] in ("finished", "stopped"):
                    return


def read_log(connection: Connection, run: str, task: int) -> str:
    """The output of one task, by its number; empty if it was silent, or never ran."""
    path = f"{RUNS}/{_sound(run)}/{task:03d}.log"
    return connection.run(f"cat {path} 2>/dev/null || :", most=_MOST_BYTES).out


def _chosen(connection: Connection, run: str | None) -> str | None:
    if run is not None:
        return _sound(run)
    last = last_run(runs_on(connection))
    return last.id if last else None


def _sound(run: str) -> str:
    if not RUN_ID.fullmatch(run):
        raise InputError("read the journal", whom=run, cause="that is no run's id")
    return run
