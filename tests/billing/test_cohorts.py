"""Who stays, by the month in which they began."""

from fractions import Fraction

from provisioner.billing.cohorts import Cohort, cohorts
from tests.billing.stories import EXAMPLE, customer, ended, told
from tests.billing.test_months import NOW, SIXTH, courses_of


def kept(cohort: Cohort) -> list[tuple[int, Fraction | int]]:
    return [(one.customers, one.monthly) for one in cohort.kept]


def test_the_cohorts_of_nine_customers() -> None:
    june, july, august, september = cohorts(courses_of(*EXAMPLE), NOW)

    assert (june.month, june.size, june.monthly) == ("2026-06", 3, 25497 + SIXTH)
    assert kept(june) == [
        (3, 25497 + SIXTH),
        (3, 25497 + SIXTH),
        (2, 16498 + SIXTH),
        (2, 15598 + SIXTH),
    ]
    assert july.monthly == 25197
    assert kept(july) == [(3, 25197), (2, 23397), (3, 32396)]
    assert kept(august) == [(1, 8999), (0, 0)]
    assert kept(september) == [(0, 0)]
    assert [one.size for one in (july, august, september)] == [3, 1, 1]
    assert september.month == "2026-09"


def test_who_comes_back_belongs_to_the_month_in_which_they_began() -> None:
    back = told("2026-09-03", subscription="sub_2")
    [only] = cohorts(courses_of(customer("a", [told("2026-07-03"), ended("2026-08-03"), back])), NOW)

    assert only.month == "2026-07"
    assert kept(only) == [(1, 8999), (0, 0), (1, 8999)]
