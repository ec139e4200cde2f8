"""Who there is: users, their bots, and what a bot has set up for itself."""

import secrets
import string
from dataclasses import dataclass, field
from typing import Any

from provisioner.sandbox.telegram.updates import UpdateQueue

_TOKEN_ALPHABET = string.ascii_letters + string.digits + "_-"
_TOKEN_LENGTH = 35


@dataclass(frozen=True)
class User:
    """A person. `username` is written without the at sign; some people have none."""

    id: int
    first_name: str
    username: str | None = None
    last_name: str | None = None
    language_code: str = "en"

    @property
    def title(self) -> str:
        """How a message of ours names this person."""
        return f"@{self.username}" if self.username else f"user {self.id}"


@dataclass
class Webhook:
    """Where a bot asked its updates to be sent. The sandbox keeps them; it calls nobody."""

    url: str
    max_connections: int = 40
    has_custom_certificate: bool = False


@dataclass
class Access:
    """Who may talk to a managed bot beside its owner; everybody, unless `restricted`."""

    restricted: bool = False
    user_ids: tuple[int, ...] = ()


@dataclass
class Bot:
    """A bot, its token and its settings. Guarded by the world's lock."""

    id: int
    name: str
    username: str
    owner_id: int
    token: str = field(repr=False)
    can_manage_bots: bool = False
    manager_id: int | None = None
    webhook: Webhook | None = None
    access: Access = field(default_factory=Access)
    updates: UpdateQueue = field(default_factory=UpdateQueue, repr=False)
    commands: dict[tuple[str, str], list[dict[str, str]]] = field(default_factory=dict, repr=False)
    texts: dict[tuple[str, str], str] = field(default_factory=dict, repr=False)
    menu_button: dict[str, Any] = field(default_factory=lambda: {"type": "commands"}, repr=False)
    last_message_id: int = 0

    @property
    def title(self) -> str:
        return f"@{self.username}"


def new_token(bot_id: int) -> str:
    """A token of the real form: the bot's id, a colon, 35 characters that nobody can guess."""
    rest = "".join(secrets.choice(_TOKEN_ALPHABET) for _ in range(_TOKEN_LENGTH - 2))
    return f"{bot_id}:AA{rest}"
