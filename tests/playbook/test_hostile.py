"""Whatever a server says, the end is a Report or one clear error about that server."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import repeat
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provisioner.errors import ConnectionLost, RemoteError, TaskFailed
from provisioner.playbook.execute import Execution
from provisioner.playbook.journal import Event, LinkLost, Report, RunBegan, TaskBegan, TaskEnded
from provisioner.playbook.script import Script
from provisioner.secrets import Redactor
from provisioner.ssh.login import NothingRan
from tests.fixtures.scripted import Clock, Said, ScriptedConnection, cut

SECRET = "hunter2-correct-horse"
SCRIPT = Script(playbook="made", tasks=("One", "Two"), text="", files={}, secrets=(), longest=600)


def lines(*documents: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(document).encode() + b"\n" for document in documents)


STARTED = {"event": "started", "run": "r1", "playbook": "made"}
RUN = {"event": "run", "run": "r1", "playbook": "made", "tasks": 2}
BEGIN = {"event": "begin", "task": 1, "name": "One"}
END = {
    "event": "end",
    "task": 1,
    "name": "One",
    "status": "ok",
    "changed": True,
    "seconds": 0.5,
    "exit": 0,
    "output": "done",
}
FINISHED = {"event": "finished", "ok": True, "seconds": 1.5}
WHOLE = (STARTED, RUN, BEGIN, END, FINISHED)


def apply(connection: ScriptedConnection, listen: Any = None, redact: Redactor | None = None) -> Report:
    return Execution(connection, SCRIPT, listen=listen, redact=redact).apply()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def test_a_run_as_it_should_be(clock: Clock) -> None:
    report = apply(ScriptedConnection([lines(*WHOLE)]))
    assert [(task.status, task.output) for task in report.tasks] == [("ok", "done")]
    assert clock.slept == []


@pytest.mark.parametrize(("first", "attached"), [("started", False), ("attached", True)])
def test_a_run_that_was_there_already_is_told_from_a_new_one(
    clock: Clock, first: str, attached: bool
) -> None:
    heard: list[Event] = []
    apply(ScriptedConnection([lines({**STARTED, "event": first}, *WHOLE[1:])]), heard.append)
    assert [event.attached for event in heard if isinstance(event, RunBegan)] == [attached]


@pytest.mark.parametrize(
    "line",
    [
        {"event": "started"},
        {**STARTED, "run": "../../etc"},
        {**STARTED, "run": 5},
        {"event": "refused"},
        {**RUN, "tasks": "abc"},
        {**RUN, "tasks": True},
        {**RUN, "tasks": 1e300},
        {"event": "begin", "task": 1},
        {"event": "begin", "task": 7, "name": "x"},
        {"event": "begin", "task": -1, "name": "x"},
        {"event": "retry", "task": 1, "name": "One", "attempt": "x", "exit": 1},
        {**END, "status": "great"},
        {**END, "seconds": None},
        {**END, "output": ["x"]},
        {**END, "register": "version"},
        {**END, "register": "version", "value": 5},
        {"event": "finished"},
        {"event": "finished", "ok": "yes"},
        {"event": "finished", "ok": False, "cause": 5},
        {"event": "stopped", "result": {}},
    ],
    ids=json.dumps,
)
def test_lines_that_no_run_writes(clock: Clock, line: dict[str, Any]) -> None:
    first = [] if line["event"] in ("started", "refused") else [STARTED]
    with pytest.raises(RemoteError) as caught:
        apply(ScriptedConnection([lines(*first, line, END, FINISHED)]))
    assert type(caught.value) is RemoteError
    assert not caught.value.retry
    assert "192.0.2.7" in caught.value.summary


@pytest.mark.parametrize(
    "text",
    [
        b'{"event":"run","deep":' + b"[" * 100_000 + b"]" * 100_000 + b"}\n",
        b'{"event":"run","deep":' + b"[" * 10 + b"]" * 10 + b"}\n",
        b'{"event":"run","tasks":' + b"9" * 5000 + b"}\n",
        b'{"event":"finished","ok":true,"seconds":1e999}\n',
        b'{"event":"finished","ok":true,"seconds":NaN}\n',
        b'{"event":"begin","name":"' + b"x" * 3_000_000 + b'"}\n',
        b'{"event":"begin","name":"' + b"x" * 3_000_000,
    ],
    ids=["very deep", "deep", "a long number", "infinite", "no number", "a long line", "no end of line"],
)
def test_lines_without_measure(clock: Clock, text: bytes) -> None:
    with pytest.raises(RemoteError, match="is no journal") as caught:
        apply(ScriptedConnection([lines(STARTED), text, lines(FINISHED)]))
    assert type(caught.value) is RemoteError


def test_lines_without_end(clock: Clock) -> None:
    with pytest.raises(RemoteError, match="it has no end"):
        apply(ScriptedConnection(lambda: repeat(lines(STARTED) + b"x\n" * 5000)))


def test_torn_lines_and_unknown_ones_are_passed_over(clock: Clock) -> None:
    odd = b'{"event":"en\n\n[]\n"x"\n{"event":"of later"}\n{"event":["x"]}\n{}\n\xff\xfe\n'
    report = apply(ScriptedConnection([odd + lines(STARTED, RUN) + odd + lines(BEGIN, END, FINISHED)]))
    assert report.changed == 1


def test_half_a_character_is_replaced(clock: Clock) -> None:
    text = json.dumps({**END, "output": "\ud83d"}).encode() + b"\n"
    report = apply(ScriptedConnection([lines(STARTED) + text + lines(FINISHED)]))
    assert report.tasks[0].output == "?"


def test_a_first_word_that_is_none(clock: Clock) -> None:
    with pytest.raises(RemoteError, match="begins with “finished”"):
        apply(ScriptedConnection([lines(FINISHED)]))


def test_other_runs_without_end(clock: Clock) -> None:
    other = {"event": "other", "run": "r2", "playbook": "another"}
    with pytest.raises(RemoteError, match="20 other runs"):
        apply(ScriptedConnection([lines(other, FINISHED)]))


def test_silence_is_noticed_after_twenty_seconds(clock: Clock) -> None:
    """The server gives a sign of life every three."""
    connection = ScriptedConnection([lines(*WHOLE)])
    apply(connection)
    assert set(connection.limits) == {20}


def test_a_login_that_runs_nothing_is_given_minutes_and_then_told(clock: Clock) -> None:
    refusal = NothingRan("run a command", cause="it lets us in and runs nothing: expired", hint="chage -d")
    connection = ScriptedConnection([refusal])
    events: list[Event] = []
    with pytest.raises(RemoteError, match="expired") as caught:
        apply(connection, events.append)
    assert caught.value.hint == "chage -d"
    assert 8 <= connection.opened <= 60
    assert 300 <= clock.now - 1000 < 400
    assert clock.slept[0] < clock.slept[-1]
    assert all("expired" in event.cause for event in events if isinstance(event, LinkLost))


def test_a_login_that_runs_nothing_for_a_while(clock: Clock) -> None:
    refusal = NothingRan("run a command", cause="please wait")
    assert apply(ScriptedConnection([refusal], [refusal], [refusal], [lines(*WHOLE)])).changed == 1


def test_links_that_break_at_once_again_and_again(clock: Clock) -> None:
    connection = ScriptedConnection([lines(STARTED), cut()], [lines({**STARTED, "event": "attached"}), cut()])
    with pytest.raises(ConnectionLost):
        apply(connection)
    assert connection.opened <= 80
    assert clock.slept[-1] == 15


def test_links_that_break_while_the_run_gets_on(clock: Clock) -> None:
    """A flapping link is followed for as long as there is news, and each thing is told once."""

    def sessions() -> Iterator[list[Said]]:
        yield [lines(STARTED, RUN), cut()]
        again = {**STARTED, "event": "attached"}
        for attempt in range(1, 100):
            retries = [
                {"event": "retry", "task": 1, "name": "One", "attempt": n, "exit": 1}
                for n in range(1, attempt + 1)
            ]
            yield [lines(again, RUN, BEGIN, *retries), cut()]
        yield [lines(again, RUN, BEGIN, END, FINISHED)]

    events: list[Event] = []
    assert apply(ScriptedConnection(*sessions()), events.append).changed == 1
    told = [event for event in events if not isinstance(event, LinkLost)]
    assert len(told) == len(set(told))


def test_a_refusal_is_cut_and_without_secrets(clock: Clock) -> None:
    refused = {"event": "refused", "cause": f"mkdir: {SECRET} " + "x" * 5000}
    with pytest.raises(RemoteError) as caught:
        apply(ScriptedConnection([lines(refused)]), redact=Redactor([SECRET]))
    assert SECRET not in caught.value.summary
    assert "[hidden]" in caught.value.summary
    assert len(caught.value.summary) < 1500


def test_what_the_server_prints_is_cleaned_of_secrets_here_too(clock: Clock) -> None:
    """The server's own filter may be another one by now."""
    end = {**END, "output": f"token {SECRET}", "register": "version", "value": f"v {SECRET}"}
    report = apply(ScriptedConnection([lines(STARTED, RUN, BEGIN, end, FINISHED)]), redact=Redactor([SECRET]))
    assert report.tasks[0].output == "token [hidden]"
    assert report.registered == {"version": "v [hidden]"}


