"""An address that was changed here, at the sandbox's Stripe, and what its event changes."""

from itertools import count
from pathlib import Path
from typing import Any

import pytest

from provisioner.customers.new import SignUp, new_record
from provisioner.customers.renaming import rename
from provisioner.errors import StripeError
from provisioner.payments.addresses import tell_address
from provisioner.sandbox.stripe.dashboard import Goodbye
from provisioner.services.stripe.client import Stripe
from tests.dying import killed_at
from tests.payments.test_sync import ADA, Side
from tests.stripes import KEY, World

NEW = "ada@example.org"


@pytest.fixture
def side(world: World, tmp_path: Path) -> Side:
    made = Side(world, tmp_path)
    world.buy(ADA)
    made.run()
    return made


def at_stripe(world: World) -> list[Any]:
    return [one["email"] for one in world.mode.account.all("customer")]


def change(side: Side, world: World) -> None:
    rename(side.place.store, ADA, NEW, "bob", stripe_too=True)
    tell_address(side.place.store, Stripe(KEY, world.root), NEW)


def test_stripe_knows_it_and_its_own_event_changes_nothing(world: World, side: Side) -> None:
    change(side, world)
    assert at_stripe(world) == [NEW]
    before = side.document(NEW)
    assert before["subscription"]["addressDue"] is None
    assert (before["timeline"][-1]["event"], before["timeline"][-1]["by"] != "Stripe") == (
        "stripe_address_changed",
        True,
    )

    side.run()

    after = side.document(NEW)
    changed = {key for key in after if after[key] != before.get(key)}
    assert changed == {"subscription", "timeline"}
    there, then = after["subscription"], before["subscription"]
    assert {key for key in there if there[key] != then.get(key)} == {"contactAsOf"}
    assert not tell_address(side.place.store, Stripe(KEY, world.root), NEW)


def test_killed_anywhere_it_is_done_in_the_end_and_once(world: World, side: Side) -> None:
    who, before = side.document()["id"], world.types().count("customer.updated")
    for at in count():
        to = f"ada{at}@example.org"
        with killed_at(at) as places:
            rename(side.place.store, who, to, "bob", stripe_too=True)
            tell_address(side.place.store, Stripe(KEY, world.root), to)
        rename(side.place.store, who, to, "bob", stripe_too=True)
        tell_address(side.place.store, Stripe(KEY, world.root), to)

        assert at_stripe(world) == [to]
        assert side.document(to)["subscription"]["addressDue"] is None
        if at >= len(places):
            break
    assert at > 2
    assert world.types().count("customer.updated") - before == at + 1


def test_while_stripe_does_not_know_it_its_events_do_not_bring_the_old_one_back(
    world: World, side: Side
) -> None:
    rename(side.place.store, ADA, NEW, "bob", stripe_too=True)
    with pytest.raises(StripeError):
        tell_address(side.place.store, Stripe(KEY, "http://127.0.0.1:9"), NEW)
    (customer,) = world.mode.account.all("customer")
    world.client.v1.customers.update(customer["id"], {"name": "Ada King"})

    side.sync.fetch_missed()

    document = side.document(NEW)
    assert (document["email"], document["name"]) == (NEW, "Ada King")
    assert document["subscription"]["addressDue"]["email"] == NEW
    # The daily comparison makes up for it.
    assert (NEW, "Stripe knows the new address") in side.run().changed
    assert at_stripe(world) == [NEW]


def test_changed_at_stripe_by_hand_nothing_is_due_any_more(world: World, side: Side) -> None:
    rename(side.place.store, ADA, NEW, "bob", stripe_too=True)
    world.board.update_email(ADA, NEW)

    side.sync.fetch_missed()

    assert side.document(NEW)["subscription"]["addressDue"] is None


def test_who_was_added_by_hand_is_found_by_their_subscription(world: World, tmp_path: Path) -> None:
    bought = world.buy(ADA)
    side = Side(world, tmp_path)
    side.place.store.add(new_record(SignUp(ADA, bought.id)))

    change(side, world)

    assert at_stripe(world) == [NEW]


def test_who_is_not_at_stripe_is_said_with_the_way_out(world: World, tmp_path: Path) -> None:
    side = Side(world, tmp_path)
    side.place.store.add(new_record(SignUp(ADA, "sub_nobody")))

    with pytest.raises(StripeError, match="change the address at Stripe") as refused:
        change(side, world)

    assert "addressDue null" in (refused.value.hint or "")
    assert side.document(NEW)["subscription"]["addressDue"]


def test_in_the_archive_too(world: World, side: Side) -> None:
    world.board.cancel(ADA, Goodbye(now=True))
    side.place.store.archive(ADA)

    change(side, world)

    assert at_stripe(world) == [NEW]
