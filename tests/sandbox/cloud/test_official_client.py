"""The API as DigitalOcean's own client (pydo) sees it: one droplet's whole life, and what is refused."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError
from azure.core.pipeline.policies import HeadersPolicy
from pydo import Client

from tests.sandbox.cloud.conftest import TOKEN, Api, eventually
from tests.sandbox.cloud.test_keys import KEY

WEEK = 7 * 24 * 3600


class OverPlainHttp(HeadersPolicy):
    """The client shows its token to nobody without TLS, which the sandbox does not have."""

    def on_request(self, request: Any) -> None:
        super().on_request(request)
        request.context.options["enforce_https"] = False


@pytest.fixture
def client(api: Api) -> Iterator[Client]:
    api.clock.moment = datetime(2026, 9, 10, 12, tzinfo=UTC).timestamp()
    root = api.endpoint.removesuffix("/v2/")
    with Client(TOKEN, endpoint=root, retry_total=0, headers_policy=OverPlainHttp()) as client:
        yield client


class Life:
    """One droplet, through the client."""

    def __init__(self, client: Client, api: Api) -> None:
        self.client = client
        self.api = api
        key = client.ssh_keys.create({"name": "operator", "public_key": KEY})["ssh_key"]
        made = client.droplets.create(
            {
                "name": "whole-life",
                "region": "sfo3",
                "size": "s-1vcpu-2gb",
                "image": "debian-12-x64",
                "ssh_keys": [key["id"]],
                "tags": ["life"],
                "backups": True,
            }
        )
        self.id: int = made["droplet"]["id"]
        self.urn = f"do:droplet:{self.id}"
        self.settled(made["links"]["actions"][0]["id"])

    def settled(self, action_id: int) -> None:
        eventually(lambda: self.client.actions.get(action_id)["action"]["status"] == "completed")

    def act(self, kind: str, **more: Any) -> None:
        action = self.client.droplet_actions.post(self.id, {"type": kind, **more})["action"]
        self.settled(action["id"])

    @property
    def droplet(self) -> dict[str, Any]:
        found: dict[str, Any] = self.client.droplets.get(self.id)["droplet"]
        return found

    def backups(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.client.droplets.list_backups(self.id)["backups"]
        return found


def test_a_whole_life(client: Client, api: Api) -> None:
    life = Life(client, api)
    assert [one["id"] for one in client.droplets.list(tag_name="life")["droplets"]] == [life.id]

    network(life)
    project(life)
    copies(life)
    end_and_invoice(life)


def network(life: Life) -> None:
    """It is in its region's own private network."""
    [vpc] = life.client.vpcs.list()["vpcs"]
    assert life.droplet["vpc_uuid"] == vpc["id"]
    [member] = life.client.vpcs.list_members(vpc["id"])["members"]
    assert member["urn"] == life.urn
    own = life.client.vpcs.create({"name": "own", "region": "sfo3"})["vpc"]
    assert life.client.vpcs.patch(own["id"], {"description": "spare"})["vpc"]["description"] == "spare"
    life.client.vpcs.delete(own["id"])


def project(life: Life) -> None:
    """It begins in the default project, and moves."""
    default = life.client.projects.get_default()["project"]
    [resource] = life.client.projects.list_resources_default()["resources"]
    assert (default["is_default"], resource["urn"]) == (True, life.urn)
    wanted = {"name": "moltbots", "purpose": "Service or API", "environment": "Production"}
    made = life.client.projects.create(wanted)["project"]
    [moved] = life.client.projects.assign_resources(made["id"], {"resources": [life.urn]})["resources"]
    assert (moved["urn"], moved["status"]) == (life.urn, "assigned")
    assert life.client.projects.list_resources_default()["resources"] == []


