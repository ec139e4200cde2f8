"""What events make of records: who is meant, what is asked for, and what the operator is told."""

from pathlib import Path

import pytest

from provisioner.customers.new import SignUp, new_record
from provisioner.payments.decide import Policy
from tests.payments.records import Place
from tests.payments.stripe_events import MONTH, Document, Person, event


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
def ada() -> Person:
    return Person("ada", "ada@example.com", telegram="https://t.me/ada_l")


def record_of(place: Place, email: str = "ada@example.com") -> Document:
    return dict(place.store.read(email).data)


def requests_of(place: Place) -> list[tuple[str, str]]:
    return [(one["workflow"], one["by"]) for one in record_of(place).get("requests", [])]


def test_a_checkout_makes_the_customer_once_and_asks_for_their_setup(place: Place, ada: Person) -> None:
    place.take(*ada.subscribe())

    record = record_of(place)
    assert record["status"] == "pending_setup"
    assert record["name"] == "Person ada"
    assert record["setup"]["messaging"]["username"] == "@ada_l"
    assert record["metadata"]["referrer"] == "a-friend"
    assert record["subscription"]["stripeCustomerId"] == "cus_ada"
    assert (record["subscription"]["amount"], record["subscription"]["currency"]) == (8999, "usd")
    assert record["subscription"]["status"] == "active"
    assert record["subscription"]["currentPeriodEnd"] == "2026-01-31T00:00:00Z"
    assert requests_of(place) == [("provision", "Stripe")]
    assert all(one.get("by") == "Stripe" for one in record["timeline"])


def test_who_is_set_up_by_hand_is_not_asked_for(tmp_path: Path, ada: Person) -> None:
    place = Place(tmp_path, Policy(at_payment=False))
    place.take(*ada.subscribe())
    assert requests_of(place) == []


def test_an_unpaid_checkout_asks_for_nothing_until_it_is_paid(place: Place, ada: Person) -> None:
    *_, completed = ada.subscribe()
    unpaid = event(completed["type"], completed["data"]["object"] | {"payment_status": "unpaid"}, ada.now)
    paid = event("checkout.session.async_payment_succeeded", completed["data"]["object"], ada.now + 5)
    place.take(unpaid)
    assert record_of(place)["subscription"]["status"] == "incomplete"
    assert requests_of(place) == []

    place.take(paid)

    assert requests_of(place) == [("provision", "Stripe")]


def test_what_is_about_nobody_known_is_kept_and_applied_when_they_are(place: Place, ada: Person) -> None:
    created, paid, active, completed = ada.subscribe()
    place.take(created, paid, active)
    assert [one.outcome.did for one in place.inbox.kept() if one.outcome] == ["kept"] * 3

    place.take(completed)

    assert {one.place for one in place.inbox.all()} == {"done"}


def test_a_customer_who_was_added_by_hand_is_known_by_their_subscription(place: Place, ada: Person) -> None:
    place.take(*list(ada.subscribe())[:3])
    place.store.add(new_record(SignUp("ada@example.com", "sub_ada_1", name="Ada")))

    place.apply(kept_too=True)

    record = record_of(place)
    assert record["name"] == "Ada"
    assert record["subscription"]["stripePriceId"] == "price_month_8999"
    assert len(record["subscription"]["changes"]) == 2


def test_the_end_asks_for_leaving_and_takes_the_setup_back(place: Place, ada: Person) -> None:
    place.take(*ada.subscribe())
    ada.pass_time(100)
    place.take(*ada.end())
    assert requests_of(place) == [("cancel", "Stripe")]
    assert record_of(place)["subscription"]["endedAt"] == "2026-01-01T00:01:40Z"

    ada.pass_time(100)
    place.take(*ada.subscribe())

    assert requests_of(place) == [("provision", "Stripe")]
    assert record_of(place)["subscription"]["endedAt"] is None


def test_a_persons_own_request_is_never_touched(place: Place, ada: Person) -> None:
    place.take(*ada.subscribe())
    mine = {"workflow": "cancel", "at": "2026-01-01T00:00:00Z", "by": "Ada's operator"}
    with place.store.edit("ada@example.com") as record:
        record.set("requests", [mine])

    place.take(*ada.end())

    assert record_of(place)["requests"] == [mine]


