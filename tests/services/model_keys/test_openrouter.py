"""The client of OpenRouter's management API against the sandbox's, with all that can go wrong on the wire."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from tenacity import wait_none

from provisioner.errors import ModelError
from provisioner.services.model_keys.errors import (
    ManagementKeyRefused,
    ModelKeyGone,
    ModelKeyRefused,
    ModelProviderBusy,
)
from provisioner.services.model_keys.openrouter import ModelKey, OpenRouter
from tests.openrouters import MANAGEMENT, ServedAccount, openrouter
from tests.serving import serving
from tests.steps.support import FastClock

CUSTOMER = "cust_1"
TINY, NOTHING = Decimal("0.000001"), Decimal(0)


class World(ServedAccount):
    """An account, and clients of it."""

    def client(self, key: str = MANAGEMENT, **options: Any) -> OpenRouter:
        return OpenRouter(key, self.root, clock=self.clock, **options)


@pytest.fixture
def world() -> Iterator[World]:
    with openrouter() as found:
        yield World(found.account, found.root, found.clock, found.book)


def test_a_customers_key_from_its_making_to_its_end(world: World) -> None:
    client = world.client()
    made = client.create(CUSTOMER, TINY)
    secret = made.secret.get_secret_value()

    assert made.key == ModelKey(made.key.hash, CUSTOMER, TINY, remaining=TINY, spent=NOTHING, disabled=False)
    assert secret not in repr(made)
    client.check(secret)
    assert [world.answers(secret), world.answers(secret)] == [200, 403]
    spent = client.key(made.key.hash)
    assert (spent.spent > TINY, spent.remaining) == (True, NOTHING)
    client.check(secret)
    assert client.set_limit(made.key.hash, Decimal(20)).limit == 20
    assert world.answers(secret) == 200
    assert client.set_disabled(made.key.hash, disabled=True).disabled
    with pytest.raises(ModelKeyRefused):
        client.check(secret)
    assert [key.hash for key in client.named(CUSTOMER)] == [made.key.hash]
    assert not client.set_disabled(made.key.hash, disabled=False).disabled
    assert client.credit() < 1000
    client.delete(made.key.hash)
    client.delete(made.key.hash)
    with pytest.raises(ModelKeyRefused):
        client.check(secret)
    assert world.answers(secret) == 401
    with pytest.raises(ModelKeyGone):
        client.key(made.key.hash)


def test_every_key_is_found_over_all_pages(world: World) -> None:
    for number in range(205):
        world.account.add(f"cust_{number % 200}", None, None).disabled = number % 2 == 0

    assert len(world.client().all()) == 205
    assert len(world.client().named("cust_3")) == 2


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    ("kind", "params"),
    [
        ("status", {"status": 429}),
        ("status", {"status": 502}),
        ("html", {"status": 503}),
        ("reset", {}),
        ("drop_after_effect", {}),
        ("truncate", {}),
    ],
)
def test_what_can_be_repeated_is_repeated(
    world: World, method: str, kind: str, params: dict[str, Any]
) -> None:
    client = world.client()
    made = client.create(CUSTOMER, Decimal(5)).key
    world.fault(kind, method, count=2, **params)

    if method == "GET":
        assert client.key(made.hash).limit == 5
    elif method == "PATCH":
        assert client.set_limit(made.hash, Decimal(7)).limit == 7
    else:
        client.delete(made.hash)
        assert world.account.keys == {}


@pytest.mark.parametrize(
    ("kind", "made"), [("drop_after_effect", 1), ("status", 0), ("html", 0), ("truncate", 1)]
)
def test_a_key_whose_making_is_uncertain_is_made_once(world: World, kind: str, made: int) -> None:
    world.fault(kind, "POST", count=None)

    with pytest.raises(ModelProviderBusy) as uncertain:
        world.client().create(CUSTOMER, Decimal(5))

    assert (uncertain.value.sent, uncertain.value.retry) == (True, True)
    assert len(world.client().named(CUSTOMER)) == made
    assert world.asked("POST") <= 1


def test_what_was_surely_not_done_is_tried_again_and_waits_as_told(world: World) -> None:
    world.fault("status", "POST", status=429, retry_after=7)
    before = world.clock.monotonic()

    world.client().create(CUSTOMER, Decimal(5))

    assert world.clock.monotonic() - before == 7
    assert len(world.account.keys) == 1


def test_it_is_given_up_in_the_end(world: World) -> None:
    world.fault("status", "GET", count=None, status=500)

    with pytest.raises(ModelProviderBusy, match="status 500"):
        world.client(pause=wait_none()).all()

    assert world.asked("GET") == 4


def test_a_wrong_management_key_is_named_and_never_shown(world: World) -> None:
    wrong = "sk-or-v1-" + "9e" * 32

    with pytest.raises(ManagementKeyRefused) as refused:
        world.client(wrong).all()

    assert "OPENROUTER_MANAGEMENT_KEY" in str(refused.value.hint)
    assert not refused.value.retry
    assert wrong not in str(vars(refused.value))
    assert world.asked("GET") == 1
    with pytest.raises(ManagementKeyRefused, match="not a key"):
        world.client("two words").all()


STRANGE: dict[str, Response] = {
    "a page": HTMLResponse("<html>please complete this check", 403),
    "another's refusal": JSONResponse({"detail": "no"}, 401),
    "another's 404": HTMLResponse("<html>404", 404),
    "a list": JSONResponse([1]),
    "nothing of it": JSONResponse({"data": {"hash": "x"}}),
}


@pytest.mark.parametrize("name", sorted(STRANGE))
def test_an_answer_of_a_stranger_says_nothing_about_the_key(name: str) -> None:
    with serving(Starlette(routes=[Route("/{path:path}", lambda _: STRANGE[name])])) as address:
        client = OpenRouter(MANAGEMENT, address, clock=FastClock(), pause=wait_none())
        with pytest.raises(ModelError) as failed:
            client.key("0" * 64)

    assert type(failed.value) in (ModelError, ModelProviderBusy)


def test_who_is_not_there_has_done_nothing() -> None:
    client = OpenRouter(MANAGEMENT, "http://127.0.0.1:9", clock=FastClock(), pause=wait_none())

    with pytest.raises(ModelProviderBusy) as failed:
        client.create(CUSTOMER, Decimal(5))

    assert not failed.value.sent
    with pytest.raises(ModelError, match="OPENROUTER_BASE_URL"):
        OpenRouter(MANAGEMENT, "openrouter.example").all()
