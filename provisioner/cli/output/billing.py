"""Revenue and churn, for people, as JSON, and for a spreadsheet."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from provisioner.billing.movements import KINDS
from provisioner.billing.shown import UNKNOWN, csv_of, document_of, money, number, percent
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
                    "figures": document_of(month),
                    "movements": [
                        {
                            "at": written(moved.at),
                            "email": moved.customer,
                            "kind": moved.kind,
                            "amount": number(moved.amount),
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
        yield from unreadable_files(self.broken)
        yield Verbatim(csv_of(self.figures.currencies))


def _row(month: "Month", currency: str) -> tuple[str, ...]:
    counts = (month.count("new"), month.count("reactivation"), month.count("churn"))
    amounts = (money(month.end, currency), money(month.end - month.start, currency))
    rates = (percent(month.customer_churn), money(month.arpu, currency))
    return (month.month, str(month.customers_end), *map(str, counts), *amounts, *rates)


def _rows_of_month(month: "Month", currency: str) -> Iterator[tuple[str, str]]:
    yield "MRR at the start", money(month.start, currency)
    for kind in KINDS:
        yield kind, f"{money(month.amount(kind), currency)} ({month.count(kind)})"
    yield "MRR at the end", money(month.end, currency)
    yield "of it nobody has ended", money(month.committed, currency)
    yield "ARR", money(month.yearly, currency)
    yield "customers", f"{month.customers_start} at the start, {month.customers_end} at the end"
    yield "customer churn", f"{percent(month.customer_churn)} (plain {percent(month.plain_churn)})"
    yield "MRR churn", f"{percent(month.gross_churn)} gross, {percent(month.net_churn)} net"
    yield "ARPU", money(month.arpu, currency)
    yield "lifetime value", money(month.lifetime_value, currency)
    yield "quick ratio", UNKNOWN if month.quick_ratio is None else f"{float(month.quick_ratio):.2f}"
    yield "trials", f"{month.trials_ended} ended, {month.trials_converted} of them pay"


def _moved(one: "Currency", month: str) -> Iterator[Block]:
    there = [moved for moved in one.movements if moved.month == month]
    for moved in there[:_LISTED]:
        words = f"{moved.customer}: {moved.kind}, {money(moved.signed, one.code)} a month"
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
    return ", ".join(in_words(amount, currency) for currency, amount in sorted(sums.items())) or UNKNOWN


def _currency(one: "Currency") -> dict[str, object]:
    return {
        "currency": one.code,
        "months": list(map(document_of, one.months)),
        "cohorts": list(map(_cohort, one.cohorts)),
    }


def _cohort(one: "Cohort") -> dict[str, object]:
    kept: Sequence[dict[str, object]] = [
        {"month": kept.month, "customers": kept.customers, "monthly": number(kept.monthly)}
        for kept in one.kept
    ]
    return {"month": one.month, "size": one.size, "monthly": number(one.monthly), "kept": kept}
