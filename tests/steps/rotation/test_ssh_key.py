"""The operator's SSH key: on the servers, in the workspace, at the cloud; none is ever out of reach."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

import pytest

from provisioner.errors import InputError
from provisioner.pool.fill import pool_members
from provisioner.pool.members import new_member
from provisioner.pool.recipe import Kind
from provisioner.runs.customer_server import host_of
from provisioner.runs.fleet import JobResult
from provisioner.runs.operator_key import Turned, replace_operator_key
from provisioner.runs.workflow import Workflow
from provisioner.ssh.connection import LoginRefused, connect
from provisioner.ssh.operator_keys import OperatorKeys
from tests.backups.assistants import EMAIL
from tests.clouds import CloudServer, FastCloud
from tests.dying import killed_at
from tests.steps.leavers import Leaver, leaver


@dataclass
class Turner:
    """Ada, whose server takes the workspace's own key, and the operator who replaces it."""

    leaver: Leaver
    keys: OperatorKeys

    def turn(self) -> Turned:
        site = self.leaver.site

        def run(chosen: Sequence[str], workflow: Workflow) -> Sequence[JobResult]:
            assert list(chosen) == [EMAIL]
            return [JobResult(EMAIL, site.run(workflow))]

        return replace_operator_key(site.workspace, site.settings, site.services.cloud, run)

    def gets_in(self, private: str) -> bool:
        host = host_of(self.leaver.customer, self.leaver.site.settings)
        try:
            connect(replace(host, key=private), deadline=10).close()
        except LoginRefused:
            return False
        return True

    def demand_over(self, old: str) -> None:
        assert (self.keys.next, self.keys.old) == (None, None)
        assert self.gets_in(self.keys.current.private)
        assert not self.gets_in(old)
        public = self.keys.path.with_name("id_ed25519.pub").read_text().split()
        assert public[:2] == self.keys.current.public.split()[:2]


@contextmanager
def turner(folder: Path, cloud: FastCloud) -> Iterator[Turner]:
    with leaver(folder, cloud) as found, pytest.MonkeyPatch.context() as patch:
        patch.setattr("provisioner.steps.droplet.presence.explain_silence", lambda *_: None)
        site = found.site
        (site.assistant.home / ".ssh").symlink_to(folder)
        path = site.workspace.ssh_dir / "id_ed25519"
        shutil.copy(folder / "key", path)
        ssh = site.settings.ssh.model_copy(update={"key": path})
        site.settings = site.settings.model_copy(update={"ssh": ssh})
        keys = OperatorKeys(path)
        site.services.cloud.ensure_ssh_key(keys.current.public, "provisioner")
        yield Turner(found, keys)


@pytest.fixture
def ada(cloud: FastCloud, tmp_path: Path) -> Iterator[Turner]:
    with turner(tmp_path, cloud) as found:
        yield found


def test_the_new_one_is_everywhere_and_the_old_one_nowhere(ada: Turner) -> None:
    old = ada.keys.current

    turned = ada.turn()

    assert (turned.new_in_use, turned.over) == (True, True)
    ada.demand_over(old.private)
    assert not ada.leaver.site.services.cloud.has_ssh_key(old.public)
    assert ada.leaver.site.events[-2:] == ["ssh_key_added", "ssh_key_removed"]
    assert old.private not in str(ada.leaver.site.workspace.store().read(EMAIL).data)


def test_killed_anywhere_the_server_takes_the_key_in_use(clouds: CloudServer, tmp_path: Path) -> None:
    """Each kill on another replacement of the same operator's key."""
    with clouds.cloud() as cloud, turner(tmp_path, cloud) as ada:
        for at in count(0, 4):
            old = ada.keys.current
            with killed_at(at) as places:
                ada.turn()
            assert ada.gets_in(ada.keys.current.private)
            if ada.keys.current == old or ada.keys.old is not None:
                assert ada.turn().over
            ada.demand_over(old.private)
            if at >= len(places):
                break
        assert at > 20


def test_a_server_that_does_not_answer_keeps_the_old_one_in_use(ada: Turner) -> None:
    old = ada.keys.current
    port = ada.leaver.site.settings.ssh.port
    ssh = ada.leaver.site.settings.ssh
    ada.leaver.site.settings = ada.leaver.site.settings.model_copy(
        update={"ssh": ssh.model_copy(update={"port": 1})}
    )

    turned = ada.turn()

    assert (turned.new_in_use, turned.over) == (False, False)
    assert turned.results[0].error is not None
    assert ada.keys.current == old
    assert ada.keys.next is not None
    ada.leaver.site.settings = ada.leaver.site.settings.model_copy(
        update={"ssh": ssh.model_copy(update={"port": port})}
    )
    assert ada.turn().over
    ada.demand_over(old.private)


def test_a_droplet_that_may_come_with_the_old_one_is_waited_for(ada: Turner) -> None:
    old, droplet = ada.keys.current, ada.leaver.customer.setup.droplet
    ada.leaver.site.set(setup__droplet__ip=None)

    turned = ada.turn()

    assert not turned.new_in_use
    assert "no address yet" in str(turned.results[0].error)
    assert ada.keys.current == old
    ada.leaver.site.set(setup__droplet__ip=droplet.ip)
    assert ada.turn().over


def test_who_is_being_moved_has_two_servers_and_is_waited_for(ada: Turner) -> None:
    move = {"requestedAt": "2026-02-28T00:00:00Z", "region": "nyc3", "graceDays": 7}
    ada.leaver.site.set(setup__move=move)

    turned = ada.turn()

    assert not turned.new_in_use
    assert "being moved" in str(turned.results[0].error)
    ada.leaver.site.set(setup__move=None)
    assert ada.turn().over


def test_servers_of_the_pool_go_first(ada: Turner) -> None:
    members = pool_members(ada.leaver.site.workspace)
    members.write(new_member(Kind("sfo3", "s-1vcpu-2gb", "0")))

    with pytest.raises(InputError, match="servers of the pool"):
        ada.turn()

    assert "ssh_key_added" not in ada.leaver.site.events


def test_a_key_of_the_operators_own_elsewhere_is_not_touched(ada: Turner, tmp_path: Path) -> None:
    ssh = ada.leaver.site.settings.ssh.model_copy(update={"key": tmp_path / "key"})
    ada.leaver.site.settings = ada.leaver.site.settings.model_copy(update={"ssh": ssh})

    with pytest.raises(InputError, match="not this workspace's alone"):
        ada.turn()

    assert ada.keys.next is None


def test_a_server_that_was_handed_over_is_no_business_of_it(ada: Turner) -> None:
    ada.leaver.site.set(
        handover={
            "requestedAt": "2026-02-28T00:00:00Z",
            "sshKey": "ssh-ed25519 AAAA",
            "lockedAt": "2026-02-28T00:00:00Z",
            "endedAt": "2026-02-28T00:00:00Z",
        },
        status="handed_over",
    )
    assert ada.turn().over
    assert "ssh_key_added" not in ada.leaver.site.events
