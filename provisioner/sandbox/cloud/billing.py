"""Invoices, balance and billing history, from what was used and for how long.

An invoice is of a calendar month in UTC, issued and paid on the first of the next one; the running month has
a preview. That durations are hours with two decimals, though droplets are charged by the second, is our
choice. There are no taxes, no credits and no PDF files.
"""

import csv
import io
import uuid
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from starlette.responses import Response

from provisioner.sandbox.cloud.account import OWNER
from provisioner.sandbox.cloud.call import Call, Endpoint, answer
from provisioner.sandbox.cloud.errors import not_found
from provisioner.sandbox.cloud.pagination import SinglePage, paginate
from provisioner.sandbox.cloud.state import Cloud
from provisioner.sandbox.cloud.usage import Use

_COLUMNS: Final = (
    "product",
    "group_description",
    "description",
    "hours",
    "start",
    "end",
    "USD",
    "project_name",
    "category",
)
_CATEGORY: Final = "iaas"
_NOTHING: Final = Decimal("0.00")


@dataclass(frozen=True)
class Month:
    """A calendar month; `start` and `end` are in seconds since the epoch."""

    name: str
    start: float
    end: float

    @classmethod
    def of(cls, moment: float) -> "Month":
        at = datetime.fromtimestamp(moment, UTC)
        first = datetime(at.year, at.month, 1, tzinfo=UTC)
        following = datetime(at.year + at.month // 12, at.month % 12 + 1, 1, tzinfo=UTC)
        return cls(first.strftime("%Y-%m"), first.timestamp(), following.timestamp())


@dataclass(frozen=True)
class Invoice:
    """What was used in one month, up to `until`, in seconds since the epoch."""

    month: Month
    uses: tuple[Use, ...]
    until: float

    @property
    def uuid(self) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"invoice {self.month.name}"))

    @property
    def amount(self) -> Decimal:
        return sum((self.cost(use) for use in self.uses), _NOTHING)

    def cost(self, use: Use) -> Decimal:
        return use.cost(self.month.start, self.until)

    def starts(self, use: Use) -> float:
        return max(use.start, self.month.start)

    def ends(self, use: Use) -> float:
        if use.hourly is None:
            return use.start
        return self.until if use.end is None else min(use.end, self.until)

    def hours(self, use: Use) -> str:
        if use.hourly is None:
            return ""
        return f"{use.hours(self.month.start, self.until):.2f}".removesuffix(".00")


def balance(call: Call) -> Response:
    """Invoices are paid at once: only the running month is owed."""
    usage = preview_of(call.cloud).amount
    return answer(
        {
            "month_to_date_balance": str(usage),
            "account_balance": str(_NOTHING),
            "month_to_date_usage": str(usage),
            "generated_at": call.cloud.timestamp(),
        }
    )


def history(call: Call) -> Response:
    """Each invoice, and its payment a moment later; the newest first."""
    entries = [entry for invoice in issued(call.cloud) for entry in (_payment(invoice), _issue(invoice))]
    return paginate(call, "billing_history", entries, dict, SinglePage.EMPTY_PAGES)


def index(call: Call) -> Response:
    preview = {**_brief(preview_of(call.cloud)), "updated_at": call.cloud.timestamp()}
    more = {"invoice_preview": preview}
    return paginate(call, "invoices", issued(call.cloud), _brief, SinglePage.EMPTY_PAGES, more)


def show(call: Call) -> Response:
    invoice = _asked(call)
    return paginate(call, "invoice_items", invoice.uses, lambda use: _item(call.cloud, invoice, use))


def summary(call: Call) -> Response:
    invoice = _asked(call)
    return answer(
        {
            "invoice_uuid": invoice.uuid,
            "billing_period": invoice.month.name,
            "amount": str(invoice.amount),
            "user_name": OWNER["name"],
            "user_billing_address": _ADDRESS,
            "user_company": "StuffPress",
            "user_email": OWNER["email"],
            "product_charges": _charges(invoice),
            "overages": {"name": "Overages", "amount": str(_NOTHING)},
            "taxes": {"name": "Taxes", "amount": str(_NOTHING)},
            "credits_and_adjustments": {"name": "Credits & adjustments", "amount": str(_NOTHING)},
        }
    )


def as_csv(call: Call) -> Response:
    invoice = _asked(call)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for use in invoice.uses:
        writer.writerow(_row(call.cloud, invoice, use))
    return Response(text.getvalue(), media_type="text/csv")