def test_who_is_set_up_already_is_not_set_up_again_by_a_renewal(place: Place, ada: Person) -> None:
    place.take(*ada.subscribe())
    with place.store.edit("ada@example.com") as record:
        record.update(
            {
                "status": "active",
                "requests": [],
                "setup.status": "complete",
                "setup.droplet.id": "1",
                "setup.droplet.ip": "192.0.2.1",
                "setup.moltbot.installed": True,
                "setup.messaging.connected": True,
                "setup.handoff.completed": True,
            }
        )
    ada.pass_time(MONTH)

    place.take(*ada.renew())

    assert requests_of(place) == []
    assert record_of(place)["subscription"]["currentPeriodEnd"] == "2026-03-02T00:00:00Z"


def test_a_late_end_of_an_old_subscription_does_not_touch_the_new_one(place: Place, ada: Person) -> None:
    place.take(*ada.subscribe())
    ada.pass_time(10)
    ended = list(ada.end())
    ada.pass_time(10)
    place.take(*ada.subscribe(9999))
    assert "2 subscriptions" in next(what for _, what in place.told.values())
    assert record_of(place)["subscription"]["stripeSubscriptionId"] == "sub_ada_1"

    place.take(*ended)

    subscription = record_of(place)["subscription"]
    assert (subscription["stripeSubscriptionId"], subscription["status"]) == ("sub_ada_2", "active")
    assert requests_of(place) == [("provision", "Stripe")]


@pytest.mark.parametrize("flexible", [True, False])
def test_a_cancellation_that_is_scheduled_is_known_and_can_be_undone(
    place: Place, ada: Person, flexible: bool
) -> None:
    place.take(*ada.subscribe())
    ada.pass_time(10)
    place.take(*ada.cancel_at_period_end(flexible=flexible))
    assert record_of(place)["subscription"]["cancelAt"] == "2026-01-31T00:00:00Z"
    assert "ends at 2026-01-31" in record_of(place)["timeline"][-1]["details"]
    ada.pass_time(10)

    place.take(*ada.undo_cancel())

    assert record_of(place)["subscription"]["cancelAt"] is None


def test_a_refund_is_noted_and_told_and_changes_no_status(place: Place, ada: Person) -> None:
    place.take(*ada.subscribe(), *ada.refund())

    entry = record_of(place)["timeline"][-1]
    assert (entry["event"], entry["by"]) == ("refunded", "Stripe")
    assert "$20.00 of $89.99" in entry["details"]
    assert record_of(place)["subscription"]["status"] == "active"
    assert [whom for whom, _ in place.told.values()] == ["ada@example.com"]


