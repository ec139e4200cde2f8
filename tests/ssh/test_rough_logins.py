"""Droplets whose login prints, or whose root must change its password first: real ones, with PAM."""

from pathlib import Path

import pytest

from provisioner.ssh.connection import connect
from provisioner.ssh.host_keys import prepare_host_key
from provisioner.ssh.login import NothingRan
from tests.fixtures.machine import Machine
from tests.playbook.applying import apply, tasks

pytestmark = pytest.mark.sandbox

CHATTY = """\
echo 'echo Welcome to your droplet; printf "no end of line"; echo to you >&2' > /root/.bashrc.new
cat /root/.bashrc >> /root/.bashrc.new; mv /root/.bashrc.new /root/.bashrc
printf 'echo from rc' > /root/.ssh/rc
"""


def test_login_files_that_print_and_a_password_that_has_expired(
    fresh_machine: Machine, tmp_path: Path
) -> None:
    with fresh_machine.connect() as before:
        assert before.run(CHATTY).exit == 0
        with fresh_machine.connect() as connection:
            assert connection.run("echo out").out == "out\n"
            assert prepare_host_key(connection).startswith("ssh-ed25519 ")
        report = apply(fresh_machine, tasks(tmp_path, "  - {name: A, run: echo told, register: it}\n"))
        assert report.registered == {"it": "told"}

        # An open connection goes on, a new one is asked for another password first.
        assert before.run("chage -d 0 root").exit == 0
        with connect(fresh_machine.host, deadline=1) as after, pytest.raises(NothingRan) as caught:
            after.run("true")
        assert "password has expired" in caught.value.summary
        assert "chage -d" in (caught.value.hint or "")
        assert before.run("chage -d $(date +%F) root").exit == 0
    assert fresh_machine.shell("echo in again") == "in again"
