"""`rebuild` on the command line."""

import json

import pytest

from provisioner.workspace import Workspace
from tests.cli.commands.conftest import EMAIL
from tests.cli.conftest import Invoke
from tests.clouds import FastCloud


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
