"""`list`, `status` and `provision` give one answer to whether a customer is done, and what they wait for."""

import json
from typing import Any

import pytest

from provisioner.customers.record import Record
from provisioner.workspace import Workspace
from tests.cli.conftest import Invoke
from tests.customers.test_done import complete

EMAIL = "customer@example.com"
WAITING = {"for": "to press Start", "of": "@ada", "since": "2026-01-29T05:54:00Z"}


def _listed(invoke: Invoke, *options: str) -> dict[str, Any]:
    [customer] = json.loads(invoke("list", "--json", *options).out)["customers"]
    assert isinstance(customer, dict)
    return customer


@pytest.fixture(autouse=True)
def _no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is to do ends with what is missing for it."""
    for name in ("DIGITALOCEAN_ACCESS_TOKEN", "ANTHROPIC_API_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("record", "done"),
    [
        (complete(), True),
        # A run that died after its last step's write has left what it waited for.
        (complete(setup__waiting=WAITING), True),
        # What setup.status says is not so of the server that is there now.
        (complete(setup__droplet__id="8"), False),
        (complete(setup__droplet__id=None, setup__waiting=WAITING), False),
        (complete(setup__moltbot__installed=False), False),
    ],
)
def test_done_is_done_for_all(invoke: Invoke, workspace: Workspace, record: Record, done: bool) -> None:
    workspace.store().add(record)

    listed, status = _listed(invoke), json.loads(invoke("status", "--json").out)

    assert (listed["state"] == "done") is done
    assert (listed["waitsFor"] is None) is done
    assert not (done and listed["waitingSince"])
    assert (status["counts"]["done"], len(status["customers"])) == ((1, 0) if done else (0, 1))
    assert (invoke("provision", EMAIL).code == 0) is done
    assert workspace.store().read(EMAIL).data == record.data


@pytest.mark.parametrize(("droplet", "state"), [("7", "done"), ("8", None)])
def test_the_archive_is_no_exception(
    invoke: Invoke, workspace: Workspace, droplet: str, state: str | None
) -> None:
    workspace.store().add(complete(setup__droplet__id=droplet))
    workspace.store().archive(EMAIL)

    assert _listed(invoke, "--archived")["state"] == state
