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


def test_now_is_never_before_the_latest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timestamps, "now", lambda: "2026-01-01T00:00:05Z")
    assert timestamps.now_or_latest([]) == "2026-01-01T00:00:05Z"
    assert timestamps.now_or_latest(["2026-01-01T00:00:04.9Z"]) == "2026-01-01T00:00:05Z"
    assert (
        timestamps.now_or_latest(["2026-01-01T00:00:05.1Z", "2026-01-01T00:00:01Z"])
        == "2026-01-01T00:00:05.1Z"
    )