def copies(life: Life) -> None:
    """A backup in the night to Sunday, a snapshot by hand, a new disk from that; then no more backups."""
    life.act("snapshot", name="by-hand")
    [snapshot] = life.client.snapshots.list(resource_type="droplet")["snapshots"]
    assert life.client.snapshots.get(snapshot["id"])["snapshot"]["resource_id"] == str(life.id)
    assert life.client.snapshots.list(resource_type="volume")["snapshots"] == []
    life.client.tags.create({"name": "kept"})
    resources = {"resources": [{"resource_id": snapshot["id"], "resource_type": "image"}]}
    life.client.tags.assign_resources("kept", resources)
    assert life.client.snapshots.get(snapshot["id"])["snapshot"]["tags"] == ["kept"]
    life.act("rebuild", image=int(snapshot["id"]))
    assert life.droplet["image"]["id"] == int(snapshot["id"])
    policy = life.client.droplets.get_backup_policy(life.id)["policy"]
    assert policy["backup_policy"]["plan"] == "weekly"
    assert life.client.droplets.list_backup_policies()["policies"] == {str(life.id): policy}
    life.api.clock.pass_(WEEK)
    eventually(lambda: len(life.backups()) == 1)
    assert life.droplet["backup_ids"] == [life.backups()[0]["id"]]
    life.act("disable_backups")
    assert "backups" not in life.droplet["features"]


def end_and_invoice(life: Life) -> None:
    """What is gone is charged until then, and not after."""
    client = life.client
    client.droplets.destroy(life.id)
    for snapshot in client.snapshots.list()["snapshots"]:
        client.snapshots.delete(snapshot["id"])
    owed = client.balance.get()["month_to_date_usage"]
    life.api.clock.moment = datetime(2026, 10, 2, tzinfo=UTC).timestamp()

    listed = client.invoices.list()

    [invoice] = listed["invoices"]
    assert (invoice["invoice_period"], invoice["amount"]) == ("2026-09", owed)
    assert listed["invoice_preview"]["amount"] == "0.00"
    items = client.invoices.get_by_uuid(invoice["invoice_uuid"])["invoice_items"]
    # 168 hours of $12 a month; 5 % of that for the backup; 2.5 GiB of snapshot for as long.
    assert [(item["product"], item["amount"]) for item in items] == [
        ("Droplets", "3.00"),
        ("Snapshots", "0.04"),
        ("Backups", "0.60"),
    ]
    assert [item["project_name"] for item in items] == ["moltbots", "", "moltbots"]
    summary = client.invoices.get_summary_by_uuid(invoice["invoice_uuid"])
    assert summary["amount"] == summary["product_charges"]["amount"] == owed == "3.64"
    kinds = [entry["type"] for entry in client.billing_history.list()["billing_history"]]
    assert kinds == ["Payment", "Invoice"]


def test_what_is_refused_comes_as_its_errors(client: Client, api: Api) -> None:
    with pytest.raises(HttpResponseError) as refused:
        client.droplets.create({"name": "x", "size": "s-1vcpu-2gb", "image": "no-such-image"})
    assert (refused.value.status_code, "invalid image" in str(refused.value)) == (422, True)

    api.cloud.options.minute_limit = 1
    with pytest.raises(HttpResponseError) as busy:
        client.projects.list()
    assert busy.value.status_code == 429

    api.cloud.options.minute_limit = 1_000
    api.cloud.options.token = "revoked"
    with pytest.raises(ClientAuthenticationError):
        client.balance.get()


@pytest.mark.parametrize("gone", ["snapshots", "vpcs", "projects", "invoices"])
def test_what_is_not_there_is_a_404_of_each_resource(client: Client, gone: str) -> None:
    nobody = "00000000-0000-0000-0000-000000000000"
    asked: dict[str, Callable[[], Any]] = {
        "snapshots": lambda: client.snapshots.get("1"),
        "vpcs": lambda: client.vpcs.get(nobody),
        "projects": lambda: client.projects.get(nobody),
        "invoices": lambda: client.invoices.get_by_uuid(nobody),
    }

    # Where the specification names the 404, the client gives its body instead of raising it.
    assert asked[gone]()["id"] == "not_found"
