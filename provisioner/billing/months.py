"""The figures of each calendar month, in one currency. Pure; docs/billing.md defines each of them.

Amounts are monthly, in the currency's smallest unit, and exact: they are rounded where they are shown.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction

from provisioner.billing.amounts import NOTHING
from provisioner.billing.course import Course, Trial
from provisioner.billing.movements import Kind, Movement, month_of, movements

_LOST: Kind = "churn"


@dataclass(frozen=True)
class Month:
    """One month, whole or as far as it has come.

    The amounts and counts of each kind of movement are in `amounts` and `customers`; `committed` is what of
    `end` nobody has ended yet.
    """

    month: str
    start: Fraction
    end: Fraction
    committed: Fraction
    amounts: Mapping[Kind, Fraction]
    customers_start: int
    customers_end: int
    customers: Mapping[Kind, int]
    trials_ended: int = 0
    trials_converted: int = 0

    def amount(self, kind: Kind) -> Fraction:
        return self.amounts.get(kind, NOTHING)

    def count(self, kind: Kind) -> int:
        return self.customers.get(kind, 0)

    @property
    def customer_churn(self) -> Fraction | None:
        """Lost, of those there at the start and those who are new, as Stripe counts."""
        return _share(self.count(_LOST), self.customers_start + self.count("new"))

    @property
    def plain_churn(self) -> Fraction | None:
        """Lost, of those there at the start."""
        return _share(self.count(_LOST), self.customers_start)

    @property
    def gross_churn(self) -> Fraction | None:
        """What was lost of the revenue at the start."""
        return _share(self.amount(_LOST) + self.amount("contraction"), self.start)

    @property
    def net_churn(self) -> Fraction | None:
        """The same, less what those who were there have brought more; negative where it grows."""
        gained = self.amount("expansion") + self.amount("reactivation")
        return _share(self.amount(_LOST) + self.amount("contraction") - gained, self.start)

    @property
    def arpu(self) -> Fraction | None:
        """Average revenue of a customer."""
        return _share(self.end, self.customers_end)

    @property
    def lifetime_value(self) -> Fraction | None:
        """What a customer brings until they leave, at this month's churn."""
        if self.arpu is None or not self.customer_churn:
            return None
        return self.arpu / self.customer_churn

    @property
    def quick_ratio(self) -> Fraction | None:
        """What was gained, for each unit that was lost."""
        gained = self.amount("new") + self.amount("reactivation") + self.amount("expansion")
        return _share(gained, self.amount("contraction") + self.amount(_LOST))

    @property
    def yearly(self) -> Fraction:
        """Twelve times what it ended with."""
        return 12 * self.end

    @property
    def trial_conversion(self) -> Fraction | None:
        return _share(self.trials_converted, self.trials_ended)


def months(courses: Sequence[Course], now: datetime) -> list[Month]:
    """From the first movement's month to the one of `now`, none left out; courses of one currency."""
    courses = [one.until(now) for one in courses]
    by_month: defaultdict[str, list[Movement]] = defaultdict(list)
    for one in movements(courses):
        by_month[one.month].append(one)
    trials = _ended_trials(courses)
    first = min([*by_month, *trials], default=None)
    if first is None:
        return []
    named = list(names(first, month_of(now)))
    committed = dict(zip(named, _committed(courses, list(map(end_of, named))), strict=True))
    return list(_figures(named, by_month, trials, committed))


def names(first: str, last: str) -> Iterator[str]:
    """All months from one to the other, both included."""
    year, month = int(first[:4]), int(first[5:])
    while (name := f"{year:04}-{month:02}") <= last:
        yield name
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)


def end_of(month: str) -> datetime:
    """The first moment that is not in it any more."""
    year, number = int(month[:4]), int(month[5:])
    return datetime(year + number // 12, number % 12 + 1, 1, tzinfo=UTC)


def _figures(
    named: Sequence[str],
    by_month: Mapping[str, Sequence[Movement]],
    trials: Mapping[str, Sequence[Trial]],
    committed: Mapping[str, Fraction],
) -> Iterator[Month]:
    end, customers = NOTHING, 0
    for name in named:
        start, customers_before = end, customers
        amounts: defaultdict[Kind, Fraction] = defaultdict(Fraction)
        counted: Counter[Kind] = Counter()
        for one in by_month.get(name, ()):
            amounts[one.kind] += one.amount
            counted[one.kind] += 1
            end += one.signed
        customers += counted["new"] + counted["reactivation"] - counted[_LOST]
        ended = trials.get(name, ())
        yield Month(
            name,
            start,
            end,
            committed[name],
            dict(amounts),
            customers_before,
            customers,
            dict(counted),
            len(ended),
            sum(one.converted for one in ended),
        )


def _committed(courses: Sequence[Course], ends: Sequence[datetime]) -> list[Fraction]:
    """What nobody has ended yet, at each of these moments."""
    sums = [NOTHING] * len(ends)
    for course in courses:
        left, number = NOTHING, 0
        for at, end in enumerate(ends):
            while number < len(course.levels) and course.levels[number].at < end:
                left = course.levels[number].monthly - course.levels[number].leaving
                number += 1
            sums[at] += left
    return sums


def _ended_trials(courses: Sequence[Course]) -> Mapping[str, list[Trial]]:
    found: defaultdict[str, list[Trial]] = defaultdict(list)
    for course in courses:
        for one in course.trials:
            found[month_of(one.ended)].append(one)
    return found


def _share(part: Fraction | int, whole: Fraction | int) -> Fraction | None:
    """None where there is nothing that it could be a part of."""
    return Fraction(part) / Fraction(whole) if whole else None
