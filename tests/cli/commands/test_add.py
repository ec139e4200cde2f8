"""What `add` refuses, and what a customer who leaves still costs."""

import json
from pathlib import Path

import pytest

from provisioner.workspace import Workspace
from tests.cli.commands.conftest import EMAIL
from tests.cli.conftest import Invoke
from tests.clouds import FastCloud


@pytest.fixture
def active(workspace: Workspace) -> Path:
    return workspace.customers_dir / "active"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("sub_1", EMAIL), f"provisioner add {EMAIL} sub_1"),
        ((EMAIL, "xyz_1"), "Stripe's ids of subscriptions are sub_"),
        ((EMAIL, "sub_"), "Stripe's ids of subscriptions are sub_"),
        ((EMAIL, "sub_1; x"), "Stripe's ids of subscriptions are sub_"),
        ((EMAIL, "sub_1", "--currency", "EURO"), "three small letters, such as usd"),
        ((EMAIL, "sub_1", "--price-id", "12"), "Stripe's ids of prices are price_"),
        ((EMAIL, EMAIL), "Stripe's ids of subscriptions are sub_"),
        (("xyz_1", "sub_1"), "must have an @-sign"),
        (("xyz_1",), "Missing argument"),
        (("`touch${IFS}/tmp/x`@example.com", "sub_1"), "nobody's address has $ / ` { } in it"),
        (("$(id)@example.com", "sub_1"), "xample.com"),
        (("a|b@example.com", "sub_1"), "nobody's address has | in it"),
        (("--", "-rf@example.com", "sub_1"), "begins with a dash"),
        (("--", "--help@example.com", "sub_1"), "begins with a dash"),
    ],
)
def test_what_is_no_customer_is_refused_with_the_reason(
    invoke: Invoke, active: Path, words: tuple[str, ...], says: str
) -> None:
    refused = invoke("add", *words)
    assert refused.code == 2
    assert says in refused.err
    assert list(active.iterdir()) == []


@pytest.mark.parametrize(
    "email", ["o'brien@example.com", "r&d+x_y.z-1@example.com", "~ada@example.com", "jörg@münchen.example"]
)
def test_what_people_have_is_taken(invoke: Invoke, email: str) -> None:
    # The last one ends in a domain that is reserved for examples.
    assert invoke("add", email.replace("münchen.example", "münchen.de"), "sub_1").code == 0


def test_an_address_outside_ascii_is_one_customer_however_it_is_spelled(invoke: Invoke, active: Path) -> None:
    assert invoke("add", "Jo\u0308rg@xn--mnchen-3ya.de", "sub_1").code == 0
    (path,) = active.iterdir()
    assert json.loads(path.read_text("utf-8"))["email"] == "Jörg@münchen.de"
    for spelled in ("jörg@münchen.de", "jo\u0308rg@MÜNCHEN.de", "Jörg@xn--mnchen-3ya.de"):
        assert invoke("add", spelled, "sub_2").code == 2
        assert invoke("note", spelled, "hello").code == 0
    assert invoke("check").code == 0


def test_a_subscription_of_another_customer_is_refused_unless_forced(invoke: Invoke) -> None:
    other = "other@example.com"
    invoke("add", EMAIL, "sub_1")
    refused = invoke("add", other, "sub_1")
    assert refused.code == 2
    assert f"{EMAIL} has sub_1 already" in refused.err
    assert invoke("add", other, "sub_2").code == 0
    refused = invoke("update", other, "subscription.stripeSubscriptionId", "sub_1")
    assert refused.code == 2
    assert f"{EMAIL} has sub_1 already" in refused.err
    assert invoke("update", other, "subscription.stripeSubscriptionId", "xyz").code == 2
    assert invoke("update", other, "subscription.stripeSubscriptionId", "sub_2").code == 0
    assert invoke("update", other, "subscription.stripeSubscriptionId", "sub_1", "--force").code == 0
    assert invoke("add", "third@example.com", "sub_1", "--force").code == 0


# Leaving


def _events(workspace: Workspace) -> list[tuple[str, str | None]]:
    return [(event.event, event.details) for event in workspace.store().read(EMAIL).customer.timeline]


