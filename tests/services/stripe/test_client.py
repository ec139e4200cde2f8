"""The client against an address that answers as Stripe does: pages, errors, and what is tried again."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from tenacity.wait import wait_none

from provisioner.errors import StripeError
from provisioner.services.stripe.client import Stripe
from provisioner.services.stripe.errors import NothingThere, StripeBusy, StripeKeyRefused
from tests.serving import serving


@dataclass
class Api:
    """What is answered next; after that, `last` for ever."""

    answers: list[Response] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    base: str = ""

    async def answer(self, request: Request) -> Response:
        self.asked.append(f"{request.url.path}?{request.url.query}")
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    @property
    def client(self) -> Stripe:
        return Stripe("sk_test_4eC39HqLyjWDarjtT1zdp7dc", self.base, pause=wait_none())


@pytest.fixture
def api() -> Iterator[Api]:
    made = Api()
    app = Starlette(routes=[Route("/{path:path}", made.answer, methods=["GET", "POST", "DELETE"])])
    with serving(app) as made.base:
        yield made


def page(ids: list[str], *, more: bool) -> Response:
    data = [{"id": one, "object": "subscription"} for one in ids]
    return JSONResponse({"object": "list", "url": "/v1/subscriptions", "has_more": more, "data": data})


def refusal(status: int, code: str, **more: Any) -> Response:
    error = {"type": "invalid_request_error", "code": code, "message": f"it says {code}", **more}
    return JSONResponse({"error": error}, status, {"request-id": "req_1"})


def test_a_list_is_read_to_its_end(api: Api) -> None:
    api.answers = [page(["sub_1", "sub_2"], more=True), page(["sub_3"], more=False)]

    found = [one["id"] for one in api.client.subscriptions()]

    assert found == ["sub_1", "sub_2", "sub_3"]
    assert "starting_after=sub_2" in api.asked[1]
    assert all("status=all" in one for one in api.asked)


def test_an_answer_is_a_plain_document(api: Api) -> None:
    api.answers = [JSONResponse({"id": "cus_1", "object": "customer", "email": "a@example.com"})]
    assert api.client.customer("cus_1")["email"] == "a@example.com"


def test_too_many_requests_are_tried_again(api: Api) -> None:
    api.answers = [refusal(429, "rate_limit"), page(["sub_1"], more=False)]
    assert len(list(api.client.subscriptions())) == 1
    assert len(api.asked) == 2


@pytest.mark.parametrize(
    ("answer", "kind", "again"),
    [
        (refusal(401, "bad"), StripeKeyRefused, False),
        (refusal(403, "bad"), StripeKeyRefused, False),
        (refusal(404, "resource_missing"), NothingThere, False),
        (refusal(400, "parameter_invalid"), StripeError, False),
        (refusal(429, "rate_limit"), StripeBusy, True),
    ],
    ids=["401", "403", "404", "400", "429"],
)
def test_each_refusal_has_a_name_and_says_whether_again_helps(
    api: Api, answer: Response, kind: type[StripeError], again: bool
) -> None:
    api.answers = [answer]
    with pytest.raises(kind) as refused:
        api.client.subscription("sub_1")
    assert refused.value.retry is again
    assert "req_1" in refused.value.summary
    assert "sk_test" not in str(refused.value)


def test_a_page_of_a_proxy_is_no_answer(api: Api) -> None:
    api.answers = [HTMLResponse("<h1>Bad gateway</h1>", 502)]
    with pytest.raises(StripeBusy):
        api.client.subscription("sub_1")


def test_nobody_there_is_no_answer() -> None:
    with pytest.raises(StripeBusy):
        Stripe("sk_test_4eC39HqLyjWDarjtT1zdp7dc", "http://127.0.0.1:9", pause=wait_none()).subscription(
            "sub_1"
        )