def issued(cloud: Cloud) -> list[Invoice]:
    """One for each month that has ended and in which something was used; the newest first."""
    running = Month.of(cloud.now())
    starts = [use.start for use in cloud.usage.uses]
    month = Month.of(min(starts, default=running.start))
    invoices = []
    while month.start < running.start:
        invoices.append(_invoice(cloud, month, month.end))
        month = Month.of(month.end)
    return [invoice for invoice in reversed(invoices) if invoice.uses]


def preview_of(cloud: Cloud) -> Invoice:
    """What the running month would come to if it ended now."""
    return _invoice(cloud, Month.of(cloud.now()), cloud.now())


def _invoice(cloud: Cloud, month: Month, until: float) -> Invoice:
    return Invoice(month, tuple(use for use in cloud.usage.uses if use.within(month.start, month.end)), until)


def _asked(call: Call) -> Invoice:
    everything = (preview_of(call.cloud), *issued(call.cloud))
    found = next((one for one in everything if one.uuid == call.path["invoice"]), None)
    if found is None:
        raise not_found()
    return found


def _brief(invoice: Invoice) -> dict[str, Any]:
    return {
        "invoice_uuid": invoice.uuid,
        "amount": str(invoice.amount),
        "invoice_period": invoice.month.name,
    }


def _item(cloud: Cloud, invoice: Invoice, use: Use) -> dict[str, Any]:
    return {
        "product": use.product,
        "resource_id": use.resource.rpartition(":")[2],
        "resource_uuid": str(uuid.uuid5(uuid.NAMESPACE_URL, use.resource)),
        "group_description": "",
        "description": use.description,
        "amount": str(invoice.cost(use)),
        "duration": invoice.hours(use),
        "duration_unit": "Hours" if use.hourly is not None else "",
        "start_time": _written(invoice.starts(use)),
        "end_time": _written(invoice.ends(use)),
        "project_name": cloud.project_name(use.resource),
        "category": _CATEGORY,
    }


def _row(cloud: Cloud, invoice: Invoice, use: Use) -> list[str]:
    start, end = (_moment(at) for at in (invoice.starts(use), invoice.ends(use)))
    project, cost = cloud.project_name(use.resource), f"${invoice.cost(use)}"
    return [
        use.product,
        "",
        use.description,
        invoice.hours(use),
        *(f"{at:%Y-%m-%d %H:%M:%S} +0000" for at in (start, end)),
        cost,
        project,
        _CATEGORY,
    ]


def _charges(invoice: Invoice) -> dict[str, Any]:
    products: dict[str, list[Decimal]] = defaultdict(list)
    for use in invoice.uses:
        products[use.product].append(invoice.cost(use))
    items = [
        {"name": product, "amount": str(sum(costs, _NOTHING)), "count": str(len(costs))}
        for product, costs in products.items()
    ]
    return {"name": "Product usage charges", "amount": str(invoice.amount), "items": items}


def _issue(invoice: Invoice) -> Mapping[str, Any]:
    month = _moment(invoice.month.start)
    return {
        "description": f"Invoice for {month:%B %Y}",
        "amount": str(invoice.amount),
        "invoice_id": f"{month:%Y%m}",
        "invoice_uuid": invoice.uuid,
        "date": _written(invoice.month.end),
        "type": "Invoice",
    }


def _payment(invoice: Invoice) -> Mapping[str, Any]:
    paid = invoice.month.end + _UNTIL_PAID
    return {
        "description": "Payment (VISA 4242)",
        "amount": str(-invoice.amount),
        "date": _written(paid),
        "type": "Payment",
    }


_UNTIL_PAID: Final = 3600
_ADDRESS: Final = {
    "address_line1": "1 Sandbox Way",
    "address_line2": "",
    "city": "Nowhere",
    "region": "CA",
    "postal_code": "00000",
    "country_iso2_code": "US",
    "created_at": "2026-01-01T00:00:00Z",
    "updated_at": "2026-01-01T00:00:00Z",
}


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def _written(at: float) -> str:
    return f"{_moment(at):%Y-%m-%dT%H:%M:%SZ}"


ENDPOINTS = (
    Endpoint("GET", "/customers/my/balance", balance),
    Endpoint("GET", "/customers/my/billing_history", history),
    Endpoint("GET", "/customers/my/invoices", index),
    Endpoint("GET", "/customers/my/invoices/{invoice}", show),
    Endpoint("GET", "/customers/my/invoices/{invoice}/summary", summary),
    Endpoint("GET", "/customers/my/invoices/{invoice}/csv", as_csv),
)
