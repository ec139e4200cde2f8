"""Versions of the assistant's software, as npm has them: 2026.9.6, 2026.9.6-beta.1. Pure."""

import re
from typing import Final

VERSION: Final = re.compile(r"[0-9]{4}\.[0-9]{1,4}\.[0-9]{1,6}(-[0-9A-Za-z.]{1,30})?")
"""A version by its number; "latest" is none: it is another one tomorrow."""
LEAST: Final = "2026.9.5"
"""The oldest one that the playbooks were tried with."""


def is_older(version: str, than: str) -> bool:
    """Whether it comes before the other; what stands behind the numbers does not count."""
    return _order(version) < _order(than)


def _order(version: str) -> tuple[int, ...]:
    numbers = version.partition("-")[0].split(".")
    return tuple(int(number) for number in numbers if number.isascii() and number.isdigit())
