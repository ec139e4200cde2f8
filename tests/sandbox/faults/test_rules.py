"""Faults: which request a rule meets, and what each kind does to it on the wire."""

import socket
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from provisioner.errors import SandboxError
from provisioner.sandbox.control.client import Sandbox, running_sandbox
from provisioner.sandbox.faults.rules import KINDS, WIRE_KINDS, FaultBook, Rule, route_of


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with running_sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox) -> Iterator[Sandbox]:
    yield running
    running.clear_faults()
    running.forget_rate()
    running.reset_counts()


@pytest.fixture
def cloud(sandbox: Sandbox) -> Iterator[httpx.Client]:
    env = sandbox.env
    headers = {"Authorization": f"Bearer {env['DIGITALOCEAN_ACCESS_TOKEN']}"}
    with httpx.Client(
        base_url=env["DIGITALOCEAN_END_POINT"], headers=headers, timeout=20, verify=False, trust_env=False
    ) as client:
        yield client
        for droplet in sandbox.droplets():
            client.delete(f"droplets/{droplet.id}")


def create(cloud: httpx.Client, name: str = "one", **more: Any) -> httpx.Response:
    body = {"name": name, "size": "s-1vcpu-1gb", "image": "debian-12-x64", "region": "sfo3", **more}
    return cloud.post("droplets", json=body)


def test_an_error_comes_as_often_as_told_after_as_many_as_told(sandbox: Sandbox, cloud: httpx.Client) -> None:
    sandbox.fault("cloud", "status", path="/account$", after=1, count=2, status=503, message="later")
    answers = [cloud.get("account").status_code for _ in range(5)]
    assert answers == [200, 503, 503, 200, 200]
    (fault,) = sandbox.faults()
    assert (fault.seen, fault.struck) == (5, 2)


def test_an_error_has_the_form_of_its_service(sandbox: Sandbox, cloud: httpx.Client) -> None:
    sandbox.fault("cloud", "status", status=429, retry_after=7, headers={"ratelimit-remaining": "0"})
    refused = cloud.get("account")
    assert refused.headers["retry-after"] == "7"
    assert refused.headers["ratelimit-remaining"] == "0"
    assert refused.json()["id"] == "too_many_requests"
    env = sandbox.env
    sandbox.fault("telegram", "status", status=429, retry_after=7)
    chat = httpx.get(f"{env['TELEGRAM_API_ROOT']}/bot1:x/getMe", verify=False).json()
    assert (chat["ok"], chat["error_code"], chat["parameters"]) == (False, 429, {"retry_after": 7})
    sandbox.fault("model", "status", status=529, code="overloaded_error")
    model = httpx.post(f"{env['ANTHROPIC_BASE_URL']}/v1/messages", verify=False)
    assert (model.status_code, model.json()["error"]["type"]) == (529, "overloaded_error")


def test_a_gateway_answers_in_html(sandbox: Sandbox, cloud: httpx.Client) -> None:
    sandbox.fault("cloud", "html")
    answer = cloud.get("account")
    assert (answer.status_code, answer.headers["content-type"][:9]) == (504, "text/html")
    assert answer.text.startswith("<!DOCTYPE html>")


def test_an_error_without_its_id(sandbox: Sandbox, cloud: httpx.Client) -> None:
    sandbox.fault("cloud", "no_error_id", status=422, message="please try again")
    answer = cloud.get("account")
    assert (answer.status_code, answer.json()) == (422, {"message": "please try again"})


def test_a_reset_before_the_effect(sandbox: Sandbox, cloud: httpx.Client) -> None:
    sandbox.fault("cloud", "reset", method="POST")
    with pytest.raises(httpx.ReadError, match="reset"):
        create(cloud)
    assert sandbox.droplets() == []
    assert [row.status for row in sandbox.requests()] == [0]


def test_an_answer_that_is_lost_after_the_effect(sandbox: Sandbox, cloud: httpx.Client) -> None:
    sandbox.fault("cloud", "drop_after_effect", method="POST", path="/v2/droplets/?$")
    with pytest.raises(httpx.ReadError, match="reset"):
        create(cloud, "lost")
    assert [droplet.name for droplet in sandbox.droplets()] == ["lost"]


