"""Failpoints: the places at which a process may die, each with a name.

Every effect on the world outside the process (a file, a request, a command on a server) passes one before and
after. Nothing happens there, but a test can put a watch on them, and end the process at any one.
"""

from collections.abc import Callable

watch: Callable[[str], None] | None = None
"""Told each failpoint that is passed; only tests set it."""


def failpoint(name: str) -> None:
    """Called before and after every effect."""
    if watch is not None:
        watch(name)