def test_a_customer_whose_droplet_exists_is_not_archived(
    cloud: FastCloud, invoke: Invoke, workspace: Workspace
) -> None:
    droplet = workspace.store().read(EMAIL).customer.setup.droplet
    before = _events(workspace)
    refused = invoke("archive", EMAIL)
    assert refused.code == 2
    assert f"droplet {droplet.id} ({droplet.ip}), s-1vcpu-2gb, still exists" in refused.err
    assert "costs $12 a month" in refused.err
    assert f"provisioner archive {EMAIL} --force" in refused.err
    assert _events(workspace) == before
    assert not workspace.store().find(EMAIL).archived

    cancelled = invoke("update", EMAIL, "status", "cancelled")
    assert cancelled.code == 0
    assert f"droplet {droplet.id} ({droplet.ip}) is not destroyed by this" in cancelled.err

    cloud.client().delete_droplet(str(droplet.id))
    assert invoke("archive", EMAIL).code == 0
    assert workspace.store().find(EMAIL).archived
    assert invoke("archive", EMAIL).code == 0


def test_the_waiver_stands_in_the_timeline(cloud: FastCloud, invoke: Invoke, workspace: Workspace) -> None:
    droplet = workspace.store().read(EMAIL).customer.setup.droplet.id
    assert invoke("archive", EMAIL, "--force").code == 0
    assert workspace.store().find(EMAIL).archived
    event, details = _events(workspace)[-1]
    assert (event, f"droplet {droplet} still exists" in (details or "")) == ("archive_forced", True)


def test_a_droplet_that_may_have_come_is_looked_for(
    cloud: FastCloud, invoke: Invoke, workspace: Workspace
) -> None:
    with workspace.store().edit(EMAIL) as record:
        record.set("setup.droplet.id", None)
    refused = invoke("archive", EMAIL)
    assert refused.code == 2
    assert "still exists" in refused.err


@pytest.mark.parametrize(
    ("wrong", "says"),
    [("999999", "has no droplet 999999"), ("typo", "DigitalOcean's ids of droplets are digits")],
)
def test_a_wrong_id_in_the_record_does_not_hide_the_droplet(
    cloud: FastCloud, invoke: Invoke, workspace: Workspace, wrong: str, says: str
) -> None:
    droplet = workspace.store().read(EMAIL).customer.setup.droplet
    with workspace.store().edit(EMAIL) as record:
        record.set("setup.droplet.id", wrong)
    refused = invoke("archive", EMAIL)
    assert refused.code == 2
    assert f"droplet {droplet.id} ({droplet.ip}), s-1vcpu-2gb, still exists" in refused.err

    unknown = invoke("adopt", EMAIL, wrong)
    assert unknown.code == 2
    assert says in unknown.err


def test_who_is_in_the_archive_is_brought_back_before_anything_goes_on(
    cloud: FastCloud, invoke: Invoke, workspace: Workspace
) -> None:
    droplet = workspace.store().read(EMAIL).customer.setup.droplet.id
    invoke("archive", EMAIL, "--force")
    adopted = invoke("adopt", EMAIL, str(droplet))
    assert adopted.code == 0
    assert f"To go on: provisioner restore {EMAIL}" in adopted.err


def test_a_cloud_that_does_not_answer_archives_nobody(
    cloud: FastCloud, invoke: Invoke, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGITALOCEAN_ACCESS_TOKEN", "dop_v1_" + "0" * 64)
    refused = invoke("archive", EMAIL)
    assert refused.code == 2
    assert "could not be asked" in refused.err
    assert not workspace.store().find(EMAIL).archived


def test_without_a_token_it_is_said_that_a_droplet_may_cost(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DIGITALOCEAN_ACCESS_TOKEN", raising=False)
    invoke("add", EMAIL, "sub_1")
    assert "not destroyed" not in invoke("update", EMAIL, "status", "active", "--force").err
    invoke("update", EMAIL, "setup.droplet.id", "4711")
    assert "droplet 4711 is not destroyed by this" in invoke("update", EMAIL, "status", "cancelled").err
    archived = invoke("archive", EMAIL)
    assert archived.code == 0
    assert "droplet 4711 is not destroyed by this" in archived.err
