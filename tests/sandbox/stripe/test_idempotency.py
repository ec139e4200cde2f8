"""Idempotency keys, and answers that are lost after the work was done."""

import pytest
import stripe as official

from provisioner.sandbox.faults.rules import FaultParams, Rule
from tests.stripes import KEY, World, client_of

SEND: official.RequestOptions = {"idempotency_key": "k1"}


def test_the_same_request_is_answered_the_same_and_done_once(world: World) -> None:
    first = world.client.v1.customers.create({"email": "ada@example.com"}, SEND)
    again = world.client.v1.customers.create({"email": "ada@example.com"}, SEND)
    assert first.to_dict() == again.to_dict()
    assert again.last_response is not None
    assert again.last_response.headers["idempotent-replayed"] == "true"
    assert len(world.client.v1.customers.list().data) == 1
    event = world.client.v1.events.list({"type": "customer.created"}).data[0]
    assert event.request is not None
    assert event.request.idempotency_key == "k1"


def test_another_request_under_the_same_key_is_refused(world: World) -> None:
    world.client.v1.customers.create({"email": "ada@example.com"}, SEND)
    with pytest.raises(official.IdempotencyError) as refused:
        world.client.v1.customers.create({"email": "bert@example.com"}, SEND)
    assert refused.value.http_status == 400


def test_a_failure_is_kept_but_not_a_refusal_of_the_parameters(world: World) -> None:
    post = {"Idempotency-Key": "k1"}
    assert world.raw("POST", "/v1/customers", data={"emial": "x"}, headers=post).status_code == 400
    assert world.raw("POST", "/v1/customers", data={"email": "x"}, headers=post).status_code == 200
    post = {"Idempotency-Key": "k2"}
    data = {"charge": "ch_nobody"}
    assert world.raw("POST", "/v1/refunds", data=data, headers=post).status_code == 400
    assert world.raw("POST", "/v1/refunds", data=data, headers=post).headers["idempotent-replayed"] == "true"


def test_only_what_creates_or_changes_has_a_key(world: World) -> None:
    path, headers = f"/v1/subscriptions/{world.buy().id}", {"Idempotency-Key": "k1"}
    assert world.raw("DELETE", path, headers=headers).status_code == 200
    assert world.raw("DELETE", path, headers=headers).status_code == 404


def test_a_key_is_forgotten_after_a_day(world: World) -> None:
    first = world.client.v1.customers.create({"email": "ada@example.com"}, SEND)
    world.board.move_clock(1.1)
    assert world.client.v1.customers.create({"email": "ada@example.com"}, SEND).id != first.id


def test_a_lost_answer_is_given_again_by_the_library_itself(world: World) -> None:
    world.book.add(Rule(service="stripe", kind="drop_after_effect", method="POST"))
    with client_of(world.root, KEY, max_network_retries=2) as client:
        made = client.v1.customers.create({"email": "ada@example.com"})
    assert [one.id for one in world.client.v1.customers.list().data] == [made.id]


def test_injected_errors_are_in_stripes_shape(world: World) -> None:
    world.book.add(Rule(service="stripe", kind="status", params=FaultParams(status=429)))
    with pytest.raises(official.RateLimitError) as refused:
        world.client.v1.customers.list()
    assert refused.value.error is not None
    assert refused.value.error.code == "rate_limit"
    assert refused.value.headers is not None
    assert refused.value.headers["stripe-rate-limited-reason"] == "global-rate"
    assert "retry-after" not in refused.value.headers
    world.book.add(
        Rule(service="stripe", kind="status", path="/v1/customers", params=FaultParams(status=500))
    )
    with pytest.raises(official.APIError) as failed:
        world.client.v1.customers.list()
    assert failed.value.http_status == 500
    assert str(failed.value.request_id).startswith("req_")
    world.book.add(Rule(service="stripe", kind="html"))
    with pytest.raises(official.APIError):
        world.client.v1.customers.list()


def test_requests_are_counted_without_their_ids(world: World) -> None:
    world.subscription(world.buy().id)
    routes = {(row.service, row.route) for row in world.book.requests()}
    assert ("stripe", "/v1/subscriptions/{id}") in routes
