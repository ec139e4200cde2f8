"""The model that answers over the Messages API."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from provisioner.sandbox.model.answers import answer_to, name_in
from provisioner.sandbox.model.app import Model, model_app
from tests.serving import serving

KEY = "sk-ant-api03-right"
HEADERS = {"x-api-key": KEY, "anthropic-version": "2023-06-01"}
ASK: dict[str, Any] = {
    "model": "claude-sonnet-5",
    "max_tokens": 200,
    "messages": [{"role": "user", "content": "hello there"}],
}


@pytest.fixture
def model() -> Model:
    return Model(keys=frozenset({KEY}))


@pytest.fixture
def root(model: Model) -> Iterator[str]:
    with serving(model_app(model)) as address:
        yield address


@pytest.fixture
def client(root: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=root, headers=HEADERS) as made:
        yield made


def test_it_answers_with_the_words_it_read(client: httpx.Client) -> None:
    answer = client.post("/v1/messages", json=ASK)
    body = answer.json()
    assert answer.headers["request-id"].startswith("req_")
    assert (body["type"], body["role"], body["model"]) == ("message", "assistant", "claude-sonnet-5")
    assert "hello there" in body["content"][0]["text"]
    assert body["stop_reason"] == "end_turn"
    assert body["usage"]["input_tokens"] > 0
    assert body["usage"]["output_tokens"] > 5
    assert client.post("/v1/messages", json=ASK).json() == body


def test_a_stream_says_the_same_in_pieces(client: httpx.Client) -> None:
    whole = client.post("/v1/messages", json=ASK).json()
    stream = client.post("/v1/messages", json={**ASK, "stream": True})
    assert stream.headers["content-type"].startswith("text/event-stream")
    blocks = [block.split("\n") for block in stream.text.strip().split("\n\n")]
    names = [block[0].removeprefix("event: ") for block in blocks]
    events = [json.loads(block[1].removeprefix("data: ")) for block in blocks]
    assert [event["type"] for event in events] == names
    assert names[:3] == ["message_start", "content_block_start", "ping"]
    assert names[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    deltas = [event["delta"]["text"] for event in events if event["type"] == "content_block_delta"]
    assert len(deltas) > 1
    assert "".join(deltas) == whole["content"][0]["text"]
    assert events[0]["message"]["id"] == whole["id"]
    assert events[0]["message"]["stop_reason"] is None
    assert events[-2]["delta"]["stop_reason"] == "end_turn"
    assert events[-2]["usage"]["output_tokens"] == whole["usage"]["output_tokens"]


def test_an_answer_ends_at_the_most_tokens(client: httpx.Client) -> None:
    body = client.post("/v1/messages", json={**ASK, "max_tokens": 2}).json()
    assert body["stop_reason"] == "max_tokens"
    assert body["usage"]["output_tokens"] <= 2


@pytest.mark.parametrize(
    ("headers", "status", "kind"),
    [
        ({"anthropic-version": "2023-06-01"}, 401, "authentication_error"),
        ({**HEADERS, "x-api-key": "sk-ant-api03-wrong"}, 401, "authentication_error"),
        ({"x-api-key": KEY}, 400, "invalid_request_error"),
    ],
)
def test_who_is_not_let_in(model: Model, root: str, headers: dict[str, str], status: int, kind: str) -> None:
    answer = httpx.post(f"{root}/v1/messages", json=ASK, headers=headers)
    assert (answer.status_code, answer.json()["error"]["type"]) == (status, kind)
    assert KEY not in repr(model)
    assert "sk-ant" not in answer.text


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in ASK.items() if key != name}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (without("model"), "model: Field required"),
        (without("max_tokens"), "max_tokens: Field required"),
        (without("messages"), "messages: Field required"),
        ({**ASK, "max_tokens": 0}, "max_tokens"),
        ({**ASK, "max_tokens": "7"}, "max_tokens"),
        ({**ASK, "messages": []}, "at least one message"),
        ({**ASK, "messages": "hello"}, "messages"),
        ({**ASK, "messages": [{"role": "system", "content": "x"}]}, "messages.0.role"),
        ({**ASK, "messages": [{"role": "assistant", "content": "x"}]}, "first message"),
        ({**ASK, "messages": [{"role": "user", "content": ""}]}, "non-empty"),
        ({**ASK, "messages": [{"role": "user", "content": [{"type": "text", "text": ""}]}]}, "non-empty"),
        ({**ASK, "messages": [{"role": "user", "content": [{"type": "song"}]}]}, "messages.0.content.0"),
        ({**ASK, "system": 5}, "system"),
        ([ASK], "dictionary"),
    ],
)
def test_wrong_shapes_are_refused(client: httpx.Client, body: Any, words: str) -> None:
    answer = client.post("/v1/messages", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert words in answer.json()["error"]["message"]


def test_broken_json_and_unknown_models_are_refused(client: httpx.Client) -> None:
    assert client.post("/v1/messages", content=b"{").status_code == 400
    answer = client.post("/v1/messages", json={**ASK, "model": "gpt-x"})
    assert (answer.status_code, answer.json()["error"]) == (
        404,
        {"type": "not_found_error", "message": "model: gpt-x"},
    )


def test_everything_else_is_a_clean_404(root: str) -> None:
    bearer = {"authorization": f"Bearer {KEY}"}
    for answer in (
        httpx.post(f"{root}/chat/completions", json=ASK, headers=bearer),
        httpx.get(f"{root}/v1/nothing", headers=bearer),
    ):
        assert answer.status_code == 404
        assert answer.json()["type"] == "error"
        assert answer.json()["error"] == {"type": "not_found_error", "message": "Not Found"}


def test_a_wrong_method_is_told_so(client: httpx.Client) -> None:
    assert client.get("/v1/messages").status_code == 405


def test_counting_and_the_list_of_models(client: httpx.Client) -> None:
    count = client.post("/v1/messages/count_tokens", json=without("max_tokens")).json()
    assert count == {"input_tokens": client.post("/v1/messages", json=ASK).json()["usage"]["input_tokens"]}
    listed = client.get("/v1/models").json()
    assert "claude-sonnet-5" in [entry["id"] for entry in listed["data"]]
    assert client.get("/v1/models/claude-opus-5").json()["id"] == "claude-opus-5"
    assert client.get("/v1/models/claude-none").status_code == 404


def test_requests_are_kept_without_keys(model: Model, client: httpx.Client) -> None:
    client.post("/v1/messages", json=ASK)
    client.get("/v1/nope")
    assert [(seen.method, seen.path, seen.status) for seen in model.requests] == [
        ("POST", "/v1/messages", 200),
        ("GET", "/v1/nope", 404),
    ]
    assert model.requests[0].body == ASK
    assert KEY not in repr(model.requests)


def test_a_tool_result_after_the_words_does_not_hide_them(client: httpx.Client) -> None:
    turns = [
        {"role": "user", "content": [{"type": "text", "text": "weather please"}]},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "w", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "sun"}]},
    ]
    body = client.post("/v1/messages", json={**ASK, "messages": turns, "tools": [{"name": "w"}]}).json()
    assert "weather please" in body["content"][0]["text"]


FRAMED = (
    "[Sun 2026-11-22 18:22 UTC] Conversation info: ⟦openclaw:ctx⟧\n```json\n"
    '{"sender":{"id":"111","name":"Ada","username":"ada"}}\n```\n\nhello from me'
)
CONTEXT = "<<<BEGIN_OPENCLAW_INTERNAL_CONTEXT>>>\ninside\n<<<END_OPENCLAW_INTERNAL_CONTEXT>>>"
PROMPT = "## /home/x/USER.md\n# USER.md\n\n- **Name:** Ada Lovelace\n{more}\n## /x/SOUL.md\nName: No\n"


@pytest.mark.parametrize(
    ("system", "texts", "start"),
    [
        ("", [FRAMED, CONTEXT], "Hello, Ada! You wrote: “hello from me”."),
        ("", ["hi, my name is Zoë"], "Hello, Zoë! You wrote: “hi, my name is Zoë”."),
        (PROMPT.format(more=""), ["hi"], "Hello, Ada Lovelace! You wrote: “hi”."),
        (PROMPT.format(more="- **What to call them:** Countess"), ["hi"], "Hello, Countess! You"),
        ("", ["hi"], "Hello! You wrote: “hi”."),
        ("", [CONTEXT], "Hello! I am here."),
        ("", ["If nothing needs attention, reply with exactly: HEARTBEAT_OK"], "HEARTBEAT_OK"),
        ("", ["My dog is called Rex", "hi", "What is my dog called?"], "Your dog is called Rex."),
        ("", ["my dog is Ada. My dog is called Rex!", "what's my dog called?"], "Your dog is called Rex."),
        (
            "",
            ["My cat is called Tom", "What is my dog called?"],
            "You have not told me what your dog is called.",
        ),
        ("", [FRAMED.replace("hello from me", "What is my dog?")], "You have not told me what your dog is."),
        ("", ["[1] is a list"], "Hello! You wrote: “[1] is a list”."),
    ],
)
def test_what_it_says(system: str, texts: list[str], start: str) -> None:
    assert answer_to(system, texts).startswith(start)


def test_an_empty_form_has_no_name() -> None:
    assert name_in("# USER.md\n- **Name:**\n- **What to call them:**\n- **Timezone:** UTC\n") is None
