"""Runs that outlive what goes wrong around them: links, runners, reboots, second runners, full disks."""

import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest

from provisioner.errors import RemoteError, TaskFailed
from provisioner.playbook import execute
from provisioner.playbook.execute import Execution
from provisioner.playbook.journal import Event, LinkLost, OtherRun, RunBegan, TaskEnded
from provisioner.ssh.connection import connect
from tests.fixtures.machine import Machine, until
from tests.fixtures.slow_link import slow_link
from tests.playbook.applying import Applying, apply, tasks

pytestmark = pytest.mark.sandbox

# Counts how often it ran; ends when it is let go.
WAIT = """\
  - name: Once
    run: echo x >> /once
    creates: /once
  - name: Wait
    run: echo x >> /waited; until [[ -e /go ]]; do sleep 0.05; done; echo done
    unless: "[[ -e /passed ]]"
    timeout: 120
  - name: Pass
    run: touch /passed
    creates: /passed
"""


@pytest.fixture(autouse=True)
def clean(request: pytest.FixtureRequest) -> None:
    """Nothing of an earlier test is left on the shared machine."""
    if "machine" in request.fixturenames:
        machine: Machine = request.getfixturevalue("machine")
        machine.shell("rm -f /go /once /waited /passed")
        until(machine.idle)


def attached(events: list[Event]) -> list[bool]:
    return [event.attached for event in events if isinstance(event, RunBegan)]


def test_a_cut_link_is_made_again(machine: Machine, tmp_path: Path) -> None:
    applying = Applying(machine, tasks(tmp_path, WAIT)).until_it_waits()
    applying.connection._transport.sock.close()
    until(lambda: any(isinstance(event, LinkLost) for event in applying.events))
    machine.shell("touch /go")
    report = applying.result()
    assert [task.status for task in report.tasks] == ["ok", "ok", "ok"]
    assert machine.shell("wc -l < /waited") == "1"
    ended = [event for event in applying.events if isinstance(event, TaskEnded)]
    assert ended == list(report.tasks), "each is told once"


# A start that takes so long that the run which was there has ended meanwhile.
SLOW_START = """\
cat > /usr/local/bin/systemd-run <<'END'
#!/bin/sh
touch /go
while systemctl is-active --quiet provisioner-run; do sleep 0.05; done
exec /usr/bin/systemd-run "$@"
END
chmod 755 /usr/local/bin/systemd-run
"""


def test_a_run_that_ends_while_it_is_attached_to_is_not_begun_again(machine: Machine, tmp_path: Path) -> None:
    applying = Applying(machine, tasks(tmp_path, WAIT)).until_it_waits()
    machine.shell(SLOW_START)
    try:
        applying.connection._transport.sock.close()
        until(lambda: any(isinstance(event, LinkLost) for event in applying.events))
        machine.shell("sleep 3; touch /go")
        report = applying.result()
    finally:
        machine.shell("rm /usr/local/bin/systemd-run")
    assert [task.status for task in report.tasks] == ["ok", "ok", "ok"]


def test_a_link_that_is_cut_again_and_again(machine: Machine, tmp_path: Path) -> None:
    applying = Applying(machine, tasks(tmp_path, WAIT)).until_it_waits()
    for cut in range(1, 4):
        applying.connection._transport.sock.close()
        until(lambda n=cut: sum(isinstance(event, LinkLost) for event in applying.events) >= n)  # type: ignore[misc]
        until(lambda: applying.connection.alive)
    machine.shell("touch /go")
    assert applying.result().changed == 3
    assert machine.shell("wc -l < /waited") == "1"


def test_a_frozen_server_is_waited_for(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execute, "_SILENCE_SECONDS", 5)
    applying = Applying(machine, tasks(tmp_path, WAIT)).until_it_waits()
    machine.shell(
        "systemd-run --collect bash -c 'pkill -STOP sshd; sleep 12; touch /go; sleep 8; pkill -CONT sshd'"
    )
    assert applying.result().changed == 3
    assert any(isinstance(event, LinkLost) for event in applying.events)
    assert machine.shell("wc -l < /waited") == "1"


