from typing import Any

import pytest

SUMMARY = "campaign"
"""The name under which a test hands on its line."""


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """The seed and the counts of each campaign, whether or not it went well."""
    for report in terminalreporter.stats.get("passed", []) + terminalreporter.stats.get("failed", []):
        for name, value in getattr(report, "user_properties", ()):
            if name == SUMMARY:
                terminalreporter.write_line(f"{report.nodeid}: {value}")


@pytest.fixture
def campaign_summary(record_property: Any) -> Any:
    """Called with one line, which is printed at the end of all tests."""
    return lambda line: record_property(SUMMARY, line)
