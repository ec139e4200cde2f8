"""openclaw-answers: what it makes of what the gateway answers."""

import json
import subprocess
import sys
from types import ModuleType
from typing import Any

import pytest

from provisioner.playbook.load import shipped_playbooks
from tests.playbooks.programs import program

# Seen from openclaw 2026.9.6 with a key that the provider refuses.
REFUSED: dict[str, Any] = {
    "error": {
        "message": '401: {"error":{"message":"invalid x-api-key","type":"authentication_error"}}',
        "type": "authentication_error",
    }
}
OVERLOADED: dict[str, Any] = {"error": {"message": "upstream provider overloaded", "type": "api_error"}}


def turn(text: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    return {
        "status": 200,
        "body": {"object": "chat.completion", "choices": [{"index": 0, "message": message}]},
    }


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return program("openclaw", "openclaw-answers", monkeypatch)


def test_an_answer_is_one(answers: ModuleType) -> None:
    assert answers.judged(turn("READY")) == {"answers": True, "text": "READY"}


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"status": 401, "body": REFUSED}, "invalid x-api-key (HTTP 401)"),
        ({"status": 529, "body": OVERLOADED}, "upstream provider overloaded (HTTP 529)"),
        (
            {"status": 404, "body": {}},
            "gateway.http.endpoints.chatCompletions is not enabled in its configuration",
        ),
        ({"status": 404, "body": {"error": {"message": "model: nosuch"}}}, "model: nosuch (HTTP 404)"),
        (turn(" \n"), "the answer was empty"),
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
        ('{"body": 7, "status": 200}', 0, "no answer that can be read"),
        ("[" * 200_000, 125, "exit code 125"),
        (json.dumps({"status": 500, "body": {"error": {"message": "\x1b[2J" + "x" * 9000}}}), 0, "[2J"),
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


RESTING: dict[str, Any] = {"status": 500, "body": {"error": {"message": "internal error"}}}


def test_a_gateway_that_rests_after_a_refused_key_is_asked_again(
    answers: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = iter([RESTING, RESTING, turn("READY")])
    monkeypatch.setattr(answers, "PAUSE_SECONDS", 0)
    monkeypatch.setattr(answers, "one_turn", lambda: next(said))

    assert answers.turn() == turn("READY")


def test_one_that_goes_on_resting_is_not_asked_for_ever(
    answers: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "REST_SECONDS", 0)
    monkeypatch.setattr(answers, "one_turn", lambda: RESTING)

    assert answers.turn() == RESTING


def test_a_model_that_stands_in_says_one_word_in_the_providers_way() -> None:
    program_file = shipped_playbooks() / "openclaw" / "files" / "stand-in-model"
    ask = "curl --silent --data {} $STAND_IN_MODEL/v1/messages; exit 7"

    ended = subprocess.run(
        [sys.executable, program_file, "sh", "-c", ask], capture_output=True, text=True, check=False
    )

    assert ended.returncode == 7
    events = [json.loads(line[6:]) for line in ended.stdout.splitlines() if line.startswith("data: ")]
    assert [event["delta"]["text"] for event in events if event["type"] == "content_block_delta"] == ["READY"]
    assert events[-1] == {"type": "message_stop"}