def test_a_lost_answer_may_hang_until_the_client_gives_up(sandbox: Sandbox, cloud: httpx.Client) -> None:
    sandbox.fault("cloud", "drop_after_effect", method="POST", seconds=30)
    cloud.timeout = httpx.Timeout(0.3)
    with pytest.raises(httpx.ReadTimeout):
        create(cloud, "hung")
    assert [droplet.name for droplet in sandbox.droplets()] == ["hung"]


@pytest.mark.parametrize("after_effect", [False, True])
def test_a_delay(sandbox: Sandbox, cloud: httpx.Client, after_effect: bool) -> None:
    sandbox.fault("cloud", "delay", method="POST", seconds=0.6, after_effect=after_effect)
    cloud.timeout = httpx.Timeout(0.2)
    with pytest.raises(httpx.ReadTimeout):
        create(cloud)
    assert len(sandbox.droplets()) == int(after_effect)
    cloud.timeout = httpx.Timeout(20)
    # The request of a client that gave up is carried out all the same.
    deadline = time.monotonic() + 10
    while not sandbox.droplets():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_headers_that_trickle_defeat_a_read_timeout(sandbox: Sandbox, cloud: httpx.Client) -> None:
    sandbox.fault("cloud", "slow_headers", path="/account", seconds=2)
    # No single read waits this long, though the whole does.
    cloud.timeout = httpx.Timeout(1.5)
    begun = time.monotonic()
    assert cloud.get("account").json()["account"]["status"] == "active"
    assert time.monotonic() - begun >= 2


def test_a_body_that_is_cut(sandbox: Sandbox, cloud: httpx.Client) -> None:
    sandbox.fault("cloud", "truncate", method="POST")
    with pytest.raises(httpx.RemoteProtocolError):
        create(cloud, "cut")
    assert [droplet.name for droplet in sandbox.droplets()] == ["cut"]


def test_a_droplet_that_vanishes(sandbox: Sandbox, cloud: httpx.Client) -> None:
    sandbox.fault("cloud", "vanish", method="POST")
    accepted = create(cloud)
    assert accepted.status_code == 202
    droplet_id = accepted.json()["droplet"]["id"]
    deadline = time.monotonic() + 10
    while cloud.get(f"droplets/{droplet_id}").status_code != 404:
        assert time.monotonic() < deadline
    assert create(cloud).status_code == 202


@pytest.mark.parametrize(("kind", "action"), [("errored", "errored"), ("stuck", "in-progress")])
def test_a_droplet_that_never_becomes_active(
    sandbox: Sandbox, cloud: httpx.Client, kind: Any, action: str
) -> None:
    sandbox.fault("cloud", kind, method="POST")
    body = create(cloud).json()
    link = body["links"]["actions"][0]["href"]
    deadline = time.monotonic() + 10
    while cloud.get(link).json()["action"]["status"] != action:
        assert time.monotonic() < deadline
    assert cloud.get(f"droplets/{body['droplet']['id']}").json()["droplet"]["status"] == "new"


def test_lags_and_empty_actions_of_one_creation(sandbox: Sandbox, cloud: httpx.Client) -> None:
    sandbox.fault("cloud", "list_lag", method="POST", seconds=3600)
    sandbox.fault("cloud", "empty_actions", method="POST")
    assert create(cloud, "late", tags=["t"]).json()["links"] == {"actions": []}
    assert cloud.get("droplets?name=late").json()["droplets"] == []
    sandbox.fault("cloud", "tag_lag", method="POST", seconds=3600)
    assert create(cloud, "untagged", tags=["t"]).status_code == 202
    assert cloud.get("droplets?tag_name=t").json()["droplets"] == []
    assert cloud.get("droplets?name=untagged").json()["meta"]["total"] == 1


def test_a_lost_answer_and_a_lag_together(sandbox: Sandbox, cloud: httpx.Client) -> None:
    sandbox.fault("cloud", "drop_after_effect", method="POST")
    sandbox.fault("cloud", "list_lag", method="POST", seconds=3600)
    with pytest.raises(httpx.ReadError):
        create(cloud, "twice-hidden")
    assert cloud.get("droplets").json()["meta"]["total"] == 0
    assert [droplet.name for droplet in sandbox.droplets()] == ["twice-hidden"]


