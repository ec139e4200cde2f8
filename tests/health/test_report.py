"""Reading what a server says of itself, which may be anything."""

import copy
import json
from typing import Any

import pytest

from provisioner.errors import RemoteError
from provisioner.health.report import Channel, Resources, read_report

EMAIL = "customer@example.com"
# As playbooks/README.md has it.
GOOD: dict[str, Any] = {
    "report": 1,
    "service": {
        "active": True,
        "state": "active",
        "since": "2026-01-29T05:54:00Z",
        "restarts": 0,
        "memory_mb": 1100,
        "complaint": None,
    },
    "gateway": {"live": True, "ready": False, "failing": ["telegram"], "version": "2026.9.6"},
    "installed": "2026.9.7",
    "channels": {"telegram": {"connected": False, "state": "blocked", "error": "401"}},
    "reboot_required": True,
    "disk": {"total_mb": 50000, "free_mb": 40000},
    "memory": {"total_mb": 2000, "available_mb": 700},
    "swap": {"total_mb": 2000, "free_mb": 2000},
    "load": [0.31, 0.22, 0.18],
    "processors": 1,
    "clock": 1769666040,
}


def changed(path: str, value: Any) -> str:
    document = copy.deepcopy(GOOD)
    *groups, name = path.split(".")
    part = document
    for group in groups:
        part = part[group]
    if value is ...:
        del part[name]
    else:
        part[name] = value
    return json.dumps(document)


def test_everything_in_it_is_read() -> None:
    report = read_report(json.dumps(GOOD) + "\n", EMAIL)

    assert (report.active, report.state, report.since) == (True, "active", "2026-01-29T05:54:00Z")
    assert (report.live, report.ready, report.failing) == (True, False, ("telegram",))
    assert (report.running, report.installed) == ("2026.9.6", "2026.9.7")
    assert report.channels == {"telegram": Channel(connected=False, state="blocked", error="401")}
    assert (report.reboot_required, report.disk_total, report.disk_free) == (True, 50000, 40000)
    assert report.resources == Resources(2000, 700, 2000, 2000, 1100, 0, 0.18, 1, 1769666040)


@pytest.mark.parametrize(
    ("path", "value", "name"),
    [
        ("memory", ..., "memory_free"),
        ("memory.available_mb", "many", "memory_free"),
        ("memory.available_mb", -1, "memory_free"),
        ("swap", [1], "swap_total"),
        ("service.restarts", None, "restarts"),
        ("service.restarts", True, "restarts"),
        ("load", [1, 2], "load"),
        ("load", [1, 2, "3"], "load"),
        ("load", [1, 2, 1e300], "load"),
        ("processors", 2.5, "processors"),
        ("clock", ..., "clock"),
        ("clock", 1 << 60, "clock"),
    ],
)
def test_what_is_not_as_it_should_be_there_is_not_known(path: str, value: Any, name: str) -> None:
    assert getattr(read_report(changed(path, value), EMAIL).resources, name) is None


@pytest.mark.parametrize("value", [None, ..., 7, []])
def test_a_gateway_that_says_nothing_of_its_channels(value: Any) -> None:
    assert read_report(changed("channels", value), EMAIL).channels is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "bash: no such thing",
        "7",
        "[]",
        "null",
        "{",
        "[" * 50_000,
        json.dumps(GOOD) + " " * 100_000,
        changed("service", ...),
        changed("service", [1]),
        changed("service.active", "yes"),
        changed("service.active", 1),
        changed("gateway.live", None),
        changed("gateway.failing", "abc"),
        changed("gateway.version", 7),
        changed("installed", {}),
        changed("channels.telegram", "ready"),
        changed("channels.telegram.connected", 1),
        changed("channels.telegram.error", ["x"]),
        changed("disk.free_mb", "many"),
        changed("disk.free_mb", True),
        changed("disk.total_mb", float("nan")),
    ],
    ids=lambda text: text[:40],
)
def test_what_is_no_report_is_one_error_about_that_server(text: str) -> None:
    with pytest.raises(RemoteError) as failed:
        read_report(text, EMAIL)

    assert failed.value.whom == EMAIL
    assert failed.value.hint


def test_many_channels_and_many_failures_are_bounded() -> None:
    channel = {"connected": True, "state": None, "error": None}
    document = {**GOOD, "channels": {f"c{n}": channel for n in range(200)}}
    document["gateway"] = {**GOOD["gateway"], "failing": ["x"] * 2000}

    report = read_report(json.dumps(document), EMAIL)

    assert report.channels is not None
    assert (len(report.channels), len(report.failing)) == (20, 20)


@pytest.mark.parametrize("version", ["", "$(reboot)", "1 2", "-rf", "x" * 41, "2026.9.6\n"])
def test_what_is_no_version_is_none(version: str) -> None:
    assert read_report(changed("gateway.version", version), EMAIL).running is None
    assert read_report(changed("installed", version), EMAIL).installed is None


@pytest.mark.parametrize(
    ("said", "kept"), [("ENOSPC", "ENOSPC"), ("x" * 500, "x" * 200), (None, None), (7, None), (..., None)]
)
def test_the_words_of_its_log_are_short(said: Any, kept: str | None) -> None:
    assert read_report(changed("service.complaint", said), EMAIL).complaint == kept
