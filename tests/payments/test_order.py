"""Promise I11: replayed, doubled, late and reordered events end in the same records as in order, once."""

import random
from dataclasses import replace
from pathlib import Path

import pytest

from provisioner.payments.events import SubscriptionState, envelope_of, understood
from provisioner.payments.subscriptions import Source, with_state
from tests.dying import killed_at
from tests.payments.records import Place
from tests.payments.stripe_events import Person, life_of, older


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


def test_what_was_looked_at_gives_way_to_an_event_of_the_same_second() -> None:
    _, _, active, _ = Person("ada", "ada@example.com").subscribe()
    event = understood(envelope_of(active))
    assert event is not None
    assert isinstance(event.about, SubscriptionState)
    looked_at = replace(event.about, kind="synced", status="past_due")
    said = (event.about, Source.of(event.envelope)), (looked_at, Source(event.envelope.at, None))

    for first, second in (said, said[::-1]):
        known = with_state(with_state({}, *first), *second)
        assert known["sub_ada_1"].status == "active"
