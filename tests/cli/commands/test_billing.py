"""`billing`: what is printed, what a spreadsheet and a program get."""

import csv
import io
import json

import pytest

from provisioner.workspace import Workspace
from tests.billing.stories import EXAMPLE
from tests.cli.conftest import Invoke

_NOW = 1790812799.0
"""2026-09-30T23:59:59Z."""


@pytest.fixture
def paying(workspace: Workspace, invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """The nine customers of the example, on the last day of September; two of them are in the archive."""
    for number, one in enumerate(EXAMPLE):
        assert invoke("add", one.email, f"sub_{number}").code == 0
        with workspace.store().edit(one.email) as record:
            changes = [
                change.model_dump(mode="json", by_alias=True, exclude_none=True)
                for change in one.subscription.changes
            ]
            record.update({"subscription.changes": changes, "subscription.livemode": True})
    for gone in ("b@example.com", "j@example.com"):
        assert invoke("update", gone, "status", "cancelled").code == 0
        assert invoke("archive", gone).code == 0
    monkeypatch.setattr("time.time", lambda: _NOW)
    return workspace


def test_the_last_months_are_a_table(invoke: Invoke, paying: Workspace) -> None:
    shown = invoke("billing")

    assert shown.code == 0
    lines = [line.split() for line in shown.out.splitlines()]
    assert lines[0] == ["USD"]
    assert lines[-1] == ["2026-09", "5", "1", "1", "2", "$479.94", "-$9.00", "33.3%", "$95.99"]
    assert [line[0] for line in lines[2:]] == ["2026-06", "2026-07", "2026-08", "2026-09"]
    assert max(map(len, shown.out.splitlines())) <= 80


def test_one_month_has_who_moved_in_it(invoke: Invoke, paying: Workspace) -> None:
    shown = invoke("billing", "--month", "2026-09").out

    assert "a@example.com: contraction, -$9.00 a month" in shown
    assert "j@example.com: new, $89.99 a month" in shown
    assert "j@example.com: churn, -$89.99 a month" in shown
    assert "38.7% gross, 20.2% net" in shown
    assert "b@example.com" not in shown


def test_a_month_of_which_nothing_is_known(invoke: Invoke, paying: Workspace) -> None:
    assert invoke("billing", "--month", "2020-01").err == "Nothing is known of 2020-01.\n"


def test_a_program_gets_all_of_it(invoke: Invoke, paying: Workspace) -> None:
    [usd] = json.loads(invoke("billing", "--json").out)["currencies"]

    september = usd["months"][-1]
    assert (september["end"], september["committed"], september["churn"]) == (47994.17, 47994.17, 17998)
    assert (september["customerChurn"], september["plainChurn"]) == (0.3333, 0.4)
    assert usd["months"][0]["plainChurn"] is None
    assert usd["cohorts"][1]["kept"][-1] == {"month": "2026-09", "customers": 3, "monthly": 32396}


def test_a_spreadsheet_gets_a_line_a_month(invoke: Invoke, paying: Workspace) -> None:
    rows = list(csv.DictReader(io.StringIO(invoke("billing", "--csv").out)))

    assert [row["month"] for row in rows] == ["2026-06", "2026-07", "2026-08", "2026-09"]
    assert (rows[2]["currency"], rows[2]["churn"], rows[2]["quickRatio"]) == ("usd", "17998", "0.9")


def test_who_does_not_pay_and_who_is_to_pay_next_is_shown(invoke: Invoke, paying: Workspace) -> None:
    paid = {"status": "active", "amount": 8999, "currency": "usd", "currentPeriodEnd": "2026-10-10T00:00:00Z"}
    owes = {"status": "past_due", "amount": 8999, "currency": "usd"}
    for email, fields in (("a@example.com", paid), ("d@example.com", owes)):
        with paying.store().edit(email) as record:
            record.update({f"subscription.{name}": value for name, value in fields.items()})

    shown = invoke("billing")

    assert "renewals: 1 in the next 30 days, $89.99" in shown.err
    assert "d@example.com: $89.99" in shown.out


def test_who_is_not_counted_is_named(invoke: Invoke, workspace: Workspace) -> None:
    invoke("add", "ada@example.com", "sub_1")
    with workspace.store().edit("ada@example.com") as record:
        record.update({"subscription.amount": None, "subscription.currency": None})

    shown = invoke("billing")

    assert shown.code == 0
    assert "Nobody has paid anything yet" in shown.err
    assert "ada@example.com: not known: the amount, the currency" in shown.out


@pytest.mark.parametrize("words", [("--month", "2026-13"), ("--month", "x"), ("--csv", "--json")])
def test_what_cannot_be_is_refused(invoke: Invoke, workspace: Workspace, words: tuple[str, ...]) -> None:
    assert invoke("billing", *words).code == 2
