"""Servers whose login prints, or ends everything before our command begins; against a real sshd."""

from pathlib import Path

import pytest

from provisioner.errors import RemoteError
from provisioner.playbook.execute import Execution
from provisioner.playbook.logs import runs_on
from provisioner.ssh.connection import connect
from provisioner.ssh.host_keys import prepare_host_key
from provisioner.ssh.keys import generate_keypair
from provisioner.ssh.login import Gate, NothingRan, PasswordExpired, Tries
from tests.fixtures import sshd
from tests.fixtures.scripted import Clock
from tests.playbook.books import script

CHATTY = "echo Welcome to your droplet; echo to you >&2; printf 'and goodbye, without an end of line'"


def test_what_a_login_prints_is_no_part_of_the_answer(tmp_path: Path) -> None:
    with sshd.running(tmp_path, first=CHATTY) as server, connect(server.host) as connection:
        result = connection.run("echo out; echo err >&2; exit 3")
        assert (result.exit, result.out, result.err) == (3, "out\n", "err\n")
        assert connection.run("cat", input=b"in").out == "in"
        assert connection.run("").out == ""


def test_five_megabytes_behind_a_login_that_prints_much(tmp_path: Path) -> None:
    first = "head -c 3000000 /dev/zero; head -c 3000000 /dev/zero >&2"
    with sshd.running(tmp_path, first=first) as server, connect(server.host) as connection:
        assert len(connection.run("head -c 5000000 /dev/zero", most=12_000_000).out) == 5_000_000


def test_a_stream_begins_behind_what_the_login_prints(tmp_path: Path) -> None:
    with (
        sshd.running(tmp_path, first=CHATTY) as server,
        connect(server.host) as connection,
        connection.stream('read -r word; echo "$1 $2 $word"', "a b", "c'd") as stream,
    ):
        stream.send(b"in\n")
        assert stream.receive(20) == (b"a b c'd in\n", b"")
        assert stream.receive(20) == (b"", b"")


def test_readers_of_answers_behind_a_login_that_prints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = generate_keypair("next").public
    monkeypatch.setattr("provisioner.ssh.host_keys._PREPARE", f"echo '{made}'")
    monkeypatch.setattr("provisioner.playbook.logs.RUNS", str(tmp_path / "runs"))
    (tmp_path / "runs" / "20260101T000000-server-abc").mkdir(parents=True)
    with sshd.running(tmp_path, first=CHATTY) as server, connect(server.host) as connection:
        assert prepare_host_key(connection) == " ".join(made.split()[:2])
        assert [run.id for run in runs_on(connection)] == ["20260101T000000-server-abc"]


EXPIRED = "echo 'WARNING: Your password has expired.' >&2; echo 'Password change required' >&2; exit 1"


def test_a_login_that_runs_nothing_fails_with_its_own_words(tmp_path: Path) -> None:
    with sshd.running(tmp_path, first=EXPIRED) as server, connect(server.host, deadline=1) as connection:
        with pytest.raises(RemoteError) as caught:
            connection.run("echo never")
        with pytest.raises(RemoteError), connection.stream("echo never") as stream:
            stream.receive(20)
    assert isinstance(caught.value, NothingRan)
    assert "Your password has expired. Password change required" in caught.value.summary
    assert "exit code 1" in caught.value.summary
    assert "chage -d" in (caught.value.hint or "")


def test_a_playbook_on_a_login_that_runs_nothing_fails_with_its_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    made = script(tmp_path, "description: d\ntasks:\n  - {name: A, run: touch /never}\n")
    first = "echo Please wait while we get your droplet ready; exit 1"
    with sshd.running(tmp_path, first=first) as server, connect(server.host) as connection:
        execution = Execution(connection, made, patience=30)
        with pytest.raises(NothingRan, match="Please wait while we get your droplet ready"):
            execution.apply()
    assert 8 <= len(clock.slept) + 1 < 20


def test_an_expired_password_is_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    made = script(tmp_path, "description: d\ntasks:\n  - {name: A, run: touch /never}\n")
    with sshd.running(tmp_path, first=EXPIRED) as server, connect(server.host) as connection:
        with pytest.raises(PasswordExpired, match="Your password has expired"):
            Execution(connection, made, patience=30).apply()
        with pytest.raises(PasswordExpired):
            connection.run("echo never")
    assert clock.slept == []


def test_a_login_that_runs_nothing_for_a_while_is_waited_for(tmp_path: Path) -> None:
    first = f"[[ -e {tmp_path}/third ]] || {{ mv {tmp_path}/second {tmp_path}/third 2>/dev/null \
        || touch {tmp_path}/second; echo Please wait while we get your droplet ready; exit 0; }}"
    told: list[str] = []
    with (
        sshd.running(tmp_path, first=first) as server,
        connect(server.host, waiting=told.append) as connection,
    ):
        assert connection.run("echo ready").out == "ready\n"
    assert len(told) == 2
    assert "Please wait while we get your droplet ready" in told[0]


def test_a_mark_that_comes_in_pieces() -> None:
    gate = Gate("mark")
    whole = b"before\nmark\nafter\nmark\n"
    got = [gate.feed(bytes([byte])) for byte in whole]
    assert (b"".join(got), gate.words) == (b"after\nmark\n", "before")


def test_a_login_that_prints_for_ever_takes_no_memory() -> None:
    gate = Gate("mark")
    for _ in range(1000):
        assert gate.feed(b"x" * 10_000) == b""
    assert len(gate.words) < 5000


def in_vain(tries: Tries) -> int:
    """How often it may be tried."""
    for count in range(1000):
        try:
            tries.again(NothingRan("run"))
        except NothingRan:
            return count + 1
    raise AssertionError("there was no end")


def test_tries_get_further_apart_and_end(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    tries = Tries(180, least=8)
    assert in_vain(tries) < 30
    assert clock.slept[:6] == [0.5, 1, 2, 4, 8, 15]
    assert 180 <= clock.now - 1000 < 200


def test_what_has_worked_gives_new_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    tries = Tries(10)
    for _ in range(5):
        tries.again(NothingRan("run"))
        clock.now += 9
        tries.worked()
    assert clock.slept == [0.5] * 5


def test_tries_have_a_number_too(monkeypatch: pytest.MonkeyPatch) -> None:
    Clock(monkeypatch)
    assert in_vain(Tries(1e9)) == 60
