"""Reading and checking what is sent to the model, with the refusals of Anthropic's API."""

import json
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

_BLOCKS = {
    "user": {"text", "image", "document", "tool_result", "search_result", "container_upload"},
    "assistant": {
        "text",
        "tool_use",
        "thinking",
        "redacted_thinking",
        "server_tool_use",
        "web_search_tool_result",
    },
}


class ModelApiError(Exception):
    """The answer `{"type": "error", …}` with this HTTP status."""

    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"type": "error", "error": {"type": kind, "message": message}}


@dataclass(frozen=True)
class Asked:
    """A request that was found right. Texts are those of its text blocks; `turns` counts messages."""

    model: str
    max_tokens: int
    stream: bool
    system: str
    user_texts: tuple[str, ...]
    all_text: str
    turns: int
    fingerprint: str


async def body_of(request: Request) -> Any:
    """The JSON of the body; None when there is none."""
    raw = await request.body()
    if not raw:
        return None
    try:
        return json.loads(raw)
    except ValueError as error:
        raise _invalid(f"The request body is not valid JSON: {error}") from None


def check_access(request: Request, method: str, keys: frozenset[str]) -> None:
    """The right method, a key that is let in, and an API version."""
    if request.method != method:
        raise ModelApiError(405, "invalid_request_error", "Method Not Allowed")
    key = request.headers.get("x-api-key", "")
    if not key:
        raise ModelApiError(401, "authentication_error", "x-api-key header is required")
    if keys and key not in keys:
        raise ModelApiError(401, "authentication_error", "invalid x-api-key")
    if not request.headers.get("anthropic-version"):
        raise _invalid("anthropic-version: header is required")


def asked(body: Any, *, count_only: bool = False) -> Asked:
    """The request in a body. Raises ModelApiError: 400 for a wrong shape, 404 for no such model."""
    if not isinstance(body, dict):
        raise _invalid("Input should be a valid dictionary")
    model = _required(body, "model", str)
    max_tokens = 1 if count_only else _required(body, "max_tokens", int)
    if max_tokens < 1:
        raise _invalid("max_tokens: Input should be greater than or equal to 1")
    messages = _messages(body)
    if not model.startswith("claude-"):
        raise ModelApiError(404, "not_found_error", f"model: {model}")
    return Asked(
        model=model,
        max_tokens=max_tokens,
        stream=body.get("stream") is True,
        system=_text_of(body.get("system", ""), "system", {"text"}),
        user_texts=tuple(text for role, text in messages if role == "user"),
        all_text="".join(text for _, text in messages),
        turns=len(messages),
        fingerprint=json.dumps([model, body.get("system"), body["messages"]], sort_keys=True),
    )


def _messages(body: dict[str, Any]) -> list[tuple[str, str]]:
    messages = _required(body, "messages", list)
    if not messages:
        raise _invalid("messages: at least one message is required")
    read = [_message(message, f"messages.{at}") for at, message in enumerate(messages)]
    if read[0][0] != "user":
        raise _invalid('messages: first message must use the "user" role')
    return read


def _message(message: Any, where: str) -> tuple[str, str]:
    if not isinstance(message, dict):
        raise _invalid(f"{where}: Input should be a valid dictionary")
    role = message.get("role")
    if role not in _BLOCKS:
        raise _invalid(f"{where}.role: Input should be 'user' or 'assistant'")
    if "content" not in message:
        raise _invalid(f"{where}.content: Field required")
    if not message["content"] and role == "user":
        raise _invalid(f"{where}: all messages must have non-empty content")
    return role, _text_of(message["content"], f"{where}.content", _BLOCKS[role])


def _text_of(content: Any, where: str, kinds: set[str]) -> str:
    """The text of a content, which is a string or a list of blocks."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise _invalid(f"{where}: Input should be a valid string or list")
    return "\n".join(_block(block, f"{where}.{at}", kinds) for at, block in enumerate(content)).strip()


def _block(block: Any, where: str, kinds: set[str]) -> str:
    kind = block.get("type") if isinstance(block, dict) else None
    if kind not in kinds:
        raise _invalid(
            f"{where}: Input tag '{kind}' found using 'type' does not match any of the expected tags"
        )
    if kind != "text":
        return ""
    if not isinstance(block.get("text"), str):
        raise _invalid(f"{where}.text.text: Field required")
    if not block["text"]:
        raise _invalid(f"{where}: text content blocks must be non-empty")
    return str(block["text"])


def _required(body: dict[str, Any], name: str, kind: type) -> Any:
    if name not in body:
        raise _invalid(f"{name}: Field required")
    if not isinstance(body[name], kind) or isinstance(body[name], bool):
        raise _invalid(f"{name}: Input should be a valid {kind.__name__}")
    return body[name]


def _invalid(message: str) -> ModelApiError:
    return ModelApiError(400, "invalid_request_error", message)
