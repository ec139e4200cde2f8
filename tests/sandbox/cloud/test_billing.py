"""Invoices: each resource for as long as it was there, by the month."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.sandbox.cloud.conftest import Api

HOUR = 3600


@pytest.fixture
def september(api: Api) -> Api:
    """It is the tenth, at noon."""
    api.clock.moment = datetime(2026, 9, 10, 12, tzinfo=UTC).timestamp()
    return api


def items(api: Api, period: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.http.get(f"customers/my/invoices/{uuid_of(api, period)}").json()[
        "invoice_items"
    ]
    return found


def uuid_of(api: Api, period: str) -> str:
    listed = api.http.get("customers/my/invoices").json()
    everything = [listed["invoice_preview"], *listed["invoices"]]
    return next(str(one["invoice_uuid"]) for one in everything if one["invoice_period"] == period)


def test_an_account_without_anything_owes_nothing(september: Api) -> None:
    listed = september.http.get("customers/my/invoices").json()

    assert listed["invoices"] == []
    assert (listed["invoice_preview"]["amount"], listed["invoice_preview"]["invoice_period"]) == (
        "0.00",
        "2026-09",
    )
    assert items(september, "2026-09") == []
    balance = september.http.get("customers/my/balance").json()
    assert balance == {
        "month_to_date_balance": "0.00",
        "account_balance": "0.00",
        "month_to_date_usage": "0.00",
        "generated_at": "2026-09-10T12:00:00Z",
    }


def test_a_droplet_costs_its_hours_and_nothing_when_it_is_gone(september: Api) -> None:
    droplet = september.created("ten-days")
    september.clock.pass_(240 * HOUR)
    september.http.delete(f"droplets/{droplet['id']}")
    september.clock.pass_(24 * HOUR)

    [item] = items(september, "2026-09")

    assert (item["product"], item["description"]) == ("Droplets", "ten-days (s-1vcpu-2gb)")
    assert (item["resource_id"], item["project_name"]) == (str(droplet["id"]), "first-project")
    assert (item["amount"], item["duration"], item["duration_unit"]) == ("4.29", "240", "Hours")
    assert (item["start_time"], item["end_time"]) == ("2026-09-10T12:00:00Z", "2026-09-20T12:00:00Z")
    balance = september.http.get("customers/my/balance").json()
    assert (balance["month_to_date_usage"], balance["account_balance"]) == ("4.29", "0.00")


def test_a_month_costs_at_most_the_monthly_price_whether_on_or_off(september: Api) -> None:
    september.clock.moment = datetime(2026, 9, 1, tzinfo=UTC).timestamp()
    droplet = september.created()
    september.act(droplet["id"], "power_off")
    september.clock.pass_(30 * 24 * HOUR)

    [item] = items(september, "2026-09")

    assert (item["amount"], item["duration"]) == ("12.00", "720")


def test_a_minute_costs_a_cent(september: Api) -> None:
    droplet = september.created()
    september.clock.pass_(60)
    september.http.delete(f"droplets/{droplet['id']}")

    assert [item["amount"] for item in items(september, "2026-09")] == ["0.01"]


def test_what_never_came_up_costs_nothing(september: Api) -> None:
    assert september.create(user_data="☃").status_code == 202
    september.clock.pass_(HOUR)

    assert items(september, "2026-09") == []


def test_another_size_has_another_price_from_then_on(september: Api) -> None:
    droplet = september.created("grows")
    september.act(droplet["id"], "power_off")
    september.clock.pass_(100 * HOUR)
    september.act(droplet["id"], "resize", size="s-2vcpu-4gb")
    september.clock.pass_(100 * HOUR)

    found = items(september, "2026-09")

    assert [(item["description"], item["amount"]) for item in found] == [
        ("grows (s-1vcpu-2gb)", "1.79"),
        ("grows (s-2vcpu-4gb)", "3.57"),
    ]


def test_a_snapshot_costs_by_its_size_until_it_is_deleted(september: Api) -> None:
    droplet = september.created()
    september.act(droplet["id"], "snapshot", name="kept")
    september.http.delete(f"droplets/{droplet['id']}")
    september.clock.moment = datetime(2026, 10, 1, tzinfo=UTC).timestamp()
    september.clock.pass_(336 * HOUR)
    [snapshot] = september.http.get("snapshots").json()["snapshots"]
    september.http.delete(f"snapshots/{snapshot['id']}")
    september.clock.pass_(100 * HOUR)

    [item] = items(september, "2026-10")

    # 2.5 GiB at $0.06, for half of the 672 hours that make a month.
    assert (item["product"], item["description"], item["amount"]) == (
        "Snapshots",
        "kept (2.5 GiB)",
        "0.08",
    )
    assert item["resource_id"] == snapshot["id"]


def test_each_month_has_its_invoice_and_its_payment(september: Api) -> None:
    september.created("a")
    september.created("b")
    september.clock.moment = datetime(2026, 11, 1, tzinfo=UTC).timestamp()

    listed = september.http.get("customers/my/invoices", params={"per_page": 1}).json()
    history = september.http.get("customers/my/billing_history").json()["billing_history"]

    assert [one["invoice_period"] for one in listed["invoices"]] == ["2026-10"]
    assert listed["invoices"][0]["amount"] == "24.00"
    assert (listed["meta"]["total"], "next" in listed["links"]["pages"]) == (2, True)
    assert listed["invoice_preview"]["invoice_period"] == "2026-11"
    # 492 hours of two droplets, and then a whole month of them.
    assert [(one["type"], one["amount"], one["date"]) for one in history] == [
        ("Payment", "-24.00", "2026-11-01T01:00:00Z"),
        ("Invoice", "24.00", "2026-11-01T00:00:00Z"),
        ("Payment", "-17.58", "2026-10-01T01:00:00Z"),
        ("Invoice", "17.58", "2026-10-01T00:00:00Z"),
    ]


def test_the_summary_and_the_table_say_the_same(september: Api) -> None:
    droplet = september.created("a")
    september.act(droplet["id"], "snapshot", name="kept, and quoted")
    september.clock.pass_(10 * HOUR)
    address = f"customers/my/invoices/{uuid_of(september, '2026-09')}"

    summary = september.http.get(f"{address}/summary").json()
    table = september.http.get(f"{address}/csv")
    when = "2026-09-10 12:00:00 +0000,2026-09-10 22:00:00 +0000"

    assert summary["amount"] == summary["product_charges"]["amount"] == "0.19"
    assert summary["product_charges"]["items"] == [
        {"name": "Droplets", "amount": "0.18", "count": "1"},
        {"name": "Snapshots", "amount": "0.01", "count": "1"},
    ]
    assert table.headers["content-type"].startswith("text/csv")
    assert table.text.splitlines() == [
        "product,group_description,description,hours,start,end,USD,project_name,category",
        f"Droplets,,a (s-1vcpu-2gb),10,{when},$0.18,first-project,iaas",
        f'Snapshots,,"kept, and quoted (2.5 GiB)",10,{when},$0.01,,iaas',
    ]


def test_an_unknown_invoice_is_not_found(september: Api) -> None:
    for path in ("", "/summary", "/csv"):
        assert september.http.get(f"customers/my/invoices/nobody{path}").status_code == 404
