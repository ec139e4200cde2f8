"""Events at a webhook endpoint: signed, in order, doubled, disordered, repeated, refused."""

import json
import socket
import time

import pytest
import stripe as official

from provisioner.errors import SandboxError
from provisioner.sandbox.faults.rules import FaultParams, Rule
from provisioner.sandbox.stripe.dashboard import Goodbye, Purchase
from tests.sandbox.stripe.test_checkout import SEQUENCE
from tests.stripes import SECRET, World


def test_the_library_takes_what_is_signed_and_refuses_what_was_altered(world: World) -> None:
    world.listen(events=["checkout.session.completed"])
    world.buy()
    assert world.delivered() == ["checkout.session.completed"]
    (one,) = world.receiver.received
    assert one.event.data.object["customer_details"]["email"] == "ada@example.com"
    for body, signature in (
        (one.body.replace(b"ada@", b"eve@"), one.signature),
        (json.dumps(json.loads(one.body)).encode(), one.signature),
        (one.body, one.signature[:-1] + ("0" if one.signature[-1] != "0" else "1")),
        (one.body, one.signature.replace("t=1", "t=2")),
    ):
        with pytest.raises(official.SignatureVerificationError):
            official.Webhook.construct_event(body, signature, SECRET)
    with pytest.raises(official.SignatureVerificationError):
        official.Webhook.construct_event(one.body, one.signature, "whsec_another")


def test_events_arrive_in_their_order(world: World) -> None:
    world.listen()
    world.buy()
    assert [kind for kind in world.delivered() if kind in SEQUENCE] == SEQUENCE
    assert world.client.v1.events.list({"delivery_success": False}).data == []


def test_disorder_and_doubles_lose_nothing(world: World) -> None:
    world.options(disorder=True, doubles=0.5)
    world.listen()
    world.buy()
    arrived = world.delivered()
    assert arrived != sorted(arrived, key=world.types().index)
    assert set(arrived) == set(world.types())
    assert len(world.types()) < len(arrived) < 2 * len(world.types())


def test_one_change_may_come_as_two_events(world: World) -> None:
    world.options(twins=1)
    world.listen(events=["invoice.paid"])
    world.buy()
    assert world.delivered() == ["invoice.paid"] * 2
    first, second = (one.event for one in world.receiver.received)
    assert first.id != second.id
    assert first.data.object["id"] == second.data.object["id"]


def test_what_is_not_accepted_is_sent_again(world: World) -> None:
    world.options(retry_pause=0.02)
    world.listen(events=["invoice.paid"])
    world.receiver.answers = [500, 404, 302]
    world.buy()
    assert world.delivered() == ["invoice.paid"] * 4
    (event,) = world.client.v1.events.list({"type": "invoice.paid"}).data
    assert event.pending_webhooks == 0
    assert [one.status for one in world.mode.deliveries.of(event.id)] == [500, 404, 302, 200]


def test_the_pauses_between_repeats_grow_with_the_clock(world: World) -> None:
    world.options(retry_pause=3600)
    world.listen(events=["invoice.paid"])
    world.receiver.answers = [503, 503]
    world.buy()
    world.arrived(1)
    world.board.move_clock(1.1 / 24)
    world.arrived(2)
    ((due, _, _),) = world.mode.deliveries._waiting
    assert 1.9 < (due - world.mode.account.now) / 3600 < 2.1, "the second pause is twice as long"
    world.board.move_clock(2.1 / 24)
    assert world.delivered() == ["invoice.paid"] * 3


def test_what_the_clock_brought_is_repeated_too(world: World) -> None:
    world.buy()
    world.options(retry_pause=0.01)
    world.listen(events=["customer.subscription.updated"])
    world.receiver.answers = [500, 500]
    world.board.move_clock(50)
    assert world.delivered() == ["customer.subscription.updated"] * 3


def test_after_three_days_it_is_given_up(world: World) -> None:
    world.options(retry_pause=3600)
    world.listen(events=["invoice.paid"])
    world.receiver.answers = [500] * 9
    world.buy()
    world.arrived(1)
    world.board.move_clock(3.1)
    assert world.delivered() == ["invoice.paid"] * 2
    (event,) = world.client.v1.events.list({"type": "invoice.paid"}).data
    assert event.pending_webhooks == 1


def test_while_nobody_accepts_it_is_pending(world: World) -> None:
    world.board.set_webhook("http://127.0.0.1:9/hook", ["invoice.paid"])
    world.buy()
    (event,) = world.client.v1.events.list({"delivery_success": False}).data
    assert (event.type, event.pending_webhooks) == ("invoice.paid", 1)


