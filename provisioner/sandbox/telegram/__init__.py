"""Telegram in a box: the Bot API, and the phones of the people who talk to its bots."""
