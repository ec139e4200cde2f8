"""The records beside the sandbox's Stripe: what was missed, and what does not fit."""

import time
from pathlib import Path
from typing import Any

import pytest

from provisioner.customers.new import SignUp, new_record
from provisioner.payments.apply import Applier
from provisioner.payments.decide import Policy
from provisioner.payments.events import TYPES
from provisioner.payments.sync import Sync, Synced
from provisioner.sandbox.stripe.dashboard import Goodbye
from provisioner.services.stripe.client import Stripe
from provisioner.services.stripe.errors import StripeKeyRefused
from tests.payments.records import Place, comparable_records
from tests.stripes import KEY, LIVE_KEY, World

ADA = "ada@example.com"


class Side:
    """One workspace beside that Stripe."""

    def __init__(self, world: World, folder: Path, key: str = KEY, *, livemode: bool = False) -> None:
        self.place = Place(folder)
        applier = Applier(self.place.store, self.place.inbox, Policy())
        self.sync = Sync(
            self.place.store,
            self.place.inbox,
            applier,
            Stripe(key, world.root),
            livemode=livemode,
            clock=lambda: time.time() + 5,
        )

    def run(self) -> Synced:
        synced = self.sync.fetch_missed()
        self.sync.compare(synced)
        assert [one.summary for one in synced.problems] == []
        return synced

    def document(self, email: str = ADA) -> dict[str, Any]:
        return dict(self.place.store.read(email).data)


@pytest.fixture
def side(world: World, tmp_path: Path) -> Side:
    return Side(world, tmp_path)


def test_what_was_missed_is_fetched_and_applied_once(world: World, side: Side) -> None:
    bought = world.buy(ADA, telegram="@ada")

    first, second = side.run(), side.run()

    assert first.missed == len([kind for kind in world.types() if kind in TYPES])
    assert (second.missed, second.changed, second.findings) == (0, [], [])
    subscription = side.document()["subscription"]
    assert (subscription["stripeSubscriptionId"], subscription["status"]) == (bought.id, "active")
    assert side.document()["setup"]["messaging"]["username"] == "@ada"
    assert [one["workflow"] for one in side.document()["requests"]] == ["provision"]


def test_a_whole_life_fetched_is_the_same_as_the_one_that_was_delivered(world: World, tmp_path: Path) -> None:
    world.buy(ADA, name="Ada")
    board = world.board
    board.fail(ADA)
    board.pay(ADA)
    board.cancel(ADA, Goodbye())
    board.keep(ADA)
    board.refund(ADA, 2000)
    board.update_email(ADA, "ada@new.example")
    board.cancel("ada@new.example", Goodbye(now=True))
    delivered = Place(tmp_path / "delivered")
    delivered.take(*[dict(one) for one in world.mode.account.all("event")])

    fetched = Side(world, tmp_path / "fetched")
    fetched.sync.fetch_missed()

    there = comparable_records(tmp_path / "fetched" / "customers")
    assert there == delivered.records()
    assert [one["workflow"] for one in there["ada@new.example"]["requests"]] == ["cancel"]


def test_what_events_do_not_tell_is_taken_from_stripe_and_kept_in_the_history(
    world: World, side: Side
) -> None:
    bought = world.buy(ADA)
    side.place.store.add(new_record(SignUp(ADA, bought.id)))

    synced = Synced()
    side.sync.compare(synced)

    assert [email for email, _ in synced.changed] == [ADA]
    record = side.document()
    assert record["subscription"]["currentPeriodEnd"] is not None
    (change,) = record["subscription"]["changes"]
    assert (change["kind"], change["status"], change["items"][0]["unitAmount"]) == ("synced", "active", 8999)
    assert record["timeline"][-1]["by"] == "Stripe"


def test_a_state_that_was_looked_at_does_not_go_over_a_newer_event(world: World, side: Side) -> None:
    bought = world.buy(ADA)
    side.run()
    document = side.document()
    world.board.cancel(ADA, Goodbye(now=True))
    side.sync.fetch_missed()
    assert side.document()["subscription"]["status"] == "canceled"
    assert document["subscription"]["stripeSubscriptionId"] == bought.id

    side.run()

    assert side.document()["subscription"]["status"] == "canceled"


def test_a_subscription_that_is_in_no_record_is_shown_with_the_command_that_adds_it(
    world: World, side: Side
) -> None:
    bought = world.buy(ADA)
    synced = Synced()

    side.sync.compare(synced)

    (finding,) = synced.findings
    assert (finding.subscription, finding.email) == (bought.id, ADA)
    assert finding.command == f"provisioner add {ADA} {bought.id}"


def test_a_subscription_that_stripe_does_not_have_is_shown(world: World, side: Side) -> None:
    side.place.store.add(new_record(SignUp(ADA, "sub_gone")))
    (finding,) = side.run().findings
    assert (finding.subscription, finding.email) == ("sub_gone", ADA)
    assert "not at Stripe" in finding.text


def test_events_of_the_other_mode_are_not_taken(world: World, tmp_path: Path) -> None:
    world.buy(ADA)
    live = Side(world, tmp_path, livemode=True)
    assert live.sync.fetch_missed().missed == 0


def test_a_key_that_is_refused_is_said(world: World, tmp_path: Path) -> None:
    with pytest.raises(StripeKeyRefused):
        Side(world, tmp_path, key=LIVE_KEY[:-2] + "00").run()
