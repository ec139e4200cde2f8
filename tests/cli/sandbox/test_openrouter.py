"""The sandbox's commands for OpenRouter: keys are listed, charged, and a month passes."""

from collections.abc import Iterator
from decimal import Decimal

import pytest

from provisioner.sandbox.control.client import Sandbox, running_sandbox
from provisioner.services.model_keys.openrouter import OpenRouter
from tests.cli.conftest import Invoke
from tests.cli.sandbox.test_machine import Command


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running_sandbox(tmp_path_factory.mktemp("cli") / "box") as sandbox:
        yield sandbox


def test_a_key_is_spent_and_whole_again(running: Sandbox, invoke: Invoke) -> None:
    sandbox, env = Command(invoke, running.folder.path), running.env
    client = OpenRouter(env["OPENROUTER_MANAGEMENT_KEY"], env["OPENROUTER_BASE_URL"])
    assert "no keys" in sandbox.ok("openrouter", "keys")
    made = client.create("cust_1", Decimal(20))
    sandbox.ok("openrouter", "spend", "cust_1", "12.5")
    assert client.key(made.key.hash).remaining == Decimal("7.5")
    [line] = sandbox.ok("openrouter", "keys").splitlines()
    assert line.startswith("cust_1 ")
    assert "in use   $12.50 of $20" in line
    assert made.secret.get_secret_value() not in line

    sandbox.ok("openrouter", "pass-days", "31")

    assert client.key(made.key.hash).remaining == 20
    refused = sandbox("openrouter", "spend", "nobodys", "1")
    assert (refused.code, "there is none of this name" in refused.err) == (1, True)
