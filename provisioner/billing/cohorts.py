"""Who stays: customers by the month in which they first brought something. Pure."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from provisioner.billing.amounts import NOTHING
from provisioner.billing.course import Course
from provisioner.billing.months import end_of, names
from provisioner.billing.movements import month_of


@dataclass(frozen=True)
class Kept:
    """How many of a cohort there are at a month's end, and what they bring then."""

    month: str
    customers: int
    monthly: Fraction


@dataclass(frozen=True)
class Cohort:
    """Those who began in `month`: how many, with how much, and what became of them."""

    month: str
    size: int
    monthly: Fraction
    kept: tuple[Kept, ...]
    """From that month on."""


def cohorts(courses: Sequence[Course], now: datetime) -> list[Cohort]:
    """The oldest first; courses of one currency."""
    begun: defaultdict[str, list[Course]] = defaultdict(list)
    for course in (one.until(now) for one in courses):
        first = next((level for level in course.levels if level.monthly), None)
        if first is not None:
            begun[month_of(first.at)].append(course)
    return [_cohort(month, begun[month], now) for month in sorted(begun)]


def _cohort(month: str, courses: Sequence[Course], now: datetime) -> Cohort:
    firsts = [next(level.monthly for level in course.levels if level.monthly) for course in courses]
    kept = tuple(_kept(name, courses) for name in names(month, month_of(now)))
    return Cohort(month, len(courses), sum(firsts, NOTHING), kept)


def _kept(month: str, courses: Sequence[Course]) -> Kept:
    there = [amount for course in courses if (amount := monthly_at(course, end_of(month)))]
    return Kept(month, len(there), sum(there, NOTHING))


def monthly_at(course: Course, end: datetime) -> Fraction:
    """What the customer brings right before this moment."""
    return next((level.monthly for level in reversed(course.levels) if level.at < end), NOTHING)
