"""The sandbox's OpenRouter: keys whose limits hold, and a model that refuses who has spent theirs."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest

from provisioner.sandbox.openrouter.account import Account
from provisioner.sandbox.openrouter.app import openrouter_app
from tests.serving import serving

MANAGEMENT = "sk-or-v1-" + "4d" * 32
ASK = {
    "model": "anthropic/claude-sonnet-5",
    "messages": [{"role": "user", "content": "hello there"}],
}


class Clock:
    """Noon of a Wednesday in September, until a test says otherwise."""

    def __init__(self) -> None:
        self.set(9, 16)

    def __call__(self) -> float:
        return self.moment

    def set(self, month: int, day: int, hour: int = 12) -> None:
        self.moment = datetime(2026, month, day, hour, tzinfo=UTC).timestamp()


@dataclass
class World:
    account: Account
    clock: Clock
    http: httpx.Client

    def make(self, **more: Any) -> tuple[str, dict[str, Any]]:
        """The secret of a new key, and what is shown of it."""
        body = {"name": "cust_1", "limit": 1, "limit_reset": "monthly", **more}
        answer = self.http.post("keys", json=body)
        assert answer.status_code == 201, answer.text
        return answer.json()["key"], answer.json()["data"]

    def shown(self, hashed: str) -> dict[str, Any]:
        data: dict[str, Any] = self.http.get(f"keys/{hashed}").json()["data"]
        return data

    def ask(self, secret: str, **more: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {secret}"}
        return self.http.post("chat/completions", json={**ASK, **more}, headers=headers)

    def problem(self, secret: str) -> tuple[int, str]:
        """How a question with this key is refused."""
        answer = self.ask(secret)
        error = answer.json()["error"]
        assert error["code"] == answer.status_code
        return answer.status_code, error["message"]


@pytest.fixture
def world() -> Iterator[World]:
    clock = Clock()
    account = Account(MANAGEMENT, now=clock)
    with (
        serving(openrouter_app(account)) as root,
        httpx.Client(
            base_url=f"{root}/api/v1/", headers={"authorization": f"Bearer {MANAGEMENT}"}, verify=False
        ) as http,
    ):
        yield World(account, clock, http)


def test_a_key_is_shown_once_and_by_its_hash_from_then_on(world: World) -> None:
    secret, made = world.make()

    assert secret.startswith("sk-or-v1-")
    assert (made["name"], made["limit"], made["limit_remaining"], made["limit_reset"]) == (
        "cust_1",
        1.0,
        1.0,
        "monthly",
    )
    assert world.shown(made["hash"]) == made
    assert secret not in str(made)
    assert secret not in repr(world.account.keys)
    assert world.http.get("keys").json()["data"] == [made]
    assert world.http.get("keys/nobody").status_code == 404


def test_each_answer_is_charged_to_the_key_that_asked(world: World) -> None:
    secret, made = world.make()
    _, other = world.make(name="cust_2")

    answer = world.ask(secret).json()

    assert "hello there" in answer["choices"][0]["message"]["content"]
    assert answer["choices"][0]["finish_reason"] == "stop"
    usage = answer["usage"]
    expected = Decimal(usage["prompt_tokens"] * 3 + usage["completion_tokens"] * 15) / 1_000_000
    assert usage["cost"] == float(expected)
    after = world.shown(made["hash"])
    assert after["usage"] == after["usage_monthly"] == after["usage_daily"] == usage["cost"]
    assert after["limit_remaining"] == float(Decimal(1) - expected)
    assert after["last_used_at"] == "2026-09-16T12:00:00Z"
    assert world.shown(other["hash"])["usage"] == 0
    own = world.http.get("key", headers={"authorization": f"Bearer {secret}"}).json()["data"]
    assert (own["usage"], own["limit_remaining"], "hash" in own) == (
        usage["cost"],
        after["limit_remaining"],
        False,
    )
    assert world.http.get("credits").json()["data"] == {"total_credits": 1000.0, "total_usage": usage["cost"]}


def test_a_stream_says_the_same_and_ends_with_what_it_costs(world: World) -> None:
    secret, made = world.make()
    whole = world.ask(secret).json()

    stream = world.ask(secret, stream=True)

    assert stream.headers["content-type"].startswith("text/event-stream")
    lines = [line.removeprefix("data: ") for line in stream.text.splitlines() if line.startswith("data: ")]
    assert lines[-1] == "[DONE]"
    chunks = [json.loads(line) for line in lines[:-1]]
    said = "".join(chunk["choices"][0]["delta"]["content"] for chunk in chunks if chunk["choices"])
    assert said == whole["choices"][0]["message"]["content"]
    assert chunks[-1]["usage"] == whole["usage"]
    assert world.shown(made["hash"])["usage"] == pytest.approx(2 * whole["usage"]["cost"])


def test_a_spent_key_is_refused_until_the_next_month(world: World) -> None:
    secret, made = world.make(limit=0.000001)
    other, _ = world.make(name="cust_2")
    assert world.ask(secret).status_code == 200

    status, words = world.problem(secret)

    assert (status, "Key limit exceeded (monthly limit)" in words) == (403, True)
    assert world.shown(made["hash"])["limit_remaining"] == 0
    assert world.ask(other).status_code == 200
    world.clock.set(9, 30, hour=23)
    assert world.problem(secret)[0] == 403
    world.clock.set(10, 1, hour=0)
    assert world.shown(made["hash"])["usage_monthly"] == 0
    assert world.ask(secret).status_code == 200
    assert world.shown(made["hash"])["usage"] > world.shown(made["hash"])["usage_monthly"]


@pytest.mark.parametrize(
    ("reset", "still", "over"),
    [("daily", (9, 16, 23), (9, 17, 0)), ("weekly", (9, 20, 23), (9, 21, 0)), (None, (9, 17, 0), None)],
)
def test_a_limit_is_reset_at_midnight(
    world: World, reset: str | None, still: tuple[int, int, int], over: tuple[int, int, int] | None
) -> None:
    secret, _ = world.make(limit=0.000001, limit_reset=reset)
    world.ask(secret)

    world.clock.set(*still)
    assert world.problem(secret) == (403, world.problem(secret)[1])
    world.clock.set(*(over or (12, 31, 23)))
    assert world.ask(secret).status_code == (200 if over else 403)


def test_a_raised_limit_lets_it_go_on_and_a_disabled_or_deleted_key_opens_nothing(world: World) -> None:
    secret, made = world.make(limit=0.000001)
    world.ask(secret)
    path = f"keys/{made['hash']}"

    raised = world.http.patch(path, json={"limit": 5}).json()["data"]
    assert (raised["limit"], raised["limit_reset"], raised["updated_at"]) == (
        5.0,
        "monthly",
        "2026-09-16T12:00:00Z",
    )
    assert world.ask(secret).status_code == 200
    world.http.patch(path, json={"disabled": True})
    assert world.problem(secret)[0] == 401
    assert world.http.get("keys").json()["data"] == []
    assert len(world.http.get("keys?include_disabled=true").json()["data"]) == 1
    world.http.patch(path, json={"disabled": False})
    assert world.ask(secret).status_code == 200
    assert world.http.delete(path).json() == {"deleted": True}
    assert world.problem(secret) == (401, "User not found.")
    assert world.http.get("key", headers={"authorization": f"Bearer {secret}"}).status_code == 401
    assert world.http.delete(path).status_code == 404


def test_an_expired_key_opens_nothing(world: World) -> None:
    secret, _ = world.make(expires_at="2026-09-17T00:00:00Z")
    assert world.ask(secret).status_code == 200

    world.clock.set(9, 17, hour=0)

    assert world.problem(secret)[0] == 401


def test_an_empty_account_stops_everybody(world: World) -> None:
    secret, _ = world.make()
    world.account.credit = Decimal(0)

    status, words = world.problem(secret)

    assert (status, "Insufficient credits" in words) == (402, True)


def test_each_kind_of_key_does_its_own_only(world: World) -> None:
    secret, _ = world.make()
    as_customer = {"authorization": f"Bearer {secret}"}

    assert world.problem(MANAGEMENT)[0] == 401
    assert world.http.get("keys", headers=as_customer).status_code == 401
    assert world.http.post("keys", json={"name": "more"}, headers=as_customer).status_code == 401
    assert world.http.get("keys", headers={"authorization": ""}).status_code == 401


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "name: Field required"),
        ({"name": "x", "limit": -1}, "limit"),
        ({"name": "x", "limit_reset": "yearly"}, "limit_reset"),
    ],
)
def test_a_key_that_cannot_be_is_refused(world: World, body: dict[str, Any], words: str) -> None:
    refused = world.http.post("keys", json=body)

    assert (refused.status_code, words in refused.json()["error"]["message"]) == (400, True)


@pytest.mark.parametrize(
    "wrong", [{"model": "gpt-1"}, {"messages": []}, {"messages": [{"role": "x"}]}, {"max_tokens": -1}]
)
def test_a_question_that_cannot_be_answered_costs_nothing(world: World, wrong: dict[str, Any]) -> None:
    secret, made = world.make()

    assert world.ask(secret, **wrong).status_code == 400
    assert world.shown(made["hash"])["usage"] == 0


def test_an_answer_ends_at_the_most_tokens(world: World) -> None:
    secret, _ = world.make()

    answer = world.ask(secret, max_tokens=2).json()

    assert (answer["choices"][0]["finish_reason"], answer["usage"]["completion_tokens"]) == ("length", 2)


def test_a_long_list_comes_in_pages_of_a_hundred(world: World) -> None:
    for number in range(101):
        world.account.add(f"cust_{number}", None, None)

    first, second = (world.http.get(f"keys?offset={offset}").json()["data"] for offset in (0, 100))

    assert ([key["name"] for key in first[:1]], len(first)) == (["cust_100"], 100)
    assert [key["name"] for key in second] == ["cust_0"]
    assert world.http.get("keys?offset=x").status_code == 400
