"""What concerns all tests: Ctrl-C, what a process remembers, and a line that is seen at the end."""

import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from provisioner.printable import choose_everywhere

pytest_plugins = ["tests.fixtures.servers"]

_SUMMARY = "summary"

# How long an example takes says how busy the machine is, and nothing else.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


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


@pytest.fixture(autouse=True)
def _no_workspace_named() -> Iterator[None]:
    """What a command in this process was told of its workspace is not in the next test's command lines."""
    yield
    choose_everywhere()


@pytest.fixture
def summarize(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Called with one line, which is printed at the end of all tests."""
    return lambda line: record_property(_SUMMARY, line)