def test_tasks_have_our_names_and_say_no_more_than_a_server_of_ours_keeps(clock: Clock) -> None:
    named = {"name": "x" * 100_000}
    failed = {**END, **named, "status": "failed", "exit": 3, "output": "[1,\n" * 20_000 + "]"}
    told: list[Event] = []
    said = lines(STARTED, RUN, {**BEGIN, **named}, failed, {"event": "finished", "ok": False})
    with pytest.raises(TaskFailed) as caught:
        apply(ScriptedConnection([said]), listen=told.append)
    assert caught.value.task == "One"
    assert len(caught.value.output) == 8000
    assert [event.name for event in told if isinstance(event, TaskBegan | TaskEnded)] == ["One", "One"]


@pytest.mark.parametrize(
    "said",
    [
        [lines(STARTED, {"event": "finished", "ok": False, "cause": f"disk {SECRET}"})],
        [lines(STARTED, {"event": "stopped", "result": f"signal {SECRET}", "status": "9"})],
        [
            lines(
                STARTED,
                {**END, "status": "failed", "output": f"no {SECRET}", "exit": 3},
                {"event": "finished", "ok": False},
            )
        ],
    ],
    ids=["cause", "result", "output"],
)
def test_a_failure_is_told_without_secrets(clock: Clock, said: list[bytes]) -> None:
    with pytest.raises(RemoteError) as caught:
        apply(ScriptedConnection(said), redact=Redactor([SECRET]))
    told = f"{caught.value.summary} {caught.value.detail} {getattr(caught.value, 'output', '')}"
    assert SECRET not in told
    assert "[hidden]" in told


