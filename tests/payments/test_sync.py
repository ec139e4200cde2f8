"""The records beside the sandbox's Stripe: what was missed, and what does not fit."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from provisioner.customers.new import SignUp, new_record
from provisioner.payments.apply import Applier
from provisioner.payments.decide import Policy
from provisioner.payments.events import TYPES
from provisioner.payments.sync import KEPT_SECONDS, Sync, Synced
from provisioner.sandbox.stripe.dashboard import Goodbye
from provisioner.services.stripe.client import Stripe
from provisioner.services.stripe.errors import StripeKeyRefused
from tests.payments.records import Place, comparable_records
from tests.stripes import KEY, LIVE_KEY, World

ADA = "ada@example.com"


class WatchedStripe(Stripe):
    """Calls `answered` with what it was asked, when it has answered."""

    answered: Callable[[str], None] = staticmethod(lambda _: None)

    def subscription(self, subscription_id: str) -> Mapping[str, Any]:
        answer = super().subscription(subscription_id)
        self.answered("subscription")
        return answer

    def subscriptions(self) -> Iterator[Mapping[str, Any]]:
        yield from super().subscriptions()
        self.answered("subscriptions")

    def events(self, types: Sequence[str], since: int) -> Iterator[Mapping[str, Any]]:
        yield from super().events(types, since)
        self.answered("events")


class Side:
    """One workspace beside that Stripe."""

    def __init__(self, world: World, folder: Path, key: str = KEY, *, livemode: bool = False) -> None:
        self.place = Place(folder)
        applier = Applier(self.place.store, self.place.inbox, Policy())
        self.api = WatchedStripe(key, world.root)
        self.ahead = 0.0
        """By so many seconds the clock here is wrong."""
        self.sync = Sync(
            self.place.store,
            self.place.inbox,
            applier,
            self.api,
            livemode=livemode,
            clock=lambda: time.time() + self.ahead,
        )

    def run(self) -> Synced:
        synced = self.sync.compare()
        assert [one.summary for one in synced.problems] == []
        return synced

    def add_by_hand(self, subscription: str) -> None:
        """A customer of whom no event tells: it is too long ago that they have paid."""
        self.ahead = KEPT_SECONDS + 60
        self.place.store.add(new_record(SignUp(ADA, subscription)))

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
    side.add_by_hand(world.buy(ADA).id)

    first, second = side.run(), side.run()

    assert [email for email, _ in first.changed] == [ADA]
    assert second.changed == []
    record = side.document()
    assert record["subscription"]["currentPeriodEnd"] is not None
    (change,) = record["subscription"]["changes"]
    assert (change["kind"], change["status"], change["items"][0]["unitAmount"]) == ("synced", "active", 8999)
    assert record["timeline"][-1]["by"] == "Stripe"


@pytest.mark.parametrize("moment", ["subscriptions", "events"])
def test_what_happens_while_all_is_looked_at_is_told_by_its_events_alone(
    world: World, side: Side, tmp_path: Path, moment: str
) -> None:
    world.buy(ADA)
    board = world.board
    happening = [
        lambda: board.fail(ADA),
        lambda: board.pay(ADA),
        lambda: board.cancel(ADA, Goodbye(now=True)),
    ]

    def happen(asked: str) -> None:
        if asked == moment and happening:
            happening.pop(0)()

    side.api.answered = happen
    for _ in range(4):
        assert side.run().changed == []

    delivered = Place(tmp_path / "delivered")
    delivered.take(*[dict(one) for one in world.mode.account.all("event")])
    assert side.place.records() == delivered.records()


def test_a_look_does_not_go_over_an_event_that_was_applied_after_it(world: World, side: Side) -> None:
    side.add_by_hand(world.buy(ADA).id)

    def fail(asked: str) -> None:
        if asked == "subscription":
            take_new_events(world, side, lambda: world.board.fail(ADA))

    side.api.answered = fail

    assert side.run().changed == []
    assert side.document()["subscription"]["status"] == "past_due"


def test_an_event_goes_over_a_look_by_a_clock_that_is_ahead(world: World, side: Side) -> None:
    side.add_by_hand(world.buy(ADA).id)
    side.run()
    assert side.document()["subscription"]["status"] == "active"

    take_new_events(world, side, lambda: world.board.fail(ADA))

    assert side.document()["subscription"]["status"] == "past_due"


def test_two_subscriptions_that_no_event_told_of_are_two_entries(world: World, side: Side) -> None:
    side.add_by_hand(world.buy(ADA).id)
    side.run()
    again = world.buy(ADA)
    side.ahead += 86_400
    with side.place.store.edit(ADA) as record:
        known = record.get("subscription.known")
        record.set(
            "subscription.known", [*({**one, "status": "past_due"} for one in known), {"id": again.id}]
        )

    side.run()

    changes = side.document()["subscription"]["changes"]
    assert [one["subscription"] for one in changes].count(again.id) == 1
    assert len(changes) == 3


def test_of_two_changes_within_a_second_stripe_says_which_was_the_later(world: World, side: Side) -> None:
    world.buy(ADA)
    side.run()
    before = len(world.mode.account.all("event"))
    world.board.fail(ADA)
    world.board.pay(ADA)
    changes = [one for one in world.mode.account.all("event")[before:] if one["type"].endswith("n.updated")]
    failed, paid = (one for one in changes if "status" in one["data"]["previous_attributes"])
    side.place.unsure = 0
    # Their ids, which are chance, say it the other way round.
    late = {"created": failed["created"] + 60}
    side.place.take({**paid, **late, "id": "evt_1"}, {**failed, **late, "id": "evt_2"})
    assert side.document()["subscription"]["status"] == "past_due"
    assert side.place.unsure == 1

    side.run()

    assert side.document()["subscription"]["status"] == "active"


def test_events_before_one_that_was_delivered_are_fetched_all_the_same(world: World, side: Side) -> None:
    """A process that was away for days is told first of what happens after its return."""
    world.buy(ADA)
    world.board.move_clock(3)
    world.board.fail(ADA)
    last = dict(world.mode.account.all("event")[-1])
    side.place.receive(last)

    side.run()

    assert side.document()["subscription"]["status"] == "past_due"


def take_new_events(world: World, side: Side, happen: Callable[[], object]) -> None:
    """What happens is delivered and dealt with at once."""
    before = len(world.mode.account.all("event"))
    happen()
    side.place.take(*[dict(one) for one in world.mode.account.all("event")[before:]])


def test_a_subscription_that_is_in_no_record_is_shown_with_the_command_that_adds_it(
    world: World, side: Side
) -> None:
    bought = world.buy(ADA)
    side.ahead = KEPT_SECONDS + 60

    (finding,) = side.run().findings

    assert (finding.subscription, finding.email) == (bought.id, ADA)
    assert finding.command == f"provisioner add {ADA} {bought.id}"


def test_a_subscription_that_stripe_does_not_have_is_shown(world: World, side: Side) -> None:
    side.place.store.add(new_record(SignUp(ADA, "sub_gone")))
    (finding,) = side.run().findings
    assert (finding.subscription, finding.email) == ("sub_gone", ADA)
    assert "not at Stripe" in finding.text


def test_one_that_has_begun_while_all_were_looked_at_is_there(world: World, side: Side) -> None:
    def buy(asked: str) -> None:
        if asked == "subscriptions":
            world.buy(ADA)

    side.api.answered = buy

    assert side.run().findings == []
    assert side.document()["subscription"]["status"] == "active"


def test_events_of_the_other_mode_are_not_taken(world: World, tmp_path: Path) -> None:
    world.buy(ADA)
    live = Side(world, tmp_path, livemode=True)
    assert live.sync.fetch_missed().missed == 0


def test_a_key_that_is_refused_is_said(world: World, tmp_path: Path) -> None:
    with pytest.raises(StripeKeyRefused):
        Side(world, tmp_path, key=LIVE_KEY[:-2] + "00").run()
