"""The whole sandbox with real machines behind its API."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from provisioner.sandbox.control import launch
from provisioner.sandbox.control.client import Sandbox, running_sandbox
from provisioner.sandbox.control.options import Options
from provisioner.sandbox.machines.names import Names
from tests.sandbox.elsewhere import started_elsewhere

pytestmark = pytest.mark.sandbox


def eventually(true: Callable[[], object], within: float = 60) -> None:
    deadline = time.monotonic() + within
    while not true():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)


def left_of(sandbox_id: str) -> list[str]:
    """What of a sandbox's things the host still has."""
    names = Names(sandbox_id)
    commands = (["ip", "netns"], ["ip", "-brief", "link"], ["nft", "list", "tables"], ["mount"])
    lines = [line for command in commands for line in _output(command).splitlines()]
    return [line for line in lines if names.stem in line or f"{sandbox_id}/" in line]


def _output(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def answers(address: str) -> bool:
    try:
        with socket.create_connection((address, 22), timeout=1) as connection:
            connection.settimeout(2)
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


class Cloud:
    """The API as the product would use it."""

    def __init__(self, http: httpx.Client) -> None:
        self.http = http

    def create(self, name: str, **more: Any) -> dict[str, Any]:
        body = {"name": name, "size": "s-1vcpu-2gb", "image": "debian-12-x64", "region": "sfo3", **more}
        response = self.http.post("droplets/", json=body)
        assert response.status_code == 202, response.text
        droplet_id = response.json()["droplet"]["id"]
        eventually(lambda: self.droplet(droplet_id)["status"] == "active")
        return self.droplet(droplet_id)

    def droplet(self, droplet_id: int) -> dict[str, Any]:
        found: dict[str, Any] = self.http.get(f"droplets/{droplet_id}").json()["droplet"]
        return found

    def act(self, droplet_id: int, kind: str, **more: Any) -> None:
        response = self.http.post(f"droplets/{droplet_id}/actions/", json={"type": kind, **more})
        action_id = response.json()["action"]["id"]

        def status() -> str:
            return str(self.http.get(f"actions/{action_id}").json()["action"]["status"])

        eventually(lambda: status() != "in-progress", within=90)
        assert status() == "completed"


def cloud_of(sandbox: Sandbox) -> Cloud:
    env = sandbox.env
    headers = {"Authorization": f"Bearer {env['DIGITALOCEAN_ACCESS_TOKEN']}"}
    return Cloud(
        httpx.Client(
            base_url=env["DIGITALOCEAN_END_POINT"], headers=headers, timeout=30, verify=False, trust_env=False
        )
    )


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    folder = tmp_path_factory.mktemp("real") / "box"
    with running_sandbox(folder, pretend=False) as running:
        yield running
    assert left_of(running.folder.sandbox_id) == []


@pytest.fixture
def cloud(sandbox: Sandbox) -> Iterator[Cloud]:
    cloud = cloud_of(sandbox)
    with cloud.http:
        cloud.http.post("tags", json={"name": "test"})
        yield cloud
        for droplet in sandbox.droplets():
            cloud.http.delete(f"droplets/{droplet.id}")
        for firewall in cloud.http.get("firewalls").json()["firewalls"]:
            cloud.http.delete(f"firewalls/{firewall['id']}")


def public(droplet: dict[str, Any]) -> str:
    return next(str(net["ip_address"]) for net in droplet["networks"]["v4"] if net["type"] == "public")


def test_a_droplet_answers_is_rebooted_and_leaves_nothing(sandbox: Sandbox, cloud: Cloud) -> None:
    droplet = cloud.create("real-1")
    address = public(droplet)
    eventually(lambda: answers(address))
    cloud.act(droplet["id"], "power_off")
    assert not answers(address)
    cloud.act(droplet["id"], "power_on")
    eventually(lambda: answers(address))
    cloud.act(droplet["id"], "reboot")
    eventually(lambda: answers(address))
    assert public(cloud.droplet(droplet["id"])) == address
    cloud.http.delete(f"droplets/{droplet['id']}")
    machine = Names(sandbox.folder.sandbox_id).machine(address)
    eventually(lambda: not [line for line in left_of(sandbox.folder.sandbox_id) if machine in line])
    assert not answers(address)


def test_a_firewall_by_tag_closes_what_it_does_not_name(cloud: Cloud) -> None:
    anywhere = {"addresses": ["0.0.0.0/0"]}
    rules = [{"protocol": "tcp", "ports": "2222", "sources": anywhere}]
    made = cloud.http.post("firewalls", json={"name": "only-2222", "tags": ["test"], "inbound_rules": rules})
    path = f"firewalls/{made.json()['firewall']['id']}"
    closed, opened = cloud.create("closed", tags=["test"]), cloud.create("opened")
    eventually(lambda: answers(public(opened)))
    assert not answers(public(closed))
    ssh = {"inbound_rules": [{"protocol": "tcp", "ports": "22", "sources": anywhere}]}
    assert cloud.http.post(f"{path}/rules", json=ssh).status_code == 204
    eventually(lambda: answers(public(closed)))


def test_a_droplet_starts_from_a_snapshot(cloud: Cloud) -> None:
    source = cloud.create("source")
    eventually(lambda: answers(public(source)))
    cloud.act(source["id"], "snapshot", name="kept")
    (image,) = cloud.http.get("images?private=true").json()["images"]
    copy = cloud.create("copy", image=image["id"])
    eventually(lambda: answers(public(copy)))
    assert public(copy) != public(source)


def test_services_are_there_where_droplets_look_for_them(sandbox: Sandbox) -> None:
    status, env = sandbox.status(), sandbox.env
    loopback, bridge = status.addresses
    assert loopback == "127.0.0.1"
    for name in ("ANTHROPIC_BASE_URL", "TELEGRAM_API_ROOT", "PROVISIONER_NODE_MIRROR"):
        assert env[name].startswith(f"http://{bridge}:{status.port}/")
    assert env["DIGITALOCEAN_END_POINT"] == f"http://{loopback}:{status.port}/v2/"
    answer = httpx.get(f"{env['TELEGRAM_API_ROOT']}/bot1:x/getMe", verify=False, trust_env=False)
    assert answer.status_code == 401


def test_when_the_process_that_it_was_for_is_killed_nothing_is_left(tmp_path: Path) -> None:
    options = Options(state=tmp_path / "box")
    with started_elsewhere(options.state, pretend=False) as starter:
        with cloud_of(Sandbox(options.state)).http as http:
            droplet = Cloud(http).create("orphan")
        eventually(lambda: answers(public(droplet)))
        starter.kill()
    eventually(lambda: not launch.is_up(options.folder))
    assert left_of(options.folder.sandbox_id) == []
    assert not options.folder.has_machines


@pytest.mark.parametrize("again", ["up", "down"])
def test_a_kill_is_cleaned_up_by_the_next_command(tmp_path: Path, again: str) -> None:
    options = Options(state=tmp_path / "box")
    launch.up(options, lambda _line: None)
    try:
        sandbox = Sandbox(options.state)
        with cloud_of(sandbox).http as http:
            droplet = Cloud(http).create("orphan")
        eventually(lambda: answers(public(droplet)))
        os.kill(sandbox.status().pid, signal.SIGKILL)
        eventually(lambda: not launch.is_up(options.folder))
        if again == "up":
            launch.up(options, lambda _line: None)
            assert sandbox.droplets() == []
            assert not answers(public(droplet))
    finally:
        launch.down(options.folder)
    assert left_of(options.folder.sandbox_id) == []
    assert not options.folder.has_machines
