"""Several customers at once, from nothing to the first message, on real droplets with small playbooks."""

import pytest

from provisioner.sandbox.control.client import Sandbox
from provisioner.workspace import Workspace
from tests.campaigns.world import put_small_playbooks
from tests.e2e.operator import Operator

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(1500)]
NAMES = ("kim", "lou", "max")


def test_three_at_once_and_one_of_them_without_a_token(operator: Operator, sandbox: Sandbox) -> None:
    put_small_playbooks(Workspace(operator.workspace))
    for name in NAMES:
        operator.sign_up(f"{name}@example.com", name.title(), f"{name}_fleet", f"{name}_fleet_bot")
        sandbox.press_start(f"{name}_fleet", f"{name}_fleet_bot")
        user = next(phone.id for phone in sandbox.phones() if phone.username == f"{name}_fleet")
        operator.done("update", f"{name}@example.com", "setup.messaging.userId", str(user))
    operator.done("update", "max@example.com", "setup.messaging.botToken", "null")
    operator.done("update", "max@example.com", "setup.messaging.platform", "signal")

    ended = operator.run("provision", "--all", "--json")

    codes = {one["email"]: one["exitCode"] for one in ended.document["customers"]}
    assert codes == {"kim@example.com": 0, "lou@example.com": 0, "max@example.com": 2}, ended.err
    assert ended.code == 2
    for name in NAMES[:2]:
        record = operator.record(f"{name}@example.com")
        assert (record["status"], record["setup"]["status"]) == ("active", "complete")
        assert [said for said in sandbox.chat(f"{name}_fleet", f"{name}_fleet_bot") if said.sender == "bot"]
