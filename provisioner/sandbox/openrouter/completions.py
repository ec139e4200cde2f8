"""Answers over OpenAI's chat completions, each charged to the key that asked, at the models' list prices."""

import asyncio
import hashlib
import json
import math
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from provisioner.sandbox.model.answers import answer_to
from provisioner.sandbox.openrouter.errors import bad_request

_CHARACTERS_PER_TOKEN: Final = 4
_WORDS_PER_CHUNK: Final = 4
_MILLION: Final = 1_000_000
_CONTEXT: Final = 200_000
_RELEASED: Final = 1_767_225_600


@dataclass(frozen=True)
class Price:
    """In dollars for a million tokens."""

    prompt: Decimal
    completion: Decimal


MODELS: Final = {
    "anthropic/claude-opus-5": Price(Decimal(5), Decimal(25)),
    "anthropic/claude-sonnet-5": Price(Decimal(3), Decimal(15)),
    "anthropic/claude-haiku-4.5": Price(Decimal(1), Decimal(5)),
}


@dataclass(frozen=True)
class Completion:
    """One answer, with what it costs in dollars."""

    id: str
    model: str
    created: int
    text: str
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int
    cost: Decimal

    @property
    def usage(self) -> dict[str, Any]:
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "total_tokens": self.prompt_tokens + self.completion_tokens,
            "cost": float(self.cost),
        }

    def whole(self) -> dict[str, Any]:
        message = {"role": "assistant", "content": self.text, "refusal": None}
        choice = {"index": 0, "message": message, "finish_reason": self.finish_reason, "logprobs": None}
        head = {**self._head("chat.completion"), "system_fingerprint": None}
        return {**head, "choices": [choice], "usage": self.usage}

    async def stream(self) -> AsyncIterator[str]:
        """Each piece is its own write, as from a server that is still thinking."""
        yield ": OPENROUTER PROCESSING\n\n"
        words = self.text.split(" ")
        for at in range(0, len(words), _WORDS_PER_CHUNK):
            piece = " ".join(words[at : at + _WORDS_PER_CHUNK])
            yield self._chunk({"role": "assistant", "content": piece if at == 0 else f" {piece}"})
            await asyncio.sleep(0)
        yield self._chunk({"role": "assistant", "content": ""}, self.finish_reason)
        yield _event({**self._head("chat.completion.chunk"), "choices": [], "usage": self.usage})
        yield "data: [DONE]\n\n"

    def _chunk(self, delta: Mapping[str, Any], finish_reason: str | None = None) -> str:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason, "logprobs": None}
        return _event({**self._head("chat.completion.chunk"), "choices": [choice]})

    def _head(self, kind: str) -> dict[str, Any]:
        return {
            "id": self.id,
            "provider": "Anthropic",
            "model": self.model,
            "object": kind,
            "created": self.created,
        }


def complete(body: Any, now: float) -> Completion:
    """The answer to a request, or the 400 that it gets."""
    if not isinstance(body, dict):
        raise bad_request("Input must be an object")
    model, messages = body.get("model"), body.get("messages")
    price = MODELS.get(model) if isinstance(model, str) else None
    if price is None or not isinstance(model, str):
        raise bad_request(f"{model} is not a valid model ID")
    if not isinstance(messages, list) or not messages:
        raise bad_request('Input required: specify "prompt" or "messages"')
    said = [_read(message) for message in messages]
    system = "\n".join(text for role, text in said if role in ("system", "developer"))
    full = answer_to(system, [text for role, text in said if role == "user"])
    most = body.get("max_completion_tokens") or body.get("max_tokens") or len(full)
    if not isinstance(most, int) or most < 1:
        raise bad_request("max_tokens: must be a positive integer")
    text = full[: most * _CHARACTERS_PER_TOKEN]
    asked, answered = _tokens("".join(text for _, text in said)), _tokens(text)
    return Completion(
        id=f"gen-{int(now)}-{hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:20]}",
        model=model,
        created=int(now),
        text=text,
        finish_reason="stop" if text == full else "length",
        prompt_tokens=asked,
        completion_tokens=answered,
        cost=(price.prompt * asked + price.completion * answered) / _MILLION,
    )


def listed() -> dict[str, Any]:
    """The models, with their prices for one token."""
    models = [_listed(name, price) for name, price in MODELS.items()]
    return {"data": models, "links": {"next": None}, "total_count": len(models)}


def _listed(name: str, price: Price) -> dict[str, Any]:
    return {
        "id": name,
        "canonical_slug": name,
        "name": name,
        "created": _RELEASED,
        "context_length": _CONTEXT,
        "architecture": {
            "modality": "text->text",
            "input_modalities": ["text"],
            "output_modalities": ["text"],
        },
        "pricing": {
            "prompt": f"{price.prompt / _MILLION:f}",
            "completion": f"{price.completion / _MILLION:f}",
        },
        "top_provider": {"context_length": _CONTEXT, "is_moderated": False},
        "supported_parameters": ["max_tokens"],
        "supported_voices": None,
        "default_parameters": None,
        "per_request_limits": None,
        "links": {"details": f"/api/v1/models/{name}/endpoints"},
    }


def _read(message: Any) -> tuple[str, str]:
    """Who speaks, and the text of it: a string, or the text parts of a list."""
    role = message.get("role") if isinstance(message, dict) else None
    if role not in ("system", "developer", "user", "assistant", "tool"):
        raise bad_request(f"messages: {role} is not a valid role")
    content = message.get("content")
    if isinstance(content, list):
        parts = [part for part in content if isinstance(part, dict) and part.get("type") == "text"]
        return role, "\n".join(str(part.get("text", "")) for part in parts)
    return role, content if isinstance(content, str) else ""


def _tokens(text: str) -> int:
    return max(1, math.ceil(len(text) / _CHARACTERS_PER_TOKEN))


def _event(content: Mapping[str, Any]) -> str:
    return f"data: {json.dumps(content)}\n\n"
