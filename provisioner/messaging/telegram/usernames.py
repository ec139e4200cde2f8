"""Names on Telegram: people's usernames, and what is suggested for a customer's bot."""

import re
import secrets
import unicodedata

from provisioner.errors import InputError
from provisioner.messaging.names import spoken_name

_LONGEST_BOT_NAME = 64
_USERNAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{2,31}")
_PROFILE = re.compile(
    r"(?:https?://)?(?:www\.)?(?:"
    r"(?:t|telegram)\.(?:me|dog)/@?([A-Za-z0-9_]+)|([A-Za-z0-9_]+)\.t\.me)/?(?:[?#].*)?"
    r"|tg://resolve\?domain=([A-Za-z0-9_]+)",
    re.IGNORECASE,
)
"""The link to somebody's profile, as Telegram shows it to be copied."""
_MARK_LENGTH = 10
_MARK_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"


def bot_name(name: str | None) -> str:
    """What the bot's name may be: "Ada's Moltbot"."""
    first = spoken_name(name)
    return f"{first}'s Moltbot"[-_LONGEST_BOT_NAME:] if first else "My Moltbot"


def suggested_username(name: str | None) -> str:
    """A username for a bot that nobody else is offered, and that nobody can guess: ada_k3v9x2m7qp_bot."""
    plain = unicodedata.normalize("NFKD", spoken_name(name)).encode("ascii", "ignore").decode().lower()
    first = re.sub(r"[^a-z]", "", plain)[:12] or "my"
    mark = "".join(secrets.choice(_MARK_ALPHABET) for _ in range(_MARK_LENGTH))
    return f"{first}_{mark}_bot"


def stated_username(text: str) -> str:
    """A person's username as a record has it: @ada. InputError if it can be nobody's.

    Understood as people copy it: with or without the @, or as a link to their profile.
    """
    name = _bare_username(text)
    if not _USERNAME.fullmatch(name):
        raise InputError(
            "use the Telegram username",
            whom=text,
            cause="it is none",
            hint="3 to 32 letters, digits and underscores, a letter first: @ada_lovelace",
        )
    return f"@{name}"


def plain_username(username: str | None) -> str:
    """Telegram compares usernames without regard to case; the @, or a link in front, is no part of them."""
    return _bare_username(username or "").lower()


def _bare_username(text: str) -> str:
    text = text.strip()
    link = _PROFILE.fullmatch(text)
    name: str = next(filter(None, link.groups())) if link else text.removeprefix("@")
    return name
