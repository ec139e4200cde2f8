"""A pool for real: an image, a server that runs an empty gateway, and a customer who gets it in seconds."""

import json
import time

import pytest

from provisioner.droplets.identity import tag_of
from provisioner.sandbox.control.client import Sandbox
from tests.e2e.operator import Operator

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(1500)]

SINCE = """\
since=$(as-openclaw systemctl --user show openclaw-gateway --property ActiveEnterTimestamp --value)
date --date "$since" +%s
"""


def test_a_customer_gets_a_server_of_the_pool(operator: Operator, image: str, sandbox: Sandbox) -> None:
    operator.take_mark(image)
    settings = operator.workspace / "provisioner.toml"
    settings.write_text(settings.read_text("utf-8").replace("[pool]\nsize = 0", "[pool]\nsize = 1"), "utf-8")
    filled = operator.run("pool", "fill", "--json")
    assert filled.code == 0, filled.err
    [server] = filled.document["servers"]
    assert (server["state"], filled.document["ready"]) == ("ready", 1)
    [droplet] = [one for one in sandbox.droplets() if one.name == server["name"]]

    email, bot = "kate@example.com", "kate_moltbot"
    operator.sign_up(email, "Kate Johnson", "kate", bot)
    sandbox.press_start("kate", bot)
    user = next(phone.id for phone in sandbox.phones() if phone.username == "kate")
    operator.done("update", email, "setup.messaging.userId", str(user))
    planned = operator.done("plan", email)
    assert f"take {server['name']} from the pool" in planned.out
    before = time.time()
    provisioned = operator.done("provision", email)
    assert f"took {server['name']} from the pool" in provisioned.err.replace("\n", " ")

    record = operator.record(email)
    assert record["status"] == "active"
    assert record["setup"]["droplet"]["id"] == server["droplet"] == str(droplet.id)
    assert record["setup"]["droplet"]["hostKeyRenewed"]
    [theirs] = [one for one in sandbox.droplets() if tag_of(record["id"]) in one.tags]
    assert theirs.name == record["setup"]["droplet"]["name"]
    assert not any(tag.startswith("pool:") for tag in theirs.tags)
    # Nothing of all that made its gateway start again.
    assert int(operator.done("ssh", email, "--", SINCE).out) < before
    said = sandbox.say("kate", bot, "hello")
    assert sandbox.wait_for_reply("kate", bot, after=said.id, containing="You wrote", timeout=120)
    assert json.loads(operator.done("pool", "status", "--json").out)["servers"] == []
