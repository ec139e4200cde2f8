"""The question to the model's provider, against the sandbox's model and against answers of strangers."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from provisioner.errors import ModelError
from provisioner.sandbox.model.app import Model, model_app
from provisioner.services.model_keys.anthropic import ModelProvider
from provisioner.services.model_keys.errors import ModelKeyRefused, ModelUnknown
from tests.serving import serving

KEY = "sk-ant-api03-right-and-long-enough"
MODEL = "claude-sonnet-5"


@pytest.fixture
def root() -> Iterator[str]:
    with serving(model_app(Model(keys=frozenset({KEY})))) as address:
        yield address


def test_the_sandboxs_model_takes_its_key_for_a_model_that_it_has(root: str) -> None:
    ModelProvider(KEY, f"{root}/").check(MODEL)


def test_a_wrong_key_is_refused_in_the_providers_words_and_without_the_key(root: str) -> None:
    wrong = "sk-ant-api03-wrong-and-long-enough"

    with pytest.raises(ModelKeyRefused) as refused:
        ModelProvider(wrong, root).check(MODEL)

    assert refused.value.cause == "it refuses the key: invalid x-api-key"
    assert "ANTHROPIC_API_KEY" in str(refused.value.hint)
    assert not refused.value.retry
    assert wrong not in str(vars(refused.value))


def test_a_model_that_it_does_not_have_is_told_from_a_key_that_it_refuses(root: str) -> None:
    with pytest.raises(ModelUnknown, match="no model claude-sonet-5") as unknown:
        ModelProvider(KEY, root).check("claude-sonet-5")

    assert "[moltbot] model" in str(unknown.value.hint)


def _error(status: int, kind: str, message: str) -> Callable[[Request], Response]:
    body = {"type": "error", "error": {"type": kind, "message": message}}
    return lambda _: JSONResponse(body, status)


STRANGE: dict[str, tuple[Callable[[Request], Response], str, bool]] = {
    "HTML 403": (lambda _: HTMLResponse("<html>please complete this check", 403), "(status 403)", False),
    "HTML 401": (lambda _: HTMLResponse("<html>401", 401), "(status 401)", False),
    "HTML 404": (lambda _: HTMLResponse("<html>404", 404), "(status 404)", False),
    "HTML 200": (lambda _: HTMLResponse("<html>Welcome"), "(status 200)", False),
    "JSON of another": (lambda _: JSONResponse({"error": "unauthorized"}, 401), "(status 401)", False),
    "a list": (lambda _: JSONResponse([1]), "(status 200)", False),
    "another place": (lambda _: RedirectResponse("http://192.0.2.1/", 302), "(status 302)", False),
    "not from here": (_error(403, "forbidden", "Request not allowed"), "Request not allowed", False),
    "overloaded": (_error(529, "overloaded_error", "Overloaded"), "Overloaded (status 529)", True),
    "too many": (_error(429, "rate_limit_error", "slow down"), "slow down", True),
    "deep": (lambda _: Response("[" * 100_000, 401), "(status 401)", False),
    "endless": (lambda _: StreamingResponse(_endless(), 401), "(status 401)", False),
    "long words": (_error(500, "api_error", "x" * 9000), "x" * 300 + " (status 500)", True),
    "key in the words": (
        lambda request: _error(500, "api_error", f"bad {request.headers['x-api-key']}")(request),
        "bad [hidden]",
        True,
    ),
}


def _endless() -> Iterator[bytes]:
    while True:
        yield b" " * 65536


@contextmanager
def _answering(answer: Callable[[Request], Response]) -> Iterator[str]:
    app = Starlette(routes=[Route("/{path:path}", answer)])
    with serving(app) as address:
        yield address


@pytest.mark.parametrize("name", sorted(STRANGE))
def test_an_answer_that_says_nothing_about_the_key_blames_it_not(name: str) -> None:
    answer, words, passes = STRANGE[name]

    with _answering(answer) as address, pytest.raises(ModelError) as failed:
        ModelProvider(KEY, address).check(MODEL)

    assert type(failed.value) is ModelError
    assert words in str(failed.value.cause)
    assert failed.value.retry is passes
    assert "make a key" not in str(failed.value.hint)
    assert KEY not in str(vars(failed.value))


def test_a_permission_that_the_key_lacks_is_a_refusal() -> None:
    answer = _error(403, "permission_error", "This key may not read models")

    with _answering(answer) as address, pytest.raises(ModelKeyRefused, match="may not read models"):
        ModelProvider(KEY, address).check(MODEL)


def test_the_key_is_asked_about_once_and_goes_nowhere_else() -> None:
    asked: list[tuple[str, str | None]] = []

    def answer(request: Request) -> Response:
        asked.append((request.url.path, request.headers.get("anthropic-version")))
        return RedirectResponse("/elsewhere", 307)

    with _answering(answer) as address, pytest.raises(ModelError):
        ModelProvider(KEY, address).check(MODEL)

    assert asked == [(f"/v1/models/{MODEL}", "2023-06-01")]


def test_who_is_silent_or_not_there_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(ModelError, match=r"within 0\.2 s") as failed:
            ModelProvider(KEY, address, deadline=0.2).check(MODEL)
    assert failed.value.retry
    with pytest.raises(ModelError, match="did not answer") as failed:
        ModelProvider(KEY, address).check(MODEL)
    assert failed.value.retry


def test_who_answers_a_letter_at_a_time_is_given_up_too() -> None:
    async def drip() -> AsyncIterator[bytes]:
        while True:
            yield b" "
            await asyncio.sleep(0.05)

    with (
        _answering(lambda _: StreamingResponse(drip())) as address,
        pytest.raises(ModelError, match=r"within 0\.3 s"),
    ):
        ModelProvider(KEY, address, deadline=0.3).check(MODEL)


@pytest.mark.parametrize("address", ["anthropic.example", "ftp://example.com", "http://", "http://[::1"])
def test_an_address_that_is_none_is_named(address: str) -> None:
    with pytest.raises(ModelError, match="ANTHROPIC_BASE_URL") as failed:
        ModelProvider(KEY, address).check(MODEL)
    assert not failed.value.retry


@pytest.mark.parametrize("key", ["sk-ant-1 2", "sk-ant-\n", "sk-ant-é"])
def test_what_cannot_be_a_key_is_never_sent(key: str) -> None:
    with pytest.raises(ModelKeyRefused, match="is not a key"):
        ModelProvider(key, "http://127.0.0.1:9").check(MODEL)
