"""One request to a model's provider and its whole answer, within a time and a size, sent nowhere else."""

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from provisioner.services.trust import certificates

if TYPE_CHECKING:
    import httpx

_MOST_BYTES: Final = 1_000_000
_MOST_WORDS: Final = 300


@dataclass(frozen=True)
class Answer:
    """`body` is None where it is no JSON; `headers` have lower-case names."""

    status: int
    body: Any
    headers: Mapping[str, str]


def ask(
    method: str,
    address: str,
    headers: Mapping[str, str],
    *,
    body: Mapping[str, Any] | None = None,
    deadline: float,
) -> Answer:
    """`deadline` is in seconds, for all of it. TimeoutError, UnicodeError, or one of httpx's errors."""
    return asyncio.run(_ask(method, address, headers, body, deadline))


def in_short(words: object) -> str:
    """What somebody else says, in one line that can be shown."""
    return " ".join(str(words).split())[:_MOST_WORDS]


def reason(problem: Exception) -> str:
    """Why nobody answered, in the words of whoever noticed."""
    return in_short(problem) or type(problem).__name__


async def _ask(
    method: str, address: str, headers: Mapping[str, str], body: Mapping[str, Any] | None, deadline: float
) -> Answer:
    import httpx

    sent = {"accept": "application/json", **headers}
    # Whatever it is made of, an answer has this time in all: httpx alone counts each piece of it anew.
    async with (
        asyncio.timeout(deadline),
        httpx.AsyncClient(timeout=deadline, verify=certificates()) as client,
        client.stream(method, address, headers=sent, json=body) as response,
    ):
        read = _read_json(await _bounded(response))
        return Answer(response.status_code, read, dict(response.headers))


async def _bounded(response: "httpx.Response") -> bytes:
    """The body, or its beginning where it has no end worth reading."""
    read = bytearray()
    async for piece in response.aiter_bytes():
        read += piece
        if len(read) > _MOST_BYTES:
            break
    return bytes(read)


def _read_json(raw: bytes) -> Any:
    with suppress(ValueError, RecursionError):
        return json.loads(raw)
    return None
