"""A planted secret, looked for wherever something could have kept it or could be showing it."""

import io
import logging
import traceback
from pathlib import Path

import pytest

from provisioner.errors import TaskFailed
from provisioner.playbook.execute import Execution
from provisioner.playbook.journal import Event
from tests.fixtures.machine import Machine, until
from tests.playbook.applying import Applying
from tests.playbook.books import script

pytestmark = pytest.mark.sandbox

PLANTED = "planted-0f9e8d7c6b5a-secret"

TASKS = """\
description: d
secrets: [KEY]
tasks:
  - {name: A file, content: "KEY={{ secret.KEY }}", dest: /root/holder}
  - name: A loud one
    env: {TOKEN: "{{ secret.KEY }}"}
    run: |
      echo {{ secret.KEY }}; cat /root/holder >&2; printf 'x%.0s' {1..70000}; cat /root/holder
      printf '%s' {{ secret.KEY }} | sha256sum
    register: digest
  - name: A quiet one
    run: echo {{ secret.KEY }}; echo visible
    secret: true
  - name: A show-off
    run: echo {{ secret.KEY }}
    register: shown
  - name: Another user
    user: nobody
    cwd: /
    run: "[[ {{ secret.KEY }} == planted* ]]"
  - name: Wait
    env: {TOKEN: "{{ secret.KEY }}"}
    run: |
      held={{ secret.KEY }}
      until [[ -e /go ]]; do sleep 0.05; done
      echo $held
      exit 1
"""

# Whoever may look: files, what processes were started with, what other users' processes have around them.
SEARCH = """\
needle=$(cat)
there() { grep --binary-files=text --fixed-strings -f <(printf %s "$needle") "$@" 2>/dev/null; }
found() { there --recursive --files-with-matches "$@"; }
found /var /etc /tmp /run/log /srv /home /usr/local
for process in /proc/[0-9]*; do
  [[ ${process#/proc/} != "$$" ]] || continue
  found $process/cmdline
  [[ $(stat -c %U $process) == root ]] || found $process/environ
done
journalctl --no-pager 2>/dev/null | there && echo in the system journal
true
"""


def search(machine: Machine) -> str:
    with machine.connect() as connection:
        return connection.run(SEARCH, input=PLANTED.encode(), timeout=120).out


def test_a_planted_secret_is_nowhere(
    machine: Machine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    machine.shell("rm -f /go")
    until(machine.idle)
    made = script(tmp_path, TASKS)
    assert PLANTED not in made.program()
    applying = _Applying(machine, made)
    with caplog.at_level(logging.DEBUG):
        applying.until_it_waits()
        assert search(machine) == ""
        assert machine.shell(
            "stat -c %a /run/provisioner /run/provisioner/*/ /run/provisioner/*/secrets"
        ) == ("700\n700\n600")
        machine.shell("touch /go")
        applying.join(60)
    error = applying.error
    assert isinstance(error, TaskFailed)
    assert error.output == "[hidden]\n"
    assert search(machine) == ""
    until(machine.idle)
    assert machine.shell("ls -d /run/provisioner/*/ 2>/dev/null || :") == ""
    told = io.StringIO()
    traceback.print_exception(error, file=told)
    told.write(repr(applying.events) + caplog.text)
    assert PLANTED not in told.getvalue()
    assert "[hidden]" in told.getvalue()


def test_a_quiet_task_keeps_nothing(machine: Machine, tmp_path: Path) -> None:
    text = "description: d\ntasks:\n  - {name: Quiet, run: echo nothing to see; exit 3, secret: true}\n"
    with machine.connect() as connection, pytest.raises(TaskFailed) as caught:
        Execution(connection, script(tmp_path, text)).apply()
    assert (caught.value.output, caught.value.task_exit_code) == ("", 3)
    assert (
        machine.shell("grep -r 'nothing to see' /var/lib/provisioner --include=*.log || echo none") == "none"
    )


class _Applying(Applying):
    """With the planted secret."""

    def run(self) -> None:
        try:
            with self.connection:
                Execution(self.connection, self.made, secrets={"KEY": PLANTED}, listen=self.listen).apply()
        except BaseException as problem:
            self.error = problem

    def listen(self, event: Event) -> None:
        super().listen(event)
