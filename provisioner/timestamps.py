"""The one wall clock, and moments as the records have them: text, ISO-8601 in UTC with a final Z."""

import re
import time
from datetime import UTC, datetime, timedelta

# Days up to 31 in every month: the field has dates such as 2026-02-29 in it, and they must be read.
PATTERN = (
    r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    r"T([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\.[0-9]{1,9})?Z$"
)


APART_SECONDS = 5
"""How far the clocks of machines that keep time differ at most, with what is rounded away."""


def present() -> datetime:
    """This moment, as this machine believes; it may jump, so that no wait may be counted by it."""
    return datetime.fromtimestamp(time.time(), UTC)


def written(moment: datetime) -> str:
    """A moment as the records have it, to the second: `2026-01-29T05:54:00Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def now() -> str:
    """This moment, to the second."""
    return written(present())


def from_epoch(seconds: float) -> str:
    """The moment that is so many seconds after the beginning of 1970."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def in_hours(hours: float) -> str:
    """The moment that is so many hours from now."""
    return written(present() + timedelta(hours=hours))


def moment(text: str) -> datetime | None:
    """The moment that a text of `PATTERN` means; None where it has no meaning, as the year 0000.

    A day that its month has not is so many days after the month's first: 2026-02-29 is 2026-03-01, as the
    owner's script read it. A leap second is the one after the 59th.
    """
    if not re.fullmatch(PATTERN, text):
        return None
    day, second = int(text[8:10]), text[17:19]
    try:
        first = datetime.fromisoformat(
            f"{text[:8]}01{text[10:17]}{'59' if second == '60' else second}{text[19:]}"
        )
        return first + timedelta(days=day - 1, seconds=second == "60")
    except (ValueError, OverflowError):
        return None


def exists(text: str) -> bool:
    """Whether a calendar has the day of a moment."""
    found = moment(text[:17] + "00Z")
    return found is not None and found.strftime("%d") == text[8:10]


def hours_since(text: str) -> float:
    """How long ago a moment was; negative for one to come, 0 for a text that means none."""
    found = moment(text)
    return 0.0 if found is None else (present() - found).total_seconds() / 3600


def order(text: str) -> str:
    """A key that sorts moments with and without fractions of a second by time.

    As plain text `00.500Z` would come before `00Z`.
    """
    return text.removesuffix("Z")


def went_back(latest: str | None) -> bool:
    """Whether our clock is so far behind `latest` that one of the two was wrong."""
    found = moment(latest) if latest else None
    return found is not None and (found - present()).total_seconds() > APART_SECONDS


def now_or_latest(moments: list[str]) -> str:
    """This moment, or the latest of `moments` where that is ahead of our clock by no more than clocks differ.

    What a clock that was wrong once has written must not date everything that comes after it.
    """
    latest = max(moments, key=order, default=None)
    return now() if latest is None or went_back(latest) else max(latest, now(), key=order)


def is_quiet(hours: str, now: datetime) -> bool:
    """Whether `now` is in the hours "21:00-07:00", the first minute included; never if there are none."""
    if not hours:
        return False
    begin, _, end = hours.partition("-")
    at = f"{now:%H:%M}"
    return begin <= at < end if begin < end else at >= begin or at < end


def next_beginning(hours: str, now: datetime) -> datetime:
    """When the hours "21:00-07:00" begin next."""
    begin = now.replace(hour=int(hours[:2]), minute=int(hours[3:5]), second=0, microsecond=0)
    return begin if begin > now else begin + timedelta(days=1)
