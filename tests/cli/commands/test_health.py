"""`health`: what is printed of servers that say something, and of those that do not."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from provisioner.customers.record import Customer
from provisioner.errors import RemoteError
from provisioner.health.report import ServerReport
from provisioner.workspace import Workspace
from tests.cli.conftest import Invoke
from tests.health.test_judge import WELL

ADA, BOB, NEW = "ada@example.com", "bob@example.com", "new@example.com"


@pytest.fixture
def servers(
    workspace: Workspace, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Callable[[], ServerReport]]:
    """What each customer's server does when it is asked; the one who is new has none."""
    says: dict[str, Callable[[], ServerReport]] = {}
    for number, email in enumerate((ADA, BOB, NEW)):
        assert invoke("add", email, f"sub_{number}").code == 0
    for number, email in enumerate((ADA, BOB), start=1):
        with workspace.store().edit(email) as record:
            there = {"id": str(number), "ip": f"192.0.2.{number}"}
            record.update({f"setup.droplet.{name}": value for name, value in there.items()})
            record.update({"setup.moltbot.installed": True, "setup.moltbot.version": "2026.9.6"})
        says[email] = lambda: WELL

    def visit(customer: Customer) -> ServerReport:
        return says[customer.email]()

    monkeypatch.setattr("provisioner.health.visit.server_visitor", lambda *_: visit)
    return says


def test_servers_that_are_well_take_one_line(invoke: Invoke, servers: object) -> None:
    shown = invoke("health", "--all")

    assert (shown.code, shown.out) == (0, "")
    assert "looked at: 2 servers in 0." in shown.err
    assert shown.err.endswith("nothing wrong\n")


def test_what_is_wrong_is_shown_with_what_to_do_and_ends_with_1(
    invoke: Invoke, servers: dict[str, Callable[[], ServerReport]]
) -> None:
    def silent() -> ServerReport:
        raise RemoteError("connect", cause="no answer")

    servers[ADA] = lambda: replace(WELL, active=False, state="failed", reboot_required=True)
    servers[BOB] = silent

    shown = invoke("health", "--all")

    assert shown.code == 1
    assert f"{ADA}\n✗ the gateway is stopped (failed)\n" in shown.out
    assert f"→ provisioner ssh {ADA} -- openclaw-gateway restart" in shown.out
    assert "! an update of the system" in shown.out
    assert f"{BOB}\n✗ it does not answer: no answer" in shown.out
    assert "2 servers" in shown.err
    assert "2 wrong" in shown.err
    assert "health_changed" in invoke("timeline", ADA).out


def test_the_document_has_each_with_its_report(
    invoke: Invoke, servers: dict[str, Callable[[], ServerReport]]
) -> None:
    servers[ADA] = lambda: replace(WELL, disk_free=1)

    shown = invoke("health", ADA, "--json")

    document = json.loads(shown.out)
    (ada,) = document["customers"]
    assert (shown.code, document["kind"], document["healthy"]) == (1, "health", False)
    assert (ada["email"], [one["about"] for one in ada["findings"]]) == (ADA, ["disk"])
    assert ada["report"]["disk_free"] == 1
    assert ada["report"]["channels"]["telegram"]["connected"] is True


@pytest.mark.parametrize(
    ("words", "said"),
    [((), "whom is not clear"), ((ADA, "--all"), "whom is not clear"), ((NEW,), "no assistant runs")],
)
def test_whom_it_is_about_has_to_be_clear(
    invoke: Invoke, servers: object, words: tuple[str, ...], said: str
) -> None:
    refused = invoke("health", *words)
    assert refused.code == 2
    assert said in refused.err


def test_where_nobody_has_an_assistant_it_says_so(invoke: Invoke) -> None:
    shown = invoke("health", "--all")
    assert (shown.code, "There is nobody whose assistant runs." in shown.err) == (0, True)
