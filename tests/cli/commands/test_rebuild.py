"""`rebuild` on the command line."""

import json
from collections.abc import Iterator

import pytest

from provisioner.workspace import Workspace
from tests.cli.conftest import Invoke
from tests.clouds import TOKEN, FastCloud, cloud_server

EMAIL = "ada@example.com"


@pytest.fixture(scope="module")
def served() -> Iterator[FastCloud]:
    with cloud_server() as server, server.cloud() as fast:
        yield fast


@pytest.fixture
def cloud(served: FastCloud, invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> FastCloud:
    """With a customer who has a droplet there."""
    monkeypatch.setenv("DIGITALOCEAN_ACCESS_TOKEN", TOKEN)
    monkeypatch.setenv("DIGITALOCEAN_END_POINT", served.endpoint)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-12345678")
    monkeypatch.delenv("SMTP_URL", raising=False)
    assert invoke("add", EMAIL, "sub_1").code == 0
    ended = invoke("provision", EMAIL, "--until", "droplet")
    assert ended.code == 0, ended.err
    return served


def test_a_droplet_that_exists_is_refused_and_one_that_is_gone_is_replaced(
    cloud: FastCloud, invoke: Invoke, workspace: Workspace
) -> None:
    lost = workspace.store().read(EMAIL).customer.setup.droplet.id

    refused = invoke("rebuild", EMAIL)
    cloud.client().delete_droplet(str(lost))
    rebuilt = invoke("rebuild", EMAIL, "--until", "droplet", "--json")
    again = invoke("rebuild", EMAIL, "--until", "droplet")

    assert refused.code == 2
    assert f"droplet {lost} " in refused.err
    document = json.loads(rebuilt.out)
    assert (rebuilt.code, document["kind"], document["lost"]) == (0, "rebuild", lost)
    assert document["customers"][0]["outcome"] == "done"
    assert workspace.store().read(EMAIL).customer.setup.droplet.id == str(cloud.droplets[-1].id)
    assert (again.code, again.out) == (0, "")
    assert "out of the record already" in again.err


def test_without_a_token_or_a_customer_nothing_begins(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DIGITALOCEAN_ACCESS_TOKEN", raising=False)
    invoke("add", EMAIL, "sub_1")

    assert invoke("rebuild", EMAIL).code == 2
    assert invoke("rebuild", "nobody@example.com").code == 2
