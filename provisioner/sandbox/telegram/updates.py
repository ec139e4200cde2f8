"""The updates that wait for one bot, as getUpdates hands them out."""

from typing import Any

DEFAULT_OFF = frozenset({"chat_member", "message_reaction", "message_reaction_count"})
"""What a bot gets only if it names it in `allowed_updates`."""

KINDS = DEFAULT_OFF | {
    "message",
    "edited_message",
    "channel_post",
    "edited_channel_post",
    "business_connection",
    "business_message",
    "edited_business_message",
    "deleted_business_messages",
    "inline_query",
    "chosen_inline_result",
    "callback_query",
    "shipping_query",
    "pre_checkout_query",
    "purchased_paid_media",
    "poll",
    "poll_answer",
    "my_chat_member",
    "chat_join_request",
    "chat_boost",
    "removed_chat_boost",
    "managed_bot",
}


class UpdateQueue:
    """Updates in order from `first_id` on, kept until a poll with a higher offset acknowledges them."""

    def __init__(self, first_id: int = 1) -> None:
        self.pending: list[dict[str, Any]] = []
        self.allowed: frozenset[str] | None = None
        """What the bot asked for last; None is the default set."""
        self.poll: object | None = None
        """The poll that may take updates now: the newest one."""
        self._next_id = first_id

    def push(self, kind: str, content: dict[str, Any]) -> None:
        """Keep an update, unless the bot did not ask for this kind."""
        if not self._wanted(kind):
            return
        self.pending.append({"update_id": self._next_id, kind: content})
        self._next_id += 1

    def allow(self, kinds: list[str]) -> None:
        """Remember what the bot asks for; unknown names are passed over, none left is the default."""
        known = frozenset(kind.lower() for kind in kinds) & KINDS
        self.allowed = known or None

    def acknowledge(self, offset: int) -> None:
        """Forget what lies before `offset`; a negative one keeps that many from the end."""
        if offset > 0:
            self.pending = [update for update in self.pending if update["update_id"] >= offset]
        elif offset < 0:
            self.pending = self.pending[offset:]

    def first(self, limit: int) -> list[dict[str, Any]]:
        return self.pending[:limit]

    def clear(self) -> None:
        self.pending = []

    def _wanted(self, kind: str) -> bool:
        if self.allowed is None:
            return kind not in DEFAULT_OFF
        return kind in self.allowed
