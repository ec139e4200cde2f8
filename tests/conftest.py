"""What concerns all tests: Ctrl-C, and the line that some want to see at the end."""

import signal
from collections.abc import Callable
from typing import Any

import pytest

pytest_plugins = ["tests.fixtures.servers"]

_SUMMARY = "summary"


def pytest_configure() -> None:
    """A shell's job in the background ignores Ctrl-C, and so would every process that a test interrupts."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Whether or not the tests went well. Here, as only this file's hooks are known where none are run."""
    for report in terminalreporter.stats.get("passed", []) + terminalreporter.stats.get("failed", []):
        for name, value in getattr(report, "user_properties", ()):
            if name == _SUMMARY:
                terminalreporter.write_line(f"{report.nodeid}: {value}")


@pytest.fixture
def summarize(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Called with one line, which is printed at the end of all tests."""
    return lambda line: record_property(_SUMMARY, line)