def test_a_slow_link(machine: Machine, tmp_path: Path) -> None:
    text = "  - {name: Much, run: head -c 300000 /dev/urandom | base64}\n"
    with slow_link(machine.host.address, 22, delay=0.1) as link:
        host = replace(machine.host, address="127.0.0.1", port=link.port)
        with connect(host) as connection:
            report = Execution(connection, tasks(tmp_path, text)).apply()
    assert report.changed == 1


def test_a_link_that_goes_deaf_is_made_again(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execute, "_SILENCE_SECONDS", 5)
    with slow_link(machine.host.address, 22, delay=0) as link:
        host = replace(machine.host, address="127.0.0.1", port=link.port)
        applying = Applying(replace(machine, host=host), tasks(tmp_path, WAIT)).until_it_waits()
        link.go_deaf()
        machine.shell("touch /go")
        assert applying.result().changed == 3
    assert any(isinstance(event, LinkLost) for event in applying.events)
    assert machine.shell("wc -l < /waited") == "1"


RUNNER = """
    import sys
    from pathlib import Path
    from provisioner.playbook.execute import Execution
    from provisioner.playbook.load import load
    from provisioner.playbook.script import render
    from provisioner.ssh.connection import Host, connect

    address, host_key, key, folder = sys.argv[1:]
    host = Host(address, (host_key,), Path(key).read_text())
    with connect(host) as connection:
        Execution(connection, render(load("made", [Path(folder)]), {}), listen=print).apply()
"""


def killed_runner(machine: Machine, folder: Path) -> None:
    """A runner in a process of its own, killed without warning when the server is at the task "Wait"."""
    key = folder / "key"
    key.touch(0o600)
    key.write_text(machine.host.key)
    arguments = [machine.host.address, machine.host_key.public, str(key), str(folder)]
    with subprocess.Popen(
        [sys.executable, "-u", "-c", textwrap.dedent(RUNNER), *arguments], stdout=subprocess.PIPE, text=True
    ) as runner:
        assert runner.stdout
        assert any("name='Wait'" in line for line in runner.stdout)
        os.kill(runner.pid, signal.SIGKILL)


def test_after_a_killed_runner_the_next_attaches(machine: Machine, tmp_path: Path) -> None:
    made = tasks(tmp_path, WAIT)
    killed_runner(machine, tmp_path)
    applying = Applying(machine, made).until_it_waits()
    machine.shell("touch /go")
    assert applying.result().changed == 3
    assert attached(applying.events) == [True]
    assert machine.shell("wc -l < /waited") == "1"


def test_after_a_killed_runner_the_next_reads_the_end(machine: Machine, tmp_path: Path) -> None:
    made = tasks(tmp_path, WAIT)
    killed_runner(machine, tmp_path)
    machine.shell("touch /go")
    until(machine.idle)
    events: list[Event] = []
    assert apply(machine, made, listen=events.append).changed == 3
    assert attached(events) == [True]
    events.clear()
    again = apply(machine, made, listen=events.append)
    assert attached(events) == [False], "a result is only delivered once"
    assert again.changed == 0


def test_a_reboot_in_the_middle(fresh_machine: Machine, tmp_path: Path) -> None:
    applying = Applying(fresh_machine, tasks(tmp_path, WAIT)).until_it_waits()
    fresh_machine.shell("until [[ -e /waited ]]; do sleep 0.05; done; sync")
    fresh_machine.machines.reboot(fresh_machine.id)
    fresh_machine.shell("touch /go")
    report = applying.result()
    assert [task.status for task in report.tasks] == ["so", "ok", "ok"]
    assert attached(applying.events) == [False, False]
    assert fresh_machine.shell("wc -l < /once; wc -l < /waited") == "1\n2"


def test_a_reboot_of_the_server_by_a_pulled_plug(fresh_machine: Machine, tmp_path: Path) -> None:
    applying = Applying(fresh_machine, tasks(tmp_path, WAIT)).until_it_waits()
    fresh_machine.shell("until [[ -e /waited ]]; do sleep 0.05; done; sync")
    fresh_machine.machines.power_off(fresh_machine.id)
    fresh_machine.machines.power_on(fresh_machine.id)
    fresh_machine.shell("touch /go")
    assert applying.result().tasks[-1].status == "ok"


