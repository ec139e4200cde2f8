"""`stripe sync` and `stripe events`, beside the sandbox's Stripe."""

import json
from collections.abc import Iterator

import pytest

from provisioner.payments.events import envelope_of
from provisioner.worker.stripe_events import inbox_of
from provisioner.workspace import Workspace
from tests.cli.conftest import Invoke
from tests.payments.stripe_events import Person
from tests.stripes import KEY, World, stripe_server


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with stripe_server() as server, server.world() as fresh:
        monkeypatch.setenv("STRIPE_SECRET_KEY", KEY)
        monkeypatch.setenv("STRIPE_API_BASE", fresh.root)
        yield fresh


def test_sync_brings_the_customer_and_then_finds_nothing(
    invoke: Invoke, workspace: Workspace, world: World
) -> None:
    world.buy("ada@example.com", name="Ada")

    first = invoke("stripe", "sync")
    assert first.code == 0, first.err
    assert "events were missed" in first.out
    assert workspace.store().read("ada@example.com").customer.name == "Ada"

    document = json.loads(invoke("stripe", "sync", "--json").out)
    assert (document["missedEvents"], document["changed"], document["findings"]) == (0, [], [])


def test_what_is_left_for_a_person_makes_exit_code_1(
    invoke: Invoke, workspace: Workspace, world: World
) -> None:
    world.buy("ada@example.com")
    result = invoke("stripe", "sync", "--since", "2999-01-01", "--json")
    assert result.code == 1
    (finding,) = json.loads(result.out)["findings"]
    assert finding["command"].startswith("provisioner add ada@example.com sub_")


def test_without_a_key_it_says_what_to_set(invoke: Invoke, workspace: Workspace) -> None:
    result = invoke("stripe", "sync")
    assert result.code == 2
    assert "STRIPE_SECRET_KEY" in result.err


def test_a_day_that_is_none_is_refused(invoke: Invoke, workspace: Workspace, world: World) -> None:
    assert invoke("stripe", "sync", "--since", "yesterday").code == 2


def test_events_says_what_each_has_done(invoke: Invoke, workspace: Workspace) -> None:
    assert invoke("stripe", "events").out == "No events.\n"
    events = list(Person("ada", "ada@example.com").subscribe())
    for one in events:
        inbox_of(workspace).receive(envelope_of(one), one)

    shown = invoke("stripe", "events")
    document = json.loads(invoke("stripe", "events", "--json").out)

    assert "4 pending" in shown.out
    assert [one["id"] for one in document["events"]] == [one["id"] for one in events]
    assert {one["did"] for one in document["events"]} == {"pending"}


def test_another_address_here_and_there(
    invoke: Invoke, workspace: Workspace, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.buy("ada@example.com")
    invoke("stripe", "sync")
    with monkeypatch.context() as away:
        away.setenv("STRIPE_API_BASE", "http://127.0.0.1:9")
        failed = invoke("rename", "ada@example.com", "ada@example.org")
    assert failed.code == 1
    assert "ada@example.com is ada@example.org now" in failed.err
    assert "run the same command again" in failed.err

    ended = invoke("rename", "ada@example.com", "ada@example.org")

    assert ended.code == 0, ended.err
    assert "Stripe knows it, too" in ended.err
    assert [one["email"] for one in world.mode.account.all("customer")] == ["ada@example.org"]
