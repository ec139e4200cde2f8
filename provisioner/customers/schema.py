"""What `record`, which reads one record whole, and `view`, which reads all of them, have in common."""

from provisioner import timestamps

ID = r"^[A-Za-z0-9_-]{1,100}$"
ADDRESS = r"^[^@\s\x00-\x1f]+@[^@\s\x00-\x1f]+$"
MOMENT = timestamps.PATTERN

HISTORY = {"notes": "note", "timeline": "timeline"}
"""The lists that only grow, and the command that adds to each."""
PAID_HISTORY = "subscription.changes"
"""Where it stands what was paid when; an entry that comes late is put at its place in time."""
OLDER_EMAILS = "letters"
"""What older versions called `setup.emails`."""


def platform_named(platform: str | None) -> str:
    """The platform's name in small letters: Telegram where none was chosen."""
    return (platform or "telegram").strip().lower()


def awaited(of_whom: str | None, to_do: str) -> str:
    """Who has to do what, as it ends the sentence "waiting for …"."""
    return f"{of_whom} {to_do}" if of_whom else to_do
