"""Reading the journals of runs that are over, or going on, from the server that keeps them."""

from collections.abc import Iterator
from typing import Any

from provisioner.errors import InputError, RemoteError
from provisioner.remote.execute import RUNS
from provisioner.remote.journal import RUN_ID, Lines
from provisioner.remote.ssh import Connection

_SILENCE_SECONDS = 20
# A task's log is cut at 10 MB by the server's own filter.
_MOST_BYTES = 16 << 20

# Dots on standard error are signs of life; a standard input that has ended means that nobody watches.
_FOLLOW = """\
trap '' PIPE
exec {journal}<"$1" || exit
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


def runs_on(connection: Connection) -> list[str]:
    """The ids of the runs that the server remembers, oldest first.

    By the server's clock: their names come from ours, which may have been set back since.
    """
    listed = connection.run(f"cd {RUNS} 2>/dev/null && ls -1tr").out.splitlines()
    return [name for name in listed if RUN_ID.fullmatch(name)]


def read_journal(connection: Connection, run: str | None = None) -> list[dict[str, Any]]:
    """Every line of one run's journal, of the last one if none is named; empty if there was never a run.

    RemoteError if it cannot be read, or is none that a run of ours has written.
    """
    chosen = _chosen(connection, run)
    if chosen is None:
        return []
    result = connection.run(f"cat {RUNS}/{chosen}/journal.jsonl", most=_MOST_BYTES)
    if result.exit != 0:
        raise RemoteError("read the journal", whom=str(connection.host), cause=result.err)
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
    known = runs_on(connection)
    return known[-1] if known else None


def _sound(run: str) -> str:
    if not RUN_ID.fullmatch(run):
        raise InputError("read the journal", whom=run, cause="that is no run's id")
    return run
