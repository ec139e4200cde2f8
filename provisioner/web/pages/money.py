"""Revenue and who stays, by month: the figures of `provisioner billing`, as a chart and as tables."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup
from starlette.responses import PlainTextResponse, Response

from provisioner.billing.cohorts import Cohort
from provisioner.billing.figures import Currency
from provisioner.billing.months import Month
from provisioner.billing.movements import KINDS, Kind
from provisioner.billing.shown import csv_of, money, percent
from provisioner.payments.money import in_words
from provisioner.web.pages.charts import Bar, bars
from provisioner.web.pages.site import Page, Site
from provisioner.web.pages.visit import Visit

_MONTHS: Final = 24
_COHORT_MONTHS: Final = 12
_LISTED: Final = 50


@dataclass(frozen=True)
class Sheet:
    """What is shown of one currency."""

    code: str
    chart: Markup
    headline: Sequence[tuple[str, str, str]]
    """A name, its figure, and what that is beside."""
    months: Sequence[Sequence[str]]
    cohorts: Sequence[Sequence[str]]
    ages: Sequence[int]
    """How many months after the first, for the cohorts' columns."""


MONTHS_HEAD: Final = (
    "Month",
    "MRR",
    "New",
    "Back",
    "Expansion",
    "Contraction",
    "Lost",
    "Nobody has ended",
    "Customers",
    "Churn",
    "MRR churn, net",
    "ARPU",
    "Lifetime value",
)


def show_money(site: Site, visit: Visit) -> Response:
    known = site.revenue.fresh()
    found = known.figures
    return site.show(
        visit,
        "money.html",
        title="Money",
        sheets=[_sheet(one) for one in found.currencies if one.months],
        head=MONTHS_HEAD,
        unpaid=[
            (one.customer, in_words(one.amount, one.currency), one.since) for one in found.unpaid[:_LISTED]
        ],
        more_unpaid=max(0, len(found.unpaid) - _LISTED),
        renewals=[
            (one.customer, in_words(one.amount, one.currency), f"{one.at:%Y-%m-%d}")
            for one in found.renewals[:_LISTED]
        ],
        more_renewals=max(0, len(found.renewals) - _LISTED),
        uncounted=found.uncounted[:_LISTED],
        more_uncounted=max(0, len(found.uncounted) - _LISTED),
        broken=known.broken,
        churn_at=site.settings.billing.churn_at,
    )


def months_as_csv(site: Site, _: Visit) -> Response:
    """As `provisioner billing --csv`."""
    response = PlainTextResponse(csv_of(site.revenue.fresh().figures.currencies), media_type="text/csv")
    response.headers["Content-Disposition"] = 'attachment; filename="months.csv"'
    return response


def _sheet(one: Currency) -> Sheet:
    months, code = one.months[-_MONTHS:], one.code
    ages = range(min(_COHORT_MONTHS, max((len(cohort.kept) for cohort in one.cohorts), default=0)))
    return Sheet(
        code.upper(),
        _chart(months, code),
        list(_headline(months, code)),
        [_row(month, code) for month in reversed(months)],
        [_cohort(cohort, ages) for cohort in reversed(one.cohorts[-_MONTHS:])],
        ages,
    )


def _chart(months: Sequence[Month], code: str) -> Markup:
    last = months[-1]
    found = [Bar(one.month, float(one.end), money(one.end, code), one is last) for one in months]
    said = f"From {months[0].month} to {last.month}, which is not over. The table has each figure."
    return bars(f"MRR in {code.upper()} at the end of each month", said, found, f"mrr-{code}")


def _headline(months: Sequence[Month], code: str) -> Iterator[tuple[str, str, str]]:
    now, before = months[-1], months[-2] if len(months) > 1 else None

    def beside(of: Callable[[Month], str]) -> str:
        return f"{of(before)} in {before.month}" if before is not None else ""

    yield "MRR", money(now.end, code), beside(lambda one: money(one.end, code))
    yield "Customers", str(now.customers_end), beside(lambda one: str(one.customers_end))
    yield "Churn", percent(now.customer_churn), beside(lambda one: percent(one.customer_churn))
    yield "ARPU", money(now.arpu, code), beside(lambda one: money(one.arpu, code))
    yield (
        "Lifetime value",
        money(now.lifetime_value, code),
        beside(lambda one: money(one.lifetime_value, code)),
    )
    yield "ARR", money(now.yearly, code), beside(lambda one: money(one.yearly, code))


def _row(month: Month, code: str) -> tuple[str, ...]:
    """In the order of `MONTHS_HEAD`."""
    return (
        month.month,
        money(month.end, code),
        *(_moved(month, kind, code) for kind in KINDS),
        money(month.committed, code),
        str(month.customers_end),
        percent(month.customer_churn),
        percent(month.net_churn),
        money(month.arpu, code),
        money(month.lifetime_value, code),
    )


def _moved(month: Month, kind: Kind, code: str) -> str:
    number = month.count(kind)
    return f"{money(month.amount(kind), code)} ({number})" if number else ""


def _cohort(cohort: Cohort, ages: Sequence[int]) -> tuple[str, ...]:
    """How many of them there are after so many months, as a part of all."""
    kept = [f"{one.customers / cohort.size:.0%}" for one in cohort.kept[: len(ages)]]
    return cohort.month, str(cohort.size), *kept, *[""] * (len(ages) - len(kept))


PAGES = (Page("/money", show_money, "money"), Page("/money.csv", months_as_csv, "money"))
