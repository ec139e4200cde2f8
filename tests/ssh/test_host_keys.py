"""A host key is changed over the connection that the old one proves; a crash between moves is survived."""

from dataclasses import replace

import pytest

from provisioner.errors import HostKeyError, RemoteError
from provisioner.ssh.connection import connect
from provisioner.ssh.host_keys import activate_host_key, prepare_host_key, prove_host_key
from provisioner.ssh.keys import generate_keypair
from tests.fixtures.machine import Machine

pytestmark = pytest.mark.sandbox


def test_prepared_recorded_activated_proven(fresh_machine: Machine) -> None:
    old = fresh_machine.host_key.public
    with connect(fresh_machine.host) as connection:
        new = prepare_host_key(connection)
        assert new.split()[1] != old.split()[1]
        assert prepare_host_key(connection) == new, "asked again, the same"
        with connect(fresh_machine.host) as still:
            assert still.host_key == old
        activate_host_key(connection, new)
        activate_host_key(connection, new)
        assert connection.run("echo open").out == "open\n"
    with prove_host_key(fresh_machine.host, new) as proven:
        assert proven.host_key == new
        listing = proven.run(
            "stat -c '%a %n' /etc/ssh/ssh_host_*; cut -d' ' -f1,2 /etc/ssh/ssh_host_ed25519_key.pub"
        )
    assert listing.out.splitlines() == [
        "600 /etc/ssh/ssh_host_ed25519_key",
        "644 /etc/ssh/ssh_host_ed25519_key.pub",
        new,
    ]
    with pytest.raises(HostKeyError):
        connect(replace(fresh_machine.host, host_keys=(old,)))
    fresh_machine.machines.reboot(fresh_machine.id)
    with connect(replace(fresh_machine.host, host_keys=(old, new)), deadline=60) as both:
        assert both.host_key == new


def test_a_key_that_was_not_prepared_is_not_activated(machine: Machine) -> None:
    with machine.connect() as connection:
        prepare_host_key(connection)
        with pytest.raises(RemoteError, match="change the host key"):
            activate_host_key(connection, generate_keypair("other").public)
    with connect(machine.host) as connection:
        assert connection.host_key == machine.host_key.public


def test_a_half_made_key_is_made_again(machine: Machine) -> None:
    machine.shell("echo half > /etc/ssh/ssh_host_ed25519_key.next")
    with machine.connect() as connection:
        assert prepare_host_key(connection).startswith("ssh-ed25519 ")
