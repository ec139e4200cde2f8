"""Who may call, how often, with what, and how a refusal looks."""

import uuid

import httpx
import pytest

from tests.sandbox.cloud.conftest import TOKEN, Api


@pytest.mark.parametrize("header", [None, "Bearer wrong", TOKEN, f"Basic {TOKEN}", f"Bearer {TOKEN}x"])
def test_a_wrong_token_is_not_let_in(api: Api, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    response = httpx.get(f"{api.endpoint}account", headers=headers, verify=False)
    assert response.status_code == 401
    body = response.json()
    assert (body["id"], body["message"]) == ("Unauthorized", "Unable to authenticate you")
    uuid.UUID(body["request_id"])


def test_a_revoked_token_and_one_that_may_only_read(api: Api) -> None:
    api.cloud.options.token = "read"
    assert api.http.get("account").status_code == 200
    assert api.create().json()["id"] == "forbidden"
    api.cloud.options.token = "revoked"
    assert api.http.get("account").status_code == 401


def test_the_account_tells_its_limits(api: Api) -> None:
    api.cloud.options.droplet_limit = 7
    account = api.http.get("account/").json()["account"]
    assert (account["droplet_limit"], account["status"]) == (7, "active")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "nowhere", 404), ("PATCH", "droplets", 405), ("GET", "droplets/x", 404)],
)
def test_what_does_not_exist_is_refused_in_the_same_form(
    api: Api, method: str, path: str, status: int
) -> None:
    response = api.http.request(method, path)
    assert response.status_code == status
    assert response.json().keys() == {"id", "message", "request_id"}


def test_a_body_must_be_a_json_object_and_say_so(api: Api) -> None:
    as_form = api.http.post("tags", data={"name": "t"})
    assert (as_form.status_code, as_form.json()["id"]) == (415, "unsupported_media_type")
    for content in (b"{", b"[]", b"\xff"):
        response = api.http.post("tags", content=content, headers={"Content-Type": "application/json"})
        assert (response.status_code, response.json()["id"]) == (400, "bad_request")
    empty = api.http.post("tags")
    assert (empty.status_code, empty.json()["id"]) == (422, "unprocessable_entity")


def test_every_answer_tells_the_rate(api: Api) -> None:
    api.cloud.options.hourly_limit = 5000
    first, second = api.http.get("account"), api.http.get("nowhere")
    assert first.headers["ratelimit-limit"] == "5000"
    remaining = [int(answer.headers["ratelimit-remaining"]) for answer in (first, second)]
    assert remaining == [4999, 4998]
    assert 0 <= int(first.headers["ratelimit-reset"]) - api.clock() - 3600 < 2


def test_the_limit_of_a_minute_says_when_to_come_again(api: Api) -> None:
    api.cloud.options.minute_limit = 3
    for _ in range(3):
        assert api.http.get("account").status_code == 200
    refused = api.http.get("account")
    assert refused.status_code == 429
    assert refused.json()["id"] == "too_many_requests"
    wait = int(refused.headers["retry-after"])
    assert 1 <= wait <= 60
    api.clock.pass_(wait)
    assert api.http.get("account").status_code == 200


def test_the_limit_of_an_hour_only_tells_its_reset(api: Api) -> None:
    api.cloud.options.hourly_limit = 2
    for _ in range(2):
        api.http.get("account")
    refused = api.http.get("account")
    assert refused.status_code == 429
    assert "retry-after" not in refused.headers
    assert refused.headers["ratelimit-remaining"] == "0"
    api.clock.moment = int(refused.headers["ratelimit-reset"])
    assert api.http.get("account").status_code == 200


def test_a_wrong_token_does_not_use_up_the_rate(api: Api) -> None:
    api.cloud.options.minute_limit = 1
    httpx.get(f"{api.endpoint}account", headers={"Authorization": "Bearer wrong"}, verify=False)
    assert api.http.get("account").status_code == 200
