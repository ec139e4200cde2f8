"""Benchmarks print figures and take minutes: they run only where this folder is named on the command line."""

from pathlib import Path

import pytest


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    named = any("benchmarks" in word for word in config.args)
    return None if named else True
