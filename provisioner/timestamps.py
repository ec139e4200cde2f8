"""The one wall clock, and moments as the records have them: text, ISO-8601 in UTC with a final Z."""

import time
from datetime import UTC, datetime, timedelta

# Days up to 31 in every month: the field has dates such as 2026-02-29 in it, and they must be read.
PATTERN = (
    r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    r"T([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\.[0-9]{1,9})?Z$"
)


def present() -> datetime:
    """This moment, as this machine believes; it may jump, so that no wait may be counted by it."""
    return datetime.fromtimestamp(time.time(), UTC)


def now() -> str:
    """This moment, to the second: `2026-01-29T05:54:00Z`."""
    return present().strftime("%Y-%m-%dT%H:%M:%SZ")


def in_hours(hours: float) -> str:
    """The moment that is so many hours from now."""
    return (present() + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")


def hours_since(text: str) -> float:
    """How long ago a moment was; negative for one to come, 0 for a date that no calendar has."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return 0.0
    return (present() - moment).total_seconds() / 3600


def order(text: str) -> str:
    """A key that sorts moments with and without fractions of a second by time.

    As plain text `00.500Z` would come before `00Z`.
    """
    return text.removesuffix("Z")


def now_or_latest(moments: list[str]) -> str:
    """This moment, or the latest of `moments` where that is ahead of our clock."""
    return max([*moments, now()], key=order)
