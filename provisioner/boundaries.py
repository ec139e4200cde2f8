"""The places at which a process may die, one word each; nothing happens there.

Every effect on the world outside the process (a file, a request, a command on a server) says its name here
before and after. A test that wants the process dead between two of them puts its own `cross` in the place of
this one.
"""


def cross(place: str) -> None:
    """Called before and after every effect."""