def test_a_link_is_lost_without_telling_secrets(clock: Clock) -> None:
    lost = NothingRan("run a command", cause=f"motd {SECRET}")
    events: list[Event] = []
    apply(ScriptedConnection([lost], [lines(*WHOLE)]), events.append, Redactor([SECRET]))
    assert LinkLost("motd [hidden]") in events


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
_KNOWN = (STARTED, {**STARTED, "event": "attached"}, RUN, BEGIN, END, FINISHED, {"event": "stopped"})


@st.composite
def _broken(draw: st.DrawFn) -> bytes:
    """A line of a run with some of its fields exchanged or gone."""
    document: dict[str, Any] = dict(draw(st.sampled_from(_KNOWN)))
    for name in draw(st.lists(st.sampled_from(sorted(document)), max_size=2)):
        if draw(st.booleans()):
            document[name] = draw(_VALUES)
        else:
            document.pop(name, None)
    return json.dumps(document).encode() + b"\n"


_PIECES = st.binary(max_size=50) | _broken() | st.sampled_from([lines(known) for known in _KNOWN])


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(_PIECES, max_size=8), min_size=1, max_size=3))
def test_anything_ends_in_a_report_or_an_error_about_the_server(sessions: list[list[Said]]) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        Clock(monkeypatch)
        with contextlib.suppress(RemoteError):
            report = Execution(ScriptedConnection(*sessions), SCRIPT, patience=1).apply()
            assert isinstance(report, Report)


@pytest.mark.parametrize(
    "said",
    [
        lines({"event": "refused", "cause": "mkdir: cannot create directory: No space left on device"}),
        lines({"event": "refused", "cause": "the journal cannot be written on /var/lib/provisioner"}),
        lines(STARTED, {"event": "stopped", "result": "exit-code", "status": "74"}),
        lines(
            STARTED, {**FINISHED, "ok": False, "cause": "the journal cannot be written: is the disk full?"}
        ),
    ],
    ids=["no room", "no journal", "no start", "no line"],
)
def test_a_full_disk_names_the_customer_and_what_to_delete(clock: Clock, said: bytes) -> None:
    connection = ScriptedConnection([said])
    connection.host = replace(connection.host, owner="ada@example.com")
    with pytest.raises(RemoteError) as caught:
        apply(connection)
    assert caught.value.whom == "ada@example.com (192.0.2.7)"
    for word in ("journalctl --vacuum", "apt-get clean", "/var/lib/provisioner/runs"):
        assert word in (caught.value.hint or "")
