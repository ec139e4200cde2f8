"""What has come and what has gone: each change of what a customer brings, at its moment. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Final, Literal

from provisioner.billing.amounts import NOTHING
from provisioner.billing.course import Course

Kind = Literal["new", "reactivation", "expansion", "contraction", "churn"]
KINDS: Final[tuple[Kind, ...]] = ("new", "reactivation", "expansion", "contraction", "churn")


@dataclass(frozen=True)
class Movement:
    """One change by `amount` a month, which is never negative."""

    at: datetime
    customer: str
    kind: Kind
    amount: Fraction

    @property
    def month(self) -> str:
        return month_of(self.at)

    @property
    def signed(self) -> Fraction:
        return -self.amount if self.kind in ("contraction", "churn") else self.amount


def movements(courses: Iterable[Course]) -> list[Movement]:
    """Of all of them, in their order; those of one currency."""
    found = [one for course in courses for one in _of(course)]
    return sorted(found, key=lambda one: (one.at, one.customer))


def month_of(at: datetime) -> str:
    """The calendar month in UTC: "2026-09"."""
    return f"{at:%Y-%m}"


def _of(course: Course) -> Iterator[Movement]:
    before, known = NOTHING, False
    for level in course.levels:
        kind = _kind(before, level.monthly, known=known)
        if kind is not None:
            yield Movement(level.at, course.customer, kind, abs(level.monthly - before))
        before, known = level.monthly, known or level.monthly > 0


def _kind(before: Fraction, after: Fraction, *, known: bool) -> Kind | None:
    if before == after:
        return None
    if not before:
        return "reactivation" if known else "new"
    if not after:
        return "churn"
    return "expansion" if after > before else "contraction"
