"""`health`: what is printed of servers that say something, and of those that do not."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from provisioner.customers.record import Customer
from provisioner.errors import RemoteError
from provisioner.health.report import ServerReport
from provisioner.step import Work
from provisioner.steps import mend
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
            record.update(
                {"status": "active", "setup.moltbot.installed": True, "setup.moltbot.version": "2026.9.6"}
            )
        says[email] = lambda: WELL

    def visit(customer: Customer) -> ServerReport:
        return says[customer.email]()

    monkeypatch.setattr("provisioner.runs.visiting.server_visitor", lambda *_: visit)
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


@pytest.fixture
def restarts(servers: dict[str, Callable[[], ServerReport]], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Whose gateway was started again; that mends it. How it is done over SSH is tested with the step."""
    restarted = list[str]()

    def restart(work: Work) -> None:
        restarted.append(work.customer.email)
        servers[work.customer.email] = lambda: WELL

    monkeypatch.setattr(mend, "_visit", lambda _, customer: servers[customer.email]())
    monkeypatch.setitem(mend._REMEDIES, "restart", restart)
    return restarted


def test_with_mend_what_is_wrong_is_mended_and_looked_at_again(
    invoke: Invoke, servers: dict[str, Callable[[], ServerReport]], restarts: list[str]
) -> None:
    servers[ADA] = lambda: replace(WELL, active=False, state="failed")
    assert invoke("health", "--all").code == 1
    assert restarts == []

    shown = invoke("health", "--all", "--mend")

    assert (shown.code, restarts) == (0, [ADA])
    said = " ".join(shown.out.split())
    assert said == (f"{ADA} the gateway is stopped (failed): started the gateway again, and it is well again")
    assert "server_mended" in invoke("timeline", ADA).out
    document = json.loads(invoke("health", ADA, "--mend", "--json").out)
    assert (document["healthy"], document["customers"][0]["mended"]) == (True, None)


def test_what_was_tried_already_is_shown_with_when(
    invoke: Invoke, servers: dict[str, Callable[[], ServerReport]], restarts: list[str]
) -> None:
    def stopped() -> ServerReport:
        return replace(WELL, active=False, state="failed")

    servers[ADA] = stopped
    assert invoke("health", ADA, "--mend").code == 0
    servers[ADA] = stopped

    shown = invoke("health", ADA, "--mend")

    assert (shown.code, restarts) == (1, [ADA])
    assert "started the gateway again at 20" in " ".join(shown.out.split())


def test_a_server_on_which_another_process_works_is_left_to_it(
    workspace: Workspace, invoke: Invoke, servers: dict[str, Callable[[], ServerReport]], restarts: list[str]
) -> None:
    servers[ADA] = lambda: replace(WELL, active=False, state="failed")
    with workspace.store().claim(ADA, "upgrade"):
        shown = invoke("health", ADA, "--mend")

    assert (shown.code, restarts) == (1, [])
    assert "health_changed" not in invoke("timeline", ADA).out
