"""The places at which a process may die, one word each.

Every effect on the world outside the process (a file, a request, a command on a server) says its name here
before and after. Nothing happens there, but a test can put a watch on them, and end the process at any one.
"""

from collections.abc import Callable

watch: Callable[[str], None] | None = None
"""Told each place that is passed; only tests set it."""


def cross(place: str) -> None:
    """Called before and after every effect."""
    if watch is not None:
        watch(place)