def test_two_runners_at_once_are_one_run(machine: Machine, tmp_path: Path) -> None:
    made = tasks(tmp_path, WAIT)
    runners = [Applying(machine, made) for _ in range(4)]
    for runner in runners:
        runner.start()
    for runner in runners:
        assert runner.began.wait(60), runner.error
    machine.shell("touch /go")
    assert len({runner.result().run for runner in runners}) == 1
    assert not any(isinstance(event, LinkLost) for runner in runners for event in runner.events), [
        event for runner in runners for event in runner.events if isinstance(event, LinkLost)
    ]
    assert sorted(attached(runner.events)[0] for runner in runners) == [False, True, True, True]
    assert machine.shell("wc -l < /waited") == "1"


def test_another_playbook_waits_until_the_one_that_runs_has_ended(machine: Machine, tmp_path: Path) -> None:
    applying = Applying(machine, tasks(tmp_path, WAIT)).until_it_waits()
    other = Applying(
        machine, tasks(tmp_path, "  - {name: Other, run: touch /other}\n", name="other"), "Other"
    )
    other.start()
    until(lambda: any(isinstance(event, OtherRun) for event in other.events))
    assert not other.began.is_set()
    machine.shell("touch /go")
    assert other.result().changed == 1
    assert applying.result().run != other.result().run
    waited_for = next(event for event in other.events if isinstance(event, OtherRun))
    assert (waited_for.playbook, waited_for.run) == ("made", applying.result().run)


def test_the_same_playbook_with_other_values_waits_for_its_turn(machine: Machine, tmp_path: Path) -> None:
    applying = Applying(machine, tasks(tmp_path, WAIT)).until_it_waits()
    other = Applying(machine, tasks(tmp_path, "  - {name: Other, run: touch /other2}\n"), "Other")
    other.start()
    assert not other.began.wait(1)
    machine.shell("touch /go")
    assert other.result().tasks[0].name == "Other"
    assert applying.result().run != other.result().run


def test_one_after_the_other_without_a_pause(machine: Machine, tmp_path: Path) -> None:
    made = tasks(tmp_path, "  - {name: A, run: 'true'}\n")
    with machine.connect() as connection:
        runs = {Execution(connection, made).apply().run for _ in range(8)}
    assert len(runs) == 8


def test_a_run_that_is_killed_says_so_and_leaves_no_secret(machine: Machine, tmp_path: Path) -> None:
    applying = Applying(machine, tasks(tmp_path, WAIT)).until_it_waits()
    machine.shell("systemctl kill --signal=KILL provisioner-run")
    applying.join(60)
    assert isinstance(applying.error, RemoteError)
    assert "ended from outside (signal)" in applying.error.summary
    assert applying.error.retry
    until(machine.idle)
    assert machine.shell("ls /run/provisioner") == ""
    assert machine.shell("pgrep -f '[/]waited' || echo none") == "none"


@pytest.fixture
def small_disk(machine: Machine) -> Path:
    """256 KB for everything that a run keeps."""
    machine.shell(
        "mkdir -p /var/lib/provisioner; mount -t tmpfs -o size=256k,mode=700 none /var/lib/provisioner"
    )
    return Path("/var/lib/provisioner/full")


@pytest.fixture
def unmounted(machine: Machine) -> object:
    """Takes the small disk away afterwards."""
    yield None
    until(machine.idle)
    machine.shell("umount /var/lib/provisioner")


@pytest.mark.usefixtures("unmounted")
def test_a_full_disk_is_told_before_anything_is_done(
    machine: Machine, tmp_path: Path, small_disk: Path
) -> None:
    machine.shell(f"head -c 1M /dev/zero > {small_disk} || :")
    with pytest.raises(RemoteError, match=r"No space left on device|journal cannot be written"):
        apply(machine, tasks(tmp_path, "  - {name: A, run: touch /passed}\n"))
    assert machine.shell("ls -d /run/provisioner/*/ /passed 2>/dev/null || echo none") == "none"


@pytest.mark.usefixtures("unmounted")
def test_a_disk_that_fills_up_in_the_middle_is_no_success(
    machine: Machine, tmp_path: Path, small_disk: Path
) -> None:
    text = f"""\
  - name: Fill
    run: head -c 1M /dev/zero > {small_disk} || true
"""
    text += "".join(f"  - {{name: Next {n}, run: touch /passed}}\n" for n in range(100))
    with pytest.raises(RemoteError, match="disk full") as caught:
        apply(machine, tasks(tmp_path, text))
    assert not isinstance(caught.value, TaskFailed)
