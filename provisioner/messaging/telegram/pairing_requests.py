"""Who has written to the customer's bot and was not let in, as their server tells it.

The server is the customer's own ground: what it prints may be anything, of any size and shape.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from provisioner.errors import RemoteError
from provisioner.messaging.telegram.usernames import plain_username
from provisioner.printable import command
from provisioner.ssh.json_answers import parse_list
from provisioner.step import Work

PENDING_REQUESTS = "telegram-requests"
"""What the playbook puts on the server: one line of JSON, `[{"id", "username", "name", "at"}, …]`."""
_DOING = "see who has written to the customer's bot"
_LONGEST_ANSWER = 256 * 1024
_LONGEST_WORD = 64


@dataclass(frozen=True)
class Request:
    """One person who waits to be let in; `at` is when they wrote, as text that sorts by time."""

    id: str
    username: str
    at: str


def user_id_by_request(work: Work) -> str | None:
    """The numeric id of the customer, if somebody with their username has written to the bot, whenever.

    A username may have been another person's before: of several the one who wrote last has it.
    """
    wanted = plain_username(work.customer.setup.messaging.username)
    if not wanted:
        return None
    found = read_requests(work.server.run(PENDING_REQUESTS), work.customer.email)
    theirs = [request for request in found if plain_username(request.username) == wanted]
    if not theirs:
        return None
    user_id = max(theirs, key=lambda request: request.at).id
    _refuse_anothers(work, user_id, wanted)
    return user_id


def _refuse_anothers(work: Work, user_id: str, username: str) -> None:
    """RemoteError if the id is that of a customer with another username: a server may say anything."""
    for other in work.others():
        messaging = other.setup.messaging
        if (
            messaging.user_id == user_id
            and other.status != "cancelled"
            and plain_username(messaging.username) != username
        ):
            email = work.customer.email
            enter = command("update", email, "setup.messaging.userId", user_id)
            cause = f"their server says that @{username} has the id {user_id}, which is that of {other.email}"
            raise RemoteError(
                _DOING,
                whom=email,
                cause=cause,
                hint=f"only if they are one person: {enter}",
            )


def read_requests(text: str, whom: str) -> list[Request]:
    """The requests that the server told; what is none that Telegram could have made is left out.

    RemoteError if it is no list, or longer than any that a gateway keeps.
    """
    rows = parse_list(text, doing=_DOING, whom=whom, most=_LONGEST_ANSWER)
    return list(_sound(rows))


def _sound(rows: list[Any]) -> Iterator[Request]:
    for row in rows:
        if isinstance(row, dict) and _is_id(row.get("id")):
            yield Request(str(row["id"]), _word(row.get("username")), _word(row.get("at")))


def _is_id(value: object) -> bool:
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return text.isascii() and text.isdecimal() and 0 < len(text) <= 18


def _word(value: object) -> str:
    return value if isinstance(value, str) and len(value) <= _LONGEST_WORD else ""
