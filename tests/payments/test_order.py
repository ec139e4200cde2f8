"""Promise I11: replayed, doubled, late and reordered events end in the same records as in order, once."""

import random
from dataclasses import replace
from pathlib import Path

import pytest

from provisioner.payments.events import SubscriptionState, envelope_of, understood
from provisioner.payments.subscriptions import Source, with_look, with_state
from tests.dying import killed_at
from tests.payments.records import Place
from tests.payments.stripe_events import Document, Person, event, life_of, older


@pytest.mark.parametrize("seed", range(8))
def test_a_life_in_any_order_ends_in_the_same_record(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    events = life_of(1, chance)
    in_order, mixed = Place(tmp_path / "in-order"), Place(tmp_path / "mixed")
    in_order.take(*events)
    shuffled = [*events, *chance.sample(events, 3)]
    chance.shuffle(shuffled)

    mixed.take(*shuffled)

    assert mixed.records() == in_order.records()
    assert len(mixed.records()) == 1


def test_events_of_an_older_version_end_in_the_same_record(tmp_path: Path) -> None:
    events = life_of(1, random.Random(3))
    new, old = Place(tmp_path / "new"), Place(tmp_path / "old")
    new.take(*events)

    old.take(*map(older, events))

    assert old.records() == new.records()


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_at_any_place_it_ends_in_the_same_record(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    events = life_of(1, chance)[:7]
    in_order = Place(tmp_path / "in-order")
    in_order.take(*events)
    chance.shuffle(events)
    with killed_at("nowhere") as places:
        Place(tmp_path / "whole").take(*events)
    assert {"before apply the event", "after finish the event", "before add the customer"} <= set(places)

    for number in chance.sample(range(len(places)), 20):
        folder = tmp_path / str(number)
        with killed_at(number):
            Place(folder).take(*events)
        # Stripe sends again what it got no answer to.
        Place(folder).take(*events)

        assert Place(folder).records() == in_order.records(), places[number]
        assert not [one for one in Place(folder).inbox.all() if one.place != "done"]


def test_what_was_looked_at_gives_way_to_any_event_after_the_last() -> None:
    created, _, active, _ = Person("ada", "ada@example.com").subscribe()
    first, second = map(told_state, (created, active))
    looked_at = replace(second[0], kind="synced", status="past_due")
    known = with_look(with_state({}, *first), looked_at)
    assert known["sub_ada_1"].status == "past_due"

    # All of it is of one second.
    assert with_state(known, *second)["sub_ada_1"].status == "active"


@pytest.mark.parametrize("turned", [False, True])
def test_of_one_second_what_changed_the_status_counts_and_what_changed_nothing_does_not(turned: bool) -> None:
    ada = Person("ada", "ada@example.com")
    *_, active, _ = ada.subscribe()
    card = event("customer.subscription.updated", ada.subscription, ada.now, {"default_payment_method": "pm"})
    renewed, _ = ada.renew()
    _, past_due = ada.fail()
    known = with_state({}, *told_state(active))
    # Whatever their ids: those are chance.
    for number, one in enumerate((card, renewed, past_due)):
        one |= {"id": f"evt_{9 - number}", "created": ada.now + 5}

    for one in (past_due, renewed, card) if turned else (renewed, card, past_due):
        known = with_state(known, *told_state(one))

    assert known["sub_ada_1"].status == "past_due"
    assert known["sub_ada_1"].current_period_end == told_state(renewed)[0].period_end


def test_the_history_of_one_second_ends_with_the_status(tmp_path: Path) -> None:
    """Since when nothing was paid is told by the last entry."""
    ada, place = Person("ada", "ada@example.com"), Place(tmp_path)
    place.take(*ada.subscribe())
    ada.pass_time(5)
    doubled, (_, past_due) = next(ada.double()), ada.fail()
    place.take(past_due | {"id": "evt_1"}, doubled | {"id": "evt_2"})

    (record,) = place.records().values()
    assert [one["status"] for one in record["subscription"]["changes"][-2:]] == ["active", "past_due"]


def test_a_look_does_not_open_what_has_ended() -> None:
    ada = Person("ada", "ada@example.com")
    *_, active, _ = ada.subscribe()
    (deleted,) = ada.end()
    known = with_state({}, *told_state(deleted))

    assert with_look(known, replace(told_state(active)[0], kind="synced")) == known


def told_state(document: Document) -> tuple[SubscriptionState, Source]:
    event = understood(envelope_of(document))
    assert event is not None
    assert isinstance(event.about, SubscriptionState)
    return event.about, Source.of(event.envelope)
