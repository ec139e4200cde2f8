"""Another size and another region for real: the assistant goes on, and knows what it was told."""

import json

import pytest

from provisioner.sandbox.control.client import Sandbox
from tests.e2e.operator import Operator

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(1500)]

EMAIL, PHONE, BOT = "rosa@example.com", "rosa", "rosa_moltbot"
MEMORY = "free --mebi | awk '/Mem/ {print $2}'"


def demand_answer(sandbox: Sandbox, text: str, answer: str) -> None:
    said = sandbox.say(PHONE, BOT, text)
    assert sandbox.wait_for_reply(PHONE, BOT, after=said.id, containing=answer, timeout=240)


def test_a_customer_gets_more_memory_and_then_another_region(
    operator: Operator, image: str, sandbox: Sandbox
) -> None:
    operator.take_mark(image)
    operator.sign_up(EMAIL, "Rosa Parks", PHONE, BOT)
    sandbox.press_start(PHONE, BOT)
    operator.done("provision", EMAIL)
    demand_answer(sandbox, "My dog is called Rex", "My dog is called Rex")
    gets_more_memory(operator, sandbox)
    old = operator.record(EMAIL)["setup"]["droplet"]["id"]
    moves(operator, sandbox, old)
    the_old_server_goes(operator, sandbox, old)


def gets_more_memory(operator: Operator, sandbox: Sandbox) -> None:
    before = operator.record(EMAIL)["setup"]["droplet"]
    assert operator.done("ssh", EMAIL, "--", MEMORY).out == "2048\n"
    operator.dies("after the assistant is halted", "resize", EMAIL, "s-2vcpu-4gb")
    operator.dies(f"after POST /v2/droplets/{before['id']}/actions", "resize", EMAIL, "s-2vcpu-4gb")
    assert "it is being resized" in operator.run("health", EMAIL, "--json").out

    resized = operator.done("resize", EMAIL, "s-2vcpu-4gb")

    assert "the server is s-2vcpu-4gb now" in resized.err
    after = operator.record(EMAIL)
    assert {**before, "size": "s-2vcpu-4gb"} == after["setup"]["droplet"]
    assert after["setup"]["resize"] is None
    assert len(operator.droplets_of(after)) == 1
    assert operator.done("ssh", EMAIL, "--", MEMORY).out == "4096\n"
    demand_answer(sandbox, "What is my dog called?", "Your dog is called Rex.")


def moves(operator: Operator, sandbox: Sandbox, old: str) -> None:
    """The old server answers until the new one is prepared; then the new one does, and nobody else."""
    operator.dies("before the assistant is stopped", "move", EMAIL, "--region", "fra1")
    demand_answer(sandbox, "are you still there?", "are you still there?")
    for place in ("after a backup got its name", "before a backup is put in its place"):
        operator.dies(place, "move", EMAIL, "--region", "fra1")

    assert "waiting until" in operator.done("move", EMAIL, "--region", "fra1").err

    record = operator.record(EMAIL)
    droplet = record["setup"]["droplet"]
    assert (droplet["region"], droplet["size"]) == ("fra1", "s-2vcpu-4gb")
    assert sorted(operator.droplets_of(record)) == sorted([old, droplet["id"]])
    assert record["setup"]["move"]["from"]["id"] == old
    assert (record["status"], record["setup"]["status"]) == ("active", "complete")
    demand_answer(sandbox, "What is my dog called?", "Your dog is called Rex.")
    running = (
        "systemctl --user is-active openclaw-gateway; systemctl --user is-enabled openclaw-gateway; true"
    )
    assert operator.done("ssh", EMAIL, "--", f"as-openclaw bash -c '{running}'").out == "active\nenabled\n"
    diagnosis = json.loads(operator.run("doctor", "--json").out)
    assert [one for one in diagnosis["troubles"] if one["whom"] in (EMAIL, old, droplet["id"])] == []
    assert len([one for one in diagnosis["costs"] if one["email"] == EMAIL]) == 2


def the_old_server_goes(operator: Operator, sandbox: Sandbox, old: str) -> None:
    operator.pass_days(14.1)
    operator.dies("before a droplet is destroyed", "move", EMAIL, "--region", "fra1")
    operator.dies("after a droplet is destroyed", "move", EMAIL, "--region", "fra1")
    assert "no other one is left" in operator.done("move", EMAIL, "--region", "fra1").err
    record = operator.record(EMAIL)
    assert operator.droplets_of(record) == [record["setup"]["droplet"]["id"]] != [old]
    demand_answer(sandbox, "and now?", "and now?")