def test_page_two_can_fail_alone(sandbox: Sandbox, cloud: httpx.Client) -> None:
    sandbox.fault("cloud", "status", method="GET", path=r"[?&]page=2\b", status=500)
    for name in ("a", "b"):
        create(cloud, name)
    first = cloud.get("droplets?per_page=1").json()
    second = first["links"]["pages"]["next"]
    assert [cloud.get(second).status_code for _ in range(2)] == [500, 200]


def test_requests_are_counted_by_route(sandbox: Sandbox, cloud: httpx.Client) -> None:
    droplet_id = create(cloud).json()["droplet"]["id"]
    for _ in range(3):
        cloud.get(f"droplets/{droplet_id}/")
    assert sandbox.count("cloud", "GET", "/v2/droplets/{id}") == 3
    assert sandbox.count("cloud") == 4
    assert sandbox.busiest("cloud") == 4
    sandbox.reset_counts()
    assert sandbox.count() == 0


def test_a_broken_connection_does_not_disturb_others(sandbox: Sandbox, cloud: httpx.Client) -> None:
    sandbox.fault("cloud", "reset", path="/v2/regions")
    with pytest.raises(httpx.ReadError):
        cloud.get("regions")
    assert cloud.get("account").status_code == 200


def test_rules_are_cleared_one_by_one_or_all(sandbox: Sandbox) -> None:
    first = sandbox.fault("cloud", "html")
    second = sandbox.fault("model", "reset")
    sandbox.clear_faults(first.id)
    assert [fault.id for fault in sandbox.faults()] == [second.id]
    with pytest.raises(SandboxError, match="no such number"):
        sandbox.clear_faults(first.id)
    sandbox.clear_faults()
    assert sandbox.faults() == []


@pytest.mark.parametrize(
    "rule",
    [
        {"kind": "unknown"},
        {"service": "unknown"},
        {"path": "("},
        {"count": 0},
        {"after": -1},
        {"params": {"status": 200}},
        {"params": {"what": 1}},
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(rule: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Rule.model_validate({"service": "cloud", "kind": "html", **rule})


def test_every_kind_is_explained() -> None:
    assert set(KINDS) >= WIRE_KINDS
    assert set(KINDS) == set(Rule.model_fields["kind"].annotation.__args__)  # type: ignore[union-attr]


@given(st.integers(0, 5), st.none() | st.integers(1, 5), st.integers(0, 20))
def test_a_rule_strikes_exactly_its_share(after: int, count: int | None, requests: int) -> None:
    book = FaultBook()
    book.add(Rule(service="cloud", kind="status", after=after, count=count))
    struck = [bool(book.strike("cloud", "GET", "/v2/account")) for _ in range(requests)]
    last = requests if count is None else after + count
    assert struck == [after <= number < last for number in range(requests)]
    assert book.strike("model", "GET", "/v2/account") == []


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/v2/droplets/17/actions/4/", "/v2/droplets/{id}/actions/{id}"),
        ("/v2/account/keys/" + ":".join(["0a"] * 16), "/v2/account/keys/{fingerprint}"),
        ("/v2/firewalls/7e5d0a3e-0000-4000-8000-00000000abcd/tags", "/v2/firewalls/{uuid}/tags"),
        ("/v2/tags/customer-1/resources", "/v2/tags/{tag}/resources"),
        ("/v2/images/debian-12-x64", "/v2/images/{image}"),
        ("/telegram/bot81:AAE-x/sendMessage", "/telegram/bot{token}/sendMessage"),
        ("/anthropic/v1/messages", "/anthropic/v1/messages"),
    ],
)
def test_routes_hide_what_differs(path: str, route: str) -> None:
    assert route_of(path) == route


def test_a_connection_that_says_nothing_is_no_request(sandbox: Sandbox) -> None:
    address = urlsplit(sandbox.env["DIGITALOCEAN_END_POINT"])
    with socket.create_connection((address.hostname, address.port)):
        pass
    assert sandbox.count() == 0
