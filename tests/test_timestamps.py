import re
from datetime import UTC, datetime

import pytest

from provisioner import timestamps


def test_now_is_this_second_in_utc() -> None:
    text = timestamps.now()
    assert re.fullmatch(timestamps.PATTERN, text)
    assert abs((datetime.fromisoformat(text) - datetime.now(UTC)).total_seconds()) < 3600


@pytest.mark.parametrize(
    "text",
    ["2026-02-29T05:54:00Z", "2026-01-29T05:54:00.123Z", "2026-12-31T23:59:60Z", "2026-01-31T00:00:00.5Z"],
)
def test_times_of_the_field_are_times(text: str) -> None:
    assert re.search(timestamps.PATTERN, text)


@pytest.mark.parametrize(
    "text",
    [
        *("2026-13-01T00:00:00Z", "2026-01-32T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01 00:00:00Z"),
        *("2026-01-01", "2026-01-01T00:00:00+00:00", "2026-01-01T00:00:00", "x2026-01-01T00:00:00Z"),
        "٢٠٢٦-01-01T00:00:00Z",
    ],
)
def test_others_are_not(text: str) -> None:
    assert not re.search(timestamps.PATTERN, text)


def test_fractions_are_in_order_with_whole_seconds() -> None:
    moments = [
        "2026-01-01T00:00:00Z",
        "2026-01-01T00:00:00.001Z",
        "2026-01-01T00:00:00.5Z",
        "2026-01-01T00:00:01Z",
    ]
    assert sorted([*moments[2:], *moments[:2]], key=timestamps.order) == moments


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2026-01-29T05:54:00Z", "2026-01-29T05:54:00+00:00"),
        ("2026-02-29T05:54:00Z", "2026-03-01T05:54:00+00:00"),
        ("2028-02-29T05:54:00.5Z", "2028-02-29T05:54:00.500000+00:00"),
        ("2026-04-31T00:00:00Z", "2026-05-01T00:00:00+00:00"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00+00:00"),
    ],
)
def test_a_text_means_a_moment(text: str, meant: str) -> None:
    assert timestamps.moment(text) == datetime.fromisoformat(meant)


@pytest.mark.parametrize("text", ["0000-01-01T00:00:00Z", "9999-12-31T23:59:60Z", "yesterday", ""])
def test_or_none(text: str) -> None:
    assert timestamps.moment(text) is None
    assert timestamps.hours_since(text) == 0


def test_a_link_that_ends_on_a_day_that_its_month_has_not_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timestamps, "present", lambda: datetime(2026, 3, 1, 1, tzinfo=UTC))
    assert timestamps.hours_since("2026-02-29T00:00:00Z") == 1


def test_a_latest_far_ahead_of_our_clock_is_a_wrong_clocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timestamps, "present", lambda: datetime(2026, 1, 1, 0, 0, 5, tzinfo=UTC))
    assert timestamps.now_or_latest(["2026-01-01T00:00:10Z"]) == "2026-01-01T00:00:10Z"
    assert timestamps.now_or_latest(["2026-01-01T00:01:05Z"]) == "2026-01-01T00:00:05Z"


def test_now_is_never_before_the_latest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timestamps, "now", lambda: "2026-01-01T00:00:05Z")
    assert timestamps.now_or_latest([]) == "2026-01-01T00:00:05Z"
    assert timestamps.now_or_latest(["2026-01-01T00:00:04.9Z"]) == "2026-01-01T00:00:05Z"
    assert (
        timestamps.now_or_latest(["2026-01-01T00:00:05.1Z", "2026-01-01T00:00:01Z"])
        == "2026-01-01T00:00:05.1Z"
    )
