"""Figures as people, spreadsheets and programs get them: rounded here, and nowhere before."""

import csv
import io
from collections.abc import Iterable
from fractions import Fraction
from typing import Final

from provisioner.billing.figures import Currency
from provisioner.billing.months import Month
from provisioner.billing.movements import KINDS
from provisioner.payments.money import in_words

UNKNOWN: Final = "—"


def money(amount: Fraction | None, currency: str) -> str:
    """An amount for people: "$89.99"."""
    return UNKNOWN if amount is None else in_words(round(amount), currency)


def percent(rate: Fraction | None) -> str:
    """A part of 1 for people: "33.3%"."""
    return UNKNOWN if rate is None else f"{float(rate):.1%}"


def csv_of(currencies: Iterable[Currency]) -> str:
    """All months of all currencies, a line each; amounts are in the currency's smallest unit."""
    rows = [{"currency": one.code, **document_of(month)} for one in currencies for month in one.months]
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]) if rows else ["currency", "month"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def document_of(month: Month) -> dict[str, object]:
    """A month as a program gets it."""
    return {
        "month": month.month,
        "start": number(month.start),
        **{kind: number(month.amount(kind)) for kind in KINDS},
        "end": number(month.end),
        "committed": number(month.committed),
        "customersStart": month.customers_start,
        **{f"{kind}Customers": month.count(kind) for kind in KINDS},
        "customersEnd": month.customers_end,
        "customerChurn": _rate(month.customer_churn),
        "plainChurn": _rate(month.plain_churn),
        "grossChurn": _rate(month.gross_churn),
        "netChurn": _rate(month.net_churn),
        "arpu": number(month.arpu),
        "lifetimeValue": number(month.lifetime_value),
        "quickRatio": _rate(month.quick_ratio),
        "yearly": number(month.yearly),
        "trialsEnded": month.trials_ended,
        "trialsConverted": month.trials_converted,
    }


def number(amount: Fraction | None) -> float | int | None:
    """In the smallest unit, to its hundredth."""
    if amount is None:
        return None
    return amount.numerator if amount.denominator == 1 else round(float(amount), 2)


def _rate(rate: Fraction | None) -> float | None:
    return None if rate is None else round(float(rate), 4)
