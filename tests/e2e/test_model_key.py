"""A customer's own key for real: in place of the shared one, spent, whole again, replaced, gone with them."""

import re

import httpx
import pytest

from provisioner.sandbox.control.client import Sandbox
from tests.e2e.operator import Operator

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(1500)]

EMAIL, BOT = "kim@example.com", "kim_moltbot"
MODEL = "openrouter/anthropic/claude-haiku-4.5"
KEYS = "cat /home/openclaw/.openclaw/secrets/model-*"


def use_own_keys(operator: Operator) -> None:
    path = operator.workspace / "provisioner.toml"
    text = path.read_text("utf-8").replace('provider = "shared"', 'provider = "openrouter"')
    path.write_text(re.sub(r'(?m)^model = ".*"$', f'model = "{MODEL}"', text), "utf-8")


def answers(operator: Operator, sandbox: Sandbox, secret: str) -> int:
    """The status that the model's provider gives to who has this key."""
    body = {"model": MODEL.removeprefix("openrouter/"), "messages": [{"role": "user", "content": "hi"}]}
    root = operator.environment["OPENROUTER_BASE_URL"]
    headers = {"authorization": f"Bearer {secret}"}
    return httpx.post(f"{root}/chat/completions", json=body, headers=headers, timeout=30).status_code


def test_a_key_with_a_budget_from_its_making_to_its_end(
    operator: Operator, image: str, sandbox: Sandbox
) -> None:
    def says(words: str, *, reply: str = "You wrote", timeout: float = 120) -> None:
        said = sandbox.say("kim", BOT, words)
        assert sandbox.wait_for_reply("kim", BOT, after=said.id, containing=reply, timeout=timeout), words

    def key_there() -> str:
        return operator.done("ssh", EMAIL, "--", KEYS).out.strip()

    operator.take_mark(image)
    operator.sign_up(EMAIL, "Kim Johnson", "kim", BOT)
    sandbox.press_start("kim", BOT)
    user = next(phone.id for phone in sandbox.phones() if phone.username == "kim")
    operator.done("update", EMAIL, "setup.messaging.userId", str(user))
    operator.done("provision", EMAIL)
    assert key_there() == operator.environment["ANTHROPIC_API_KEY"]

    use_own_keys(operator)
    planned = " ".join(operator.done("apply", EMAIL, "--plan").out.split())
    assert "the settings want one of the customer's own" in planned
    operator.done("apply", EMAIL)
    secret = key_there()
    own = operator.record(EMAIL)["setup"]["modelKey"]
    [key] = [one for one in sandbox.model_keys() if one["name"] == own["name"]]
    assert (key["hash"], key["limit"], key["usage"] > 0) == (own["hash"], 25, True)
    assert operator.done("apply", EMAIL, "--plan").err.startswith("0 of 1 server")
    says("hello with my own key")

    sandbox.spend(own["name"], 25)
    assert answers(operator, sandbox, secret) == 403
    before = sandbox.say("kim", BOT, "hello without any money").id
    shown = operator.done("model-key", EMAIL)
    assert "of $25 spent this month; the key is in use" in shown.err
    assert sandbox.wait_for_reply("kim", BOT, after=before, containing="cannot answer until 1 ", timeout=60)
    assert not sandbox.wait_for_reply("kim", BOT, after=before, containing="You wrote", timeout=1)

    operator.pass_days(31)
    sandbox.pass_model_days(31)
    assert answers(operator, sandbox, secret) == 200
    operator.done("rotate", "model-key", EMAIL)
    assert answers(operator, sandbox, secret) == 401
    second = key_there()
    says("hello in another month")

    operator.done("cancel", EMAIL, "--now")
    assert answers(operator, sandbox, second) == 401
    operator.pass_days(15)
    operator.done("cancel", EMAIL)
    assert [one for one in sandbox.model_keys() if one["name"] == own["name"]] == []
    assert answers(operator, sandbox, second) == 401
