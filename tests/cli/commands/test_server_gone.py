"""`logs` and `ssh` for a server that does not answer: what the cloud knows about it is the answer."""

import socket
from collections.abc import Iterator

import pytest

from provisioner.workspace import Workspace
from tests.cli.commands.conftest import EMAIL
from tests.cli.conftest import Invoke
from tests.clouds import FastCloud


@pytest.fixture(autouse=True)
def silent(cloud: FastCloud, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The customer's droplet, at an address where nobody answers; its id."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        settings = workspace.root / "provisioner.toml"
        port = f"[ssh]\nport = {taken.getsockname()[1]}\n"
        settings.write_text(settings.read_text().replace("[ssh]\n", port, 1))
        with workspace.store().edit(EMAIL) as record:
            record.set("setup.droplet.ip", "127.0.0.1")
        monkeypatch.setattr("provisioner.cli.commands.server._CONNECT_SECONDS", 1)
        monkeypatch.setattr("provisioner.cli.commands.server._run", lambda _: 255)
        droplet = workspace.store().read(EMAIL).customer.setup.droplet.id
        assert droplet
        yield droplet


@pytest.mark.parametrize("command", ["logs", "ssh"])
def test_a_droplet_that_is_gone_is_named_with_what_replaces_it(
    cloud: FastCloud, invoke: Invoke, silent: str, command: str
) -> None:
    cloud.client().delete_droplet(silent)

    ended = invoke(command, EMAIL)

    assert ended.code == 1
    assert f"droplet {silent} is gone" in ended.err
    assert f"provisioner rebuild {EMAIL}" in ended.err


@pytest.mark.parametrize("command", ["logs", "ssh"])
def test_a_droplet_at_another_address_is_named_with_that(
    cloud: FastCloud, invoke: Invoke, silent: str, command: str
) -> None:
    ended = invoke(command, EMAIL)

    assert ended.code == 1
    assert f"the address of droplet {silent} is " in ended.err
    assert f"update {EMAIL} setup.droplet.ip" in ended.err


def test_a_cloud_that_cannot_be_asked_changes_nothing(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("provisioner.cli.commands.server._CLOUD_SECONDS", 0.1)
    monkeypatch.setenv("DIGITALOCEAN_END_POINT", "http://127.0.0.1:9/v2")

    assert invoke("ssh", EMAIL).code == 255
    refused = invoke("logs", EMAIL)
    assert refused.code == 1
    assert "could not connect" in refused.err
