"""The Bot API's methods by subject; importing this makes all of them known."""

from provisioner.sandbox.telegram.methods import chats, managed, messages, profile, updates

__all__ = ["chats", "managed", "messages", "profile", "updates"]