def test_a_refund_of_somebody_unknown_is_told_when_nobody_becomes_known(
    place: Place, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.take(*ada.refund())
    assert place.told == {}
    monkeypatch.setattr("provisioner.payments.apply._STRANGER_HOURS", -1)

    place.apply(kept_too=True)

    assert "somebody who is in no record was refunded" in next(what for _, what in place.told.values())


def test_a_dispute_is_about_whose_charge_it_is(place: Place, ada: Person) -> None:
    place.take(*ada.subscribe())
    dispute = {
        "id": "du_1",
        "object": "dispute",
        "charge": "ch_1",
        "amount": 8999,
        "currency": "usd",
        "reason": "fraudulent",
        "status": "needs_response",
        "evidence_details": {"due_by": ada.now + 86_400},
    }
    place.receive(event("charge.dispute.created", dispute, ada.now))

    place.apply(customer_of_charge={"ch_1": "cus_ada"}.get)

    assert "answer at Stripe until 2026-01-02" in record_of(place)["timeline"][-1]["details"]


def test_a_changed_address_moves_the_record(place: Place, ada: Person) -> None:
    place.take(*ada.subscribe())
    ada.pass_time(10)

    place.take(*ada.move("ada@new.example"))

    assert record_of(place, "ada@new.example")["subscription"]["stripeCustomerId"] == "cus_ada"


def test_an_address_that_another_customer_has_is_told_and_not_taken(place: Place, ada: Person) -> None:
    place.store.add(new_record(SignUp("bob@example.com", "sub_bob")))
    place.take(*ada.subscribe())
    ada.pass_time(10)

    place.take(*ada.move("bob@example.com"))

    assert record_of(place)["email"] == "ada@example.com"
    assert "is there already" in next(what for _, what in place.told.values())


def test_an_event_waits_while_a_record_cannot_be_read_that_may_be_theirs(place: Place, ada: Person) -> None:
    place.take(*ada.subscribe())
    path = next((place.folder / "customers" / "active").glob("*.json"))
    whole = path.read_bytes()
    path.write_bytes(whole[:-30])
    place.receive(*ada.refund())
    with pytest.raises(AssertionError):
        place.apply()

    path.write_bytes(whole)
    place.apply()

    assert record_of(place)["timeline"][-1]["event"] == "refunded"


def test_an_event_that_is_not_as_documented_is_told_and_does_no_harm(place: Place, ada: Person) -> None:
    place.take(*ada.subscribe())
    before = record_of(place)
    odd = event("invoice.paid", {"object": "invoice", "id": "in_1", "customer": "cus_ada"}, ada.now)

    place.take(odd)

    assert record_of(place) == before
    assert "not as documented" in place.told[odd["id"]][1]


def test_each_event_is_received_once(place: Place, ada: Person) -> None:
    events = list(ada.subscribe())
    assert place.receive(*events, *events) == [True] * 4 + [False] * 4
    place.apply()
    assert place.receive(*events) == [False] * 4


def test_what_was_paid_is_never_lost_from_the_record(place: Place, ada: Person) -> None:
    place.take(*ada.subscribe())
    with pytest.raises(Exception, match="would lose an entry"), place.store.edit("ada@example.com") as record:
        record.set("subscription.changes", [])


def test_who_has_left_and_pays_again_is_told_to_the_operator(place: Place, ada: Person) -> None:
    place.take(*ada.subscribe())
    with place.store.edit("ada@example.com") as record:
        record.update({"status": "cancelled", "requests": []})
    ada.pass_time(10)
    place.take(*ada.end())
    ada.pass_time(10)

    place.take(*ada.subscribe())

    assert requests_of(place) == []
    (told,) = place.told.values()
    assert "has paid for sub_ada_2, and the status is cancelled" in told[1]
    assert "provisioner restore ada@example.com" in told[1]


def test_a_changed_name_is_taken_and_an_older_one_is_not(place: Place, ada: Person) -> None:
    place.take(*ada.subscribe())
    (first,) = ada.call_themselves("Ada L")
    ada.pass_time(10)
    (second,) = ada.call_themselves("Ada Lovelace")

    place.take(second, first)

    assert record_of(place)["name"] == "Ada Lovelace"
    details = [one["details"] for one in record_of(place)["timeline"] if one["event"] == "name_changed"]
    assert details == ["At Stripe the name is Ada Lovelace now", "At Stripe the name is Ada L now"]


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("invoice.payment_action_required", "the customer has to confirm the payment"),
        ("invoice.marked_uncollectible", "it was written off"),
        ("invoice.finalization_failed", "Stripe could not finish the invoice"),
    ],
)
def test_what_is_wrong_with_an_invoice_stands_in_the_timeline(
    place: Place, ada: Person, kind: str, words: str
) -> None:
    place.take(*ada.subscribe())
    _, failed = list(ada.fail())[::-1]

    place.take(event(kind, failed["data"]["object"], ada.now))

    entry = record_of(place)["timeline"][-1]
    assert entry["event"] == "payment_problem"
    assert words in entry["details"]
    assert bool(place.told) is ("confirm" not in words)


def test_an_address_at_which_nobody_can_have_mail_makes_no_record(place: Place, ada: Person) -> None:
    *_, completed = Person("odd", "not an address").subscribe()
    place.take(completed)
    assert list(place.store.all()) == []
    assert "has paid and has no record" in next(what for _, what in place.told.values())


def test_what_is_old_is_forgotten_and_what_is_fresh_is_not(
    place: Place, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.take(*ada.subscribe(), *Person("nobody", "x@example.com").refund())
    place.inbox.forget_old()
    assert len(place.inbox.all()) == 5
    monkeypatch.setattr("provisioner.payments.inbox.KEPT_HOURS", -1)
    place.inbox.forget_old()
    assert {one.place for one in place.inbox.all()} == {"done"}
    monkeypatch.setattr("provisioner.payments.inbox.DONE_HOURS", -1)
    place.inbox.forget_old()
    assert place.inbox.all() == []
