"""A language model that answers over Anthropic's Messages API, from what it was told and nothing else."""

import asyncio
import hashlib
import json
import math
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from provisioner.sandbox.model import requests
from provisioner.sandbox.model.answers import answer_to
from provisioner.sandbox.model.requests import Asked, ModelApiError

MODELS = {
    "claude-opus-5": "Claude Opus 5",
    "claude-sonnet-5": "Claude Sonnet 5",
    "claude-haiku-4-5": "Claude Haiku 4.5",
}
_CHARACTERS_PER_TOKEN = 4
_WORDS_PER_DELTA = 4


@dataclass(frozen=True)
class Seen:
    """One request as it came, without its key, and the status it was answered with."""

    method: str
    path: str
    body: Any
    status: int


@dataclass
class Model:
    """`keys` are those that are let in; empty lets in whatever is not empty. `requests` is what was asked."""

    keys: frozenset[str] = field(default=frozenset(), repr=False)
    requests: list[Seen] = field(default_factory=list)


@dataclass(frozen=True)
class Reply:
    """The answer to one request; `stop_reason` is "max_tokens" when it was cut off there."""

    id: str
    model: str
    text: str
    stop_reason: str
    input_tokens: int

    @property
    def usage(self) -> dict[str, int]:
        return {**self.usage_at_start, "output_tokens": tokens_in(self.text)}

    @property
    def usage_at_start(self) -> dict[str, int]:
        return {
            "input_tokens": self.input_tokens,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": 1,
        }

    def as_json(self, content: list[dict[str, Any]], stop_reason: str | None, usage: Any) -> dict[str, Any]:
        return {
            "id": self.id,
            "type": "message",
            "role": "assistant",
            "model": self.model,
            "content": content,
            "stop_reason": stop_reason,
            "stop_sequence": None,
            "usage": usage,
        }


def model_app(model: Model) -> Starlette:
    """`/v1/messages` (streaming and not), `/v1/messages/count_tokens`, `/v1/models`; all else a clean 404."""

    async def endpoint(request: Request) -> Response:
        body: Any = None
        try:
            body = await requests.body_of(request)
            response = _answer(request, body, model)
        except ModelApiError as problem:
            response = JSONResponse(problem.body, problem.status)
        model.requests.append(Seen(request.method, _path(request), body, response.status_code))
        response.headers["request-id"] = _identity("req", len(model.requests))
        return response

    methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    return Starlette(routes=[Route("/{path:path}", endpoint, methods=methods)])


def tokens_in(text: str) -> int:
    """A fair guess, never 0."""
    return max(1, math.ceil(len(text) / _CHARACTERS_PER_TOKEN))


def _answer(request: Request, body: Any, model: Model) -> Response:
    path = _path(request)
    if path in ("/v1/messages", "/v1/messages/count_tokens"):
        requests.check_access(request, "POST", model.keys)
        if path == "/v1/messages":
            return _message(requests.asked(body))
        return JSONResponse({"input_tokens": _input_tokens(requests.asked(body, count_only=True))})
    if path == "/v1/models" or path.startswith("/v1/models/"):
        requests.check_access(request, "GET", model.keys)
        return JSONResponse(_models(path.removeprefix("/v1/models").strip("/")))
    raise ModelApiError(404, "not_found_error", "Not Found")


def _path(request: Request) -> str:
    """Below wherever this is mounted."""
    return "/" + str(request.path_params["path"]).rstrip("/")


def _message(asked: Asked) -> Response:
    reply = _reply(asked)
    if asked.stream:
        return StreamingResponse(_events(reply), media_type="text/event-stream; charset=utf-8")
    content = [{"type": "text", "text": reply.text}]
    return JSONResponse(reply.as_json(content, reply.stop_reason, reply.usage))


def _reply(asked: Asked) -> Reply:
    full = answer_to(asked.system, asked.user_texts)
    text = full[: asked.max_tokens * _CHARACTERS_PER_TOKEN]
    stop_reason = "end_turn" if text == full else "max_tokens"
    return Reply(_identity("msg", asked.fingerprint), asked.model, text, stop_reason, _input_tokens(asked))


def _input_tokens(asked: Asked) -> int:
    return tokens_in(asked.system + asked.all_text) + 4 * asked.turns


def _identity(kind: str, of: object) -> str:
    """The same for the same request: answers can be compared whole."""
    return f"{kind}_01{hashlib.sha256(str(of).encode()).hexdigest()[:22]}"


async def _events(reply: Reply) -> AsyncIterator[str]:
    yield _event("message_start", message=reply.as_json([], None, reply.usage_at_start))
    yield _event("content_block_start", index=0, content_block={"type": "text", "text": ""})
    yield _event("ping")
    for piece in _pieces(reply.text):
        yield _event("content_block_delta", index=0, delta={"type": "text_delta", "text": piece})
        # Each piece is its own write, as from a server that is still thinking.
        await asyncio.sleep(0)
    yield _event("content_block_stop", index=0)
    yield _event(
        "message_delta", delta={"stop_reason": reply.stop_reason, "stop_sequence": None}, usage=reply.usage
    )
    yield _event("message_stop")


def _event(kind: str, **content: Any) -> str:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **content})}\n\n"


def _pieces(text: str) -> list[str]:
    words = text.split(" ")
    pieces = [" ".join(words[at : at + _WORDS_PER_DELTA]) for at in range(0, len(words), _WORDS_PER_DELTA)]
    return [piece if at == 0 else f" {piece}" for at, piece in enumerate(pieces)]


def _models(wanted: str) -> dict[str, Any]:
    listed = [
        {"type": "model", "id": name, "display_name": title, "created_at": "2026-01-01T00:00:00Z"}
        for name, title in MODELS.items()
    ]
    if not wanted:
        return {"data": listed, "has_more": False, "first_id": listed[0]["id"], "last_id": listed[-1]["id"]}
    found = next((model for model in listed if model["id"] == wanted), None)
    if found is None:
        raise ModelApiError(404, "not_found_error", f"model: {wanted}")
    return found
