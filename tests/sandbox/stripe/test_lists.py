"""Lists and events, page by page."""

import pytest
import stripe as official

from tests.stripes import World


def _customers(world: World, count: int) -> list[str]:
    made = [world.client.v1.customers.create({"email": f"c{number}@example.com"}) for number in range(count)]
    return [one.id for one in made]


def test_pages_are_newest_first_and_come_whole(world: World) -> None:
    ids = _customers(world, 25)
    first = world.client.v1.customers.list()
    assert [one.id for one in first.data] == ids[:-11:-1]
    assert (first.has_more, first.url) == (True, "/v1/customers")
    assert [one.id for one in world.client.v1.customers.list({"limit": 7}).auto_paging_iter()] == ids[::-1]


def test_from_a_cursor_backwards_oldest_come_first(world: World) -> None:
    ids = _customers(world, 12)
    begun = world.client.v1.customers.list({"ending_before": ids[3], "limit": 3})
    assert [one.id for one in begun.auto_paging_iter()] == ids[4:]
    last = world.client.v1.customers.list({"ending_before": ids[9], "limit": 3})
    assert ([one.id for one in last.data], last.has_more) == ([ids[11], ids[10]], False)
    after = world.client.v1.customers.list({"starting_after": ids[2]})
    assert ([one.id for one in after.data], after.has_more) == ([ids[1], ids[0]], False)


def test_an_unknown_cursor_and_a_wrong_limit_are_refused(world: World) -> None:
    with pytest.raises(official.InvalidRequestError) as refused:
        world.client.v1.customers.list({"starting_after": "cus_nobody"})
    assert (refused.value.http_status, refused.value.param) == (400, "starting_after")
    with pytest.raises(official.InvalidRequestError):
        world.client.v1.customers.list({"limit": 101})


def test_customers_are_found_by_their_address(world: World) -> None:
    ids = _customers(world, 3)
    assert [one.id for one in world.client.v1.customers.list({"email": "c1@example.com"}).data] == [ids[1]]


def test_subscriptions_are_found_by_what_they_are(world: World) -> None:
    ada, bert = world.buy("ada@example.com"), world.buy("bert@example.com")
    world.client.v1.subscriptions.cancel(ada.id)
    listed = world.client.v1.subscriptions.list

    def ids(**params: str) -> list[str]:
        return [one.id for one in listed(params).data]  # type: ignore[arg-type]

    assert ids() == [bert.id]
    assert ids(status="all") == [bert.id, ada.id]
    assert ids(status="ended") == ids(status="canceled") == [ada.id]
    assert isinstance(bert.customer, str)
    assert ids(customer=bert.customer) == [bert.id]
    assert ids(price="price_no") == []
    end = bert["items"].data[0].current_period_end
    assert [one.id for one in listed({"current_period_end": {"lt": end + 1}}).data] == [bert.id]
    assert listed({"created": {"lt": ada.created}}).data == []


def test_a_subscription_leads_to_its_session(world: World) -> None:
    bought = world.buy(telegram="@Ada")
    (session,) = world.client.v1.checkout.sessions.list({"subscription": bought.id}).data
    assert session.customer == bought.customer
    found = world.client.v1.checkout.sessions.list({"customer_details": {"email": "ada@example.com"}})
    assert [one.id for one in found.data] == [session.id]
    assert world.client.v1.checkout.sessions.list({"status": "open"}).data == []


def test_events_are_found_by_type_and_time(world: World) -> None:
    world.buy("ada@example.com")
    kinds = ["checkout.session.completed", "customer.subscription.created"]
    found = world.client.v1.events.list({"types": kinds})
    assert [event.type for event in found.data] == kinds
    first = found.data[-1]
    world.buy("bert@example.com")
    missed = world.client.v1.events.list({"types": kinds, "ending_before": first.id, "limit": 1})
    assert [event.type for event in missed.auto_paging_iter()] == [kinds[0], kinds[1], kinds[0]]
    assert world.client.v1.events.list({"created": {"gt": first.created + 60}}).data == []
    assert len(world.client.v1.events.list({"type": kinds[0]}).data) == 2
    with pytest.raises(official.InvalidRequestError):
        world.client.v1.events.list({"types": ["invoice.paid"] * 21})


def test_events_are_kept_for_thirty_days(world: World) -> None:
    world.buy()
    event = world.client.v1.events.list({"type": "checkout.session.completed"}).data[0]
    world.board.move_clock(29)
    assert world.client.v1.events.retrieve(event.id).id == event.id
    world.board.move_clock(2)
    with pytest.raises(official.InvalidRequestError):
        world.client.v1.events.retrieve(event.id)
    assert event.id not in [one.id for one in world.client.v1.events.list({"limit": 100}).data]
