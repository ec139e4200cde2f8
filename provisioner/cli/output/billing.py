"""Revenue and churn, for people, as JSON, and for a spreadsheet."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from provisioner.billing.movements import KINDS
from provisioner.cli.output.job_results import unreadable, unreadable_files
from provisioner.cli.output.result import Block, Message, Paragraph, Result, Table, Verbatim, Wrapped
from provisioner.payments.money import in_words
from provisioner.timestamps import written

if TYPE_CHECKING:
    from provisioner.billing.cohorts import Cohort
    from provisioner.billing.figures import Currency, Figures
    from provisioner.billing.months import Month
    from provisioner.customers.store import AnyListing

_MONTHS = 12
"""How many months are printed."""
_LISTED = 20
"""How many customers are printed of each kind."""
_UNKNOWN = "—"
_HEADER = ("month", "customers", "new", "back", "lost", "MRR", "change", "churn", "ARPU")


@dataclass(frozen=True)
class BillingResult(Result):
    """The last twelve months of each currency; all of them as JSON."""

    figures: "Figures"
    broken: "tuple[AnyListing, ...]"
    kind = "billing"

    @property
    def exit_code(self) -> int:
        return 1 if self.broken else 0

    def blocks(self) -> Iterator[Block]:
        yield from unreadable_files(self.broken)
        for one in self.figures.currencies:
            if one.months:
                yield one.code.upper()
                rows = [_row(month, one.code) for month in one.months[-_MONTHS:]]
                yield Table(_HEADER, rows, {})
        if not any(one.months for one in self.figures.currencies):
            yield Message("Nobody has paid anything yet, as far as the records tell.")
        yield from _ahead(self.figures)
        yield from _not_counted(self.figures)

    def document(self) -> dict[str, object]:
        return {
            "currencies": [_currency(one) for one in self.figures.currencies],
            "renewals": [
                {"email": one.customer, "at": written(one.at), "amount": one.amount, "currency": one.currency}
                for one in self.figures.renewals
            ],
            "unpaid": [
                {"email": one.customer, "since": one.since, "amount": one.amount, "currency": one.currency}
                for one in self.figures.unpaid
            ],
            "uncounted": [{"email": one.customer, "why": one.why} for one in self.figures.uncounted],
            "unreadable": list(map(unreadable, self.broken)),
        }


@dataclass(frozen=True)
class MonthResult(BillingResult):
    """One month, with who moved in it."""

    month: str

    def blocks(self) -> Iterator[Block]:
        yield from unreadable_files(self.broken)
        found = [(one, month) for one in self.figures.currencies for month in one.months]
        there = [(one, month) for one, month in found if month.month == self.month]
        for one, month in there:
            yield f"{self.month}, {one.code.upper()}"
            yield Table(("figure", "value"), list(_rows_of_month(month, one.code)), {})
            yield from _moved(one, self.month)
        if not there:
            yield Message(f"Nothing is known of {self.month}.")
        yield from _not_counted(self.figures)

    def document(self) -> dict[str, object]:
        return {
            "month": self.month,
            "currencies": [
                {
                    "currency": one.code,
                    "figures": _month(month),
                    "movements": [
                        {
                            "at": written(moved.at),
                            "email": moved.customer,
                            "kind": moved.kind,
                            "amount": _number(moved.amount),
                        }
                        for moved in one.movements
                        if moved.month == self.month
                    ],
                }
                for one in self.figures.currencies
                for month in one.months
                if month.month == self.month
            ],
            "unreadable": list(map(unreadable, self.broken)),
        }


@dataclass(frozen=True)
class BillingCsv(BillingResult):
    """All months of all currencies, a line each; amounts are in the currency's smallest unit."""

    def blocks(self) -> Iterator[Block]:
        rows = [
            {"currency": one.code, **_month(month)} for one in self.figures.currencies for month in one.months
        ]
        yield from unreadable_files(self.broken)
        out = io.StringIO()
        writer = csv.DictWriter(out, list(rows[0]) if rows else ["currency", "month"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        yield Verbatim(out.getvalue())


def _row(month: "Month", currency: str) -> tuple[str, ...]:
    counts = (month.count("new"), month.count("reactivation"), month.count("churn"))
    amounts = (_money(month.end, currency), _money(month.end - month.start, currency))
    rates = (_percent(month.customer_churn), _money(month.arpu, currency))
    return (month.month, str(month.customers_end), *map(str, counts), *amounts, *rates)


def _rows_of_month(month: "Month", currency: str) -> Iterator[tuple[str, str]]:
    yield "MRR at the start", _money(month.start, currency)
    for kind in KINDS:
        yield kind, f"{_money(month.amount(kind), currency)} ({month.count(kind)})"
    yield "MRR at the end", _money(month.end, currency)
    yield "of it nobody has ended", _money(month.committed, currency)
    yield "ARR", _money(month.yearly, currency)
    yield "customers", f"{month.customers_start} at the start, {month.customers_end} at the end"
    yield "customer churn", f"{_percent(month.customer_churn)} (plain {_percent(month.plain_churn)})"
    yield "MRR churn", f"{_percent(month.gross_churn)} gross, {_percent(month.net_churn)} net"
    yield "ARPU", _money(month.arpu, currency)
    yield "lifetime value", _money(month.lifetime_value, currency)
    yield "quick ratio", _UNKNOWN if month.quick_ratio is None else f"{float(month.quick_ratio):.2f}"
    yield "trials", f"{month.trials_ended} ended, {month.trials_converted} of them pay"


def _moved(one: "Currency", month: str) -> Iterator[Block]:
    there = [moved for moved in one.movements if moved.month == month]
    for moved in there[:_LISTED]:
        words = f"{moved.customer}: {moved.kind}, {_money(moved.signed, one.code)} a month"
        yield Wrapped(f"{moved.at:%Y-%m-%d} ", words, 11)
    if len(there) > _LISTED:
        yield f"and {len(there) - _LISTED} more; --json has them all"


def _ahead(figures: "Figures") -> Iterator[Block]:
    if figures.renewals:
        sums = _sums((one.amount, one.currency) for one in figures.renewals)
        yield Paragraph("renewals: ", f"{len(figures.renewals)} in the next 30 days, {sums}")
    if figures.unpaid:
        yield f"not paid: {len(figures.unpaid)}"
        for one in figures.unpaid[:_LISTED]:
            since = f" since {one.since[:10]}" if one.since else ""
            yield Wrapped("  ", f"{one.customer}: {in_words(one.amount, one.currency)}{since}", 4)
        if len(figures.unpaid) > _LISTED:
            yield f"  and {len(figures.unpaid) - _LISTED} more; --json has them all"


def _not_counted(figures: "Figures") -> Iterator[Block]:
    if not figures.uncounted:
        return
    yield f"not counted: {len(figures.uncounted)}"
    for one in figures.uncounted[:_LISTED]:
        yield Wrapped("  ", f"{one.customer}: {one.why}", 4)
    if len(figures.uncounted) > _LISTED:
        yield f"  and {len(figures.uncounted) - _LISTED} more; --json has them all"


def _sums(amounts: Iterator[tuple[int | None, str | None]]) -> str:
    sums: dict[str, int] = {}
    for amount, currency in amounts:
        if amount is not None and currency:
            sums[currency.lower()] = sums.get(currency.lower(), 0) + amount
    return ", ".join(in_words(amount, currency) for currency, amount in sorted(sums.items())) or _UNKNOWN


def _currency(one: "Currency") -> dict[str, object]:
    return {
        "currency": one.code,
        "months": list(map(_month, one.months)),
        "cohorts": list(map(_cohort, one.cohorts)),
    }


def _month(month: "Month") -> dict[str, object]:
    return {
        "month": month.month,
        "start": _number(month.start),
        **{kind: _number(month.amount(kind)) for kind in KINDS},
        "end": _number(month.end),
        "committed": _number(month.committed),
        "customersStart": month.customers_start,
        **{f"{kind}Customers": month.count(kind) for kind in KINDS},
        "customersEnd": month.customers_end,
        "customerChurn": _rate(month.customer_churn),
        "plainChurn": _rate(month.plain_churn),
        "grossChurn": _rate(month.gross_churn),
        "netChurn": _rate(month.net_churn),
        "arpu": _number(month.arpu),
        "lifetimeValue": _number(month.lifetime_value),
        "quickRatio": _rate(month.quick_ratio),
        "yearly": _number(month.yearly),
        "trialsEnded": month.trials_ended,
        "trialsConverted": month.trials_converted,
    }


def _cohort(one: "Cohort") -> dict[str, object]:
    kept: Sequence[dict[str, object]] = [
        {"month": kept.month, "customers": kept.customers, "monthly": _number(kept.monthly)}
        for kept in one.kept
    ]
    return {"month": one.month, "size": one.size, "monthly": _number(one.monthly), "kept": kept}


def _money(amount: Fraction | None, currency: str) -> str:
    return _UNKNOWN if amount is None else in_words(round(amount), currency)


def _percent(rate: Fraction | None) -> str:
    return _UNKNOWN if rate is None else f"{float(rate):.1%}"


def _number(amount: Fraction | None) -> float | int | None:
    """In the smallest unit, to its hundredth."""
    if amount is None:
        return None
    return amount.numerator if amount.denominator == 1 else round(float(amount), 2)


def _rate(rate: Fraction | None) -> float | None:
    return None if rate is None else round(float(rate), 4)
