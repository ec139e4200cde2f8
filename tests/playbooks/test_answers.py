"""openclaw-answers: what it makes of what `openclaw agent --json` prints."""

import json
from types import ModuleType
from typing import Any

import pytest

from tests.playbooks.programs import program

# Seen from openclaw 2026.9.6 with a key that the provider refuses.
REFUSED: dict[str, Any] = {
    "ok": False,
    "runId": "2bc4ef2e",
    "origin": "gateway",
    "error": {
        "type": "cli_error",
        "message": "⚠️ anthropic/claude-sonnet-5 request failed (authentication failed, HTTP 401)."
        " Re-authenticate the provider and try again.",
    },
}


def turn(payload: dict[str, Any], status: str = "ok", **meta: Any) -> dict[str, Any]:
    return {
        "runId": "3ca6",
        "status": status,
        "summary": status,
        "result": {"payloads": [payload], "meta": meta},
    }


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return program("moltbot", "openclaw-answers", monkeypatch)


def test_an_answer_is_one(answers: ModuleType) -> None:
    assert answers.judged(turn({"text": "READY", "mediaUrl": None}, aborted=False)) == {
        "answers": True,
        "text": "READY",
    }


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (
            REFUSED,
            REFUSED["error"]["message"].removeprefix("⚠️ "),
        ),
        (turn({"text": "Your credit balance is too low", "isError": True}), "Your credit balance is too low"),
        (turn({}, error={"message": "overloaded"}), "overloaded"),
        (turn({"text": "half of"}, aborted=True), "half of"),
        (turn({}, status="timeout"), "timeout"),
        (turn({"text": " \n"}), "the answer was empty"),
        ({**turn({}), "result": {}}, "the answer was empty"),
    ],
)
def test_what_is_none_says_why(answers: ModuleType, said: dict[str, Any], reason: str) -> None:
    assert answers.judged(said) == {"answers": False, "reason": reason}


@pytest.mark.parametrize(
    ("printed", "code", "reason"),
    [
        ("", 124, "no answer within"),
        ("", 127, "exit code 127"),
        ("null", 1, "exit code 1"),
        ('{"result": 7, "status": "ok"}', 0, "without an answer"),
        ("[" * 200_000, 125, "exit code 125"),
        (json.dumps({"error": {"message": "\x1b[2J" + "x" * 9000}}), 1, "[2J"),
    ],
)
def test_whatever_is_printed_it_ends_with_a_short_reason(
    answers: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Any, printed: str, code: int, reason: str
) -> None:
    (tmp_path / "printed").write_text(printed)
    hear = tmp_path / "hear"
    hear.write_text(f"#!/bin/bash\ncat {tmp_path}/printed\nexit {code}\n")
    hear.chmod(0o755)
    monkeypatch.setattr(answers, "HEAR", str(hear))

    said = answers.answer()

    assert said["answers"] is False
    assert reason in said["reason"]
    assert len(said["reason"]) <= 400
    assert said["reason"].isprintable()
