"""What is done: one answer for steps, lists and statuses, tied to the server that is there."""

import json
from typing import Any

import pytest

from provisioner.customers.done import STEPS, is_complete, is_done, steps_done, to_do_anew, waits_for
from provisioner.customers.files.document import render
from provisioner.customers.record import Record
from provisioner.customers.view import view_of
from provisioner.runs.workflow import PROVISION
from tests.customers.examples import documented, from_old_script
from tests.steps.support import new_record

LATER = "2026-12-26T00:00:00Z"


def complete(**fields: Any) -> Record:
    """A customer as a whole setup leaves them."""
    record = new_record(
        status="active",
        setup={
            "status": "complete",
            "droplet": {"id": "7", "ip": "192.0.2.7", "hostKey": "ssh-ed25519 A", "tag": "customer:x"},
            "moltbot": {"installed": True, "version": "1", "dropletId": "7"},
            "messaging": {"connected": True, "userId": "1", "botUsername": "b", "dropletId": "7"},
            "handoff": {"completed": True, "onboardingMessageSent": True, "dropletId": "7"},
        },
    )
    for path, value in fields.items():
        record.set(path.replace("__", "."), value)
    return record


def test_the_names_are_those_of_the_steps() -> None:
    assert tuple(step.name for step in PROVISION.steps) == STEPS


def test_a_handover_waits_for_what_it_says() -> None:
    handover = {"requestedAt": "2026-02-28T00:00:00Z", "sshKey": "ssh-ed25519 AAAA"}
    waiting = {"for": "to log in once", "of": "ada@example.com"}
    begun = new_record(status="active", handover=handover).customer
    waits = new_record(status="active", handover=handover, setup={"waiting": waiting}).customer
    over = new_record(status="handed_over", handover={**handover, "endedAt": "2026-02-28T00:00:00Z"}).customer

    assert waits_for(begun) == "their server to be handed over"
    assert waits_for(waits) == "ada@example.com to log in once"
    assert waits_for(over) == ""


@pytest.mark.parametrize(
    "record",
    [
        complete(),
        complete(setup__droplet__id="8"),
        complete(setup__droplet__id=None),
        complete(setup__droplet__hostKey=None),
        complete(setup__moltbot__version=None),
        complete(setup__messaging__userId=None),
        complete(setup__status="in_progress"),
        Record(documented()),
        Record(from_old_script()),
        new_record(),
    ],
    ids=lambda record: json.dumps(record.data["setup"])[:60],
)
def test_steps_and_progress_give_the_same_answer(record: Record) -> None:
    customer = record.customer

    assert steps_done(customer) == tuple(one.name for one in PROVISION.steps if one.done(customer))


def test_another_droplet_has_nothing_of_what_was_done_on_the_last_one() -> None:
    assert is_complete(complete().customer)
    assert steps_done(complete(setup__droplet__id="8").customer) == ("droplet",)
    assert steps_done(complete(setup__droplet__id=None).customer) == ()
    assert not is_complete(complete(setup__droplet__id="8").customer)


def test_an_older_record_that_names_no_droplet_is_believed_as_long_as_it_has_one() -> None:
    older = complete(
        setup__moltbot__dropletId=None, setup__messaging__dropletId=None, setup__handoff__dropletId=None
    )
    assert is_complete(older.customer)
    older.set("setup.droplet.id", None)
    assert steps_done(older.customer) == ()


def test_a_setup_that_a_person_did_by_hand_is_complete() -> None:
    assert is_complete(Record(documented()).customer)


@pytest.mark.parametrize("name", ["moltbot", "messaging"])
def test_half_of_what_a_step_writes_is_not_done_while_the_setup_goes_on(name: str) -> None:
    record = complete(
        setup__status="in_progress", setup__moltbot__version=None, setup__messaging__userId=None
    )
    assert not is_done(record.customer, name)


@pytest.mark.parametrize(
    ("over", "platform", "bot", "connected"),
    [
        ("telegram", "telegram", "b", True),
        ("telegram", None, "b", True),
        ("telegram", "Discord ", "b", False),
        ("discord", " Discord", None, True),
        ("discord", "telegram", "b", False),
        (None, "telegram", "b", True),
        (None, "telegram", None, False),
        (None, "discord", "b", False),
    ],
)
def test_connected_is_who_is_connected_over_the_platform_of_their_choice(
    over: str | None, platform: str | None, bot: str | None, connected: bool
) -> None:
    record = complete(
        setup__messaging__connectedOver=over,
        setup__messaging__platform=platform,
        setup__messaging__botUsername=bot,
    )
    assert is_done(record.customer, "messaging") is connected
    record.set("setup.messaging.userId", None)
    assert not is_done(record.customer, "messaging")


def test_for_another_server_all_is_to_do_and_what_is_the_customers_stays() -> None:
    record = complete(setup__messaging__botToken="1:AA", setup__moltbot__dropletId=None)
    for path, value in to_do_anew(record.customer).items():
        record.set(path, value)
    record.set("setup.droplet.id", "8")

    customer = record.customer
    assert steps_done(customer) == ("droplet",)
    assert (customer.status, customer.setup.status) == ("active", "in_progress")
    assert customer.setup.messaging.bot_token == "1:AA"
    assert customer.setup.handoff.onboarding_message_sent
    assert to_do_anew(customer) == {}


@pytest.mark.parametrize(
    ("status", "fields", "words"),
    [
        ("active", {}, "the end of what is paid, 2026-12-12"),
        (
            "cancelled",
            {"stoppedAt": "2026-12-12T00:00:00Z", "destroyAt": LATER},
            "the droplet's end, 2026-12-26",
        ),
        ("cancelled", {"stoppedAt": "2026-12-12T00:00:00Z", "undoAt": LATER}, "their leave to be undone"),
        ("cancelled", {"endedAt": LATER}, ""),
    ],
)
def test_what_who_leaves_waits_for(status: str, fields: dict[str, str], words: str) -> None:
    leaving = {
        "requestedAt": "2026-11-28T00:00:00Z",
        "stopAt": "2026-12-12T00:00:00Z",
        "graceDays": 14,
        **fields,
    }
    record = new_record(status=status, leaving=leaving)
    view = view_of(render(record.data))

    assert waits_for(record.customer) == words
    assert view is not None
    assert waits_for(view) == words