def test_an_endpoint_that_hangs_holds_nobody_up_at_the_end(world: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        world.board.set_webhook(f"http://127.0.0.1:{silent.getsockname()[1]}/", ["invoice.paid"])
        world.buy()
        connection, _ = silent.accept()
        with connection:
            world.mode.deliveries.close()
    assert not any(thread.is_alive() for thread in world.mode.deliveries._threads)


def test_they_can_be_held_back(world: World) -> None:
    world.options(hold=True)
    world.listen(events=["invoice.paid"])
    world.buy()
    assert world.mode.deliveries.waiting() == 1
    assert world.receiver.received == []
    world.options(hold=False)
    assert world.delivered() == ["invoice.paid"]


@pytest.mark.parametrize("signature", ["wrong", "old"])
def test_a_bad_signature_on_demand(world: World, signature: str) -> None:
    world.options(signature=signature)
    world.listen(events=["invoice.paid"])
    world.buy()
    with pytest.raises(official.SignatureVerificationError):
        world.delivered()


def test_one_from_the_future_on_demand(world: World) -> None:
    world.options(signature="future")
    world.listen(events=["invoice.paid"])
    world.buy()
    assert world.delivered() == ["invoice.paid"], "the library looks backwards only"
    moment = int(world.receiver.received[0].signature.split(",")[0].removeprefix("t="))
    assert moment > time.time() + 3000


def test_while_a_secret_is_rolled_both_sign(world: World) -> None:
    world.listen(events=["invoice.paid"])
    fresh = world.board.roll_secret()
    world.buy()
    world.delivered()
    (one,) = world.receiver.received
    assert one.signature.count("v1=") == 2
    assert official.Webhook.construct_event(one.body, one.signature, fresh).type == "invoice.paid"
    world.board.move_clock(1.1)
    world.board.refund("ada@example.com")
    world.board.pay("ada@example.com")
    with pytest.raises(official.SignatureVerificationError):
        world.delivered()


def test_a_fault_loses_the_answer_of_a_delivery(world: World) -> None:
    world.options(retry_pause=0.01)
    world.listen(events=["invoice.paid"])
    world.book.add(Rule(service="webhook", kind="drop_after_effect", path=r"invoice\."))
    world.book.add(Rule(service="webhook", kind="status", after=1, params=FaultParams(status=502)))
    world.buy()
    assert world.delivered() == ["invoice.paid"] * 2, "once unknown to Stripe, once not arrived, once right"
    (event,) = world.client.v1.events.list({"type": "invoice.paid"}).data
    assert [one.status for one in world.mode.deliveries.of(event.id)] == [0, 502, 200]


def test_an_event_is_sent_again_by_hand(world: World) -> None:
    world.listen(events=["invoice.paid"])
    world.buy()
    world.delivered()
    (event,) = world.client.v1.events.list({"type": "invoice.paid"}).data
    world.board.resend(event.id)
    assert world.delivered() == ["invoice.paid"] * 2
    assert len({one.event.id for one in world.receiver.received}) == 1
    world.receiver.answers = [500]
    world.board.resend(event.id)
    assert world.delivered() == ["invoice.paid"] * 3, "what was asked for by hand is not repeated"


@pytest.mark.parametrize(
    "url",
    ["https://example.com/hook", "http://10.0.0.1/", "http://localhost.example.com", "ftp://127.0.0.1", "x"],
)
def test_nothing_is_sent_to_other_machines(world: World, url: str) -> None:
    with pytest.raises(SandboxError):
        world.board.set_webhook(url)
    with pytest.raises(official.InvalidRequestError) as refused:
        world.client.v1.webhook_endpoints.create({"url": url, "enabled_events": ["*"]})
    assert refused.value.param == "url"
    assert world.client.v1.webhook_endpoints.list().data == []


def test_an_endpoint_made_over_the_api_signs_with_its_own_secret_in_its_own_version(world: World) -> None:
    made = world.client.v1.webhook_endpoints.create(
        {
            "url": world.receiver.url,
            "enabled_events": ["customer.subscription.updated"],
            "api_version": "2024-06-20",
        }
    )
    assert made.secret is not None
    bought = world.buy()
    world.board.cancel("ada@example.com", Goodbye())
    while world.mode.deliveries.waiting():
        time.sleep(0.002)
    first, *_ = world.receiver.received
    event = official.Webhook.construct_event(first.body, first.signature, made.secret)
    assert event.api_version == "2024-06-20"
    assert event.data.object["current_period_end"] == bought["items"].data[0].current_period_end
    assert "secret" not in world.client.v1.webhook_endpoints.retrieve(made.id)
    world.client.v1.webhook_endpoints.update(made.id, {"disabled": True})
    count = len(world.receiver.received)
    world.board.keep("ada@example.com")
    assert world.mode.deliveries.waiting() == 0
    assert len(world.receiver.received) == count
    world.client.v1.webhook_endpoints.delete(made.id)
    assert world.client.v1.webhook_endpoints.list().data == []


def test_a_period_that_moved_is_told_in_both_versions(world: World) -> None:
    world.listen(events=["customer.subscription.updated"])
    world.options(api_version="2024-06-20")
    bought = world.buy()
    world.board.move_clock(32)
    world.delivered()
    last = json.loads(world.receiver.received[-1].body)
    assert (
        last["data"]["previous_attributes"]["current_period_end"]
        == bought["items"].data[0].current_period_end
    )


def test_events_of_a_hundred_customers_arrive(world: World) -> None:
    world.options(parallel=4)
    world.listen(events=["checkout.session.completed"])
    for number in range(100):
        world.board.checkout(Purchase(email=f"c{number}@example.com"))
    assert len(world.delivered()) == 100
